"""`manage.py seed_scale`: skewed test data that can be continued, and that the service works with."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from config.personal_codes import personal_code_warnings
from config.vocabulary import ProcessStatus, SignerStatus, StepStatus
from signing.management.commands.seed_scale import BUSY_PERSON, LARGE_GROUP, person_columns, seed_processes
from signing.models import Process, Signer
from tests.conftest import Api

pytestmark = pytest.mark.django_db


def seed(processes: int) -> None:
    call_command("seed_scale", processes=processes, verbosity=0)


def test_a_run_continues_after_the_last_process_and_adds_only_what_is_missing() -> None:
    # What an interrupted run leaves.
    seed_processes(range(1, 21), total=50)
    before = Process.objects.get(document_id="SCALE-000000007").version

    seed(50)
    assert Process.objects.count() == 50
    seed(50)
    assert Process.objects.count() == 50
    seed(70)
    assert Process.objects.count() == 70
    assert Signer.objects.count() == 280
    assert Process.objects.get(document_id="SCALE-000000007").version == before


def test_the_data_is_skewed() -> None:
    seed(400)

    newest = Process.objects.order_by("-created_at")[:40]
    assert {process.status for process in newest} == {ProcessStatus.STARTED}
    assert set(Process.objects.values_list("status", flat=True)) == set(ProcessStatus)
    assert 0.4 < Process.objects.filter(owner_group=LARGE_GROUP).count() / 400 < 0.6
    busy = Signer.objects.called(person_columns(BUSY_PERSON)["person_key"])
    assert busy.count() == 40


def test_rows_have_the_search_columns_and_valid_personal_codes() -> None:
    seed(40)

    for process in Process.objects.all():
        for column, text in process.search_columns(process.signers.all()).items():
            assert getattr(process, column) == text
    for signer in Signer.objects.all():
        for column, text in signer.search_columns().items():
            assert getattr(signer, column) == text
        assert not personal_code_warnings(signer.country, signer.personal_code, "#")
    # Some of the people in a million processes.
    for person in range(0, 100_000, 9_973):
        columns = person_columns(person)
        assert not personal_code_warnings(columns["country"], columns["personal_code"], "#")


def test_acts_can_be_reported(api_of: Any) -> None:
    seed(20)
    api: Api = api_of("portal", rights=["on_behalf"])
    process = Process.objects.filter(status=ProcessStatus.STARTED).earliest("created_at")

    for signer in process.signers.filter(status=SignerStatus.STARTED):
        response = api.post(f"/api/signers/{signer.id}/act", {"signingStatus": "SIGNED"})
        assert response.status_code == 200

    first, second = process.steps.order_by("process_order")
    assert (first.status, second.status) == (StepStatus.COMPLETED, StepStatus.STARTED)


def test_it_is_refused_in_production(settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        seed(10)
    assert not Process.objects.exists()
