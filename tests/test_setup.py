import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from tests.services.stack import ROOT

# `manage.py` with the words after it, up to the end of the code or a comment.
COMMAND = re.compile(r"manage\.py ([a-z][a-z_ A-Z0-9-]*?)(?= *[`#|\n])")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the Makefile and a complete .venv whose programs do nothing."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    (tmp_path / "requirements.txt").touch()
    for name in ("pip", "honcho"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    (programs / "python").symlink_to(sys.executable)
    (tmp_path / "manage.py").touch()
    (tmp_path / ".venv/ready").touch()
    return tmp_path


def make(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, check=False)


def test_make_run_stops_if_the_port_is_in_use(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused = make(project, "run", f"PORT={port}")
    assert refused.returncode != 0
    assert f"Port {port} is in use." in refused.stdout
    assert make(project, "run", f"PORT={port}").returncode == 0


def test_a_half_made_environment_is_made_again(project: Path) -> None:
    (project / ".venv/bin/pip").unlink()
    planned = make(project, "-n", "run")
    assert "-m venv --clear .venv" in planned.stdout


def documented_commands() -> list[str]:
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "Dockerfile", *(ROOT / "docs").rglob("*.md")]
    return sorted({words for file in files for words in COMMAND.findall(file.read_text())})


def test_the_docs_describe_commands() -> None:
    assert "verify_audit --process ID" in documented_commands()
    assert len(documented_commands()) > 15


@pytest.mark.parametrize("words", documented_commands())
def test_every_documented_command_exists_with_its_options(words: str) -> None:
    name, *options = shlex.split(words)
    command = load_command_class(get_commands()[name], name)
    # The parser raises CommandError for unknown options.
    command._called_from_command_line = False
    parser = command.create_parser("manage.py", name)
    # A text may name a command without its required arguments.
    if options:
        parser.parse_args(options)


def test_the_audit_trail_of_a_new_database_can_be_verified(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "VAR": str(tmp_path)}
    for words in (["migrate", "-v0"], ["verify_audit"]):
        command = [sys.executable, "manage.py", *words]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)


def test_redis_in_the_compose_file_requires_the_password_that_the_broker_url_has() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    password = services["redis"]["command"][-1]
    assert services["redis"]["command"][-2] == "--requirepass"
    assert services["worker"]["environment"]["CELERY_BROKER_URL"] == f"redis://:{password}@redis:6379/0"
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
