"""The ways into the API. Today: tokens of users (`Authorization: Token ...`)."""

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed

from config.access.models import ApiToken, User


class TokenAuthentication(KnoxTokenAuthentication):
    """Knox's header, found by the token's digest in one query."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        now = timezone.now()
        try:
            found = ApiToken.objects.select_related("user").get(digest=hash_token(token.decode("ascii")))
        except (ApiToken.DoesNotExist, UnicodeDecodeError):
            raise AuthenticationFailed("The token is not known.") from None
        if found.expired(now):
            raise AuthenticationFailed("The token has expired.")
        if not found.user.is_active:
            raise AuthenticationFailed("The client of this token is switched off.")
        found.note_use(now)
        return found.user, found


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <token>`, as `manage.py create_client NAME` prints it.",
        }
