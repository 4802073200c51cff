"""Only the owner group of a profile, or an administrator, decides that processes are deleted, or deleted earlier."""

from collections.abc import Callable

import pytest

from tests.builders import profile_of
from tests.config.versioned.test_backoffice import form, staff
from tests.conftest import Api

pytestmark = pytest.mark.django_db
URL = "/api/document-profiles"


@pytest.fixture
def manager(api_of: Callable[..., Api]) -> Api:
    return api_of("mgr", rights=["manage_profiles"], groups=["legal"])


@pytest.mark.parametrize(("group", "status"), [("legal", 201), ("other", 403), (None, 403), ("", 403)])
def test_a_retention_is_created_by_the_group(manager: Api, group: str | None, status: int) -> None:
    body = {"documentType": "LEASE", "ownerGroup": group, "retentionDays": 10}
    assert manager.post(URL, body).status_code == status
    assert manager.post(URL, {"documentType": "RENT", "ownerGroup": group}).status_code == 201


def test_an_administrator_sets_any_retention(api_of: Callable[..., Api]) -> None:
    boss = api_of("boss", rights=["administer"])
    assert boss.post(URL, {"documentType": "LEASE", "retentionDays": 10}).status_code == 201


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"retentionDays": 9}, 403),
        ({"retentionDays": 10}, 200),
        ({"retentionDays": 11}, 200),
        ({"retentionDays": None}, 200),
        ({"documentType": "RENT"}, 403),
        ({"ownerGroup": "legal"}, 403),
        ({"name": "x"}, 200),
    ],
)
@pytest.mark.parametrize("group", ["other", None])
def test_others_only_lengthen_a_retention(
    manager: Api, group: str | None, change: dict[str, object], status: int
) -> None:
    profile = profile_of("LEASE", ownerGroup=group, retentionDays=10)
    assert manager.put(f"{URL}/{profile.pk}", change).status_code == status


def test_members_lower_the_retention_of_their_group(manager: Api) -> None:
    profile = profile_of("LEASE", ownerGroup="legal", retentionDays=10)
    assert manager.put(f"{URL}/{profile.pk}", {"retentionDays": 1}).status_code == 200


def test_deleting_a_profile_does_not_expose_its_group_to_the_general_retention(manager: Api) -> None:
    profile_of("LEASE", retentionDays=10)
    other = profile_of("LEASE", ownerGroup="other")
    own = profile_of("LEASE", ownerGroup="legal")
    assert manager.delete(f"{URL}/{other.pk}").status_code == 403
    assert manager.put(f"{URL}/{other.pk}", {"documentType": "RENT"}).status_code == 403
    assert manager.delete(f"{URL}/{own.pk}").status_code == 204


def test_the_back_office_has_the_same_rule() -> None:
    profile = profile_of("LEASE", ownerGroup="other", retentionDays=10)
    browser = staff("mgr", rights=["manage_profiles"])
    page = form(browser, f"/admin/templates_app/documentprofile/{profile.pk}/change/", retention_days="1")
    assert page.status_code == 200
    profile.refresh_from_db()
    assert profile.retention_days == 10
