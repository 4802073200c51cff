from django.urls import path

from audit.api.views import AuditEventViewSet

urlpatterns = [
    path("audit-events", AuditEventViewSet.as_view({"get": "list", "post": "create"}), name="audit-events"),
    path("audit-events/<str:id>", AuditEventViewSet.as_view({"get": "retrieve"}), name="audit-event"),
]
