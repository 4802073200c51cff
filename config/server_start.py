"""What apps start in each process of the web server, and nowhere else."""

from collections.abc import Callable
from functools import cache

_starters: list[Callable[[], None]] = []


def on_server_start(starter: Callable[[], None]) -> None:
    """Call this function before the first request. To be registered in `ready()` of an app."""
    _starters.append(starter)


@cache
def start_all() -> None:
    """Call all of them, once. The web server does so before its first request."""
    for starter in _starters:
        starter()
