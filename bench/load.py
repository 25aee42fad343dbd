"""A closed-loop load generator on raw sockets: each connection sends its next request when the last answer is in."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast, final


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one burst measured."""

    requests: int
    seconds: float
    samples: tuple[tuple[int, bytes], ...]
    """The first and the last answer of each connection: the request's number, and the body."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def request(path: str, body: bytes, headers: str = "") -> bytes:
    """Return the bytes of one POST."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def burst(
    port: int, requests: Sequence[bytes], *, connections: int, seconds: float, most: int | None = None
) -> Measured:
    """Keep ``connections`` clients busy for ``seconds``, or until ``most`` requests were sent. Every answer must be 200.

    Raises:
        RuntimeError: one was not, or a connection broke.
    """
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    numbers = iter(range(most)) if most is not None else itertools.count()
    clients = [_Client(requests, numbers, started + seconds) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(partial(_itself, client), "127.0.0.1", port)
    await asyncio.gather(*(client.done for client in clients))
    return Measured(
        requests=sum(client.count for client in clients),
        seconds=time.perf_counter() - started,
        samples=tuple(sample for client in clients for sample in (client.first, client.last) if sample),
    )


@final
class _Client(asyncio.Protocol):
    """HTTP/1.1 keep-alive, one request at a time."""

    def __init__(self, requests: Sequence[bytes], numbers: Iterator[int], deadline: float) -> None:
        self.count = 0
        self.first: tuple[int, bytes] | None = None
        self.last: tuple[int, bytes] | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._numbers = numbers
        self._deadline = deadline
        self._number = 0
        self._buffer = bytearray()
        self._head = 0
        self._end = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # reason: uvloop's transports are not registered as one
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._end and not self._read_head():
            return
        if len(self._buffer) < self._end:
            return
        self.count += 1
        over = time.perf_counter() >= self._deadline
        if over or self.first is None:
            self.last = self._number % len(self._requests), bytes(self._buffer[self._head : self._end])
            self.first = self.first or self.last
        self._buffer.clear()
        self._end = 0
        if over:
            self._stop()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the server closed a connection")

    def _send(self) -> None:
        number = next(self._numbers, None)
        if number is None:
            self._stop()
            return
        self._number = number
        self._transport.write(self._requests[number % len(self._requests)])

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._buffer[:end]).lower()
        if not head.startswith(b"http/1.1 200"):
            self._fail(f"an answer was not 200: {bytes(self._buffer[:400])!r}")
            return False
        start = head.index(b"content-length:") + len(b"content-length:")
        self._head = end + 4
        self._end = self._head + int(head[start:].split(b"\r\n", 1)[0])
        return True

    def _stop(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(why))
        self._transport.close()


def _itself(client: _Client) -> _Client:
    return client
