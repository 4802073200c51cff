"""JSON responses, also those that quote text which UTF-8 cannot express."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer


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
