"""Connections: what leaves is what was built, and only a connection without a doubt about it is used again."""

import asyncio
import contextlib
import time
import tracemalloc
from collections.abc import Awaitable, Callable

import pytest

from appsmith_proxy.sdk import ExecutionTimeout, StatementInvalid
from appsmith_proxy_rest.outgoing import Outgoing, lines
from appsmith_proxy_rest.urls import parse_url
from tests.servers.rest import rest_client, send
from tests.servers.tcp import tcp_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"
URL = parse_url("http://h/a?b=c")

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def test_a_head_says_what_was_built() -> None:
    headers = (("Accept", "*/*"), ("X-Empty", ""))
    assert Outgoing(method="GET", url=URL, headers=lines(headers)).head() == (
        b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nX-Empty: \r\n\r\n"
    )
    assert Outgoing(method="DELETE", url=URL, headers="").head().endswith(b"Content-Length: 0\r\n\r\n")
    assert Outgoing(method="GET", url=URL, headers="", body=b"12").head().endswith(b"Content-Length: 2\r\n\r\n")


@pytest.mark.parametrize(
    "bad", ["a\r\nY: b", "a\nY: b", "a\rb", "a\r", "a\n", "\n", "a\0", "é", "\u2028", "a\r\n\r\nGET /"]
)
def test_no_part_is_more_than_its_line(bad: str) -> None:
    for headers in ((("X", bad),), ((bad, "x"),), (("X", bad), ("Y", "z"))):
        with pytest.raises(StatementInvalid):
            lines(headers)


async def exchanged(answer: bytes | Answer, *, body: bytes = b"") -> int:
    """Send three requests to a server that answers each like this; return over how many connections they went."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.readuntil(b"\r\n\r\n"):
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await answer(reader, writer)

    parts = {"method": "POST", "body": body, "body_type": "json"} if body else {}
    async with tcp_server(serve) as port, rest_client(f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            result = await send(client, "a", **parts)  # type: ignore[arg-type]  # reason: parts of one request
            assert result.body is not None
            assert result.body.value == b"{}"
    return connections


async def test_a_connection_without_a_doubt_is_used_again() -> None:
    assert await exchanged(OK) == 1
    assert (
        await exchanged(OK.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked")[:-2] + b"2\r\n{}\r\n0\r\n\r\n")
        == 1
    )


async def test_interim_answers_are_passed_over() -> None:
    assert await exchanged(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK) == 1


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsmuggled!",
        OK + OK,
        OK.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_what_follows_an_answer_answers_no_other_request(answer: bytes) -> None:
    assert await exchanged(answer) == 3


async def test_an_answer_may_end_with_its_connection() -> None:
    async def to_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK.replace(b"Content-Length: 2\r\n", b""))
        writer.close()

    assert await exchanged(to_the_end) == 3


async def test_who_answers_before_it_was_told_everything_is_not_asked_again() -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await asyncio.Event().wait()

    assert await exchanged(early, body=b'"' + b"x" * 20_000_000 + b'"') == 3


async def test_what_comes_between_two_exchanges_ends_the_connection() -> None:
    ended = asyncio.Queue[bytes]()

    async def unasked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 200 OK\r\n")  # the beginning of an answer to what was not asked
        rest = b""
        with contextlib.suppress(ConnectionError):
            rest = await reader.read(1)
        ended.put_nowait(rest)

    async with tcp_server(unasked) as port, rest_client(f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            assert (await send(client, "a")).body is not None
            async with asyncio.timeout(2):
                assert await ended.get() == b""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (0.2, 0.6),  # the timer of the first looks again for the second
        (60, 0.2),  # and one that would come too late is replaced
    ],
)
async def test_each_exchange_has_its_own_deadline(first: float, second: float) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.read(-1)

    async with tcp_server(serve) as port, rest_client(f"http://127.0.0.1:{port}") as client:
        await send(client, "first", seconds=first)
        started = time.monotonic()
        async with asyncio.timeout(20):
            with pytest.raises(ExecutionTimeout):
                await send(client, "second", seconds=second)
        assert time.monotonic() - started > second - 0.05


async def test_what_is_left_of_an_answer_that_was_cut_answers_no_other_request() -> None:
    async def unended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\nContent-Type: text/plain\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
        )
        await reader.read(-1)

    async with tcp_server(unended) as port, rest_client(f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            result = await send(client, "a", limit=3)
            assert result.truncated
            assert result.body is not None
            assert result.body.value == b"HTT"


async def test_a_connection_that_speaks_another_protocol_is_not_used_again() -> None:
    heads = 0

    async def switching(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heads
        await reader.readuntil(b"\r\n\r\n")
        heads += 1
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n")
        await reader.read(-1)

    async with tcp_server(switching) as port, rest_client(f"http://127.0.0.1:{port}") as client:
        for _ in range(2):
            result = await send(client, "a", seconds=5)
            assert result.body is not None
            assert result.body.status == 101
    assert heads == 2


async def test_a_kept_connection_keeps_no_answer() -> None:
    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n")
            for _ in range(4):
                writer.write(b"x" * 1_000_000)
                await writer.drain()

    async with tcp_server(large) as port, rest_client(f"http://127.0.0.1:{port}") as client:
        await send(client, "warm")
        tracemalloc.start()
        try:
            await send(client, "a")
            await asyncio.sleep(0)  # the loop lets go of the future
            assert tracemalloc.get_traced_memory()[0] < 1_000_000
        finally:
            tracemalloc.stop()
