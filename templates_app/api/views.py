"""Templates, document attributes and document profiles over HTTP."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_view

from config import api_values
from config.versioned.views import VersionedViewSet
from templates_app import actions
from templates_app.api import schema
from templates_app.api.filters import AttributeFilter, ProfileFilter, TemplateFilter
from templates_app.models import DocumentAttribute, DocumentProfile, ProfileAttribute, Template
from templates_app.serializers import AttributeSerializer, ProfileSerializer, TemplateSerializer


@extend_schema_view(**schema.TEMPLATES)
class TemplateViewSet(VersionedViewSet):
    model = Template
    shape = TemplateSerializer
    filters = TemplateFilter
    sorts = schema.TEMPLATE_SORTS
    default_sort = "name,asc"
    address = "template"


@extend_schema_view(**schema.ATTRIBUTES)
class AttributeViewSet(VersionedViewSet):
    model = DocumentAttribute
    shape = AttributeSerializer
    filters = AttributeFilter
    sorts = schema.ATTRIBUTE_SORTS
    default_sort = "name,asc"
    address = "document-attribute"

    def changed(self, row: DocumentAttribute, body: dict[str, Any]) -> DocumentAttribute:
        return actions.replace_attribute(row, body, **self.action_kwargs)


@extend_schema_view(**schema.PROFILES)
class ProfileViewSet(VersionedViewSet):
    model = DocumentProfile
    shape = ProfileSerializer
    filters = ProfileFilter
    sorts = schema.PROFILE_SORTS
    default_sort = "profileorder,asc"
    address = "document-profile"

    def made(self, body: dict[str, Any]) -> DocumentProfile:
        return actions.create_profile(body, actor=self.actor, at=self.now)

    def changed(self, row: DocumentProfile, body: dict[str, Any]) -> DocumentProfile:
        return actions.replace_profile(row, body, **self.action_kwargs)

    def represent(self, rows: Sequence[Any]) -> Sequence[dict[str, Any]]:
        """Each profile with its attributes in order. One query, however many."""
        asked = defaultdict(list)
        for use in ProfileAttribute.objects.filter(profile__in=rows).select_related("attribute"):
            asked[use.profile_id].append(api_values.row(use.attribute, DocumentAttribute.api_fields()))
        return [
            content | {"attributes": asked[row.pk]} for row, content in zip(rows, super().represent(rows), strict=True)
        ]
