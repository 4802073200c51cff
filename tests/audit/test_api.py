"""Audit events over HTTP: clients report events, and read the audit trail."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit.log import Event, record
from audit.models import AuditEvent
from config.access.actor import Actor
from config.vocabulary import EventType
from tests.builders import NOON, started_process
from tests.conftest import Api
from tests.people import ANA

pytestmark = pytest.mark.django_db
URL = "/api/audit-events"
REPORT = {
    "eventType": "SIGNATURE",
    "eventOrigin": "signing-server",
    "creator": "ona",
    "documentId": "DOC-1",
    "signerId": "s-1",
    "customerPersonalCode": "150375-10101",
    "note": "Parakstīts",
    "processId": "p-1",
    "ipAddress": "2001:db8::1",
    "containerId": "c-1",
    "method": "smart-id",
    "clientAppName": "kiosk",
}


@pytest.fixture
def monitor(api_of: Callable[..., Api]) -> Api:
    return api_of("monitor", rights=["audit_read", "audit_write"])


def numbers(response: Any) -> list[int]:
    return [event["number"] for event in response.json()["content"]]


class TestReports:
    def test_a_report_is_stored_with_an_id_and_a_time_of_the_service(self, monitor: Api) -> None:
        response = monitor.post(URL, {**REPORT, "id": "theirs", "createdAt": "2031-01-01T00:00:00+02:00"})
        assert response.status_code == 201
        event = response.json()
        assert {name: event[name] for name in REPORT} == REPORT
        assert (event["reportedId"], event["reportedAt"]) == ("theirs", "2030-12-31T22:00:00Z")
        assert event["id"] != "theirs"
        assert abs(datetime.fromisoformat(event["createdAt"]) - datetime.now(UTC)) < timedelta(hours=1)
        assert (event["source"], event["reportedBy"]) == ("REPORTED", "monitor")
        assert monitor.get(response["Location"].split("testserver")[1]).json() == event

    def test_the_caller_is_the_default_for_missing_fields(self, monitor: Api) -> None:
        event = monitor.post(URL, {"eventType": "AUTH_START", "creator": None}).json()
        assert (event["creator"], event["clientAppName"], event["eventOrigin"]) == ("monitor",) * 3
        assert event["ipAddress"] == "127.0.0.1"
        assert event["note"] is None

    def test_a_client_with_the_name_of_the_service_gets_another_origin(self, api_of: Callable[..., Api]) -> None:
        event = api_of("Paraph", rights=["audit_write"]).post(URL, {"eventType": "SIGNATURE"}).json()
        assert event["eventOrigin"] == "client Paraph"

    def test_a_list_with_every_event_type(self, monitor: Api) -> None:
        response = monitor.post(URL, [{"eventType": kind} for kind in EventType.values])
        assert response.status_code == 201
        assert [event["eventType"] for event in response.json()] == EventType.values
        assert len(EventType.values) == 31
        assert [event["number"] for event in response.json()] == sorted(event["number"] for event in response.json())

    @pytest.mark.parametrize(
        ("report", "pointer", "detail"),
        [
            ({"eventType": "SIGNED"}, "#/1/eventType", "PROCESS_STARTED"),
            ({}, "#/1/eventType", "required"),
            ({"eventType": "SIGNATURE", "note": "x" * 10_001}, "#/1/note", "10000"),
            ({"eventType": "SIGNATURE", "createdAt": "yesterday"}, "#/1/createdAt", ""),
            ({"eventType": "SIGNATURE", "eventOrigin": " Paraph "}, "#/1/eventOrigin", "is reserved for the service"),
            (
                {"eventType": "SIGNATURE", "eventOrigin": "\u200bparaph"},
                "#/1/eventOrigin",
                "is reserved for the service",
            ),
            ({"eventType": "SIGNATURE", "processId": "x" * 256}, "#/1/processId", "255"),
            ("SIGNATURE", "#/1", ""),
        ],
    )
    def test_a_list_with_an_invalid_report_is_refused(
        self, monitor: Api, report: Any, pointer: str, detail: str
    ) -> None:
        refused = monitor.post(URL, [REPORT, report])
        assert refused.status_code == 400
        (error,) = refused.json()["errors"]
        assert error["pointer"] == pointer
        assert detail in error["detail"]
        assert not AuditEvent.objects.exists()

    @pytest.mark.parametrize("count", [0, 501])
    def test_a_list_must_have_1_to_500_reports(self, monitor: Api, count: int) -> None:
        refused = monitor.post(URL, [REPORT] * count)
        assert refused.status_code == 400
        assert "500" in refused.json()["errors"][0]["detail"]
        assert monitor.post(URL, [REPORT] * 500).status_code == 201

    def test_the_longest_note(self, monitor: Api) -> None:
        assert monitor.post(URL, {**REPORT, "note": "ž" * 10_000}).json()["note"] == "ž" * 10_000

    def test_a_list_takes_as_many_queries_as_one_report(self, monitor: Api, queries: Callable[[], Any]) -> None:
        monitor.post(URL, REPORT)
        counts = []
        for body in (REPORT, [REPORT] * 30):
            with queries() as statements:
                monitor.post(URL, body)
            counts.append(len(statements))
        assert counts[0] == counts[1]

    def test_a_report_does_not_change_the_process(self, monitor: Api) -> None:
        process = started_process([[ANA]])
        monitor.post(URL, {"eventType": "PROCESS_COMPLETED", "processId": str(process.pk)})
        process.refresh_from_db()
        assert process.status == "STARTED"
        last = monitor.get(f"{URL}?processId={process.pk}").json()["content"][0]
        assert (last["eventType"], last["source"]) == ("PROCESS_COMPLETED", "REPORTED")


# A cursor only reaches committed events.
@pytest.mark.django_db(transaction=True)
class TestReading:
    @pytest.fixture(autouse=True)
    def events(self) -> list[AuditEvent]:
        for number, kind in enumerate([EventType.TASK_STARTED, EventType.SIGNATURE, EventType.SIGNATURE]):
            actor = Actor(client=f"app{number}", subject=f"user{number}", address=f"203.0.113.{number}")
            event = Event(
                kind, process_id=f"p{number}", document_id="DOC", signer_id=f"s{number}", note=f"Note {number}"
            )
            record([event], actor=actor, at=NOON + timedelta(days=number))
        return list(AuditEvent.objects.in_order())

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", [2, 1, 0]),
            ("processId=p1", [1]),
            ("documentId=DOC", [2, 1, 0]),
            ("signerId=s2", [2]),
            ("eventType=SIGNATURE", [2, 1]),
            ("eventType=SIGNATURE,TASK_STARTED", [2, 1, 0]),
            ("creator=user0", [0]),
            ("clientAppName=app2", [2]),
            ("ipAddress=203.0.113.1", [1]),
            ("note=NOTE+1", [1]),
            (f"createdFrom={(NOON + timedelta(days=1)):%Y-%m-%dT%H:%M:%SZ}", [2, 1]),
            (f"createdTo={(NOON + timedelta(days=1)):%Y-%m-%dT%H:%M:%SZ}", [0]),
            ("sort=createdAt,asc", [0, 1, 2]),
            ("size=2&page=1", [0]),
            ("after=0", [0, 1, 2]),
            ("after=0&eventType=SIGNATURE&size=1", [1]),
        ],
    )
    def test_filters(self, monitor: Api, events: list[AuditEvent], query: str, expected: list[int]) -> None:
        assert numbers(monitor.get(f"{URL}?{query}")) == [events[index].number for index in expected]

    @pytest.mark.parametrize(
        ("query", "parameter"),
        [
            ("eventType=SIGNED", "eventType"),
            ("createdFrom=yesterday", "createdFrom"),
            ("after=x", "after"),
            ("after=-1", "after"),
            ("after=0&sort=createdAt", "sort"),
            ("after=0&page=1", "page"),
            ("sort=note", "sort"),
            ("size=0", "size"),
        ],
    )
    def test_invalid_parameters_are_refused(self, monitor: Api, query: str, parameter: str) -> None:
        refused = monitor.get(f"{URL}?{query}")
        assert refused.status_code == 400
        assert [error["parameter"] for error in refused.json()["errors"]] == [parameter]

    def test_a_cursor_continues_where_the_previous_page_ended(self, monitor: Api, events: list[AuditEvent]) -> None:
        seen, after = [], "0"
        for _ in range(3):
            page = monitor.get(f"{URL}?after={after}&size=2")
            seen += numbers(page)
            after = page.json()["next"]
        assert seen == [event.number for event in events]
        monitor.post(URL, REPORT)
        assert len(numbers(monitor.get(f"{URL}?after={after}"))) == 1

    def test_events_of_the_service_have_the_request_id(self, monitor: Api, api: Api) -> None:
        api.post("/api/processes", {})
        (last, *_) = monitor.get(f"{URL}?clientAppName={api.get('/api/processes').wsgi_request.user.username}").json()[
            "content"
        ]
        assert last["source"] == "SERVICE"
        assert last["requestId"]

    def test_the_trail_cannot_be_read_on_behalf_of_others(self, api_of: Callable[..., Api]) -> None:
        portal = api_of("portal", rights=["on_behalf", "administer", "audit_read"])
        for query in ("user=ana", "group=legal", "isAdmin=false"):
            assert portal.get(f"{URL}?{query}").status_code == 403
        assert portal.get(URL).status_code == 200

    def test_an_unknown_event_is_not_found(self, monitor: Api) -> None:
        for unknown in ("x", "9dce9e72-6bf9-4874-8dd1-44342027dd4f"):
            assert monitor.get(f"{URL}/{unknown}").status_code == 404
