"""Liquid as a sandbox: a text sees the values it is given and nothing else, and is bounded in size, loops and time."""

import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import css_inline
from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.context import RenderContext
from liquid.exceptions import LiquidError

from config.errors import DomainError

MAX_CHARACTERS = 1_000_000
MAX_SECONDS = 2.0
LONGEST_LIST = 10_000
LONGEST_NUMBER_BITS = 1_000
_MOST_TO_INLINE = 10_000_000
"""Characters of style sheets times elements: what the sheets can grow to when they are written to each."""
_MOST_SHEETS = 20
_STYLES = re.compile(r"<style\b[^>]*>(.*?)(?:</style|\Z)", re.IGNORECASE | re.DOTALL)
_ELEMENT = re.compile(r"<[a-z]", re.IGNORECASE)
_inliner = css_inline.CSSInliner(keep_at_rules=True, keep_style_tags=False, load_remote_stylesheets=False)


class Unrenderable(DomainError):
    """A text cannot be read, speaks of what there is not, or is too large or slow; the detail says where."""

    code = "unrenderable"
    status = 400


class _TooMuch(LiquidError):
    """More time, memory or depth than a text may take."""


def _sparing(name: str, apply: Callable[..., Any], token: Any) -> Callable[..., Any]:
    """The filter, refused where what goes in or would come out is larger than a whole mail may be."""

    def spared(value: Any, *args: Any, **kwargs: Any) -> Any:
        if max(map(_weight, (value, *args))) > MAX_CHARACTERS or _grown(name, value, *args) > MAX_CHARACTERS:
            raise _TooMuch(f"'{name}' is given, or makes, more than a text may", token=token)
        return apply(value, *args, **kwargs)

    return spared


def _weight(value: Any) -> int:
    """About how many characters a value has when it is written; long lists and numbers weigh more than may be."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | tuple | range):
        if len(value) > LONGEST_LIST:
            return MAX_CHARACTERS + 1
        return sum(1 + _weight(item) for item in value)
    if isinstance(value, int) and value.bit_length() > LONGEST_NUMBER_BITS:
        return MAX_CHARACTERS + 1
    return 0


def _grown(name: str, value: Any, *args: Any) -> int:
    """How long the outcome of those filters can be that multiply what they are given."""
    if name == "join":
        separator = str(args[0]) if args else " "
        return len(value) * len(separator) if isinstance(value, list | tuple | range) else 0
    if name == "replace" and isinstance(value, str) and args:
        return value.count(str(args[0])) * len(str(args[1] if len(args) > 1 else ""))
    return 0


class _Bounded(RenderContext):
    """Looks at the clock wherever a text can spend time: at each filter, loop and value kept."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._until = time.monotonic() + MAX_SECONDS
        self.seen: Any = None
        """The token where the text was last looked at."""

    def _in_time(self, token: Any = None) -> None:
        self.seen = token or self.seen
        if time.monotonic() > self._until:
            raise _TooMuch(f"it takes more than {MAX_SECONDS:.0f} seconds", token=self.seen)

    def filter(self, name: str, token: Any) -> Any:
        self._in_time(token)
        return _sparing(name, super().filter(name, token), token)

    def resolve(self, name: str, *, token: Any = None, **kwargs: Any) -> Any:
        self._in_time(token)
        return super().resolve(name, token=token, **kwargs)

    def assign(self, key: str, val: Any) -> None:
        self._in_time()
        super().assign(key, val)


class _Template(BoundTemplate):
    context_class = _Bounded

    def render_with_context(self, context: Any, *args: Any, **kwargs: Any) -> None:
        try:
            super().render_with_context(context, *args, **kwargs)
        except (ArithmeticError, ValueError, TypeError, RecursionError, MemoryError) as exc:
            token = context.seen or next((node.token for node in self.nodes), None)
            raise _TooMuch(f"it cannot be rendered: {type(exc).__name__}", token=token) from exc


class _Environment(Environment):
    template_class = _Template
    loop_iteration_limit = LONGEST_LIST
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
        raise Unrenderable(said(exc, source)) from exc
    except RecursionError as exc:
        raise Unrenderable(_too_deep(source, html=html)) from exc


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
        yield said(exc, source)
        return
    except RecursionError:
        yield _too_deep(source, html=html)
        return
    for uses in analysis.globals.values():
        for use in uses:
            if not _is_known(list(use.segments), known):
                line = line_at(source, max(use.span.index, 0))
                yield f"Line {line}: there is no variable '{_written(use.segments)}'."


def inlined(html: str) -> str:
    """The HTML with its style sheets written to the elements, since many mail programs drop them.

    `Unrenderable` where that would make too much of it.
    """
    count = html.lower().count("<style")
    if not count:
        return html
    if count > _MOST_SHEETS:
        raise Unrenderable(f"It has more than {_MOST_SHEETS} style sheets.")
    sheets = _STYLES.findall(html)
    if sum(map(len, sheets)) * len(_ELEMENT.findall(html)) > _MOST_TO_INLINE:
        raise Unrenderable("The style sheets are too large for so many elements.")
    made = _inliner.inline(html)
    if len(made) > MAX_CHARACTERS:
        raise Unrenderable(f"With its styles it has more than {MAX_CHARACTERS:,} characters.")
    return made


def said(exc: LiquidError, source: str) -> str:
    """What a Liquid error says, with its line: the last one, if the end came too early."""
    message = str(exc.message or type(exc).__name__).rstrip(".")
    index = exc.token.start_index if exc.token else -1
    return f"Line {line_at(source, index if index >= 0 else len(source))}: {message}."


def line_at(source: str, index: int) -> int:
    """The line, from 1, in which that character stands."""
    return source.count("\n", 0, index) + 1


def _too_deep(source: str, *, html: bool) -> str:
    lines = source.split("\n")

    def breaks(count: int) -> bool:
        try:
            compiled("\n".join(lines[:count]), html=html).analyze()
        except RecursionError:
            return True
        except LiquidError:
            pass
        return False

    line = bisect_left(range(1, len(lines)), True, key=breaks) + 1
    return f"Line {line}: it is nested too deeply."


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
