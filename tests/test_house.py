"""The shape of the code and of what it promises: imports, migrations, sizes, and a fuzzed schema."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import schemathesis
from django.core.management import call_command
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from config.wsgi import application
from tests.builders import client_user, token_of

ROOT = Path(__file__).parent.parent


def test_imports_point_downwards() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True)


def test_no_file_is_two() -> None:
    code = [
        p
        for app in ("config", "audit", "notifications", "contacts", "templates_app", "signing")
        for p in (ROOT / app).rglob("*.py")
    ]
    long = {
        str(p.relative_to(ROOT)): n
        for p in code
        if (n := len(p.read_text().splitlines())) > 300 and p.name != "settings.py"
    }
    assert not long


GIVEN = {
    "SECRET_KEY": "".join(f"{n:x}" for n in range(60)),
    "ALLOWED_HOSTS": "paraph.example.org",
    "PORTAL_URL": "https://p.example.org/{signerId}",
    "EMAIL_URL": "smtp://localhost:25",
    "DEFAULT_FROM_EMAIL": "paraph@example.org",
    "AUDIT_KEYS": "2026:" + "k" * 40,
    "AUDIT_SIGNING_KEYS": "5e" * 32,
    "CACHE_URL": "redis://127.0.0.1:6379/0",
}

OIDC = (
    "RP_CLIENT_ID",
    "RP_CLIENT_SECRET",
    "OP_AUTHORIZATION_ENDPOINT",
    "OP_TOKEN_ENDPOINT",
    "OP_USER_ENDPOINT",
    "OP_JWKS_ENDPOINT",
)


def run(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], **settings}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("missing", GIVEN)
def test_production_does_not_start_without(missing: str) -> None:
    given = {name: value for name, value in GIVEN.items() if name != missing}
    done = run("-c", "import config.settings", PRODUCTION="true", **given)
    assert done.returncode != 0
    assert missing in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DEBUG", "true", "DEBUG"),
        ("SECRET_KEY", "changeme", "SECRET_KEY"),
        ("JWT_JWKS_URL", "http://id.example.org/keys", "https"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS"),
        ("API_CALLERS", "token,magic", "magic"),
        ("API_CALLERS", "jwt", "JWT_ISSUER"),
        ("JWT_ALGORITHMS", "HS256", "HS256"),
        ("EMAIL_SEND_DEADLINE", "400", "EMAIL_SEND_DEADLINE"),
        ("PORTAL_URL", "https://p.example.org/", "signerId"),
        ("AUDIT_KEYS", "2026:short", "2026"),
        ("AUDIT_SIGNING_KEYS", "5E" * 32, "small hex"),
    ],
)
def test_nor_with_what_is_not_safe(name: str, value: str, says: str) -> None:
    done = run("-c", "import config.settings", PRODUCTION="true", **{**GIVEN, name: value})
    assert done.returncode != 0
    assert says in done.stderr


def test_the_deployment_check_is_clean() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", PRODUCTION="true", **GIVEN)
    assert done.returncode == 0, done.stderr


def test_single_sign_on_is_there_when_it_is_set() -> None:
    provider = {f"OIDC_{name}": f"https://id.example.org/{name}" for name in OIDC}
    told = "from django.urls import reverse; print(reverse('oidc_authentication_init'))"
    assert "NoReverseMatch" in run("manage.py", "shell", "-c", told).stderr
    assert "/oidc/authenticate/" in run("manage.py", "shell", "-c", told, **provider).stdout


def test_ways_in_are_switched_off() -> None:
    told = "import config.settings as s; print(s.REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES'])"
    done = run("-c", told, API_CALLERS="token")
    assert "TokenAuthentication" in done.stdout
    assert "Session" not in done.stdout


schema = schemathesis.openapi.from_wsgi("/api/schema?format=json", application)


@pytest.mark.django_db(transaction=True)
@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_whatever_it_says_is_a_server_error(case: schemathesis.Case) -> None:
    token = token_of(client_user("fuzz", rights=["on_behalf"]))
    case.call_and_validate(
        headers={"Authorization": f"Token {token}"}, checks=[not_a_server_error, response_schema_conformance]
    )


def test_every_setting_is_in_the_example() -> None:
    read = set(re.findall(r'env(?:\.\w+)?\(\s*"(\w+)"|_needed\(\s*"(\w+)"', (ROOT / "config/settings.py").read_text()))
    example = (ROOT / ".env.example").read_text()
    names = {name for pair in read for name in pair if name}
    assert len(names) > 20
    assert {name for name in names if f"# {name}=" not in example} == set()
