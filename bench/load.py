"""A closed-loop load generator on raw sockets: each connection sends its next request when the last answer is in."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast, final


@dataclass(frozen=True, slots=True)
class Measured:
    """What one burst measured."""

    requests: int
    seconds: float
    sample: bytes
    """The body of one answer."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


@final
class _Connection(asyncio.Protocol):
    """One client: HTTP/1.1 keep-alive, one request at a time. Ends itself at the deadline."""

    def __init__(self, requests: Callable[[], bytes], deadline: float, done: "asyncio.Future[int]") -> None:
        self._requests = requests
        self._deadline = deadline
        self._done = done
        self._buffer = bytearray()
        self._need = 0
        self._count = 0
        self.sample = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # reason: uvloop's transports are not registered as one
        self._transport.write(self._requests())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._need:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            if not head.startswith(b"http/1.1 200"):
                self._fail(f"an answer was not 200: {bytes(self._buffer[:400])!r}")
                return
            start = head.index(b"content-length:") + 15
            self._need = end + 4 + int(head[start:].split(b"\r\n", 1)[0])
            self._head = end + 4
        if len(self._buffer) < self._need:
            return
        if not self._count:
            self.sample = bytes(self._buffer[self._head : self._need])
        self._buffer.clear()
        self._need = 0
        self._count += 1
        if time.perf_counter() < self._deadline:
            self._transport.write(self._requests())
        else:
            self._transport.close()
            if not self._done.done():
                self._done.set_result(self._count)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._fail("the server closed a connection")

    def _fail(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(RuntimeError(why))
        self._transport.close()


def request(path: str, body: bytes, headers: str = "") -> bytes:
    """Return the bytes of one POST."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def burst(port: int, requests: Callable[[], bytes], *, connections: int, seconds: float) -> Measured:
    """Keep ``connections`` clients busy for ``seconds``. Every answer must be 200.

    Raises:
        RuntimeError: one was not.
    """
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    futures: list[asyncio.Future[int]] = [loop.create_future() for _ in range(connections)]
    protocols = []
    for done in futures:
        client = partial(_Connection, requests, started + seconds, done)
        _, protocol = await loop.create_connection(client, "127.0.0.1", port)
        protocols.append(protocol)
    counts = await asyncio.gather(*futures)
    return Measured(sum(counts), time.perf_counter() - started, protocols[0].sample)
