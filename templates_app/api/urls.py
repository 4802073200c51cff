from django.urls import URLPattern, path

from config.versioned.views import VersionedViewSet
from templates_app.api.views import AttributeViewSet, ProfileViewSet, TemplateViewSet


def _resource(address: str, name: str, view: type[VersionedViewSet]) -> list[URLPattern]:
    return [
        path(address, view.as_view({"get": "list", "post": "create"}), name=f"{name}s"),
        path(f"{address}/<str:id>", view.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}), name=name),
    ]


urlpatterns = [
    *_resource("templates", "template", TemplateViewSet),
    *_resource("document-attributes", "document-attribute", AttributeViewSet),
    *_resource("document-profiles", "document-profile", ProfileViewSet),
]
