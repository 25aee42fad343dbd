"""The cache is cheap, and never wrong for longer than a poll."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from appsmith_proxy.errors import StoreError, StoreStale
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.records import Action, Token, Workspace
from appsmith_proxy.store import cache as cache_module
from appsmith_proxy.store.cache import CachedStore
from appsmith_proxy.store.collections import COLLECTIONS
from appsmith_proxy.store.contract import PAGE, Changes, Delete, Put, R, Ref
from appsmith_proxy.store.memory import MemoryStore
from tests.unit.store import samples
from tests.unit.store.suite import FEED_KEPT, create


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class WatchedStore(MemoryStore):
    """A memory store that counts reads, can fail, and can be held between reading and answering."""

    def __init__(self) -> None:
        super().__init__(feed_kept=FEED_KEPT)
        self.reads = 0
        self.failing = False
        self.answer = asyncio.Event()
        self.answer.set()

    async def get(self, kind: type[R], record_id: str) -> R | None:
        self.reads += 1
        found = await super().get(kind, record_id)
        await self.answer.wait()
        return found

    async def find(
        self, kind: type[R], *, where: Mapping[str, str] | None = None, after: str = "", limit: int = PAGE
    ) -> tuple[R, ...]:
        self.reads += 1
        found = await super().find(kind, where=where, after=after, limit=limit)
        await self.answer.wait()
        return found

    async def changes(self, after: int) -> Changes:
        if self.failing:
            raise StoreError("canary text of the store's error")
        return await super().changes(after)


@pytest.fixture
async def store() -> AsyncIterator[WatchedStore]:
    store = WatchedStore()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def cache(store: WatchedStore, clock: Clock) -> CachedStore:
    """A cache that polls when the test says ``refresh``."""
    cache = CachedStore(store, stale_seconds=5.0, clock=clock)
    await cache.refresh()
    return cache


async def test_a_record_is_read_once(cache: CachedStore, store: WatchedStore) -> None:
    workspace = samples.workspace()
    await create(store, workspace)
    assert cache.peek(Workspace, workspace.id) is None
    first = await cache.get(Workspace, workspace.id)
    assert first == replace(workspace, revision=1)
    assert await cache.get(Workspace, workspace.id) is first
    assert cache.peek(Workspace, workspace.id) is first
    assert store.reads == 1


async def test_a_search_is_made_once(cache: CachedStore, store: WatchedStore) -> None:
    token = samples.token()
    await create(store, token)
    assert cache.peek_one(Token, "sha256", token.sha256) is None
    first = await cache.find_one(Token, "sha256", token.sha256)
    assert first == replace(token, revision=1)
    assert await cache.find_one(Token, "sha256", token.sha256) is first
    assert cache.peek_one(Token, "sha256", token.sha256) is first
    assert cache.peek(Token, token.id) is first
    assert store.reads == 1


async def test_what_is_not_there_is_looked_for_once_until_it_may_be(cache: CachedStore, store: WatchedStore) -> None:
    workspace = samples.workspace("Sales")
    for _ in range(2):
        assert await cache.get(Workspace, workspace.id) is None
        assert await cache.find_one(Workspace, "name", "Sales") is None
    assert store.reads == 2
    await create(store, workspace)
    await cache.refresh()
    assert await cache.get(Workspace, workspace.id) is not None
    assert await cache.find_one(Workspace, "name", "Sales") is not None


async def test_a_change_is_seen_after_the_next_poll(cache: CachedStore, store: WatchedStore) -> None:
    workspace = samples.workspace("Sales")
    await create(store, workspace)
    await cache.find_one(Workspace, "name", "Sales")
    await store.commit(Put(replace(workspace, name="Support"), expected=1))
    await cache.refresh()
    assert cache.peek(Workspace, workspace.id) is None
    found = await cache.get(Workspace, workspace.id)
    assert found is not None
    assert found.name == "Support"
    assert cache.peek_one(Workspace, "name", "Sales") is None
    assert await cache.find_one(Workspace, "name", "Sales") is None
    await store.commit(Delete(Workspace, workspace.id, expected=2))
    await cache.refresh()
    assert await cache.get(Workspace, workspace.id) is None


async def test_a_change_elsewhere_drops_nothing(cache: CachedStore, store: WatchedStore) -> None:
    kept, changed = samples.workspace("kept"), samples.workspace("changed")
    await create(store, kept, changed)
    await cache.refresh()
    await cache.get(Workspace, kept.id)
    await cache.get(Workspace, changed.id)
    await store.commit(Put(changed, expected=1))
    await cache.refresh()
    assert cache.peek(Workspace, kept.id) is not None
    assert cache.peek(Workspace, changed.id) is None


async def test_the_version_moves_with_every_change_and_with_nothing_else(
    cache: CachedStore, store: WatchedStore
) -> None:
    one, other = samples.workspace("one"), samples.workspace("other")
    await create(store, one, other)
    await cache.refresh()
    seen = [cache.version()]
    await cache.get(Workspace, one.id)
    await cache.refresh()
    assert cache.version() == seen[0]
    for _ in range(2):
        await store.commit(Put(replace(other, revision=len(seen)), expected=len(seen)))
        await cache.refresh()
        assert cache.version() not in seen
        seen.append(cache.version())


@pytest.mark.parametrize("by", ["id", "name"])
async def test_an_answer_that_was_overtaken_by_a_change_is_not_kept(
    cache: CachedStore, store: WatchedStore, by: str
) -> None:
    workspace = samples.workspace("Sales")
    await create(store, workspace)
    await cache.refresh()
    store.answer.clear()
    reading = asyncio.create_task(
        cache.get(Workspace, workspace.id) if by == "id" else cache.find_one(Workspace, "name", "Sales")
    )
    while not store.reads:
        await asyncio.sleep(0)
    await store.commit(Delete(Workspace, workspace.id, expected=1))
    await cache.refresh()
    store.answer.set()
    assert await reading is not None  # true when it was asked for
    assert cache.peek(Workspace, workspace.id) is None
    assert cache.peek_one(Workspace, "name", "Sales") is None
    assert await cache.get(Workspace, workspace.id) is None


async def test_a_lost_feed_drops_everything_and_says_so(cache: CachedStore, store: WatchedStore) -> None:
    told: list[Ref] = []
    workspace = samples.workspace()
    await create(store, workspace)
    await cache.get(Workspace, workspace.id)
    cache.subscribe(told.append)
    for number in range(FEED_KEPT + 2):
        await create(store, samples.application("w", f"a{number}"))
    await cache.refresh()
    assert cache.peek(Workspace, workspace.id) is None
    assert {*told} == {Ref(kind) for kind in COLLECTIONS}, "every record of each kind is meant"


async def test_listeners_hear_of_each_record(cache: CachedStore, store: WatchedStore) -> None:
    told: list[Ref] = []
    cache.subscribe(told.append)
    action = samples.action("w", "a", "d")
    await create(store, action)
    await cache.refresh()
    await cache.refresh()
    assert told == [Ref(Action, action.id)]


async def test_a_poll_with_a_failing_listener_is_repeated_until_all_have_heard(
    cache: CachedStore, store: WatchedStore
) -> None:
    told: list[Ref] = []
    failing = True

    def fail(ref: Ref) -> None:
        if failing:
            raise RuntimeError("canary")

    cache.subscribe(fail)
    cache.subscribe(told.append)
    await create(store, samples.workspace())
    with pytest.raises(RuntimeError):
        await cache.refresh()
    assert len(told) == 1
    failing = False
    await cache.refresh()
    assert len(told) == 2
    await cache.refresh()
    assert len(told) == 2


async def test_nothing_is_answered_before_the_first_poll(store: WatchedStore) -> None:
    cache = CachedStore(store)
    with pytest.raises(StoreStale):
        await cache.get(Workspace, new_id())


async def test_trust_runs_out(cache: CachedStore, store: WatchedStore, clock: Clock) -> None:
    workspace = samples.workspace("Sales")
    await create(store, workspace)
    await cache.find_one(Workspace, "name", "Sales")
    store.failing = True
    clock.now += 4.9
    with pytest.raises(StoreError):
        await cache.refresh()
    assert cache.peek(Workspace, workspace.id) is not None
    clock.now += 0.1
    with pytest.raises(StoreStale):
        cache.peek(Workspace, workspace.id)
    with pytest.raises(StoreStale):
        cache.peek_one(Workspace, "name", "Sales")
    with pytest.raises(StoreStale):
        cache.version()
    for read in (cache.get(Workspace, workspace.id), cache.find_one(Workspace, "name", "Sales")):
        with pytest.raises(StoreStale):
            await read
    store.failing = False
    await cache.refresh()
    assert await cache.get(Workspace, workspace.id) is not None


async def test_trust_counts_from_the_polls_beginning(store: WatchedStore, clock: Clock) -> None:
    class SlowFeed(MemoryStore):
        async def changes(self, after: int) -> Changes:
            clock.now += 3.0
            return await super().changes(after)

    slow = SlowFeed()
    await slow.open()
    cache = CachedStore(slow, stale_seconds=5.0, clock=clock)
    await cache.refresh()
    clock.now += 2.0
    with pytest.raises(StoreStale):
        cache.peek(Workspace, new_id())


async def test_the_background_poll_follows_and_survives_failures(
    store: WatchedStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cache = CachedStore(store, poll_seconds=0.005)
    heard = asyncio.Event()
    cache.subscribe(lambda ref: heard.set())
    await cache.start()
    try:
        store.failing = True
        while not caplog.records:
            await asyncio.sleep(0.005)
        await create(store, samples.workspace())
        store.failing = False
        async with asyncio.timeout(5):
            await heard.wait()
            while len(caplog.records) < 2:
                await asyncio.sleep(0.005)
    finally:
        await cache.stop()
        await cache.stop()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "StoreError" in caplog.text
    assert "canary" not in caplog.text
    assert len(asyncio.all_tasks()) == 1


async def test_start_fails_when_the_store_cannot_be_read(store: WatchedStore) -> None:
    store.failing = True
    cache = CachedStore(store)
    with pytest.raises(StoreError):
        await cache.start()
    await cache.stop()


async def test_memory_is_bounded(cache: CachedStore, store: WatchedStore) -> None:
    for _ in range(cache_module.KEPT_MISSES + 10):
        await cache.get(Workspace, new_id())
    assert len(cache._misses) == cache_module.KEPT_MISSES
    records = [samples.workspace(f"w{number}") for number in range(cache_module.KEPT + 10)]
    await create(store, *records)
    await cache.refresh()
    for record in records:
        await cache.get(Workspace, record.id)
    assert len(cache._records) == cache_module.KEPT
    assert cache.peek(Workspace, records[0].id) is None
    assert await cache.get(Workspace, records[0].id) is not None
