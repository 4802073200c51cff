import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.stack import ROOT


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
