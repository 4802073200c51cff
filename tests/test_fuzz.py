"""No request causes a server error: requests made of the schema, and random query strings of every list.

`FUZZ_CASES` is the number of cases for each operation or list; `make soak` sets 500.
"""

import os
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from config.vocabulary import ProcessStatus, Right
from signing.models import Process
from tests.builders import attribute_of, client_user, contact_of, profile_of, started_process, template_of, token_of
from tests.people import ANA, BEN, CODES, ILZE, LISTS

FUZZ_CASES = int(os.environ.get("FUZZ_CASES", "25"))
CALLERS: dict[str, list[str]] = {"plain": [], "all rights": list(Right.values)}
FUZZ = settings(max_examples=FUZZ_CASES, deadline=None, suppress_health_check=list(HealthCheck))

schema = schemathesis.openapi.from_wsgi("/api/schema?format=json", get_wsgi_application())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("caller", CALLERS)
@schema.parametrize()
@FUZZ
def test_no_request_causes_a_server_error(case: schemathesis.Case, caller: str) -> None:
    token = token_of(client_user("fuzz", rights=CALLERS[caller]))
    checks: list[Any] = [not_a_server_error, response_schema_conformance]
    case.call_and_validate(headers={"Authorization": f"Token {token}"}, checks=checks)


PARAMETERS = (
    *("page", "size", "sort", "after", "owner", "user", "group", "isAdmin", "name", "email", "scope", "personalCode"),
    *("country", "signerId", "createdDateAfter", "createdDateBefore", "processStatus", "nameSearch", "emailSearch"),
    *("ownerGroup", "docType", "nonExpired", "documentType", "processId", "documentId", "eventType", "creator", "note"),
    *("clientAppName", "ipAddress", "createdFrom", "createdTo", "unknown", "sort[0]", "scope[]"),
)
# Values that other services failed on.
VALUES = st.one_of(
    st.sampled_from(
        ["", "0", "1", "-1", "True", "null", "9" * 30, "1e9", "²", "\0", "%", "_", "\\", "'", '"', "{}", "[]"]
    ),
    st.sampled_from(["LV", CODES[ANA], ILZE, *ProcessStatus.values, "ALL", "9999-12-31", "0001-01-01", "2026-02-30"]),
    st.sampled_from(["id,asc", "createdAt,desc,ignorecase", "name", ",", "asc", "2026-01-01T00:00:00+0200", "\ufeff"]),
    st.uuids().map(str),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
PAIRS = st.tuples(st.sampled_from(PARAMETERS), VALUES)
STRUCTURED = st.lists(PAIRS, max_size=6).map(urlencode)
BYTES = st.binary(max_size=60).map(quote_from_bytes)


@pytest.mark.django_db
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("path", LISTS)
@FUZZ
@given(query=st.one_of(STRUCTURED, BYTES))
def test_no_query_string_causes_a_server_error(path: str, caller: str, query: str) -> None:
    make_rows()
    token = token_of(client_user(f"fuzz {caller}", rights=CALLERS[caller]))
    client = Client(raise_request_exception=False)
    response = client.get(f"/api/{path}?{query}", headers={"Authorization": f"Token {token}"})
    assert response.status_code < 500, response.content
    assert response.json()


def make_rows() -> None:
    """One row for each list, unless an earlier example made it."""
    if not Process.objects.exists():
        started_process([[ANA], [BEN]])
        contact_of()
        template_of()
        profile_of("LEASE", attributes=[{"id": str(attribute_of("Amount").pk)}])
