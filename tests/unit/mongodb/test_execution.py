"""Executions: limits, large answers, room, what is sent and with which deadline, and what a killed one leaves behind."""

import asyncio
import logging
import threading
import time
from typing import Any

import orjson
import pytest

from appsmith_proxy.sdk import (
    AffectedLimitExceeded,
    EncodedRows,
    ExecutionTimeout,
    HttpRequest,
    Leaf,
    Limits,
    Outcome,
    PermissionRejected,
    Result,
    StatementInvalid,
    replace,
)
from tests.servers.mongod import MongodServer
from tests.servers.mongodb_opening import Opener, request

NUMBERS: dict[str, Any] = {"$range": [0, 10_000]}
ENDLESS: list[dict[str, Any]] = [
    {"$project": {"a": NUMBERS}},
    {"$unwind": "$a"},
    {"$project": {"b": NUMBERS}},
    {"$unwind": "$b"},
    {"$group": {"_id": None, "most": {"$max": "$b"}}},
]


def rows(result: Result) -> list[Any]:
    assert isinstance(result.rows, EncodedRows)
    return [orjson.loads(text) for text in result.rows.texts]


def running(mongod: MongodServer, database: str) -> int:
    """Return how many of the database's pipelines the server works on."""
    with mongod.client() as admin:
        operations = admin.admin.aggregate([{"$currentOp": {"allUsers": True}}])
        return sum(str(one.get("ns")) == f"{database}.things" for one in operations if one["active"])


async def idle(mongod: MongodServer, database: str, *, within: float = 2.0) -> None:
    end = time.monotonic() + within
    while await asyncio.to_thread(running, mongod, database):
        assert time.monotonic() < end, "the server goes on"
        await asyncio.sleep(0.02)


async def test_many_documents_come_in_batches_and_in_order(opened: Opener, mongod: MongodServer, database: str) -> None:
    with mongod.client() as admin:
        admin[database]["things"].insert_many([{"_id": number, "x": "x" * 90} for number in range(3_000)])
    client = await opened(mongod, database)
    found = await client.execute(request(sort={"_id": 1}))
    assert [row["_id"] for row in rows(found)] == list(range(3_000))
    assert (found.truncated, [column.name for column in found.columns]) == (False, ["_id", "x"])
    for limit, expected in ((2_999, True), (3_000, False), (3_001, False)):
        cut = await client.execute(request(sort={"_id": 1}, limits=Limits(rows=limit)))
        assert (len(rows(cut)), cut.truncated) == (min(limit, 3_000), expected)
    own = await client.execute(request(sort={"_id": 1}, limit=5, limits=Limits(rows=10)))
    assert (len(rows(own)), own.truncated) == (5, False)
    pipeline = await client.execute(request(operation="aggregate", pipeline=[], limits=Limits(rows=10)))
    assert (len(rows(pipeline)), pipeline.truncated) == (10, True)
    values = await client.execute(request(operation="distinct", key="_id", limits=Limits(rows=7)))
    assert (len(rows(values)), values.truncated) == (7, True)


async def test_bytes_are_bounded_and_the_cursor_is_closed(opened: Opener, mongod: MongodServer, database: str) -> None:
    with mongod.client() as admin:
        admin[database]["things"].insert_many([{"_id": number, "x": "x" * 100_000} for number in range(900)])
    client = await opened(mongod, database)
    cut = await client.execute(request(limits=Limits(bytes=1_000_000)))
    assert (len(rows(cut)), cut.truncated) == (9, True)
    with mongod.client() as admin:
        cursors = admin.admin.aggregate([{"$currentOp": {"allUsers": True, "idleCursors": True}}])
        assert not [one for one in cursors if one.get("type") == "idleCursor" and one["ns"].startswith(database)]
    none = await client.execute(request(limits=Limits(bytes=10)))
    assert (rows(none), none.truncated) == ([], True)


async def test_large_answers_wait_for_room(opened: Opener, mongod: MongodServer, database: str) -> None:
    with mongod.client() as admin:
        admin[database]["things"].insert_many([{"_id": number, "x": "x" * 1_000} for number in range(4_000)])
    client = await opened(mongod, database)
    found = await asyncio.gather(*(client.execute(request(20)) for _ in range(6)))
    assert [len(rows(one)) for one in found] == [4_000] * 6


async def test_cells_are_what_is_encoded(opened: Opener, mongod: MongodServer, database: str) -> None:
    with mongod.client() as admin:
        admin[database]["things"].insert_many([{"_id": 1, "b": None}, {"_id": 2, "c": [1.5]}])
    client = await opened(mongod, database)
    cells = await client.execute(replace(request(sort={"_id": 1}), encode=False))
    assert [column.name for column in cells.columns] == ["_id", "b", "c"]
    assert cells.rows == [[b"1", b"null", None], [b"2", None, b"[1.5]"]]
    assert rows(await client.execute(request(sort={"_id": 1}))) == [{"_id": 1, "b": None}, {"_id": 2, "c": [1.5]}]


async def test_read_only_is_kept_by_the_driver(opened: Opener, mongod: MongodServer, database: str) -> None:
    client = await opened(mongod, database)
    for fields in (
        {"operation": "insert", "documents": {"a": 1}},
        {"operation": "update", "update": {"$set": {"a": 1}}},
        {"operation": "delete"},
        {"operation": "aggregate", "pipeline": [{"$out": "b"}]},
        {"operation": "aggregate", "pipeline": [{"$merge": {"into": "b"}}]},
    ):
        with pytest.raises(PermissionRejected) as caught:
            await client.execute(request(read_only=True, **fields))
        assert caught.value.outcome is Outcome.NOT_SENT
    with mongod.client() as admin:
        assert database not in admin.list_database_names()


async def test_another_payload_is_refused(opened: Opener, mongod: MongodServer) -> None:
    client = await opened(mongod)
    wrong = replace(request(), payload=HttpRequest(method="GET"))
    with pytest.raises(StatementInvalid):
        await client.execute(wrong)


async def test_a_cancelled_write_ends_at_the_server(opened: Opener, mongod: MongodServer, database: str) -> None:
    with mongod.client() as admin:
        admin[database]["things"].insert_many([{"_id": number} for number in range(1_000)])
    client = await opened(mongod, database)
    slow = {
        "$expr": {"$eq": [{"$size": {"$filter": {"input": {"$range": [0, 500_000]}, "as": "n", "cond": False}}}, 0]}
    }
    write = request(60, operation="update", many=True, filter=slow, update={"$set": {"a": 1}})
    task = asyncio.create_task(client.execute(write))
    while not await asyncio.to_thread(running, mongod, database):
        assert not task.done()
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await idle(mongod, database, within=5)
    with mongod.client() as admin:
        assert admin[database]["things"].count_documents({"a": 1}) < 1_000


async def test_no_value_is_logged(
    opened: Opener, mongod: MongodServer, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """PyMongo writes commands and answers to its log, for whoever asks for everything."""
    caplog.set_level(logging.DEBUG)
    client = await opened(mongod, database)
    await client.execute(request(operation="insert", documents={"a": Leaf(name="x", value="canary")}))
    await client.execute(request(filter={"a": Leaf(name="x", value="canary")}))
    assert not [record.name for record in caplog.records if "canary" in record.getMessage()]


async def test_the_server_itself_keeps_the_deadline(opened: Opener, mongod: MongodServer, database: str) -> None:
    """``maxTimeMS`` goes with each command: it holds when the proxy is gone."""
    with mongod.client() as admin:
        admin[database]["things"].insert_one({"_id": 1})
        admin[database].command("profile", 2)
    client = await opened(mongod, database)
    await client.execute(request(5))
    await client.execute(request(5, operation="aggregate", pipeline=[]))
    await client.execute(request(5, operation="count"))
    await client.execute(request(5, operation="insert", documents={"a": 1}))
    with mongod.client() as admin:
        commands = [one["command"] for one in admin[database]["system.profile"].find({"ns": f"{database}.things"})]
    assert len(commands) == 4
    assert all(3_000 < command["maxTimeMS"] <= 5_000 for command in commands)


async def test_the_deadline_and_the_ceiling(opened: Opener, mongod: MongodServer, database: str) -> None:
    with mongod.client() as admin:
        admin[database]["things"].insert_one({"_id": 1})
    client = await opened(mongod, database)
    await client.execute(request())
    started = time.monotonic()
    with pytest.raises(ExecutionTimeout):
        await client.execute(request(0.3, operation="aggregate", pipeline=ENDLESS))
    assert time.monotonic() - started < 1.3
    await idle(mongod, database)
    capped = await opened(mongod, database, options={"ceilingSeconds": 1})
    started = time.monotonic()
    with pytest.raises(ExecutionTimeout):
        await capped.execute(request(30, operation="aggregate", pipeline=ENDLESS))
    assert time.monotonic() - started < 3


async def test_the_limit_of_changes_rolls_back(opened: Opener, mongod: MongodServer, database: str) -> None:
    client = await opened(mongod, database)
    await client.execute(request(operation="insert", documents=[{"a": number} for number in range(5)]))
    update: dict[str, Any] = {"operation": "update", "many": True, "update": {"$set": {"b": 1}}}
    for fields in (update, {"operation": "delete", "many": True}):
        with pytest.raises(AffectedLimitExceeded) as caught:
            await client.execute(request(limits=Limits(affected=4), **fields))
        assert caught.value.outcome is Outcome.ROLLED_BACK
    with mongod.client() as admin:
        assert admin[database]["things"].count_documents({"b": {"$exists": False}}) == 5
    assert (await client.execute(request(limits=Limits(affected=5), **update))).affected == 5


async def test_a_client_has_its_own_threads_and_ends_them(opened: Opener, mongod: MongodServer, database: str) -> None:
    before = set(threading.enumerate())
    client = await opened(mongod, database, max_connections=2)
    await asyncio.gather(*(client.execute(request()) for _ in range(20)))
    mine = {thread.name.partition("_")[0] for thread in set(threading.enumerate()) - before}
    assert "mongodb" in mine
    assert "ThreadPoolExecutor-" not in str(mine), "motor's own threads are everybody's"
    await client.close()
    end = time.monotonic() + 2
    while set(threading.enumerate()) - before:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
