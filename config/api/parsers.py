"""Strict JSON bodies (RFC 8259) with a limit on size and depth."""

import json
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from config.api.problems import TooLarge
from config.api_values import JsonObject

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
    """The parsed JSON value; `NotJson` if the bytes are not valid. A byte order mark in front is ignored."""
    try:
        text = raw.decode("utf-8-sig")
        return json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_unique_keys)
    except RecursionError:
        raise NotJson("The JSON is nested too deeply.") from None
    except ValueError as error:
        # Not UTF-8, or not JSON.
        raise NotJson(f"The JSON is invalid: {error}.") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> JsonObject:
    # Python's parser keeps the last value of a repeated key, and other parsers the first one.
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("a key must not occur twice in one object")
    return unique


def _reject_constant(name: str) -> None:
    # Python's parser accepts NaN and Infinity, which are not JSON.
    raise ValueError(f"{name} is not a JSON number")
