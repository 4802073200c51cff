"""The filters that lists of owned rows share, and what the schema says of them."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter

from config.api.lists.filters import ListFilter, WordsFilter
from config.text import plain
from config.vocabulary import Scope

_ON_BEHALF = (
    "Names {who}; naming others than yourself and your groups needs the right `on_behalf`. Without it: the caller's."
)
OWNER = OpenApiParameter("owner", str, description=_ON_BEHALF.format(who="whose things are listed"))
USER = OpenApiParameter("user", str, description=_ON_BEHALF.format(who="whom the call is made for"))
GROUP = OpenApiParameter("group", str, description=_ON_BEHALF.format(who="the group"))
NAME = OpenApiParameter("name", str, description="Part of the name, without case and diacritics.")
SCOPE = OpenApiParameter(
    "scope",
    {"type": "array", "items": {"type": "string", "enum": Scope.values}},
    description="Only those of these scopes, repeatable. ALL, or none: whatever the caller may see.",
)
PARAMETERS = [OWNER, GROUP, NAME, SCOPE]


class NamedFilter(ListFilter):
    name = filters.CharFilter(method="named")

    def named(self, rows: Any, name: str, text: str) -> Any:
        return rows.filter(name_plain__contains=plain(text))


class OwnedFilter(NamedFilter):
    scope = WordsFilter(method="in_scopes", words=Scope.values)

    def in_scopes(self, rows: Any, name: str, scopes: list[str]) -> Any:
        return rows if Scope.ALL in scopes else rows.filter(scope__in=scopes)
