"""Single sign-on of existing staff through an OpenID Connect provider. Optional (`pip install paraph[sso]`)."""

from django.db.models import QuerySet
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from config.access.models import User
from config.addresses import address_key
from config.api_values import JsonObject


class StaffBackend(OIDCAuthenticationBackend):
    """Logs in the active staff member with the verified email address. It creates no users.

    The base class refuses the login if several users have the address.
    """

    def filter_users_by_claims(self, claims: JsonObject) -> QuerySet[User]:
        email = claims.get("email")
        if not isinstance(email, str) or not email or claims.get("email_verified") not in (True, "true"):
            return User.objects.none()
        # Not in SQL: a database may take different letters to be equal without case.
        staff = User.objects.filter(is_staff=True, is_active=True)
        addresses = dict(staff.exclude(email="").values_list("pk", "email"))
        key = address_key(email)
        return staff.filter(pk__in=[pk for pk, address in addresses.items() if address_key(address) == key])
