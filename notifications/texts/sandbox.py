"""Liquid as a sandbox: a text sees its values and nothing else, within the limits of the Liquid library."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import css_inline
from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.exceptions import LiquidError
from liquid.static_analysis import Segments

from config.errors import DomainError

MAX_CHARACTERS = 1_000_000
MAX_ITERATIONS = 10_000
_inliner = css_inline.CSSInliner(keep_at_rules=True, keep_style_tags=False, load_remote_stylesheets=False)


class Unrenderable(DomainError):
    """A text is not valid Liquid, uses unknown variables or exceeds a limit; the detail names the line if known."""

    code = "unrenderable"
    status = 400


class _Environment(Environment):
    loop_iteration_limit = MAX_ITERATIONS
    output_stream_limit = MAX_CHARACTERS
    local_namespace_limit = MAX_CHARACTERS
    context_depth_limit = 20

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        # Tags that load other templates.
        for name in ("include", "render", "extends", "block"):
            self.tags.pop(name, None)


_text_environment = _Environment(undefined=StrictUndefined)
_html_environment = _Environment(undefined=StrictUndefined, autoescape=True)


def render(source: str, values: Mapping[str, object], *, html: bool = False) -> str:
    """The text with its values filled in; raises `Unrenderable`."""
    with _refusals(source):
        return _parse(source, html=html).render(**values)


def unknown_variables(source: str, known: Mapping[str, object], *, html: bool = False) -> list[str]:
    """A message with the line number for each unknown variable; raises `Unrenderable` if the text is not valid Liquid.

    `known` maps each variable to its parts, or to a list with the parts of one item.
    """
    with _refusals(source):
        analysis = _parse(source, html=html).analyze()
    errors = []
    for uses in analysis.globals.values():
        for use in uses:
            if not _is_known(use.segments, known):
                line = _line_number(source, max(use.span.index, 0))
                errors.append(f"Line {line}: there is no variable '{use}'.")
    return errors


def inline_styles(html: str) -> str:
    """The HTML with its style sheets moved into `style` attributes, because many email programs ignore style sheets."""
    if "<style" not in html.lower():
        return html
    try:
        return _inliner.inline(html)
    except css_inline.InlineError as exc:
        raise Unrenderable(f"The style sheets cannot be applied: {exc}.") from exc


@lru_cache(maxsize=512)
def _parse(source: str, *, html: bool) -> BoundTemplate:
    environment = _html_environment if html else _text_environment
    return environment.from_string(source)


@contextmanager
def _refusals(source: str) -> Iterator[None]:
    """Turn the errors of Liquid into `Unrenderable`."""
    try:
        yield
    except LiquidError as exc:
        # An error without a position means that the text ends too early.
        index = len(source)
        if exc.token and exc.token.start_index >= 0:
            index = exc.token.start_index
        message = str(exc.message or type(exc).__name__).rstrip(".")
        raise Unrenderable(f"Line {_line_number(source, index)}: {message}.") from exc
    except RecursionError as exc:
        raise Unrenderable("The text is nested too deeply.") from exc
    except (ArithmeticError, ValueError, TypeError) as exc:
        # Errors that filters let through, for example about numbers that are too large.
        raise Unrenderable(f"The text cannot be rendered: {exc}.") from exc


def _line_number(source: str, index: int) -> int:
    return source.count("\n", 0, index) + 1


def _is_known(path: Segments, known: object) -> bool:
    """Whether a variable with these parts exists."""
    for part in path:
        if isinstance(part, list):
            return True  # `process[signer.name]`: only rendering can tell
        if isinstance(known, list):
            if part == "size":
                return True
            known = (known or [{}])[0]
            if isinstance(part, int) or part in ("first", "last"):
                continue
        if not isinstance(known, Mapping) or part not in known:
            return False
        known = known[part]
    return True
