"""The filters and sort fields of the lists."""

from django_filters import rest_framework as filters

from config.versioned.filters import NamedFilter, OwnedFilter
from templates_app.models import DocumentAttribute, DocumentProfile, Template

# Of templates and attributes.
NAME_SORTS = {"name": "name_plain", "createdAt": "created_at"}
PROFILE_SORTS = {"profileorder": "profileorder", "name": "name_plain"}


class TemplateFilter(OwnedFilter):
    class Meta:
        model = Template
        fields: list[str] = []


class AttributeFilter(NamedFilter):
    class Meta:
        model = DocumentAttribute
        fields: list[str] = []


class ProfileFilter(NamedFilter):
    documentType = filters.CharFilter(field_name="document_type")
    ownerGroup = filters.CharFilter(field_name="owner_group")

    class Meta:
        model = DocumentProfile
        fields: list[str] = []
