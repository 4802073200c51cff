"""JSON responses, also those that quote text which UTF-8 cannot express, and those that are large."""

import json
from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.renderers import JSONRenderer

# JSON allows these two characters in strings, JavaScript did not. REST framework escapes them.
_LINE_SEPARATORS = {"\u2028".encode(): b"\\u2028", "\u2029".encode(): b"\\u2029"}


class AsciiJSONRenderer(JSONRenderer):
    ensure_ascii = True


class AnyTextJSONRenderer(JSONRenderer):
    """Escapes everything beyond ASCII in a response with lone surrogates, for example the refusal of one."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        try:
            return super().render(data, accepted_media_type, renderer_context)
        except UnicodeEncodeError:
            return AsciiJSONRenderer().render(data, accepted_media_type, renderer_context)


def json_response(content: object, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """The response that the renderer makes, in a tenth of the time; datetimes must be in UTC."""
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    for character, escaped in _LINE_SEPARATORS.items():
        if character in body:
            body = body.replace(character, escaped)
    return HttpResponse(body, content_type="application/json", headers=headers)


def python_json(content: object) -> orjson.Fragment:
    """Content for `json_response` as Python writes it, which differs for small numbers."""
    return orjson.Fragment(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
