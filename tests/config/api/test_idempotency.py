"""The same request sent twice has one effect and one response."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from config.api.idempotency import KEY_LIFETIME, delete_stored_responses
from config.api.models import IdempotentAnswer
from config.api.tasks import delete_expired_responses
from signing.models import Process
from tests.conftest import Api
from tests.people import ANA, body


def test_the_same_request_twice_has_one_effect_and_one_response(api: Api) -> None:
    first = api.post("/api/processes", body([[ANA]]), Idempotency_Key="k1")
    second = api.post("/api/processes", body([[ANA]]), Idempotency_Key="k1")

    assert (second.status_code, second.json()) == (201, first.json())
    assert (second["Location"], second["ETag"]) == (first["Location"], first["ETag"])
    assert second["Idempotent-Replay"] == "true"
    assert Process.objects.count() == 1


def test_another_body_or_url_with_the_same_key_is_422(api: Api) -> None:
    process = api.post("/api/processes", body([[ANA]]), Idempotency_Key="k1").json()
    for path, other in (("/api/processes", body([[ANA]], comment="x")), (f"/api/processes/{process['id']}/cancel", {})):
        response = api.post(path, other, Idempotency_Key="k1")
        assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert Process.objects.get().status == "STARTED"


def test_two_clients_can_use_the_same_key(api: Api, api_of: Callable[..., Api]) -> None:
    api.post("/api/processes", body([[ANA]]), Idempotency_Key="k1")
    other = api_of("other")
    assert other.post("/api/processes", body([[ANA]]), Idempotency_Key="k1").status_code == 201
    assert Process.objects.count() == 2


def test_a_refusal_is_not_stored(api: Api) -> None:
    assert api.post("/api/processes", body([]), Idempotency_Key="k1").status_code == 400
    assert not IdempotentAnswer.objects.exists()
    assert api.post("/api/processes", body([[ANA]]), Idempotency_Key="k1").status_code == 201


def test_a_key_expires_after_a_day(api: Api) -> None:
    api.post("/api/processes", body([[ANA]]), Idempotency_Key="k1")
    IdempotentAnswer.objects.update(created_at=timezone.now() - KEY_LIFETIME - timedelta(seconds=1))

    assert "Idempotent-Replay" not in api.post("/api/processes", body([[ANA]]), Idempotency_Key="k1")
    assert Process.objects.count() == 2

    assert delete_expired_responses() == 0
    assert delete_stored_responses(before=timezone.now() + timedelta(seconds=1)) == 1


def test_a_key_has_1_to_255_printable_characters(api: Api) -> None:
    for key in ("", "x" * 256, "a\tb"):
        assert api.post("/api/processes", body([[ANA]]), Idempotency_Key=key).status_code == 400


def test_a_caller_who_has_lost_a_right_does_not_get_the_stored_response(api_of: Callable[..., Api]) -> None:
    portal = api_of("portal", rights=["on_behalf"])
    portal.post("/api/processes", body([[ANA]], initiator="ilze"), Idempotency_Key="k1")
    portal.user.user_permissions.clear()
    again = portal.post("/api/processes", body([[ANA]], initiator="ilze"), Idempotency_Key="k1")
    assert again.status_code == 422


def test_a_post_that_only_reads_is_not_stored(api: Api) -> None:
    api.post("/api/processes/search", {"documentId": "DOC-1"}, Idempotency_Key="k1")
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.parametrize("separator", ["\n", '", "', "\\", "\t", " "])
def test_names_with_a_separator_do_not_share_keys(api_of: Callable[..., Api], separator: str) -> None:
    for client, subject in ((f"a{separator}b", "c"), ("a", f"b{separator}c"), ("x" * 150, "\n" * 255)):
        path = f"/api/processes?{urlencode({'user': subject})}"
        response = api_of(client, rights=["on_behalf"]).post(path, body([[ANA]]), Idempotency_Key="k")
        assert response.status_code == 201
    assert IdempotentAnswer.objects.values("client").distinct().count() == 3
