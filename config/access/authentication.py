"""API authentication of users that exist here: by API token, or by their back office session."""

from django.utils import timezone
from drf_spectacular import authentication
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from knox.crypto import hash_token
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from config.access.models import ApiToken, User
from config.access.second_factor import lacks_second_factor


class TokenAuthentication(KnoxTokenAuthentication):
    """Knox's header, with one query for the token's digest."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        now = timezone.now()
        try:
            api_token = ApiToken.objects.select_related("user").get(digest=hash_token(token.decode("ascii")))
        except (ApiToken.DoesNotExist, UnicodeDecodeError):
            raise AuthenticationFailed("Invalid token.") from None
        if api_token.expired(now):
            raise AuthenticationFailed("The token has expired.")
        if not api_token.user.is_active:
            raise AuthenticationFailed("This client is disabled.")
        api_token.record_use(now)
        return api_token.user, api_token


class StaffSessionAuthentication(SessionAuthentication):
    """The session of a staff member, checked for CSRF and, where required, for the second factor."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        # A request with credentials must not succeed because of a session that the browser also sent.
        if "Authorization" in request.headers:
            return None
        result = super().authenticate(request)
        if result is None or not result[0].is_staff or lacks_second_factor(result[0]):
            return None
        return result


class SessionScheme(authentication.SessionScheme):
    target_class = "config.access.authentication.StaffSessionAuthentication"
    name = "session"


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        text = "`Token <token>`, as printed by `manage.py create_client NAME`."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": text}
