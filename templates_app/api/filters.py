from django_filters import rest_framework as filters

from config.versioned.filters import NamedFilter, OwnedFilter
from templates_app.models import DocumentAttribute, DocumentProfile, Template


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
