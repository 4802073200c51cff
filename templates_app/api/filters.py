"""The filters and sort fields of the lists."""

from django_filters import rest_framework as filters

from config.text import spellings
from config.versioned.filters import NamedFilter, OwnedFilter
from config.versioned.models import VersionedQuerySet
from templates_app.models import DocumentAttribute, DocumentProfile, Template

ATTRIBUTE_SORTS = {"id": "id", "name": "name_plain", "createdAt": "created_at", "type": "type", "required": "required"}
TEMPLATE_SORTS = {
    "id": "id",
    "name": "name_plain",
    "createdAt": "created_at",
    "owner": "owner",
    "scope": "scope",
    "group": "group",
}
PROFILE_SORTS = {"profileorder": "profileorder", "name": "name_plain", "id": "id"}


class TemplateFilter(OwnedFilter):
    class Meta:
        model = Template
        fields: list[str] = []


class AttributeFilter(NamedFilter):
    class Meta:
        model = DocumentAttribute
        fields: list[str] = []


class ProfileFilter(NamedFilter):
    documentType = filters.CharFilter(method="filter_document_type")
    ownerGroup = filters.CharFilter(method="filter_owner_group")

    class Meta:
        model = DocumentProfile
        fields: list[str] = []

    def filter_document_type(self, rows: VersionedQuerySet, name: str, document_type: str) -> VersionedQuerySet:
        return rows.filter(document_type__in=spellings(document_type))

    def filter_owner_group(self, rows: VersionedQuerySet, name: str, group: str) -> VersionedQuerySet:
        return rows.filter(owner_group__in=spellings(group))
