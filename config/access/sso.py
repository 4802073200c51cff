"""Single sign-on of existing staff through an OpenID Connect provider. Optional (`pip install paraph[sso]`)."""

from django.db.models import QuerySet
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from config.access.models import User
from config.api_values import JsonObject
from config.text import is_same_email


class StaffBackend(OIDCAuthenticationBackend):
    """Logs in the active staff member with the verified email address. It creates no users.

    The base class refuses the login if several users have the address.
    """

    def filter_users_by_claims(self, claims: JsonObject) -> QuerySet[User]:
        email = claims.get("email")
        if not isinstance(email, str) or not email or claims.get("email_verified") not in (True, "true"):
            return User.objects.none()
        # Not compared by the database: some collations treat different letters as equal when they ignore case.
        staff = User.objects.filter(is_staff=True, is_active=True)
        matching = [user.pk for user in staff if is_same_email(user.email, email)]
        return User.objects.filter(pk__in=matching)
