"""Faults: no hidden retries, deadlines that hold, cancellation that reaches the upstream, nothing left behind."""

import asyncio
import contextlib
import os
import socket
import ssl

import aiohttp
import pytest
from aiohttp.http import HttpProcessingError

from appsmith_proxy.sdk import (
    BadResponse,
    ConnectFailed,
    CredentialsRejected,
    DatasourceError,
    Disconnected,
    ExecutionTimeout,
    Outcome,
    TlsFailed,
)
from appsmith_proxy_rest.faults import RAISED, TABLE, not_connected, translated
from tests.servers.http import HttpUpstream
from tests.servers.rest import rest_client, send
from tests.servers.tcp import tcp_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


def library_errors(root: type[BaseException]) -> list[type[BaseException]]:
    return [root, *(error for child in root.__subclasses__() for error in library_errors(child))]


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"))


@pytest.mark.parametrize("error", dict.fromkeys([*library_errors(aiohttp.ClientError), HttpProcessingError]))
def test_every_error_of_the_library_has_a_row(error: type[BaseException]) -> None:
    assert [row for row in TABLE if issubclass(error, row[0])]
    assert issubclass(error, RAISED)


def test_what_failed_while_connecting_was_not_sent() -> None:
    for error in (OSError(), TimeoutError(), ssl.SSLError(), ssl.SSLCertVerificationError(), RuntimeError("canary")):
        ours = not_connected(error)
        assert ours.outcome is Outcome.NOT_SENT
        assert isinstance(ours, TlsFailed) == isinstance(error, ssl.SSLError)
        assert "canary" not in str(ours)


def test_an_unknown_error_quotes_nothing() -> None:
    assert "canary" not in str(translated(RuntimeError("canary")))
    assert "canary" not in str(translated(aiohttp.InvalidURL("http://canary")))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST"])
async def test_a_dead_kept_connection_is_not_tried_again(method: str) -> None:
    """The upstream may have run the request already: whether it is sent again is not the driver's to decide."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await writer.drain()
        heads.append(await reader.readuntil(b"\r\n\r\n"))  # and then the connection is closed without an answer

    async with tcp_server(serve) as port, rest_client(f"http://127.0.0.1:{port}") as client:
        await send(client, "first")
        with pytest.raises(Disconnected) as caught:
            await send(client, "second", method=method)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert [head.split()[1] for head in heads] == [b"/first", b"/second"]


async def test_a_dropped_connection_is_a_lost_one(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(Disconnected) as caught:
            await send(client, "drop")
        assert caught.value.outcome is Outcome.UNKNOWN
        assert (await send(client, "echo")).body is not None


async def test_a_closed_port_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with rest_client(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(ConnectFailed) as caught:
            await send(client, "echo")
    assert caught.value.outcome is Outcome.NOT_SENT
    assert str(port) not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
)
async def test_what_is_no_http_is_a_bad_answer(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async with tcp_server(serve) as port, rest_client(f"http://127.0.0.1:{port}") as client:
        with pytest.raises((BadResponse, Disconnected)):
            await send(client, "echo", seconds=5)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", OK[:30], OK[:-1]])
async def test_the_deadline_holds_wherever_the_upstream_stalls(start: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await reader.read(-1)

    async with tcp_server(serve) as port, rest_client(f"http://127.0.0.1:{port}") as client:
        # Far beyond the deadline, and far below the time that the upstream would take: for ever.
        async with asyncio.timeout(20):
            with pytest.raises(ExecutionTimeout) as caught:
                await send(client, "echo", seconds=0.1)
        assert caught.value.outcome is Outcome.UNKNOWN


async def test_a_deadline_that_has_passed_sends_nothing(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(ExecutionTimeout) as caught:
            await send(client, "echo", seconds=-1)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert upstream.arrived == []


async def test_a_slow_upstream_is_given_up_and_notices(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(ExecutionTimeout):
            await send(client, "slow/30", seconds=0.2)
        async with asyncio.timeout(2):
            while upstream.running:
                await asyncio.sleep(0.01)


async def test_cancelling_closes_the_connection(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        task = asyncio.create_task(send(client, "slow/30"))
        async with asyncio.timeout(2):
            while not upstream.running:
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(2):
            while upstream.running:
                await asyncio.sleep(0.01)
        assert (await send(client, "echo")).body is not None


async def test_no_more_connections_than_allowed(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url, max_connections=3) as client:
        await asyncio.gather(*(send(client, "slow/0.02") for _ in range(12)))
    assert len({arrived.connection for arrived in upstream.arrived}) <= 3


async def test_closing_leaves_nothing() -> None:
    async with HttpUpstream() as upstream:
        before, descriptors = set(asyncio.all_tasks()), open_descriptors()
        async with rest_client(upstream.url) as client:
            await asyncio.gather(*(send(client, "echo") for _ in range(5)))
            await client.close()
            await client.close()
            with pytest.raises(DatasourceError) as caught:
                await send(client, "echo")
            assert caught.value.outcome is Outcome.NOT_SENT
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):  # the upstream in this process closes its ends
                while open_descriptors() > descriptors or not set(asyncio.all_tasks()) <= before:
                    await asyncio.sleep(0.01)
        assert set(asyncio.all_tasks()) <= before
        assert open_descriptors() <= descriptors


async def test_check_accepts_any_answer_but_a_refusal(upstream: HttpUpstream) -> None:
    async with rest_client(f"{upstream.url}/status/404") as client:
        health = await client.check()
        assert any("unencrypted" in warning for warning in health.warnings)
    async with rest_client(f"{upstream.url}/status/503") as client:
        assert any("503" in warning for warning in (await client.check()).warnings)
    async with rest_client(f"{upstream.url}/status/401") as client:
        await client.check()
    secrets = {"bearerToken": "canary"}
    async with rest_client(f"{upstream.url}/status/401", secrets=secrets, authentication="bearer") as client:
        with pytest.raises(CredentialsRejected):
            await client.check()


async def test_check_says_when_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with rest_client(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(ConnectFailed):
            await client.check()
