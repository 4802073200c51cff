from django.urls import path

from contacts.api.views import ContactViewSet

urlpatterns = [
    path(
        "contacts",
        ContactViewSet.as_view({"get": "list", "post": "create", "put": "update_by_body"}),
        name="contacts",
    ),
    path(
        "contacts/<str:id>",
        ContactViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
        name="contact",
    ),
]
