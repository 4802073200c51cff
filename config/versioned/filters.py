"""The filters that lists of versioned rows share, and their query parameters in the schema."""

from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter

from config.api.lists.filters import ListFilter, WordsFilter
from config.text import plain
from config.versioned.models import VersionedQuerySet
from config.vocabulary import Scope

_ON_BEHALF = "{what}; the caller's by default. Naming another user or group requires the right `on_behalf`."
OWNER = OpenApiParameter("owner", str, description=_ON_BEHALF.format(what="Owner of the resources"))
USER = OpenApiParameter("user", str, description=_ON_BEHALF.format(what="User on whose behalf the call is made"))
GROUP = OpenApiParameter("group", str, description=_ON_BEHALF.format(what="Code of the group"))
NAME = OpenApiParameter("name", str, description="Part of the name. Case and diacritics are ignored.")
SCOPE = OpenApiParameter(
    "scope",
    {"type": "array", "items": {"type": "string", "enum": Scope.values}},
    description="Only these scopes; repeatable. ALL, the default, includes everything that the caller may see.",
)
PARAMETERS = [OWNER, GROUP, NAME, SCOPE]


class NamedFilter(ListFilter):
    name = filters.CharFilter(method="named")

    def named(self, rows: VersionedQuerySet, name: str, text: str) -> VersionedQuerySet:
        return rows.filter(name_plain__contains=plain(text))


class OwnedFilter(NamedFilter):
    scope = WordsFilter(method="in_scopes", words=Scope.values)

    def in_scopes(self, rows: VersionedQuerySet, name: str, scopes: list[str]) -> VersionedQuerySet:
        if Scope.ALL in scopes:
            return rows
        return rows.filter(scope__in=scopes)
