"""Liquid as a sandbox: a text sees its values and nothing else, within the limits of the Liquid library.

These limits do not bound the time and the memory of every filter. `render_child` does, for the texts of administrators.
It must start quickly, so this module imports neither Django nor the rest of the product.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache

import css_inline
from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.exceptions import LiquidError
from liquid.static_analysis import Segments

from notifications.texts.moments import with_moments

MAX_CHARACTERS = 1_000_000
MAX_SUBJECT_CHARACTERS = 10_000
MAX_ITERATIONS = 10_000
_MAX_ERRORS = 20
_inliner = css_inline.CSSInliner(keep_at_rules=True, keep_style_tags=False, load_remote_stylesheets=False)


class InvalidText(Exception):
    """A text is not valid Liquid, uses unknown variables or exceeds a limit; the message names the line if known."""


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


def render_email(sources: Mapping[str, str], values: Mapping[str, object]) -> dict[str, str]:
    """The `subject`, `html` and `text` of an email from the sources with these names; raises `InvalidText`."""
    return {part: _render_part(part, source, values) for part, source in sources.items()}


def source_errors(
    part: str, source: str, *, known: Mapping[str, object], samples: Sequence[Mapping[str, object]]
) -> list[str]:
    """What is wrong with the source of a part: its variables must be known, and it must render with each sample."""
    try:
        errors = unknown_variables(source, known, html=part == "html")
        if errors:
            return list(dict.fromkeys(errors))[:_MAX_ERRORS]
        for values in samples:
            _render_part(part, source, values)
    except InvalidText as exc:
        return [str(exc)]
    return []


def _render_part(part: str, source: str, values: Mapping[str, object]) -> str:
    """The subject on one line, the HTML without style sheets, or the text without superfluous empty lines."""
    rendered = render(source, values, html=part == "html")
    if part == "html":
        return inline_styles(rendered)
    if part == "text":
        # Unused parts of the layout leave empty lines behind.
        return re.sub(r"\n{3,}", "\n\n", rendered).lstrip("\n")
    subject = " ".join(rendered.split())
    # Folding a long header is slow.
    if len(subject) > MAX_SUBJECT_CHARACTERS:
        raise InvalidText(f"The subject must have at most {MAX_SUBJECT_CHARACTERS:,} characters.")
    return subject


def render(source: str, values: Mapping[str, object], *, html: bool = False) -> str:
    """The text with its values filled in; raises `InvalidText`."""
    with _refusals(source):
        return _parse(source, html=html).render(with_moments(values))


def unknown_variables(source: str, known: Mapping[str, object], *, html: bool = False) -> list[str]:
    """A message with the line number for each unknown variable; raises `InvalidText` if the text is not valid Liquid.

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
        inlined = _inliner.inline(html)
    except css_inline.InlineError as exc:
        raise InvalidText(f"The style sheets cannot be applied: {exc}.") from exc
    # The declarations of a rule are repeated in every element that it selects.
    if len(inlined) > MAX_CHARACTERS:
        raise InvalidText(f"The HTML with its style sheets must have at most {MAX_CHARACTERS:,} characters.")
    return inlined


@lru_cache(maxsize=512)
def _parse(source: str, *, html: bool) -> BoundTemplate:
    environment = _html_environment if html else _text_environment
    try:
        return environment.from_string(source)
    except LiquidError as exc:
        # Liquid reports these as "unexpected liquid parsing error".
        if isinstance(exc.__cause__, MemoryError | RecursionError):
            raise exc.__cause__ from None
        raise


@contextmanager
def _refusals(source: str) -> Iterator[None]:
    """Turn the errors of Liquid into `InvalidText`."""
    try:
        yield
    except LiquidError as exc:
        # An error without a position means that the text ends too early.
        index = len(source)
        if exc.token and exc.token.start_index >= 0:
            index = exc.token.start_index
        message = str(exc.message or type(exc).__name__).rstrip(".")
        raise InvalidText(f"Line {_line_number(source, index)}: {message}.") from exc
    except RecursionError as exc:
        raise InvalidText("The text is nested too deeply.") from exc
    except (ArithmeticError, ValueError, TypeError) as exc:
        # Errors that filters let through, for example about numbers that are too large.
        raise InvalidText(f"The text cannot be rendered: {exc}.") from exc


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
