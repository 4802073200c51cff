"""The filters that lists of versioned rows share, and their query parameters in the schema."""

from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter

from config.api.lists.filters import ListFilter, WordsFilter, containing
from config.versioned.models import VersionedQuerySet
from config.vocabulary import Scope

_ON_BEHALF = "{}. Default: {}. Naming another user or group requires the right `on_behalf`."
OWNER = OpenApiParameter("owner", str, description=_ON_BEHALF.format("Owner of the resources", "the caller"))
USER = OpenApiParameter("user", str, description=_ON_BEHALF.format("User on whose behalf to call", "the caller"))
GROUP = OpenApiParameter("group", str, description=_ON_BEHALF.format("Code of the group", "the caller's groups"))
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
        return containing(rows, "name_plain", text)


class OwnedFilter(NamedFilter):
    scope = WordsFilter(method="in_scopes", words=Scope.values)

    def in_scopes(self, rows: VersionedQuerySet, name: str, scopes: list[str]) -> VersionedQuerySet:
        if Scope.ALL in scopes:
            return rows
        return rows.filter(scope__in=scopes)
