"""Liquid as a sandbox: a text sees the values it is given and nothing else, and is bounded in size, loops and time."""

import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import css_inline
from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.context import RenderContext
from liquid.exceptions import LiquidError

from config.errors import DomainError

MAX_CHARACTERS = 1_000_000
MAX_SECONDS = 2.0
_inliner = css_inline.CSSInliner(keep_at_rules=True, keep_style_tags=False, load_remote_stylesheets=False)


class Unrenderable(DomainError):
    """A text cannot be read, speaks of what there is not, or is too large or slow; the detail says where."""

    code = "unrenderable"
    status = 400


class _TooSlow(LiquidError):
    """More time than a text may take."""


class _Bounded(RenderContext):
    """Looks at the clock wherever a text can spend time: at each filter, loop and value kept."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._until = time.monotonic() + MAX_SECONDS

    def _in_time(self) -> None:
        if time.monotonic() > self._until:
            raise _TooSlow(f"it takes more than {MAX_SECONDS:.0f} seconds", token=None)

    def filter(self, name: str, token: Any) -> Any:
        self._in_time()
        return super().filter(name, token)

    def resolve(self, *args: Any, **kwargs: Any) -> Any:
        self._in_time()
        return super().resolve(*args, **kwargs)

    def assign(self, key: str, val: Any) -> None:
        self._in_time()
        super().assign(key, val)


class _Template(BoundTemplate):
    context_class = _Bounded


class _Environment(Environment):
    template_class = _Template
    loop_iteration_limit = 10_000
    output_stream_limit = MAX_CHARACTERS
    local_namespace_limit = MAX_CHARACTERS
    context_depth_limit = 20


_TEXT = _Environment(undefined=StrictUndefined)
_HTML = _Environment(undefined=StrictUndefined, autoescape=True)
for _environment in (_TEXT, _HTML):
    for _tag in ("include", "render", "extends", "block"):
        _environment.tags.pop(_tag, None)


def render(source: str, values: Mapping[str, Any], *, html: bool = False) -> str:
    """The text with its values; `Unrenderable` says what stands in its way."""
    try:
        return compiled(source, html=html).render(**values)
    except LiquidError as exc:
        raise Unrenderable(said(exc)) from exc
    except (ArithmeticError, ValueError, TypeError, RecursionError, MemoryError) as exc:
        raise Unrenderable(f"It cannot be rendered: {type(exc).__name__}.") from exc


@lru_cache(maxsize=512)
def compiled(source: str, *, html: bool) -> BoundTemplate:
    return (_HTML if html else _TEXT).from_string(source)


def troubles(source: str, known: Mapping[str, Any], *, html: bool = False) -> Iterator[str]:
    """What stands against a text, with its lines: it cannot be read, or speaks of variables that there are not.

    `known` are the variables by name; those with parts map the parts' names.
    """
    try:
        analysis = compiled(source, html=html).analyze()
    except LiquidError as exc:
        yield said(exc)
        return
    except RecursionError:
        yield "It is nested too deeply."
        return
    for uses in analysis.globals.values():
        for use in uses:
            if not _is_known(list(use.segments), known):
                line = source.count("\n", 0, max(use.span.index, 0)) + 1
                yield f"Line {line}: there is no variable '{_written(use.segments)}'."


def inlined(html: str) -> str:
    """The HTML with its style sheets written to the elements, since many mail programs drop them."""
    return _inliner.inline(html) if "<style" in html else html


def said(exc: LiquidError) -> str:
    """What a Liquid error says, with its line."""
    message = str(exc.message or type(exc).__name__).rstrip(".")
    token = exc.token
    if token is None or token.start_index < 0:
        return f"{message[:1].upper()}{message[1:]}."
    line = token.source.count("\n", 0, token.start_index) + 1
    return f"Line {line}: {message}."


def _is_known(path: list[Any], known: Any) -> bool:
    for part in path:
        if isinstance(known, list):
            known = known[0] if known else {}
            if isinstance(part, int) or part in ("first", "last"):
                continue
            if part == "size":
                return True
        if not isinstance(known, Mapping) or part not in known:
            return False
        known = known[part]
    return True


def _written(path: Any) -> str:
    first, *rest = path
    return str(first) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
