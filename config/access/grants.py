"""What a user was granted: the groups, and the rights of the user and of the groups."""

import json

from django.db import connection

from config.access.actor import Actor
from config.access.models import User
from config.vocabulary import Right

# With the ORM these are two queries, and for a token a third one, which together take at least five times as long.
_COLUMNS = """
    (SELECT CAST({array}(auth_group.name) AS text) FROM access_user_groups AS member
     JOIN auth_group ON auth_group.id = member.group_id WHERE member.user_id = access_user.id),
    (SELECT CAST({array}(permission.codename) AS text) FROM auth_permission AS permission
     JOIN django_content_type AS model ON model.id = permission.content_type_id AND model.app_label = 'access'
     WHERE permission.id IN (
        SELECT permission_id FROM access_user_user_permissions WHERE user_id = access_user.id
        UNION
        SELECT granted.permission_id FROM auth_group_permissions AS granted
        JOIN access_user_groups AS member ON member.group_id = granted.group_id WHERE member.user_id = access_user.id))
"""


def grant_columns() -> str:
    """Two columns for a statement on `access_user`: the names of groups and of rights, as `actor_with` reads them."""
    return _COLUMNS.format(array="json_agg" if connection.vendor == "postgresql" else "json_group_array")


def actor_with(user: User, groups: str | None, rights: str | None, *, address: str | None = None) -> Actor:
    """The user with these groups and rights, which are JSON arrays, or null if there are none."""
    granted = frozenset(Right.values)
    if not user.is_active:
        granted = frozenset()
    elif not user.is_superuser:
        granted &= frozenset(json.loads(rights or "[]"))
    name = user.username
    group_names = frozenset(json.loads(groups or "[]"))
    return Actor(client=name, subject=name, groups=group_names, rights=granted, person=user.person, address=address)


def actor_of_user(user: User, *, address: str | None = None) -> Actor:
    """The user with everything it was granted, not narrowed to another user or group. One query."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {grant_columns()} FROM access_user WHERE id = %s", [user.pk])
        groups, rights = cursor.fetchone()
    return actor_with(user, groups, rights, address=address)
