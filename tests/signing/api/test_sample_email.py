"""Test emails over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache

from config.access.models import User
from config.vocabulary import EventType
from notifications.delivery.claims import claim
from notifications.models import Message, MessageTemplate
from notifications.texts.email_types import EMAIL_TYPES
from notifications.texts.render import build_email
from signing.models import Process
from tests.builders import NOON
from tests.conftest import Api
from tests.people import ANA, BEN, CLEO, ILZE, address, body, signer

URL = "/api/notifications/test-email"
WHOLE = body([[ANA, signer(BEN, "APPROVER", signerLanguage="lv")], [signer(CLEO, "VIEWER")]])


@pytest.fixture
def ilze(api: Api) -> Api:
    User.objects.filter(username=ILZE).update(email=address(ILZE))
    return api


def ask(api: Api, event: str = "TASK_STARTED", role: str = "SIGNER", sent: Any = None, **headers: str) -> Any:
    return api.post(f"{URL}?eventType={event}&role={role}", WHOLE if sent is None else sent, **headers)


def test_a_test_email_goes_to_the_callers_own_address(ilze: Api, settings: Any) -> None:
    settings.PORTAL_URL = "https://portal.example.org/sign/{signerId}"
    answer = ask(ilze)
    assert answer.status_code == 200
    assert answer.json() == {
        "sent": True,
        "addressee": address(ILZE),
        "subject": "[Test] Please sign: Contract",
        "language": "en",
        "template": "en, as shipped",
        "reason": None,
    }
    (message,) = claim(NOON.replace(year=2999))
    outgoing = build_email(message)
    assert outgoing.subject == answer.json()["subject"]
    assert outgoing.to == [address(ILZE)]
    assert "https://portal.example.org/sign/…" in str(outgoing.body)
    assert "Hello Ana," in str(outgoing.body)
    assert not Process.objects.exists()


def test_it_is_rendered_for_the_first_signer_of_that_role(ilze: Api) -> None:
    assert ask(ilze, role="APPROVER").json()["language"] == "lv"
    assert ask(ilze, role="VIEWER").json()["subject"] == "[Test] For your information: Contract"
    declined = ask(
        ilze, "SIGNER_DECLINED", "INITIATOR", body([[signer(ANA, signerComment="No", signingStatus="DECLINED")]])
    )
    assert declined.json()["subject"] == "[Test] Declined by Ana: Contract"


def test_it_goes_to_the_initiator_if_the_caller_has_on_behalf(api_of: Callable[..., Api]) -> None:
    portal = api_of("portal", rights=["on_behalf"])
    assert ask(portal).json()["addressee"] == address(ILZE)


def test_a_caller_without_an_email_address_is_400(api: Api) -> None:
    refused = ask(api)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "no_addressee")
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("event", "role", "sent", "says"),
    [
        ("SIGNATURE", "SIGNER", None, "no text for SIGNATURE"),
        ("SIGNER_SIGNED", "INITIATOR", None, "no text for SIGNER_SIGNED"),
        ("TASK_STARTED", "SIGNER", body([[signer(ANA, signerNotification=False)]]), "signerNotification is false"),
    ],
)
def test_the_response_states_why_no_email_would_be_sent(ilze: Api, event: str, role: str, sent: Any, says: str) -> None:
    answer = ask(ilze, event, role, sent)
    assert (answer.status_code, answer.json()["sent"]) == (200, False)
    assert says in answer.json()["reason"]
    assert not Message.objects.exists()


def test_a_disabled_text_is_reported(ilze: Api) -> None:
    MessageTemplate(event="TASK_STARTED", role="SIGNER", language="en", active=False, created_at=NOON).save()
    assert "disabled" in ask(ilze).json()["reason"]


@pytest.mark.parametrize(("event", "role"), EMAIL_TYPES)
@pytest.mark.parametrize("sent", [WHOLE, {}, {"signingProcessSteps": []}])
def test_every_email_can_be_tested(ilze: Api, event: str, role: str, sent: Any) -> None:
    answer = ask(ilze, event, role, sent)
    assert answer.status_code == 200
    assert answer.json()["sent"] or "no text" in answer.json()["reason"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("role=SIGNER", "eventType"),
        ("eventType=&role=SIGNER", "eventType"),
        ("eventType=TASK&role=SIGNER", "eventType"),
        ("eventType=TASK_STARTED", "role"),
        ("eventType=TASK_STARTED&role=signer", "role"),
    ],
)
def test_an_unknown_event_or_role_is_400_with_the_allowed_values(ilze: Api, query: str, parameter: str) -> None:
    refused = ilze.post(f"{URL}?{query}", WHOLE)
    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert error["parameter"] == parameter
    assert ("TASK_STARTED" if parameter == "eventType" else "SIGNER") in error["detail"]


def test_an_invalid_process_is_400(ilze: Api) -> None:
    assert ask(ilze, sent={"signingProcessSteps": 5}).status_code == 400


def test_test_emails_are_limited_per_client_and_hour(ilze: Api, settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "tests"}}
    cache.clear()
    settings.TEST_EMAILS_PER_HOUR = 2
    answers = [ask(ilze) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "2 test emails per hour" in answers[-1].json()["detail"]
    assert 0 < int(answers[-1]["Retry-After"]) <= 3600


def test_the_same_idempotency_key_sends_one_email(ilze: Api) -> None:
    first, second = (ask(ilze, Idempotency_Key="k") for _ in range(2))
    assert first.json() == second.json()
    assert Message.objects.count() == 1


def test_every_event_type_is_accepted(ilze: Api) -> None:
    assert all(ask(ilze, event).status_code == 200 for event in EventType.values)
