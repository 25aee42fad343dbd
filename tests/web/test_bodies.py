"""Bodies and framing: what is over a limit, says the wrong thing of itself, or comes in another way than most."""

import asyncio
import json

import pytest

from appsmith_proxy.sdk import replace
from tests.web.client import BOUNDARY, Client, form
from tests.web.connections import EXECUTE, LIVE, connected, read_all, seconds, serving
from tests.web.fakes import ACTION, FakeRuntime, rows


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
        took, answer = await seconds(read_all(reader))
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
