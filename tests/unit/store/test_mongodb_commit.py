"""A commit of the MongoDB store is all or nothing, once, whatever fails between its parts."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from appsmith_proxy.errors import StaleRevision, StoreError
from appsmith_proxy.model.records import Datasource, Workspace
from appsmith_proxy.store.contract import Change, Delete, Put, Require
from appsmith_proxy.store.mongodb import MongodbStore
from appsmith_proxy.store.mongodb_rows import RECORD_BYTES
from appsmith_proxy.store.mongodb_staging import BATCH_BYTES, REFS_TOLD, writes_of
from tests.servers.mongod import MongodServer
from tests.servers.throwaway import until
from tests.unit.store import samples
from tests.unit.store.mongodb_stores import looking_at, url_of
from tests.unit.store.suite import create

KEPT, CHANGED, GONE = (samples.workspace(name) for name in ("kept", "changed", "gone"))
NEW = samples.workspace("new")
CHANGES = (
    Put(NEW, expected=0),
    Put(replace(CHANGED, name="renamed"), expected=1),
    Delete(Workspace, GONE.id, expected=1),
)
BEFORE, AFTER = {"kept", "changed", "gone"}, {"kept", "renamed", "new"}

Always: Any = "alwaysOn"
BROKEN: dict[str, Any] = {"errorCode": 2}
"""Not an error that passes: whoever meets it gives up, as if it had died."""


class Scene:
    """Two handles on one store with three records, and faults in its collections."""

    def __init__(self, server: MongodServer, database: str, store: MongodbStore, other: MongodbStore) -> None:
        self.server = server
        self.database = database
        self.store = store
        self.other = other

    def fault(self, collection: str, command: str = "update", *, mode: Any = Always, **how: Any) -> Any:
        return self.server.fault(mode, failCommands=[command], namespace=f"{self.database}.{collection}", **how)

    async def names(self) -> set[str]:
        return {record.name for record in await self.other.find(Workspace)}

    async def epoch(self) -> int:
        return (await self.other.changes(0)).epoch

    async def break_off(self, collection: str) -> None:
        """Begin the changes, and end as if the process had died when it came to this collection."""
        with self.fault(collection, **BROKEN), pytest.raises(StoreError, match="may have been made"):
            await self.store.commit(*CHANGES)


@pytest.fixture
async def scene(mongod: MongodServer) -> AsyncIterator[Scene]:
    database = mongod.fresh_database()
    url = url_of(mongod, database)
    async with MongodbStore(url) as store, MongodbStore(url) as other:
        await create(store, KEPT, CHANGED, GONE)
        yield Scene(mongod, database, store, other)
    mongod.drop_database(database)


async def by_the_feed(scene: Scene) -> None:
    for _ in range(2):  # a commit that is pending for the second time is stuck
        await scene.other.changes(0)


async def by_a_list(scene: Scene) -> None:
    await scene.other.find(Workspace)


async def by_a_commit(scene: Scene) -> None:
    await create(scene.other, token := samples.token())
    await scene.other.commit(Delete(type(token), token.id, expected=1))


async def by_a_start(scene: Scene) -> None:
    async with MongodbStore(url_of(scene.server, scene.database)):
        pass


@pytest.mark.parametrize("finish", [by_the_feed, by_a_list, by_a_commit, by_a_start])
@pytest.mark.parametrize("collection", ["records", "commits"])
async def test_what_was_decided_is_finished_by_whoever_comes_next(
    scene: Scene, finish: Callable[[Scene], Awaitable[None]], collection: str
) -> None:
    before = await scene.epoch()
    await scene.break_off(collection)
    await finish(scene)
    changes = await scene.other.changes(before)
    assert changes.epoch in (before + 1, before + 3)
    assert {ref.id for ref in changes.refs} >= {NEW.id, CHANGED.id, GONE.id}
    assert await scene.names() == AFTER
    assert (await scene.other.get(Workspace, NEW.id)) == replace(NEW, revision=1)


async def test_what_was_not_decided_never_happens_and_is_swept(scene: Scene) -> None:
    before = await scene.epoch()
    await scene.break_off("head")
    assert (await scene.epoch(), await scene.names()) == (before, BEFORE)
    async with looking_at(scene.store) as database:
        assert await database.staged.count_documents({}) == 3
        await create(scene.other, samples.token())
        async with MongodbStore(url_of(scene.server, scene.database)):
            pass
        assert await database.staged.count_documents({}) == 0
        assert await database.records.count_documents({"revision": 0}) == 0
        assert await database.commits.count_documents({"epoch": None}) == 0
    assert (await scene.epoch(), await scene.names()) == (before + 1, BEFORE)
    await scene.other.commit(*CHANGES)
    assert await scene.names() == AFTER


@pytest.mark.parametrize(
    "how",
    [
        {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
        {"closeConnection": True},
        {"errorCode": 10107},
    ],
    ids=["done but not confirmed", "cut off", "not the primary"],
)
@pytest.mark.parametrize("collection", ["head", "records", "commits"])
async def test_an_answer_that_is_lost_is_found_out(scene: Scene, collection: str, how: dict[str, Any]) -> None:
    before = await scene.epoch()
    with scene.fault(collection, mode={"times": 3}, **how):
        assert await scene.store.commit(*CHANGES) == before + 1
    assert (await scene.epoch(), await scene.names()) == (before + 1, AFTER)


async def test_a_step_that_comes_late_changes_nothing(scene: Scene) -> None:
    await scene.break_off("records")
    async with looking_at(scene.store) as database:
        (pending,) = await database.commits.find({"epoch": None}).to_list(2)
        late = [writes async for writes in writes_of(database, pending["_id"])]
        await by_a_list(scene)
        await scene.other.commit(Put(replace(CHANGED, name="again"), expected=2), Delete(Workspace, NEW.id, expected=1))
        await scene.other.commit(Put(GONE, expected=0))
        for writes in late:
            await database.records.bulk_write(writes)
    assert await scene.names() == {"kept", "again", "gone"}


async def test_half_of_a_commit_is_not_done(scene: Scene) -> None:
    await scene.break_off("records")
    async with looking_at(scene.store) as database:
        await database.staged.delete_one({"number": 1})
    for attempt in (scene.other.find(Workspace), scene.other.commit(Put(samples.token(), expected=0))):
        with pytest.raises(StoreError, match="damaged"):
            await attempt
    assert await scene.other.get(Workspace, NEW.id) is None


async def test_names_may_be_exchanged_in_one_commit(scene: Scene) -> None:
    await scene.store.commit(
        Put(replace(KEPT, name="between"), expected=1),
        Put(replace(CHANGED, name="kept"), expected=1),
        Put(replace(KEPT, name="changed"), expected=2),
        Delete(Workspace, GONE.id, expected=1),
        Put(replace(GONE, name="gone"), expected=0),
    )
    found = {record.id: (record.name, record.revision) for record in await scene.other.find(Workspace)}
    assert found == {KEPT.id: ("changed", 3), CHANGED.id: ("kept", 2), GONE.id: ("gone", 1)}


async def test_a_list_never_shows_half_of_a_commit(scene: Scene) -> None:
    filler = replace(samples.datasource("w"), configuration={"text": "x" * (BATCH_BYTES + 1)})
    await create(scene.store, filler)
    done = False

    async def rename() -> None:
        nonlocal done
        for number in range(1, 12):
            first, second = (Put(replace(it, name=f"{it.name}{number}"), number) for it in (KEPT, CHANGED))
            await scene.store.commit(first, Put(filler, number), second)  # which makes two batches
        done = True

    async def look() -> None:
        while not done:
            found = {record.id: record.revision for record in await scene.other.find(Workspace)}
            assert found[KEPT.id] == found[CHANGED.id]

    # So that a commit can be decided and half done between the look at the head and the records.
    with scene.fault("records", "find", blockConnection=True, blockTimeMS=40):
        async with asyncio.TaskGroup() as group:
            group.create_task(rename())
            group.create_task(look())


async def test_nothing_is_refused_for_half_of_a_commit(scene: Scene) -> None:
    filler = replace(samples.datasource("w"), configuration={"text": "x" * (BATCH_BYTES + 1)})
    await create(scene.store, filler)
    done = False

    async def make_again() -> None:
        nonlocal done
        for number in range(1, 9):
            await scene.store.commit(Delete(Workspace, KEPT.id, 1), Put(filler, number), Put(KEPT, 0))
        done = True

    async def require() -> None:
        while not done:
            await scene.other.commit(Require(Workspace, KEPT.id))

    with scene.fault("records", "find", blockConnection=True, blockTimeMS=40):
        async with asyncio.TaskGroup() as group:
            group.create_task(make_again())
            group.create_task(require())


async def test_a_commit_that_is_cancelled_once_begun_goes_to_its_end(scene: Scene) -> None:
    with scene.fault("records", mode={"times": 1}, blockConnection=True, blockTimeMS=500):
        committing = asyncio.create_task(scene.store.commit(*CHANGES))
        async with looking_at(scene.store) as database:

            async def is_decided() -> bool:
                return await database.head.count_documents({"pending": None}) == 0

            await until(is_decided)
        for _ in range(2):
            committing.cancel()
            await asyncio.sleep(0.01)
        with pytest.raises(asyncio.CancelledError):
            await committing
        assert (await scene.other.get(Workspace, NEW.id)) == replace(NEW, revision=1)
        assert await scene.names() == AFTER


@asynccontextmanager
async def slow_to_decide(scene: Scene, *changes: Change) -> AsyncIterator[asyncio.Task[int]]:
    """Commit, with the decision arriving a second late: everything is staged, and the block runs meanwhile."""
    with scene.fault("head", mode={"times": 1}, blockConnection=True, blockTimeMS=1000):
        slow = asyncio.create_task(scene.store.commit(*changes))
        async with looking_at(scene.store) as database:

            async def is_staged() -> bool:
                return await database.staged.count_documents({}) == len(changes)

            await until(is_staged)
            await asyncio.sleep(0.1)  # the decision is on its way
        yield slow
        await asyncio.wait([slow])


async def test_a_decision_that_comes_too_late_is_none(scene: Scene) -> None:
    async with slow_to_decide(scene, Put(replace(KEPT, name="late"), expected=1)) as slow:
        await scene.other.commit(Put(replace(KEPT, name="first"), expected=1))
    with pytest.raises(StaleRevision):
        await slow
    assert await scene.names() == {"first", "changed", "gone"}


async def test_what_others_have_just_staged_is_not_swept(scene: Scene) -> None:
    async with slow_to_decide(scene, *CHANGES) as slow, MongodbStore(url_of(scene.server, scene.database)):
        pass
    await slow
    assert await scene.names() == AFTER


async def test_a_commit_may_be_larger_than_a_document_can_be(scene: Scene) -> None:
    large = [replace(samples.datasource("w", f"d{n}"), configuration={"text": "x" * 6_000_000}) for n in range(4)]
    await create(scene.store, *large)
    assert len(await scene.other.find(Datasource)) == 4
    await scene.store.commit(*(Put(record, expected=1) for record in large))
    assert [record.revision for record in await scene.other.find(Datasource)] == [2] * 4


async def test_a_commit_of_many_records_tells_the_feed_so(scene: Scene) -> None:
    before = await scene.epoch()
    await create(scene.store, *(samples.workspace(f"w{n}") for n in range(REFS_TOLD + 1)))
    changes = await scene.other.changes(before)
    assert (changes.epoch, changes.complete) == (before + 1, False)


async def test_a_record_that_no_document_can_hold_is_refused(scene: Scene) -> None:
    before = await scene.epoch()
    record = replace(samples.datasource("w"), configuration={"text": "canary" * (RECORD_BYTES // 6)})
    with pytest.raises(StoreError, match="too large") as refused:
        await create(scene.store, samples.token(), record)
    assert "canary" not in str(refused.value)
    assert await scene.epoch() == before
    fits = replace(record, configuration={"text": "x" * (RECORD_BYTES - 2_000)})
    await create(scene.store, fits)
    assert await scene.other.get(Datasource, fits.id) is not None


async def test_another_process_hears_of_a_commit_at_once(scene: Scene) -> None:
    epoch = await scene.epoch()
    hearing = asyncio.create_task(scene.other.wait(epoch, 30))
    began = time.monotonic()
    while not hearing.done():  # the stream opens in its own time
        assert time.monotonic() - began < 10
        await create(scene.store, samples.token(sha256=f"{time.monotonic()}"))
    await scene.other.wait(epoch, 30)
    epoch = await scene.epoch()
    waits = (asyncio.create_task(scene.other.wait(epoch, 30)), asyncio.create_task(scene.other.wait(epoch + 1, 0.3)))
    await create(scene.store, samples.token(sha256="last"))
    async with asyncio.timeout(2):
        await asyncio.gather(*waits)


async def test_a_stream_that_ends_is_opened_again(scene: Scene) -> None:
    with scene.server.fault("alwaysOn", failCommands=["getMore", "aggregate"], errorCode=2):
        await scene.other.wait(await scene.epoch(), 1.0)
    epoch = await scene.epoch()
    hearing = asyncio.create_task(scene.other.wait(epoch, 30))
    began = time.monotonic()
    while not hearing.done():
        assert time.monotonic() - began < 10
        await create(scene.store, samples.token(sha256=f"{time.monotonic()}"))
