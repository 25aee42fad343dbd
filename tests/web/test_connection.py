"""Connections: deadlines of each phase, caps, bodies over their limits, callers who leave, and the end of a server."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from appsmith_proxy.errors import ConfigurationError
from appsmith_proxy.server import Server
from appsmith_proxy.settings import Settings
from tests.web.client import BOUNDARY, HOST, Client, form
from tests.web.fakes import ACTION, FakeRuntime, rows

SHORT = 0.3
"""A deadline in these tests, seconds."""

LIVE = b"GET /api/v1/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
EXECUTE = b"POST /api/v1/actions/execute HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer viewer\r\nContent-Type: application/json\r\n"


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
        took, answer = await seconds(_read(reader))
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
            rest = await _read(reader)
    assert len(rest) < 50_000_000


async def test_large_answers_arrive_whole(client: Client, runtime: FakeRuntime) -> None:
    body = json.dumps([{"text": "ü" * 100}] * 20_000).encode()
    runtime.executor.answer = lambda call: replace(rows(call), body=body)
    answered = await client.call("POST", "/actions/execute", {"actionId": ACTION})
    assert answered.data["body"] == json.loads(body)
    assert len(answered.body) == int(answered.headers["Content-Length"])


async def test_large_bodies_arrive_whole(client: Client, runtime: FakeRuntime) -> None:
    params = {f"p{number}": "ü" * 500_000 for number in range(8)}
    answered = await client.call("POST", "/actions/execute", {"actionId": ACTION, "params": params})
    assert answered.status == 413
    params = {f"p{number}": "x" * 1_000_000 for number in range(8)}
    answered = await client.call("POST", "/actions/execute", {"actionId": ACTION, "params": params})
    assert answered.status == 200
    parts = [("executeActionDTO", json.dumps({"actionId": ACTION}).encode())]
    parts += [("parameterMap", json.dumps({name: f"k{at}" for at, name in enumerate(params)}).encode())]
    parts += [(f"k{at}", value.encode()) for at, value in enumerate(params.values())]
    assert (await client.execute_form(parts)).status == 200
    assert [call.params for call in runtime.executor.calls] == [params, params]


async def test_connections_of_an_address_are_capped() -> None:
    async with serving(max_connections_per_address=3) as client:
        async with AsyncExitStack() as stack:
            for _ in range(3):
                reader, writer = await stack.enter_async_context(connected(client))
                writer.write(LIVE)
                assert await reader.read(12) == b"HTTP/1.1 200"
            assert await _exchange_or_reset(client, LIVE) == b""
        await eventually_served(client)


async def test_connections_are_capped_all_together() -> None:
    async with serving(max_connections=1) as client:
        async with connected(client) as (reader, writer):
            writer.write(LIVE)
            assert await reader.read(12) == b"HTTP/1.1 200"
            assert await _exchange_or_reset(client, LIVE) == b""
        await eventually_served(client)


async def test_a_body_over_the_cap_is_refused_before_it_is_sent() -> None:
    async with serving(max_body_bytes=2_000) as client:
        answer = await client.exchange(EXECUTE + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413 ")
        chunked = EXECUTE + b"Transfer-Encoding: chunked\r\n\r\n" + b"fa0\r\n" + b" " * 4_000 + b"\r\n"
        assert (await client.exchange(chunked)).startswith(b"HTTP/1.1 413 ")


async def test_a_value_over_its_cap_is_refused_in_both_forms() -> None:
    runtime = FakeRuntime()
    async with serving(runtime, max_value_bytes=2_000, max_body_bytes=10_000) as client:
        for size, status in ((2_000, 200), (2_001, 413)):
            for value in ("x" * size, ["x" * (size - 4)], {"a": "x" * (size - 8)}):
                sent = {"actionId": ACTION, "params": {"big": value}}
                answered = await client.call("POST", "/actions/execute", sent)
                assert answered.status == status
                assert answered.status == 200 or answered.paths == {"params.big"}
            parts = [
                ("executeActionDTO", json.dumps({"actionId": ACTION}).encode()),
                ("parameterMap", b'{"big": "k0"}'),
                ("k0", b"x" * size),
            ]
            answered = await client.execute_form(parts)
            assert answered.status == status
            assert answered.status == 200 or answered.paths == {"k0"}
        answered = await client.call("POST", "/actions/execute", raw=b" " * 10_001)
        assert answered.status == 413
        answered = await client.call(
            "POST",
            "/actions/execute",
            raw=form([("k0", b"x" * 1_900)] * 6),
            headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        )
        assert answered.status == 413
    assert len(runtime.executor.calls) == 4


async def test_a_client_that_asks_first_is_told_to_go_on(client: Client) -> None:
    body = json.dumps({"actionId": ACTION}).encode()
    async with connected(client) as (reader, writer):
        writer.write(EXECUTE + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    answer = await client.exchange(EXECUTE + b"Expect: coffee\r\nContent-Length: 5\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 417 ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/mixed; boundary=x"}, 415),
        ({"Content-Type": "multipart/form-data"}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Content-Type": "Application/JSON"}, 200),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Encoding": "identity"}, 415),
    ],
)
async def test_bodies_say_what_they_are(client: Client, headers: dict[str, str], status: int) -> None:
    answered = await client.call("POST", "/actions/execute", {"actionId": ACTION}, headers=headers)
    assert answered.status == status


async def test_forms_are_for_execute_alone(client: Client) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    assert (await client.call("POST", "/workspaces", raw=form([("name", b"n")]), headers=headers)).status == 415
    headers = {"Content-Type": "application/merge-patch+json"}
    assert (await client.call("POST", "/workspaces", {"name": "n"}, headers=headers)).status == 415


async def test_a_body_where_none_is_read_is_refused(client: Client) -> None:
    assert (await client.call("POST", f"/applications/{'b' * 24}/publish", {"force": True})).status == 400
    assert (await client.call("DELETE", f"/workspaces/{'a' * 24}", {})).status == 400


async def test_broken_chunks_are_a_malformed_request(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    head = EXECUTE + b"Transfer-Encoding: chunked\r\n\r\n"
    assert (await client.exchange(head + b"zz\r\n")).startswith(b"HTTP/1.1 400 ")
    async with connected(client) as (reader, writer):
        writer.write(head + b"1\r\n{\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"zz\r\n")
        took, answer = await seconds(_read(reader))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert took < 5
    assert caplog.records == []


async def test_pipelined_requests_are_answered_in_order(client: Client, runtime: FakeRuntime) -> None:
    def request(number: int) -> bytes:
        body = json.dumps({"actionId": ACTION, "params": {"n": number}}).encode()
        return EXECUTE + b"Content-Length: %d\r\n\r\n" % len(body) + body

    runtime.executor.answer = lambda call: replace(rows(call), body=str(call.params["n"]).encode())
    answer = await client.exchange(
        b"".join(map(request, range(50))) + LIVE.replace(b"Host", b"Connection: close\r\nHost")
    )
    bodies = [json.loads(part.partition(b"\r\n\r\n")[2]) for part in answer.split(b"HTTP/1.1 200 OK")[1:]]
    assert [body["data"]["body"] for body in bodies[:-1]] == list(range(50))


async def test_an_upgrade_is_not_one(client: Client) -> None:
    upgrade = LIVE.replace(b"Host", b"Connection: Upgrade\r\nUpgrade: websocket\r\nHost")
    answer = await client.exchange(upgrade + LIVE.replace(b"Host", b"Connection: close\r\nHost"))
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert b"101" not in answer[:20]


async def test_old_clients_get_one_answer_and_the_end(client: Client) -> None:
    answer = await client.exchange(b"GET /api/v1/health/live HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in answer


async def test_an_execution_ends_when_its_caller_leaves(client: Client, runtime: FakeRuntime) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    runtime.executor.before = hang
    body = json.dumps({"actionId": ACTION}).encode()
    async with connected(client) as (_, writer):
        writer.write(EXECUTE + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await started.wait()
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_change_runs_to_its_end_when_its_caller_leaves(client: Client, runtime: FakeRuntime) -> None:
    started, may_end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        started.set()
        await may_end.wait()

    runtime.catalog.workspaces.before = hold
    async with connected(client) as (_, writer):
        writer.write(
            b"DELETE /api/v1/workspaces/" + b"a" * 24 + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\n\r\n"
        )
        await started.wait()
    await asyncio.sleep(0.05)
    may_end.set()
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
    started, may_end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        started.set()
        await may_end.wait()

    runtime.executor.before = hold
    async with Server(runtime) as server, Client(server.port) as client:
        running = asyncio.create_task(client.call("POST", "/actions/execute", {"actionId": ACTION}))
        await started.wait()
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
        may_end.set()
        assert (await running).status == 200
        await asyncio.wait_for(waiting, 10)
    with pytest.raises(ConnectionRefusedError):
        await client.exchange(LIVE)


async def test_what_does_not_end_is_cancelled_at_the_drain_deadline() -> None:
    runtime = FakeRuntime(settings=Settings(port=0, drain_seconds=SHORT))
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    runtime.executor.before = hang
    body = json.dumps({"actionId": ACTION}).encode()
    async with Server(runtime) as server, connected(Client(server.port)) as (_, writer):
        writer.write(EXECUTE + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await started.wait()
        before = time.monotonic()
        await server.stop()
        assert ended.is_set()
        assert time.monotonic() - before < SHORT + 3


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        return b""


async def _exchange_or_reset(client: Client, data: bytes) -> bytes:
    try:
        return await client.exchange(data)
    except (ConnectionResetError, BrokenPipeError):
        return b""


async def eventually_served(client: Client) -> None:
    closing = LIVE.replace(b"Host", b"Connection: close\r\nHost")
    async with asyncio.timeout(10):
        while not (await _exchange_or_reset(client, closing)).startswith(b"HTTP/1.1 200"):
            await asyncio.sleep(0.01)
