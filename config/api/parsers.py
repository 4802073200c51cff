"""JSON bodies, bounded and strict: what is not RFC 8259 JSON, too large or too deep is refused."""

import json
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from config.api.problems import TooLarge

MAX_BODY_BYTES = 8 * 1024 * 1024


class NotJson(ParseError):
    """The text is not RFC 8259 JSON, or nested deeper than can be read."""


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = stream.read(MAX_BODY_BYTES + 1)
        if len(raw) > MAX_BODY_BYTES:
            raise TooLarge
        return read_json(raw)


def read_json(raw: bytes) -> Any:
    """What the JSON says; `NotJson` if it is none."""
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_refuse)
    except RecursionError:
        raise NotJson("The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise NotJson("This is not UTF-8.") from None
    except ValueError as exc:
        raise NotJson(f"This is not JSON: {exc}.") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")
