from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signing.models import Process
from tests.conftest import Api
from tests.signing.erasure.canary import put_everywhere


@pytest.fixture(autouse=True)
def own_checkpoint_file(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"
    monkeypatch.setattr("audit.chain.reader_cursor.readable_up_to", lambda: None)


@pytest.fixture
def everywhere(api: Api, api_of: Callable[..., Api], mailoutbox: Any) -> Process:
    return put_everywhere(api, api_of("portal", rights=["on_behalf", "audit_write"]))
