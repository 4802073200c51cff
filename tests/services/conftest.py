import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.services.stack import Stack
from tests.sink import smtp_sink


@pytest.fixture(scope="session")
def make_stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[Callable[..., Stack]]:
    """Creates stacks, which are stopped at the end. Each stack has its own Redis database."""
    services = request.config.getoption("--services")
    worker = int(worker_id.removeprefix("gw")) if worker_id != "master" else 0
    redis = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/15").rpartition("/")[0]
    databases = list(range(1 + 7 * worker, 8 + 7 * worker))
    postgres = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    with ExitStack() as cleanup:

        def make(**settings: str) -> Stack:
            sink, port = cleanup.enter_context(smtp_sink())
            database = databases.pop(0)
            folder: Path = tmp_path_factory.mktemp("stack")
            stack = Stack(
                folder,
                sink,
                port,
                postgres if services else None,
                f"{redis}/{database}" if services else None,
                settings,
            )
            stack.when_stopped = lambda: databases.append(database)
            cleanup.callback(stack.stop)
            return stack

        yield make


@pytest.fixture(scope="session")
def stack(make_stack: Callable[..., Stack]) -> Stack:
    """A running stack with a web server and a worker."""
    running = make_stack()
    running.start("web", "worker")
    return running
