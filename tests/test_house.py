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


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS", "PORTAL_URL", "EMAIL_URL", "DEFAULT_FROM_EMAIL"])
def test_production_does_not_start_without(missing: str) -> None:
    given = {
        "SECRET_KEY": "x" * 60,
        "ALLOWED_HOSTS": "paraph.example.org",
        "PORTAL_URL": "https://p.example.org/{signerId}",
        "EMAIL_URL": "smtp://localhost:25",
        "DEFAULT_FROM_EMAIL": "paraph@example.org",
    }
    del given[missing]
    environment = {"PATH": os.environ["PATH"], "PRODUCTION": "true", **given}
    command = [sys.executable, "-c", "import config.settings"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert missing in done.stderr


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
