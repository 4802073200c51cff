"""Requests per minute, by client and by IP address."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache

from audit.models import AuditEvent
from config.api import limits
from tests.conftest import Api


@pytest.fixture(autouse=True)
def separate_cache(settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "limits"}}
    cache.clear()


def test_a_client_beyond_its_limit_is_refused_with_retry_after(
    api: Api, api_of: Callable[..., Api], settings: Any
) -> None:
    settings.REQUESTS_PER_CLIENT = 3
    codes = [api.get("/api/processes").status_code for _ in range(4)]
    refused = api.get("/api/processes")

    assert codes == [200, 200, 200, 429]
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert api_of("another").get("/api/processes").status_code == 200


def test_an_address_is_counted_before_authentication(nobody: Api, settings: Any) -> None:
    settings.REQUESTS_PER_ADDRESS = 2
    settings.TRUSTED_PROXIES = 1
    codes = [nobody.get("/api/processes", Forwarded="for=1.1.1.1, for=203.0.113.9").status_code for _ in range(3)]
    assert codes == [401, 401, 429]
    assert nobody.get("/api/processes", Forwarded="for=1.1.1.1, for=203.0.113.10").status_code == 401


def test_counting_starts_again_every_minute(api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REQUESTS_PER_CLIENT = 1
    for minute in (1000, 1001):
        monkeypatch.setattr(limits.time, "time", lambda minute=minute: 60.0 * minute + 5)
        assert api.get("/api/processes").status_code == 200
        refused = api.get("/api/processes")
        assert (refused.status_code, refused["Retry-After"]) == (429, "55")


def test_zero_disables_a_limit(api: Api, settings: Any) -> None:
    settings.REQUESTS_PER_CLIENT = settings.REQUESTS_PER_ADDRESS = 0
    assert [api.get("/api/processes").status_code for _ in range(3)] == [200, 200, 200]


def test_requests_are_not_refused_while_the_cache_is_unavailable(api: Api, settings: Any) -> None:
    settings.REQUESTS_PER_CLIENT = 1
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    }
    assert [api.get("/api/processes").status_code for _ in range(3)] == [200, 200, 200]


def test_the_login_page_is_limited_and_the_health_check_is_not(nobody: Api, settings: Any) -> None:
    settings.REQUESTS_PER_ADDRESS = 2
    responses = [nobody.get("/admin/login/") for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert responses[-1]["Retry-After"]
    assert nobody.get("/health/?format=json").status_code == 200


def test_long_names_with_the_same_beginning_are_counted_separately(api_of: Callable[..., Api], settings: Any) -> None:
    settings.REQUESTS_PER_CLIENT = 1
    for end in "abc":
        assert api_of("x" * 140 + end).get("/api/processes").status_code == 200


def test_each_reported_event_counts(api_of: Callable[..., Api], settings: Any) -> None:
    settings.REQUESTS_PER_CLIENT = 10
    reporter = api_of("reporter", rights=["audit_write"])
    events = [{"eventType": "SIGNATURE"}] * 6
    assert reporter.post("/api/audit-events", events).status_code == 201
    assert reporter.post("/api/audit-events", events).status_code == 429
    assert AuditEvent.objects.filter(event_type="SIGNATURE").count() == 6
    assert api_of("another", rights=["audit_write"]).post("/api/audit-events", events[:1]).status_code == 201
