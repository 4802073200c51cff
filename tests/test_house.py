"""Rules for the code base and its promises: imports, migrations, file sizes, names and settings."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils.module_loading import import_string

import config.settings as product_settings
from config.celery import app as celery_app

ROOT = Path(__file__).parent.parent
APPS = ("config", "audit", "notifications", "contacts", "templates_app", "signing")
LONGEST_FILE = 400


def modules() -> Iterator[Path]:
    """Every module of the product except migrations."""
    for app in APPS:
        for file in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in file.parts:
                yield file


def test_imports_follow_the_layers() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True)


def test_files_are_short() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in modules()}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FILE}


# Names that frameworks look up in every module that has one.
FRAMEWORK_NAMES = {"Command", "DatabaseWrapper", "EmailBackend", "logger", "register", "urlpatterns"}


def public_names(module: ast.Module) -> set[str]:
    """The functions, classes and variables that a module defines at its top level."""
    names = set()
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {name for name in names if not name.startswith("_")}


def test_one_name_means_one_thing() -> None:
    files: dict[str, list[str]] = {}
    for file in modules():
        for name in public_names(ast.parse(file.read_text())):
            files.setdefault(name, []).append(str(file.relative_to(ROOT)))
    shared = {name: places for name, places in files.items() if len(places) > 1 and name not in FRAMEWORK_NAMES}
    assert shared == {}


def texts_in(value: object) -> Iterator[str]:
    """Every text in a setting, however nested."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts_in(key)
            yield from texts_in(item)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from texts_in(item)


def test_no_setting_names_a_function_of_an_app_above_config() -> None:
    texts = texts_in({name: value for name, value in vars(product_settings).items() if name.isupper()})
    paths = {text for text in texts if re.fullmatch(r"[a-z_]\w*(\.\w+)+", text)}
    assert "config.api.problems.handle" in paths
    above = {path for path in paths if path.split(".")[0] in APPS[1:]}
    assert [path for path in above if not isinstance(import_string(path), type)] == []


def test_importing_the_settings_writes_only_the_local_keys(tmp_path: Path) -> None:
    done = run("-c", "import config.settings", VAR=str(tmp_path / "var"), CELERY_BROKER_URL="filesystem://localhost/")
    assert done.returncode == 0, done.stderr
    files = {str(file.relative_to(tmp_path)): file for file in tmp_path.rglob("*") if file.is_file()}
    assert files.keys() == {f"var/keys/{name}" for name in ("secret_key", "audit_key", "audit_signing_key")}
    assert {file.stat().st_mode & 0o777 for file in files.values()} == {0o600}


def test_importing_the_settings_writes_nothing_in_production(tmp_path: Path) -> None:
    done = run("-c", "import config.settings", PRODUCTION="true", VAR=str(tmp_path / "var"), **PRODUCTION_SETTINGS)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_local_keys_are_the_same_at_every_start(tmp_path: Path) -> None:
    command = "import config.settings as s; print(s.SECRET_KEY, s.AUDIT_KEYS, s.AUDIT_SIGNING_KEYS)"
    first = run("-c", command, VAR=str(tmp_path)).stdout
    assert len(first) > 200
    assert run("-c", command, VAR=str(tmp_path)).stdout == first


PRODUCTION_SETTINGS = {
    "SECRET_KEY": "".join(f"{n:x}" for n in range(60)),
    "ALLOWED_HOSTS": "paraph.example.org",
    "PORTAL_URL": "https://p.example.org/{signerId}",
    "EMAIL_URL": "smtp://localhost:25",
    "DATABASE_URL": "postgres://paraph@localhost/paraph",
    "DEFAULT_FROM_EMAIL": "paraph@example.org",
    "AUDIT_KEYS": "2026:" + "some-random-key-" * 3,
    "AUDIT_SIGNING_KEYS": "5e1f2a07" * 8,
    "TRUSTED_PROXIES": "1",
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


def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in an environment with only these variables."""
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


OPTIONAL = {"TRUSTED_PROXIES"}


@pytest.mark.parametrize("missing", sorted(PRODUCTION_SETTINGS.keys() - OPTIONAL))
def test_production_requires_every_essential_setting(missing: str) -> None:
    variables = {name: value for name, value in PRODUCTION_SETTINGS.items() if name != missing}
    done = run("-c", "import config.settings", PRODUCTION="true", **variables)
    assert done.returncode != 0
    assert f"{missing} must be" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DEBUG", "true", "DEBUG must be false"),
        ("SECRET_KEY", "changeme", "SECRET_KEY must be random"),
        ("SECRET_KEY", "abcdefghij" * 4, "SECRET_KEY must be random"),
        ("SECRET_KEY", "a" * 64, "SECRET_KEY must be random"),
        ("AUDIT_KEYS", "2026:" + "a" * 32, "AUDIT_KEYS must be random"),
        ("AUDIT_SIGNING_KEYS", "0" * 64, "AUDIT_SIGNING_KEYS must be random"),
        ("DATABASE_URL", "sqlite:////tmp/x.sqlite3", "DATABASE_URL must be the URL of a PostgreSQL database"),
        ("DATABASE_URL", "junk", "DATABASE_URL must be a URL"),
        ("EMAIL_URL", "consolemail://", "EMAIL_URL must be the URL of a mail server"),
        ("EMAIL_URL", "dummymail://", "EMAIL_URL must be the URL of a mail server"),
        ("EMAIL_URL", "filemail:////emails", "EMAIL_URL must be the URL of a mail server"),
        ("EMAIL_URL", "smtp://mail.example.org:25", "EMAIL_URL must begin with smtps"),
        ("EMAIL_URL", "junk", "EMAIL_URL must be a URL"),
        ("PORTAL_URL", "http://p.example.org/{signerId}", "PORTAL_URL must begin with https://"),
        ("PORTAL_URL", "javascript:alert('{signerId}')", "PORTAL_URL must begin with https://"),
        ("PORTAL_URL", "https:///{signerId}", "PORTAL_URL must begin with https://"),
        ("TRUSTED_PROXIES", "-1", "TRUSTED_PROXIES must be 0 or more"),
        ("TRUSTED_PROXIES", "one", "TRUSTED_PROXIES must be a number"),
        ("ADDRESS_HEADER", "X-Forwarded-For", "ADDRESS_HEADER must consist of letters and digits"),
        ("ADDRESS_HEADER", "X_Real_IP", "ADDRESS_HEADER must consist of letters and digits"),
        ("REQUEST_THREADS", "0", "REQUEST_THREADS must be 1 or more"),
        ("API_DOCS_PUBLIC", "maybe", "API_DOCS_PUBLIC must be true or false"),
        ("DEFAULT_FROM_EMAIL", "Paraph, SIA <info@example.org>", "DEFAULT_FROM_EMAIL must be one email address"),
        ("DEFAULT_FROM_EMAIL", "info@example.org, b@example.org", "DEFAULT_FROM_EMAIL must be one email address"),
        ("DEFAULT_FROM_EMAIL", "Paraph", "DEFAULT_FROM_EMAIL must be one email address"),
        ("DEFAULT_FROM_EMAIL", "Paraph <info@>", "DEFAULT_FROM_EMAIL must be one email address"),
        ("DEFAULT_FROM_EMAIL", "a@example.org\nBcc: b@example.org", "DEFAULT_FROM_EMAIL must be one email address"),
        ("JWT_JWKS_URL", "http://id.example.org/keys", "JWT_JWKS_URL must begin with https://"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS must not contain '*'"),
        ("API_CALLERS", "token,magic", "API_CALLERS must contain only token, jwt and session, not ['magic']"),
        ("API_CALLERS", "jwt", "JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL must be set"),
        ("JWT_ALGORITHMS", "HS256", "JWT_ALGORITHMS must contain only public-key algorithms, not ['HS256']"),
        ("EMAIL_SEND_DEADLINE", "400", "EMAIL_TIMEOUT and EMAIL_SEND_DEADLINE must each be"),
        ("EMAIL_TIMEOUT", "0", "EMAIL_TIMEOUT and EMAIL_SEND_DEADLINE must each be"),
        ("PORTAL_URL", "https://p.example.org/", "PORTAL_URL must contain {signerId}"),
        (
            "AUDIT_KEYS",
            "2026:short",
            "AUDIT_KEYS must be id:secret; the secret of '2026' must have 32+ characters.",
        ),
        ("AUDIT_KEYS", ":" + "k" * 40, "AUDIT_KEYS must be id:secret"),
        ("AUDIT_SIGNING_KEYS", "5E" * 32, "must be 64 lowercase hex digits"),
        ("AUDIT_RETIRED_PUBLIC_KEYS", "5E" * 32, "must be 64 lowercase hex digits"),
    ],
)
def test_production_refuses_unsafe_settings(name: str, value: str, message: str) -> None:
    variables = {**PRODUCTION_SETTINGS, name: value}
    done = run("-c", "import config.settings", PRODUCTION="true", **variables)
    assert done.returncode != 0
    assert message in done.stderr


@pytest.mark.parametrize("name", [name for name in OIDC if name.startswith("OP_")])
def test_production_requires_https_of_the_identity_provider(name: str) -> None:
    provider = {f"OIDC_{other}": f"https://id.example.org/{other}" for other in OIDC}
    provider[f"OIDC_{name}"] = "http://id.example.org/"
    done = run("-c", "import config.settings", PRODUCTION="true", **PRODUCTION_SETTINGS, **provider)
    assert f"OIDC_{name} must begin with https://" in done.stderr


def test_all_problems_of_the_settings_are_reported_at_once() -> None:
    wrong = {"DEBUG": "true", "EMAIL_URL": "junk", "TRUSTED_PROXIES": "-1", "REQUESTS_PER_CLIENT": "many"}
    done = run("-c", "import config.settings", PRODUCTION="true", **wrong)
    names = (PRODUCTION_SETTINGS.keys() | wrong.keys()) - {"CACHE_URL"}
    assert {name for name in names if f"{name} must" not in done.stderr} == set()


@pytest.mark.parametrize(
    ("name", "value", "warning"),
    [
        ("TRUSTED_PROXIES", "0", "paraph.W001"),
        ("LOGIN_FAILURES", "0", "paraph.W002"),
        ("ALLOWED_HOSTS", ".", "paraph.W003"),
        ("STAFF_SECOND_FACTOR", "false", "paraph.W004"),
    ],
)
def test_production_warns_of_risky_settings(name: str, value: str, warning: str) -> None:
    done = run("manage.py", "check", PRODUCTION="true", **{**PRODUCTION_SETTINGS, name: value})
    assert done.returncode == 0
    assert warning in done.stderr


@pytest.mark.parametrize("sender", ['"Paraph, SIA" <info@example.org>', "info@example.org", "Žīme <info@example.org>"])
def test_a_sender_may_have_a_name(sender: str) -> None:
    assert run("-c", "import config.settings", DEFAULT_FROM_EMAIL=sender).returncode == 0


def test_the_folder_of_local_files_is_private(tmp_path: Path) -> None:
    for folder in (tmp_path / "new", tmp_path / "old"):
        if folder.name == "old":
            folder.mkdir(mode=0o755)
        assert run("-c", "import config.settings", VAR=str(folder)).returncode == 0
        assert folder.stat().st_mode & 0o777 == 0o700


def test_the_deployment_check_is_clean() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", PRODUCTION="true", **PRODUCTION_SETTINGS)
    assert done.returncode == 0, done.stderr


def test_single_sign_on_is_enabled_by_its_settings() -> None:
    provider = {f"OIDC_{name}": f"https://id.example.org/{name}" for name in OIDC}
    command = "from django.urls import reverse; print(reverse('oidc_authentication_init'))"
    assert "NoReverseMatch" in run("manage.py", "shell", "-c", command).stderr
    assert "/oidc/authenticate/" in run("manage.py", "shell", "-c", command, **provider).stdout


def test_authentication_classes_can_be_disabled() -> None:
    command = "import config.settings as s; print(s.REST_FRAMEWORK['DEFAULT_AUTHENTICATION_CLASSES'])"
    done = run("-c", command, API_CALLERS="token")
    assert "TokenAuthentication" in done.stdout
    assert "Session" not in done.stdout


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp+tls://ana:p%40ss@smtp.example.org:587", "smtp.example.org 587 ana p@ss True False smtp"),
        ("smtp+ssl://smtp.example.org:465", "smtp.example.org 465 None None False True smtp"),
        ("smtps://ana:p%40ss@smtp.example.org:465", "smtp.example.org 465 ana p@ss False True smtp"),
        ("smtps://smtp.example.org", "smtp.example.org 465 None None False True smtp"),
        ("smtp://smtp.example.org", "smtp.example.org 25 None None False False smtp"),
        ("smtp://smtp.example.org:25", "smtp.example.org 25 None None False False smtp"),
        ("filemail:////emails", "None None None None False False files"),
    ],
)
def test_the_email_url_sets_every_email_setting(url: str, expected: str) -> None:
    command = (
        "import config.settings as s; print(s.EMAIL_HOST, s.EMAIL_PORT, s.EMAIL_HOST_USER, s.EMAIL_HOST_PASSWORD,"
        " s.EMAIL_USE_TLS, s.EMAIL_USE_SSL, s.EMAIL_BACKEND.split('.')[2])"
    )
    assert run("-c", command, EMAIL_URL=url).stdout.strip() == expected


def test_every_scheduled_task_exists() -> None:
    celery_app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in celery_app.conf.beat_schedule.values()}
    assert len(scheduled) == len(celery_app.conf.beat_schedule)
    assert scheduled - celery_app.tasks.keys() == set()


def test_every_variable_is_in_the_example_file() -> None:
    source = (ROOT / "config/settings.py").read_text()
    names = set(re.findall(r'(?:env(?:\.\w+)?)\(\s*"(\w+)"', source))
    example = (ROOT / ".env.example").read_text()
    assert len(names) > 20
    assert {name for name in names if f"# {name}=" not in example} == set()
