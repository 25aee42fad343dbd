"""``Idempotency-Key`` through whole proxies: what is sent twice is done once."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from appsmith_proxy.audit.contract import Intent, OutcomeRecord
from appsmith_proxy.model.keyed_runs import KeyedRun
from appsmith_proxy.store.sqlite import SqliteStore
from tests.servers.command import Installation
from tests.servers.place import Place
from tests.servers.proxy import Caller, Proxy, Reply, running_proxy

ADD = "INSERT INTO orders (id, cents) VALUES ({{id}}, {{cents}})"
ENDLESS = (
    "INSERT INTO orders (cents) SELECT count(*) FROM"
    " (WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n)"
)
TABLE = "CREATE TABLE orders (id INTEGER PRIMARY KEY, cents TEXT NOT NULL)"


def make(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute(TABLE)
        file.commit()


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as file:
        ((found,),) = file.execute("SELECT count(*) FROM orders")
    return int(found)


async def send(caller: Caller, action: str, key: str, *, more: dict[str, Any] | None = None, **params: Any) -> Reply:
    """Execute with a key."""
    body = {"actionId": action, "viewMode": True, "params": params, **(more or {})}
    return await caller.call("POST", "/actions/execute", body, headers={"Idempotency-Key": key})


@pytest.fixture
async def pair(paths: SimpleNamespace) -> AsyncIterator[tuple[Proxy, Proxy]]:
    """Two proxies on one store; the first has furnished it."""
    make(paths.data / "shop.db")
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(
                running_proxy(
                    paths.own,
                    store=SqliteStore(paths.own / "store.db"),
                    furnish=first,
                    driver_options={"sqlite": {"folder": str(paths.data)}},
                )
            )
            for first in (True, False)
        ]
        yield one, other


@pytest.fixture
async def action(pair: tuple[Proxy, Proxy]) -> str:
    """An action that adds an order."""
    shop = await pair[0].datasource("sqlite", {"file": "shop.db"})
    return await pair[0].action(shop, ADD, userMessages={"ConstraintViolated": "That order exists already."})


async def test_of_equal_calls_at_two_proxies_one_runs(
    pair: tuple[Proxy, Proxy], paths: SimpleNamespace, action: str
) -> None:
    viewers = [Caller(proxy.base, proxy.session, pair[0].viewer.token) for proxy in pair]
    replies = await asyncio.gather(*(send(viewers[n % 2], action, "k", id=None, cents=5) for n in range(12)))
    assert count(paths.data / "shop.db") == 1
    assert {reply.status for reply in replies} <= {200, 409}
    for reply in replies:
        if reply.status == 409:
            assert reply.error["code"] == "StillRunning"
            assert reply.headers["Retry-After"] == "1"
        else:
            assert reply.data["body"] == [{"affectedRows": 1}]
            assert reply.data["isExecutionSuccess"]
    for viewer in viewers:
        again = await send(viewer, action, "k", id=None, cents=5)
        assert again.data["body"] == [{"affectedRows": 1}]
        assert "not run again" in again.data["messages"][0]
    assert count(paths.data / "shop.db") == 1
    for proxy in pair:  # every call is on the trail, with its end
        intents = {record.execution_id for record in proxy.ring.records() if isinstance(record, Intent)}
        ends = [record.execution_id for record in proxy.ring.records() if isinstance(record, OutcomeRecord)]
        assert sorted(ends) == sorted(intents)


async def test_another_caller_s_key_is_another(pair: tuple[Proxy, Proxy], paths: SimpleNamespace, action: str) -> None:
    for caller in (pair[0].viewer, pair[0].developer, pair[0].viewer):
        assert (await send(caller, action, "k", id=None, cents=5)).data["isExecutionSuccess"]
    assert count(paths.data / "shop.db") == 2


async def test_a_failure_is_the_same_again(pair: tuple[Proxy, Proxy], paths: SimpleNamespace, action: str) -> None:
    proxy = pair[0]
    await send(proxy.viewer, action, "first", id=1, cents=5)
    first, again = [await send(proxy.viewer, action, "second", id=1, cents=5) for _ in range(2)]
    with closing(sqlite3.connect(paths.data / "shop.db")) as file:
        file.execute("DELETE FROM orders")
        file.commit()
    late = await send(proxy.viewer, action, "second", id=1, cents=5)
    for reply in (first, again, late):
        assert (reply.status, reply.data["statusCode"]) == (200, "ConstraintViolated")
        assert {**reply.data, "executionId": ""} == {**first.data, "executionId": ""}, "a viewer sees no difference"
    assert count(paths.data / "shop.db") == 0


async def test_what_was_never_sent_may_be_sent_again(
    pair: tuple[Proxy, Proxy], paths: SimpleNamespace, action: str
) -> None:
    assert not (await send(pair[0].viewer, action, "k", id=1)).data["isExecutionSuccess"], "cents is missing"
    assert (await send(pair[0].viewer, action, "k", id=1, cents=5)).data["body"] == [{"affectedRows": 1}]
    assert count(paths.data / "shop.db") == 1


async def test_both_forms_know_the_same_key(pair: tuple[Proxy, Proxy], paths: SimpleNamespace, action: str) -> None:
    proxy = pair[0]
    headers = {"Idempotency-Key": "k"}
    described = {"actionId": action, "viewMode": True, "paramProperties": {"k0": {"datatype": "string"}}}
    form = aiohttp.FormData()
    form.add_field("executeActionDTO", json.dumps(described), content_type="application/json")
    form.add_field("parameterMap", json.dumps({"id": "k0", "cents": "k0"}))
    form.add_field("k0", "7", filename="blob", content_type="text/plain")
    first = await proxy.viewer.call("POST", "/actions/execute", data=form, headers=headers)
    assert first.data["body"] == [{"affectedRows": 1}]
    assert first.data["messages"] == []
    assert "not run again" in (await send(proxy.viewer, action, "k", id=7, cents=7)).data["messages"][0]
    assert count(paths.data / "shop.db") == 1


async def test_what_is_no_key_is_refused(pair: tuple[Proxy, Proxy], paths: SimpleNamespace, action: str) -> None:
    for key in ("", "a b", "x" * 256, "ü", "a\tb"):
        reply = await send(pair[0].viewer, action, key, id=1, cents=5)
        assert (reply.status, reply.error["code"]) == (400, "InvalidRequest")
        assert "Idempotency-Key" in reply.error["message"]
    assert count(paths.data / "shop.db") == 0


async def test_two_keys_are_refused(pair: tuple[Proxy, Proxy], action: str) -> None:
    viewer = pair[0].viewer
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), ("Authorization", f"Bearer {viewer.token}")]
    body = {"actionId": action, "params": {}}
    async with viewer.session.post(f"{viewer.base}/actions/execute", json=body, headers=headers) as response:
        assert response.status == 400


async def test_a_key_is_ignored_where_nothing_stays(
    pair: tuple[Proxy, Proxy], paths: SimpleNamespace, action: str
) -> None:
    proxy = pair[0]
    shop = await proxy.datasource("sqlite", {"file": "shop.db"}, name="again")
    read = await proxy.action(shop, "SELECT count(*) AS n FROM orders", name="read")
    assert (await send(proxy.viewer, read, "k")).data["body"] == [{"n": 0}]
    for _ in range(2):
        dry = await send(proxy.developer, action, "k", more={"mode": "dryRun"}, id=1, cents=5)
        assert any("Idempotency-Key was ignored" in message for message in dry.data["messages"])
    assert (await send(proxy.developer, action, "k", id=1, cents=5)).data["body"] == [{"affectedRows": 1}]
    reply = await send(proxy.viewer, read, "k")
    assert reply.data["body"] == [{"n": 1}]
    assert reply.data["messages"] == ["the Idempotency-Key was ignored: this action only reads"]


async def test_neither_key_nor_value_nor_row_reaches_the_store(
    pair: tuple[Proxy, Proxy], paths: SimpleNamespace
) -> None:
    proxy = pair[0]
    shop = await proxy.datasource("sqlite", {"file": "shop.db"})
    added = await proxy.action(shop, "INSERT INTO orders (cents) VALUES ({{cents}}) RETURNING cents || '-row' AS c")
    first = await send(proxy.viewer, added, "canary-key", cents="canary-value")
    assert first.data["body"] == [{"c": "canary-value-row"}]
    again = await send(proxy.viewer, added, "canary-key", cents="canary-value")
    assert again.data["body"] == [{"affectedRows": 1}]
    async with SqliteStore(paths.own / "store.db") as store:
        assert len(await store.find(KeyedRun)) == 1
    for file in paths.own.rglob("*"):
        assert not file.is_file() or b"canary" not in file.read_bytes()


async def test_who_dies_while_it_runs_leaves_a_key_that_runs_nothing(tmp_path: Path) -> None:
    here = Installation(tmp_path / "here")
    await here.make_keys()
    await here.make_ring()
    make(here.data / "shop.db")
    token = await here.ok("tokens", "create", "--role", "administrator")
    async with here.serving() as doomed, here.serving() as other:
        place = await Place.made(doomed.caller(token))
        shop = await place.datasource("sqlite", {"file": "shop.db"})
        action = await place.action(shop, ENDLESS, timeoutMs=60_000)
        await place.publish()
        running = asyncio.create_task(send(doomed.caller(token), action, "k"))
        store = SqliteStore(here.store)
        async with asyncio.timeout(30), store:
            while not await store.find(KeyedRun):
                await asyncio.sleep(0.02)
        await doomed.kill()
        assert isinstance((await asyncio.gather(running, return_exceptions=True))[0], aiohttp.ClientError)
        for _ in range(2):
            reply = await send(other.caller(token), action, "k")
            assert (reply.status, reply.error["code"]) == (409, "StillRunning")
    assert count(here.data / "shop.db") == 0


async def test_a_later_step_that_was_not_sent_frees_no_key(pair: tuple[Proxy, Proxy], paths: SimpleNamespace) -> None:
    """What became of a statement is not what became of those before it."""
    proxy = pair[0]
    shop = await proxy.datasource("sqlite", {"file": "shop.db"})
    steps = [
        {"name": "one", "body": "INSERT INTO orders (cents) VALUES ('1')"},
        {"name": "two", "body": "UPDATE orders SET cents = {{exact}}"},
    ]
    parameters = [{"name": "exact", "type": "decimal"}]
    action = await proxy.action(shop, {"steps": steps}, parameters=parameters)
    too_exact = "0." + "123456789" * 3
    first, again = [await send(proxy.developer, action, "k", exact=too_exact) for _ in range(2)]
    for reply in (first, again):
        assert reply.data["statusCode"] == "ParameterInvalid"
        assert reply.data["pluginErrorDetails"]["outcome"] == "rolled_back"
    assert "not run again" in again.data["readableError"]
    assert count(paths.data / "shop.db") == 0
