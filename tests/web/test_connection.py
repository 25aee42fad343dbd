"""Connections: deadlines of each phase, caps, callers who leave, and the end of a server."""

import asyncio
import json
import os
import re
import signal
import time
from contextlib import AsyncExitStack

import pytest

from appsmith_proxy.errors import ConfigurationError
from appsmith_proxy.sdk import replace
from appsmith_proxy.server import Server
from appsmith_proxy.settings import Settings
from tests.web.client import Client
from tests.web.connections import (
    EXECUTE,
    LIVE,
    SHORT,
    Held,
    connected,
    eventually,
    eventually_served,
    exchange_or_reset,
    read_all,
    seconds,
    serving,
)
from tests.web.fakes import ACTION, FakeRuntime, rows


@pytest.mark.parametrize("sent", [b"", LIVE], ids=["silent", "after a request"])
async def test_an_idle_connection_is_closed(sent: bytes) -> None:
    async with serving(idle_seconds=SHORT) as client:
        took, answer = await seconds(client.exchange(sent))
    assert SHORT * 0.8 < took < SHORT + 1
    assert answer.count(b"HTTP/1.1 200 ") == bool(sent)


async def test_headers_have_a_deadline_however_they_drip() -> None:
    async with serving(header_seconds=SHORT, idle_seconds=60) as client, connected(client) as (reader, writer):

        async def drip() -> None:
            for byte in LIVE[:-2]:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        took, answer = await seconds(read_all(reader))
        dripping.cancel()
    assert answer == b""
    assert SHORT * 0.8 < took < SHORT + 1


async def test_headers_in_two_packets_in_time_are_fine() -> None:
    async with serving(header_seconds=5) as client, connected(client) as (reader, writer):
        for _ in range(2):
            writer.write(LIVE[:20])
            await asyncio.sleep(0.02)
            writer.write(LIVE[20:])
            assert (await reader.read(15)).startswith(b"HTTP/1.1 200")
            await reader.readuntil(b'"errorDisplay":""}')


@pytest.mark.parametrize(("path", "status"), [(b"/health/live", b"405"), (b"/nothing", b"404")])
async def test_an_answer_to_head_has_no_body_for_the_next_one_to_begin_with(path: bytes, status: bytes) -> None:
    """RFC 9110 §9.3.2: whoever asks with HEAD takes a body for the next answer, a proxy before us for another caller's."""
    last = LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with serving() as client:
        answers = await client.exchange(b"HEAD /api/v1%b HTTP/1.1\r\nHost: h\r\n\r\n" % path + last)
    first, _, second = answers.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 %b " % status)
    assert second.startswith(b"HTTP/1.1 200 ")


async def test_a_body_has_a_deadline() -> None:
    async with serving(body_seconds=SHORT) as client:
        took, answer = await seconds(client.exchange(EXECUTE + b"Content-Length: 100\r\n\r\n{"))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert took < SHORT + 5


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    runtime = FakeRuntime()
    runtime.executor.answer = lambda call: replace(rows(call), body=b'"' + b"x" * 50_000_000 + b'"')
    async with serving(runtime, write_seconds=SHORT) as client:
        body = json.dumps({"actionId": ACTION}).encode()
        async with connected(client, limit=1_000) as (reader, writer):
            writer.write(EXECUTE + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await reader.readexactly(100)
            await asyncio.sleep(SHORT * 3)
            rest = await read_all(reader)
    assert len(rest) < 50_000_000


async def test_connections_of_an_address_are_capped() -> None:
    async with serving(max_connections_per_address=3) as client:
        async with AsyncExitStack() as stack:
            for _ in range(3):
                reader, writer = await stack.enter_async_context(connected(client))
                writer.write(LIVE)
                assert await reader.read(12) == b"HTTP/1.1 200"
            assert await exchange_or_reset(client, LIVE) == b""
        await eventually_served(client)


async def test_connections_are_capped_all_together() -> None:
    async with serving(max_connections=1) as client:
        async with connected(client) as (reader, writer):
            writer.write(LIVE)
            assert await reader.read(12) == b"HTTP/1.1 200"
            assert await exchange_or_reset(client, LIVE) == b""
        await eventually_served(client)


async def test_an_execution_ends_when_its_caller_leaves(client: Client, runtime: FakeRuntime) -> None:
    runtime.executor.before = held = Held()
    body = json.dumps({"actionId": ACTION}).encode()
    async with connected(client) as (_, writer):
        writer.write(EXECUTE + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await held.started.wait()
    await asyncio.wait_for(held.ended.wait(), 5)


async def test_a_change_runs_to_its_end_when_its_caller_leaves(client: Client, runtime: FakeRuntime) -> None:
    runtime.catalog.workspaces.before = held = Held()
    async with connected(client) as (_, writer):
        writer.write(
            b"DELETE /api/v1/workspaces/" + b"a" * 24 + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\n\r\n"
        )
        await held.started.wait()
    await asyncio.sleep(0.05)
    held.may_end.set()
    await eventually(lambda: not runtime.catalog.workspaces.records)


async def test_requests_are_logged_in_one_line_without_what_clients_wrote(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="appsmith_proxy.web.requests")
    answered = await client.call(
        "GET", "/workspaces?limit=7&after=", headers={"Referer": "canary", "User-Agent": "canary\t"}
    )
    await client.call("GET", "/canary?canary=1", token="canary")
    first, second = [record.getMessage() for record in caplog.records]
    request_id = answered.headers["X-Request-Id"]
    assert re.fullmatch(rf"request {request_id}: GET /api/v1/workspaces, 200, [0-9.]+ ms", first)
    assert re.fullmatch(r"request [0-9a-f]{24}: no route, 404, [0-9.]+ ms", second)
    assert "canary" not in caplog.text
    assert "limit" not in caplog.text


async def test_the_server_tells_where_it_listens_while_it_does() -> None:
    runtime = FakeRuntime()
    async with Server(runtime) as server:
        assert runtime.listeners == [(server.host, server.port)]
        with pytest.raises(ConfigurationError, match="cannot listen"):
            async with Server(FakeRuntime(settings=Settings(port=server.port))):
                pass
    assert runtime.listeners == []


async def test_a_stopping_server_fails_readiness_finishes_what_runs_and_then_ends() -> None:
    runtime = FakeRuntime()
    runtime.executor.before = held = Held()
    async with Server(runtime) as server, Client(server.port) as client:
        running = asyncio.create_task(client.call("POST", "/actions/execute", {"actionId": ACTION}))
        await held.started.wait()
        waiting = asyncio.create_task(server.wait_stopped())
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        answer = b""
        while b" 503 " not in answer[:20]:
            answer = await client.exchange(
                LIVE.replace(b"live", b"ready").replace(b"Host", b"Connection: close\r\nHost")
            )
        last = await client.exchange(LIVE)
        assert b"Connection: close\r\n" in last
        held.may_end.set()
        assert (await running).status == 200
        await asyncio.wait_for(waiting, 10)
    with pytest.raises(ConnectionRefusedError):
        await client.exchange(LIVE)


async def test_what_does_not_end_is_cancelled_at_the_drain_deadline() -> None:
    runtime = FakeRuntime(settings=Settings(port=0, drain_seconds=SHORT))
    runtime.executor.before = held = Held()
    body = json.dumps({"actionId": ACTION}).encode()
    async with Server(runtime) as server, connected(Client(server.port)) as (_, writer):
        writer.write(EXECUTE + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await held.started.wait()
        before = time.monotonic()
        await server.stop()
        assert held.ended.is_set()
        assert time.monotonic() - before < SHORT + 3
