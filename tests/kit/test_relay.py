"""The relay's effects, each against a plain echo server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from appsmith_proxy.testing import Effects, Relay
from appsmith_proxy.testing.resources import Held, left_behind

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[], Awaitable[Streams]]


@asynccontextmanager
async def echo_server() -> AsyncIterator[int]:
    """Answer every byte with itself, until the end of the stream."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    async with echo_server() as port, Relay("127.0.0.1", port) as relay:
        yield relay


@pytest.fixture
async def dial(relay: Relay) -> AsyncIterator[Dial]:
    opened: list[asyncio.StreamWriter] = []

    async def connect() -> Streams:
        reader, writer = await asyncio.open_connection(relay.host, relay.port)
        opened.append(writer)
        return reader, writer

    yield connect
    for writer in opened:
        writer.transport.abort()


async def ask(streams: Streams, data: bytes) -> bytes:
    reader, writer = streams
    writer.write(data)
    return await asyncio.wait_for(reader.readexactly(len(data)), 5)


async def timed(work: Awaitable[object]) -> float:
    loop = asyncio.get_running_loop()
    start = loop.time()
    await work
    return loop.time() - start


async def test_passes_everything_on(relay: Relay, dial: Dial) -> None:
    data = bytes(range(256)) * 4096
    streams = await dial()
    streams[1].write(data)
    assert await streams[0].readexactly(len(data)) == data
    assert relay.bytes_sent == len(data)
    assert (relay.accepted, relay.open, relay.peak) == (1, 1, 1)


async def test_ends_streams(dial: Dial) -> None:
    reader, writer = await dial()
    writer.write(b"last words")
    writer.write_eof()
    assert await reader.read() == b"last words"


async def test_counts_connections(relay: Relay, dial: Dial) -> None:
    for streams in [await dial(), await dial()]:
        await ask(streams, b"x")
        streams[1].transport.abort()
    await ask(await dial(), b"x")
    assert relay.accepted == 3
    assert relay.peak >= 2


async def test_latency(relay: Relay, dial: Dial) -> None:
    streams = await dial()
    relay.answers = Effects(latency=0.2)
    assert await timed(ask(streams, b"x")) >= 0.2
    relay.heal()
    assert await ask(streams, b"y") == b"y"


async def test_bandwidth(relay: Relay, dial: Dial) -> None:
    streams = await dial()
    relay.requests = Effects(bandwidth=10_000)
    assert await timed(ask(streams, b"x" * 3_000)) >= 0.28


async def test_slice(relay: Relay, dial: Dial) -> None:
    streams = await dial()
    relay.answers = Effects(slice=1, latency=0.01)
    data = b"piece by piece"
    assert await timed(ask(streams, data)) >= 0.01 * len(data)


async def test_black_hole_holds_and_lets_go(relay: Relay, dial: Dial) -> None:
    streams = await dial()
    relay.requests = Effects(black_hole=True)
    streams[1].write(b"held")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(streams[0].readexactly(1), 0.1)
    relay.heal()
    assert await streams[0].readexactly(4) == b"held"


@pytest.mark.parametrize("after", [0, 1, 5])
async def test_cut_after_counts_from_when_it_was_set(relay: Relay, dial: Dial, after: int) -> None:
    streams = await dial()
    await ask(streams, b"before")
    relay.answers = Effects(cut_after=after)
    streams[1].write(b"0123456789")
    with pytest.raises(ConnectionResetError):
        await streams[0].readexactly(after + 1)


async def test_slow_close(relay: Relay, dial: Dial) -> None:
    reader, writer = await dial()
    await ask((reader, writer), b"x")
    relay.answers = Effects(slow_close=0.2)
    writer.write_eof()
    assert await timed(reader.read()) >= 0.2


async def test_reset_ends_what_is_open_only(relay: Relay, dial: Dial) -> None:
    streams = await dial()
    await ask(streams, b"x")
    relay.reset()
    with pytest.raises(ConnectionResetError):
        await streams[0].readexactly(1)
    assert await ask(await dial(), b"y") == b"y"


async def test_down_and_up_at_the_same_port(relay: Relay, dial: Dial) -> None:
    streams = await dial()
    await ask(streams, b"x")
    port = relay.port
    await relay.down()
    await relay.down()
    with pytest.raises(ConnectionResetError):
        await streams[0].readexactly(1)
    with pytest.raises(ConnectionRefusedError):
        await dial()
    await relay.up()
    await relay.up()
    assert relay.port == port
    assert await ask(await dial(), b"y") == b"y"


async def test_a_target_that_is_not_there_resets() -> None:
    async with Relay("127.0.0.1", 1) as relay:
        reader, writer = await asyncio.open_connection(relay.host, relay.port)
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        writer.close()


async def test_leaves_nothing_behind() -> None:
    async with echo_server() as port:
        before = Held.now()
        async with Relay("127.0.0.1", port) as relay:
            reader, writer = await asyncio.open_connection(relay.host, relay.port)
            await ask((reader, writer), b"x")
            relay.answers = relay.requests = Effects(black_hole=True, slow_close=60)
            writer.write(b"stuck")
        writer.transport.abort()
        assert not await left_behind(before)
