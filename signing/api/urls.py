from django.urls import path

from signing.api.evidence import EvidenceViewSet
from signing.api.sample_email import TestEmailViewSet
from signing.api.tasks import SignerTaskViewSet
from signing.api.templates import TemplateProcessViewSet
from signing.api.views import ProcessViewSet, SignerViewSet, StepViewSet

one_process = ProcessViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})

urlpatterns = [
    path("processes", ProcessViewSet.as_view({"get": "list", "post": "create"}), name="processes"),
    path("processes/search", ProcessViewSet.as_view({"post": "search"}), name="process-search"),
    path("processes/<str:processId>", one_process, name="process"),
    path("processes/<str:processId>/start", ProcessViewSet.as_view({"post": "start"}), name="process-start"),
    path("processes/<str:processId>/cancel", ProcessViewSet.as_view({"post": "cancel"}), name="process-cancel"),
    path("processes/<str:processId>/remind", ProcessViewSet.as_view({"post": "remind"}), name="process-remind"),
    path("processes/<str:processId>/audit", EvidenceViewSet.as_view({"get": "audit"}), name="process-audit"),
    path("processes/<str:processId>/evidence", EvidenceViewSet.as_view({"get": "evidence"}), name="process-evidence"),
    path("templates/<str:id>/process", TemplateProcessViewSet.as_view({"post": "create"}), name="template-process"),
    path("notifications/test-email", TestEmailViewSet.as_view({"post": "create"}), name="test-mail"),
    path("steps/<str:processStepId>", StepViewSet.as_view({"get": "retrieve", "put": "update"}), name="step"),
    path("signer-tasks", SignerTaskViewSet.as_view({"get": "list"}), name="signer-tasks"),
    path("signers/<str:signerId>/act", SignerViewSet.as_view({"post": "act"}), name="signer-act"),
]
