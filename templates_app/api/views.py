"""Templates, document attributes and document profiles over HTTP."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_view

from config import wire
from config.kept.api import KeptViewSet
from templates_app import actions
from templates_app.api import docs
from templates_app.api.filters import AttributeFilter, ProfileFilter, TemplateFilter
from templates_app.api.serializers import AttributeSerializer, ProfileSerializer, TemplateSerializer
from templates_app.models import DocumentAttribute, DocumentProfile, ProfileAttribute, Template


@extend_schema_view(**docs.TEMPLATES)
class TemplateViewSet(KeptViewSet):
    model = Template
    shape = TemplateSerializer
    filters = TemplateFilter
    sorts = docs.TEMPLATE_SORTS
    default_sort = "name,asc"
    address = "template"


@extend_schema_view(**docs.ATTRIBUTES)
class AttributeViewSet(KeptViewSet):
    model = DocumentAttribute
    shape = AttributeSerializer
    filters = AttributeFilter
    sorts = docs.ATTRIBUTE_SORTS
    default_sort = "name,asc"
    address = "document-attribute"

    def changed(self, row: DocumentAttribute, body: dict[str, Any]) -> DocumentAttribute:
        return actions.replace_attribute(row, body, **self.change)


@extend_schema_view(**docs.PROFILES)
class ProfileViewSet(KeptViewSet):
    model = DocumentProfile
    shape = ProfileSerializer
    filters = ProfileFilter
    sorts = docs.PROFILE_SORTS
    default_sort = "profileorder,asc"
    address = "document-profile"

    def made(self, body: dict[str, Any]) -> DocumentProfile:
        return actions.create_profile(body, actor=self.actor, at=self.now)

    def changed(self, row: DocumentProfile, body: dict[str, Any]) -> DocumentProfile:
        return actions.replace_profile(row, body, **self.change)

    def represent(self, rows: Sequence[Any]) -> Sequence[dict[str, Any]]:
        """Each profile with its attributes in order. One query, however many."""
        asked = defaultdict(list)
        for use in ProfileAttribute.objects.filter(profile__in=rows).select_related("attribute"):
            asked[use.profile_id].append(wire.row(use.attribute, DocumentAttribute.WIRE))
        return [
            content | {"attributes": asked[row.pk]} for row, content in zip(rows, super().represent(rows), strict=True)
        ]
