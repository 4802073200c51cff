"""The URLs of the service. Apps are included by name, because `config` may not import them."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from health_check.views import HealthCheckView

from config.access.second_factor import verify_second_factor

_FAVICON = f"{settings.STATIC_URL}drf_spectacular_sidecar/swagger-ui-dist/favicon-32x32.png"

urlpatterns = [
    path("favicon.ico", RedirectView.as_view(url=_FAVICON)),
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/second-factor/", verify_second_factor, name="second-factor"),
    path("admin/", admin.site.urls),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("api/", include("audit.api.urls")),
    path("api/", include("contacts.api.urls")),
    path("api/", include("templates_app.api.urls")),
    path("api/", include("signing.api.urls")),
    path("health/", HealthCheckView.as_view(checks=["health_check.checks.Database"]), name="health"),
]
if settings.OIDC_RP_CLIENT_ID:
    urlpatterns.insert(0, path("oidc/", include("mozilla_django_oidc.urls")))
handler400 = "config.api.problems.bad_request"
handler404 = "config.api.problems.page_not_found"
handler500 = "config.api.problems.server_error"
