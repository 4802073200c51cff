"""Strict JSON bodies (RFC 8259) with a limit on size and depth."""

import json
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from config.api.problems import TooLarge

MAX_BODY_BYTES = 8 * 1024 * 1024


class NotJson(ParseError):
    """The text is not RFC 8259 JSON, or is nested too deeply."""


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: object = None) -> Any:
        raw = stream.read(MAX_BODY_BYTES + 1)
        if len(raw) > MAX_BODY_BYTES:
            raise TooLarge
        return read_json(raw)


def read_json(raw: bytes) -> Any:
    """The parsed JSON value; `NotJson` if the bytes are not valid."""
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_reject_constant)
    except RecursionError:
        raise NotJson("The JSON is nested too deeply.") from None
    except ValueError as error:
        # Not UTF-8, or not JSON.
        raise NotJson(f"The JSON is invalid: {error}.") from None


def _reject_constant(name: str) -> None:
    # Python's parser accepts NaN and Infinity, which are not JSON.
    raise ValueError(f"{name} is not a JSON number")
