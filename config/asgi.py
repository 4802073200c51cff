"""The application of the web server.

A request gets a thread once its whole body has arrived, and returns it before the response is sent. So neither a slow
body nor a slow reader occupies a thread. Each thread keeps its database connection.
"""

import asyncio
import contextvars
import gc
import json
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.signals import request_started
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from config import server_start
from config.api.problems import CONTENT_TYPE, TooLarge, problem_body

AsgiEvent = Mapping[str, Any]
Receive = Callable[[], Awaitable[AsgiEvent]]
Send = Callable[[AsgiEvent], Awaitable[None]]

_CHUNK_SIZE = 65_536
_MOST_DROPPED = 64 * 1024 * 1024


class Handler(ASGIHandler):
    """Runs the middleware and the view of a request in one of REQUEST_THREADS threads."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(settings.REQUEST_THREADS, thread_name_prefix="request")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Refuse a body beyond the limit before it is stored; otherwise serve the request."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        received = 0
        headers: dict[bytes, bytes] = {name.lower(): value for name, value in scope.get("headers", [])}
        length = headers.get(b"content-length", b"")
        if b"expect" in headers and length.isdigit() and int(length) > limit:
            await _refuse_large_body(scope, send)
            return

        async def receive_limited() -> AsgiEvent:
            nonlocal received
            message = await receive()
            received += len(message.get("body") or b"")
            if received <= limit:
                return message
            # Most clients read the response only after they have sent the whole body: drop the rest, within reason.
            while message.get("more_body") and received <= _MOST_DROPPED:
                message = await receive()
                received += len(message.get("body") or b"")
            await _refuse_large_body(scope, send)
            return {"type": "http.disconnect"}

        await self.handle(scope, receive_limited, send)

    def create_request(
        self, scope: Mapping[str, Any], body_file: IO[bytes]
    ) -> tuple[ASGIRequest, None] | tuple[None, HttpResponseBase]:
        """The request with the length of its body, which a client need not give: the whole body is here."""
        created = super().create_request(scope, body_file)
        request = created[0]
        if request is not None:
            body_file.seek(0, os.SEEK_END)
            request.META["CONTENT_LENGTH"] = str(body_file.tell())
            body_file.seek(0)
            request.META.pop("HTTP_TRANSFER_ENCODING", None)
        return created

    async def handle(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Read the whole body, respond to it in a thread, and send the response."""
        server_start.start_all()
        try:
            body_file = await self.read_body(receive)
        except RequestAborted:
            return
        # Each request has its own context: the log's variables and the script prefix.
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        response = await loop.run_in_executor(self._threads, context.run, self._respond, scope, body_file)
        await self.send_response(response, send)

    def _respond(self, scope: dict[str, Any], body_file: IO[bytes]) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        request_started.send(sender=self.__class__, scope=scope)
        request, error_response = self.create_request(scope, body_file)
        response = error_response if request is None else self.get_response(request)
        assert response is not None
        response._handler_class = self.__class__  # type: ignore[attr-defined]  # set by Django's handlers
        if isinstance(response, StreamingHttpResponse):
            _spool(response)
        # This also releases the body, and the database connection if it has failed or is too old.
        response.close()
        body_file.close()
        return response


def _spool(response: StreamingHttpResponse) -> None:
    """Run the generator of the response now, in bounded memory, because it may need the database."""
    file = tempfile.SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115
    for chunk in response:
        file.write(chunk)
    file.seek(0)

    async def chunks() -> AsyncIterator[bytes]:
        with file:
            while chunk := file.read(_CHUNK_SIZE):
                yield chunk

    response.streaming_content = chunks()


async def _refuse_large_body(scope: Mapping[str, Any], send: Send) -> None:
    body = json.dumps(problem_body(TooLarge(), scope["path"])).encode()
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": TooLarge.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


django.setup(set_prefix=False)
application = Handler()
# What was loaded until now is not garbage: the collector need not look at it again.
gc.collect()
gc.freeze()
