import asyncio
from collections.abc import Iterator

from django.http import StreamingHttpResponse

from config.asgi import _spool


def test_a_streamed_response_is_generated_before_it_is_sent() -> None:
    generated = []

    def lines() -> Iterator[bytes]:
        for number in range(3):
            generated.append(number)
            yield f"{number}\n".encode()

    async def read() -> bytes:
        return b"".join([chunk async for chunk in response])

    response = StreamingHttpResponse(lines())
    _spool(response)
    assert generated == [0, 1, 2]
    assert response.is_async
    assert asyncio.run(read()) == b"0\n1\n2\n"
