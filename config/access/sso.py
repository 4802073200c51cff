"""Single sign-on of staff through an OpenID Connect provider: an extra, for users that exist here already."""

from typing import Any

from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from config.access.models import User


class StaffBackend(OIDCAuthenticationBackend):
    """Lets in active staff whose verified address is that of exactly one user; it makes no users."""

    def filter_users_by_claims(self, claims: dict[str, Any]) -> Any:
        address = claims.get("email")
        if not address or claims.get("email_verified") not in (True, "true"):
            return User.objects.none()
        return User.objects.filter(email__iexact=address, is_staff=True, is_active=True)
