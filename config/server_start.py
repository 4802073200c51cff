"""What apps start in each process of the web server, and nowhere else."""

from collections.abc import Callable

_starters: list[Callable[[], None]] = []


def on_server_start(starter: Callable[[], None]) -> None:
    """Call this function when the web server has loaded the application. To be registered in `ready()` of an app."""
    _starters.append(starter)


def start_all() -> None:
    for starter in _starters:
        starter()
