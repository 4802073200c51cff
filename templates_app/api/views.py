"""Templates, document attributes and document profiles over HTTP."""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Count
from django.db.models.functions import Coalesce, Length
from drf_spectacular.utils import extend_schema_view

from config import api_values
from config.api_values import Body, JsonObject
from config.versioned.views import VersionedViewSet
from templates_app import actions
from templates_app.api import schema
from templates_app.api.filters import (
    ATTRIBUTE_SORTS,
    PROFILE_SORTS,
    TEMPLATE_SORTS,
    AttributeFilter,
    ProfileFilter,
    TemplateFilter,
)
from templates_app.models import DocumentAttribute, DocumentProfile, ProfileAttribute, Template
from templates_app.serializers import AttributeSerializer, ProfileSerializer, TemplateSerializer

# An attribute of a profile as JSON, and the objects that it is made of.
_ATTRIBUTE_WEIGHT = 2_000


@extend_schema_view(**schema.TEMPLATE_SCHEMA)
class TemplateViewSet(VersionedViewSet):
    model = Template
    shape = TemplateSerializer
    filters = TemplateFilter
    sorts = TEMPLATE_SORTS
    default_sort = "name,asc"
    weight = Coalesce(Length("data"), 0)
    address = "template"


@extend_schema_view(**schema.ATTRIBUTE_SCHEMA)
class AttributeViewSet(VersionedViewSet):
    model = DocumentAttribute
    shape = AttributeSerializer
    filters = AttributeFilter
    sorts = ATTRIBUTE_SORTS
    default_sort = "name,asc"
    address = "document-attribute"

    def changed(self, row: DocumentAttribute, body: Body) -> DocumentAttribute:
        return actions.replace_attribute(row, body, **self.action_kwargs)


@extend_schema_view(**schema.PROFILE_SCHEMA)
class ProfileViewSet(VersionedViewSet):
    model = DocumentProfile
    shape = ProfileSerializer
    filters = ProfileFilter
    sorts = PROFILE_SORTS
    default_sort = "profileorder,asc"
    weight = Count("profile_attributes") * _ATTRIBUTE_WEIGHT
    address = "document-profile"

    def made(self, body: Body) -> DocumentProfile:
        return actions.create_profile(body, actor=self.actor, at=self.now)

    def changed(self, row: DocumentProfile, body: Body) -> DocumentProfile:
        return actions.replace_profile(row, body, **self.action_kwargs)

    def represent(self, rows: Sequence[DocumentProfile]) -> Sequence[JsonObject]:
        """The profiles with their attributes in order, which take one query for all profiles."""
        attributes = defaultdict(list)
        for link in ProfileAttribute.objects.filter(profile__in=rows).select_related("attribute"):
            attributes[link.profile_id].append(api_values.row(link.attribute, DocumentAttribute.api_fields()))
        profiles = zip(rows, super().represent(rows), strict=True)
        return [content | {"attributes": attributes[row.pk]} for row, content in profiles]
