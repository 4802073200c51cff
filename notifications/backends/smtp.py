"""Django's SMTP backend, which can be cut off at any moment: also while the server greets."""

import socket
from collections.abc import Callable
from typing import Any

from django.core.mail.backends import smtp


class EmailBackend(smtp.EmailBackend):
    _socket: socket.socket | None = None
    before_data: Callable[[], None] | None = None
    """Called when the server has taken the addresses, right before it gets the mail."""

    @property
    def connection_class(self) -> Any:
        backend = self

        class Watched(super().connection_class):  # type: ignore[misc]
            def _get_socket(self, *args: Any) -> socket.socket:
                backend._socket = super()._get_socket(*args)
                return backend._socket

            def data(self, msg: Any) -> tuple[int, bytes]:
                if backend.before_data is not None:
                    backend.before_data()
                return super().data(msg)

        return Watched

    def cut(self) -> None:
        """Break the connection, so that whoever waits for the server stops waiting. For another thread to call."""
        # After STARTTLS the first socket is an empty shell; before the greeting there is no other.
        open_socket = getattr(self.connection, "sock", None) or self._socket
        if open_socket is not None:
            try:
                open_socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._socket = None  # gone already
