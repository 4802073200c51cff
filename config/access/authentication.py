"""Ways into the API for users of ours: their tokens, and their session of the back office."""

from django.conf import settings
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from knox.crypto import hash_token
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from config.access.models import ApiToken, User
from config.access.second_factor import lacks_second_factor


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


class StaffSessionAuthentication(SessionAuthentication):
    """The session of the back office, with CSRF, and with the second factor where that is asked for."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        if "Authorization" in request.headers:
            return None  # who sends credentials is known by them, or not at all
        found = super().authenticate(request)
        return found if found and found[0].is_staff and not lacks_second_factor(found[0]) else None


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = StaffSessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


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
