import logging

import pytest
from django.test import Client

from tests.conftest import Api


def test_the_request_log_has_the_code_of_a_problem(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert api.get("/api/processes?sort=magic").status_code == 400
    finished = [str(record.msg) for record in caplog.records if "request_finished" in str(record.msg)]
    assert any("'problem': 'invalid'" in line for line in finished)


def test_browsers_find_an_icon() -> None:
    page = Client().get("/favicon.ico", follow=True)
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "image/png"
