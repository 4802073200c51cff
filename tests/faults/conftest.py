import os

import pytest

SOAK = int(os.environ.get("SOAK", "1"))
"""How many times the short form: `make soak` sets it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/faults/" in str(item.path):
            item.add_marker(pytest.mark.services)
