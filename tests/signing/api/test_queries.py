"""The number of statements per request: limited, and the same for few rows as for many."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import row_of, started_process
from tests.conftest import Api
from tests.people import ANA, BEN, CLEO, body


@pytest.fixture(autouse=True)
def used_before(api: Api) -> None:
    api.get("/api/processes?size=1")  # the token's last use is noted once a minute


def test_a_page_of_25_and_one_of_200_cost_the_same(api: Api, queries: Callable[[], Any]) -> None:
    for _ in range(60):
        started_process([[ANA, BEN], [CLEO]])
    costs = []
    for size in (5, 25, 200):
        with queries() as made:
            api.get(f"/api/processes?size={size}&nameSearch=contract")
        costs.append(made())

    assert max(costs) <= 11
    assert len(set(costs)) == 1


@pytest.mark.parametrize("others", [1, 100, 300])
def test_reporting_a_signature(api: Api, queries: Callable[[], Any], others: int) -> None:
    process = started_process([[ANA], [BEN] * others, [CLEO]])
    url = f"/api/signers/{row_of(process, ANA).pk}/act"
    with queries() as made:
        assert api.post(url, {"signingStatus": "SIGNED"}).status_code == 200
    assert made() <= 22, made.statements


def test_the_last_signature(api: Api, queries: Callable[[], Any]) -> None:
    process = started_process([[ANA]])
    with queries() as made:
        api.post(f"/api/signers/{row_of(process, ANA).pk}/act", {"signingStatus": "SIGNED"})
    assert made() <= 22, made.statements


def test_reporting_a_signature_by_step(api: Api, queries: Callable[[], Any]) -> None:
    process = started_process([[ANA, *[BEN] * 100], [CLEO]])
    step = process.steps.get(process_order=1)
    row = {"id": str(row_of(process, ANA).pk), "signingStatus": "SIGNED"}
    with queries() as made:
        assert api.put(f"/api/steps/{step.pk}", {"processStepSigners": [row]}).status_code == 200
    assert made() <= 22, made.statements


def test_creating_few_and_many(api: Api, queries: Callable[[], Any]) -> None:
    costs = []
    for steps in ([[ANA], [BEN]], [[ANA] * 20 for _ in range(20)], [[ANA] * 400]):
        with queries() as made:
            assert api.post("/api/processes", body(steps), Idempotency_Key=str(len(costs))).status_code == 201
        costs.append(made())

    assert max(costs) <= 28
    assert len(set(costs)) == 1
