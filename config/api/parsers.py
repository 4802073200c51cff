"""JSON bodies, bounded and strict: what is not RFC 8259 JSON, too large or too deep is refused."""

import json
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from config.api.problems import TooLarge

MAX_BODY_BYTES = 8 * 1024 * 1024


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = stream.read(MAX_BODY_BYTES + 1)
        if len(raw) > MAX_BODY_BYTES:
            raise TooLarge
        try:
            return json.loads(raw.decode("utf-8"), parse_constant=_refuse)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except ValueError as exc:
            raise ParseError(f"The body is not JSON: {exc}.") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")
