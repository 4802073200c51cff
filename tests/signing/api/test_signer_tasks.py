from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from tests.builders import canceled_process, completed_process, row_of, sign, started_process
from tests.conftest import Api
from tests.people import ANA, BEN, CLEO, CODES, address, signer


@pytest.fixture
def ana(api_of: Callable[..., Api]) -> Api:
    return api_of(ANA, code=CODES[ANA])


def tasks(api: Api, name: str = ANA, **asked: Any) -> list[dict[str, Any]]:
    query = {"country": "lv", "personalCode": CODES[name].replace("-", ""), **asked}
    answer = api.get(f"/api/signer-tasks?{urlencode(query, doseq=True)}")
    assert answer.status_code == 200, answer.content
    return answer.json()["content"]


def test_a_task_lists_the_acts_that_are_possible_now(ana: Api) -> None:
    process = started_process([[ANA, BEN], [CLEO]])

    (task,) = tasks(ana)

    assert task["process"]["id"] == str(process.pk)
    assert task["step"]["id"] == task["process"]["currentInProgressStep"]["id"]
    assert (task["signer"]["signerName"], task["signer"]["signerEmail"]) == (ANA, address(ANA))
    assert (task["overdue"], task["actions"]) == (False, ["DECLINED", "SIGNED"])
    others = [s for s in task["process"]["signers"] if s["signerName"] != ANA]
    assert {(s["signerPersonalCode"], s["signerEmail"]) for s in others} == {(None, None)}
    assert task["process"]["processInitiatorEmail"] is None


def test_past_tasks_are_listed_and_waiting_ones_are_not(ana: Api) -> None:
    started_process([[ANA], [BEN]], signed=[ANA])
    started_process([[BEN], [ANA]])
    (task,) = tasks(ana)
    assert (task["signer"]["signingStatus"], task["actions"]) == ("SIGNED", [])


def test_a_viewer_can_still_view_a_completed_process(api_of: Callable[..., Api]) -> None:
    started_process([[signer(ANA, "VIEWER"), BEN]], signed=[BEN])
    assert tasks(api_of("ana", code=CODES[ANA]))[0]["actions"] == ["VIEWED"]


def test_overdue_and_expired(ana: Api) -> None:
    due = (timezone.now() - timedelta(days=1)).isoformat()
    late = started_process([[ANA, BEN]])
    late.steps.update(due_at=due)
    started_process([[ANA]])

    assert sorted(task["overdue"] for task in tasks(ana)) == [False, True]
    assert [task["overdue"] for task in tasks(ana, nonExpired="true")] == [False]
    sign(late, ANA)
    assert [task["overdue"] for task in tasks(ana)] == [False, False]


def test_filters_pages_and_sorts(ana: Api) -> None:
    one = started_process([[ANA]], documentName="Alpha")
    two = completed_process(documentName="Beta")
    three = canceled_process(documentName="Gamma")

    def names(**asked: Any) -> list[str]:
        return [task["process"]["documentName"] for task in tasks(ana, **asked)]

    assert names(sort="documentName,desc") == ["Gamma", "Beta", "Alpha"]
    assert names(sort="documentName", size=1, page=1) == ["Beta"]
    assert names(processStatus="STARTED,COMPLETED", sort="documentName") == ["Alpha", "Beta"]
    assert names(nameSearch="ALPH") == ["Alpha"]
    assert names(createdDateAfter="2030-01-01") == []
    assert names(signerId=str(row_of(two, ANA).pk)) == ["Beta"]
    assert len({one.pk, two.pk, three.pk}) == 3


def test_another_persons_signer_id_finds_nothing(ana: Api) -> None:
    process = started_process([[ANA, BEN]])
    assert tasks(ana, signerId=str(row_of(process, BEN).pk)) == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("country=LV", "personalCode"),
        (f"personalCode={CODES[ANA]}", "country"),
        ("country=LV&personalCode=-", "personalCode"),
        (f"country=LV&personalCode={CODES[ANA]}&signerId=x", "signerId"),
        (f"country=LV&personalCode={CODES[ANA]}&nonExpired=yes", "nonExpired"),
        (f"country=LV&personalCode={CODES[ANA]}&sort=name", "sort"),
        (f"country=LV&personalCode={CODES[ANA]}&processStatus=DONE", "processStatus"),
    ],
)
def test_invalid_parameters_are_400(ana: Api, query: str, parameter: str) -> None:
    answer = ana.get(f"/api/signer-tasks?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, parameter)


def test_tasks_are_for_the_person_and_for_callers_with_on_behalf(ana: Api, api_of: Callable[..., Api]) -> None:
    started_process([[ANA, BEN]])
    refused = ana.get(f"/api/signer-tasks?country=LV&personalCode={CODES[BEN]}")
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_right")
    assert "on_behalf" in refused.json()["detail"]
    assert len(tasks(api_of("portal", rights=["on_behalf"]))) == 1


def test_the_number_of_queries_does_not_grow(ana: Api, queries: Callable[[], Any]) -> None:
    costs = []
    for count in (2, 40):
        for _ in range(count):
            started_process([[ANA, BEN], [CLEO]])
        tasks(ana, size=1)
        with queries() as made:
            tasks(ana, size=100)
        costs.append(made())
    assert costs[0] == costs[1]
    assert costs[0] <= 11
