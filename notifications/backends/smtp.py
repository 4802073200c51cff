"""Django's SMTP backend with a connection that another thread can abort at any time, even during the greeting, and
that tells whether a message was being transferred."""

import socket
from contextlib import suppress

from django.core.mail.backends import smtp


class EmailBackend(smtp.EmailBackend):
    _first_socket: socket.socket | None = None
    # Whether DATA was sent and not answered: the server may have accepted the message.
    in_data = False

    @property
    def connection_class(self) -> type:
        backend = self

        class Connection(super().connection_class):  # type: ignore[misc]  # a base class known at run time
            def _get_socket(self, *args: object) -> socket.socket:
                backend._first_socket = super()._get_socket(*args)
                return backend._first_socket

            def data(self, msg: bytes) -> tuple[int, bytes]:
                backend.in_data = True
                response: tuple[int, bytes] = super().data(msg)
                backend.in_data = False
                return response

        return Connection

    def abort(self) -> None:
        """Shut the socket down, so that a thread waiting for the server gets an error."""
        # STARTTLS replaces the first socket; before the greeting the connection has no other.
        current = getattr(self.connection, "sock", None) or self._first_socket
        if current is not None:
            with suppress(OSError):  # already closed
                current.shutdown(socket.SHUT_RDWR)
