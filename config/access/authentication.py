"""API authentication of users that exist here: by API token, or by their back office session."""

from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone
from drf_spectacular import authentication
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from knox.crypto import hash_token
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from config.access.actor import Actor
from config.access.grants import actor_with, grant_columns
from config.access.models import LAST_USE_PRECISION, ApiToken, User
from config.access.second_factor import lacks_second_factor

# In the order of the model's fields, which `from_db` relies on.
_USER_COLUMNS = ("id", "is_superuser", "username", "is_staff", "is_active", "country", "personal_code")
# A token with its user and what the user was granted.
_CALLER = """
SELECT token.id, coalesce(token.expiry <= %s, false), coalesce(token.last_used_at > %s, false), {user}, {grants}
FROM access_apitoken AS token JOIN access_user ON access_user.id = token.user_id
WHERE token.digest = %s
"""


class TokenAuthentication(KnoxTokenAuthentication):
    """Knox's header, with one query for the token, its user and everything that the user was granted."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, Actor]:
        now = timezone.now()
        try:
            row = _caller_row(hash_token(token.decode("ascii")), now)
        except UnicodeDecodeError:
            row = None
        if row is None:
            raise AuthenticationFailed("Invalid token.")
        token_id, has_expired, was_used_just_now, *columns, groups, rights = row
        if has_expired:
            raise AuthenticationFailed("The token has expired.")
        user = User.from_db("default", _USER_COLUMNS, columns)
        if not user.is_active:
            raise AuthenticationFailed("This client is disabled.")
        if not was_used_just_now:
            ApiToken.objects.filter(pk=token_id).update(last_used_at=now)
        return user, actor_with(user, groups, rights)


def _caller_row(digest: str, now: datetime) -> tuple[Any, ...] | None:
    columns = ", ".join(f"access_user.{column}" for column in _USER_COLUMNS)
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        parameters = [adapt(now), adapt(now - LAST_USE_PRECISION), digest]
        cursor.execute(_CALLER.format(user=columns, grants=grant_columns()), parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


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
