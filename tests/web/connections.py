"""Bytes to a real server and back: connections by hand, and how long they last."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from appsmith_proxy.server import Server
from appsmith_proxy.settings import Settings
from tests.web.client import HOST, Client
from tests.web.fakes import FakeRuntime

SHORT = 0.3
"""A deadline in these tests, seconds."""

LIVE = b"GET /api/v1/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
EXECUTE = b"POST /api/v1/actions/execute HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer viewer\r\nContent-Type: application/json\r\n"


class Held:
    """Work that tells when it has begun and when it is over, and between them waits until it may end."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self) -> None:
        self.started.set()
        try:
            await self.may_end.wait()
        finally:
            self.ended.set()


@asynccontextmanager
async def serving(runtime: FakeRuntime | None = None, **settings: Any) -> AsyncIterator[Client]:
    runtime = runtime or FakeRuntime()
    runtime.settings = Settings(port=0, **settings)
    async with Server(runtime) as server, Client(server.port) as client:
        yield client


@asynccontextmanager
async def connected(
    client: Client, limit: int = 2**16
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(HOST, client.port, limit=limit)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def seconds(work: Awaitable[bytes]) -> tuple[float, bytes]:
    started = time.monotonic()
    answer = await work
    return time.monotonic() - started, answer


async def eventually(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0.01)


async def read_all(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        return b""


async def exchange_or_reset(client: Client, data: bytes) -> bytes:
    try:
        return await client.exchange(data)
    except (ConnectionResetError, BrokenPipeError):
        return b""


async def eventually_served(client: Client) -> None:
    closing = LIVE.replace(b"Host", b"Connection: close\r\nHost")
    async with asyncio.timeout(10):
        while not (await exchange_or_reset(client, closing)).startswith(b"HTTP/1.1 200"):
            await asyncio.sleep(0.01)
