"""The MongoDB store when its servers go away, hang, and elect: nothing waits for ever, nothing is lost, nothing is done twice."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

from appsmith_proxy.errors import StaleRevision, StoreError
from appsmith_proxy.model.records import Workspace
from appsmith_proxy.store.cache import CachedStore
from appsmith_proxy.store.contract import Put
from appsmith_proxy.store.mongodb import MongodbStore
from tests.servers.mongod import MongodServer
from tests.servers.throwaway import until
from tests.unit.store import samples
from tests.unit.store.mongodb_stores import url_of
from tests.unit.store.suite import create


@pytest.fixture(scope="module")
def servers() -> Iterator[MongodServer]:
    with MongodServer(nodes=3, authentication=True) as servers:
        yield servers


@pytest.fixture
def server() -> Iterator[MongodServer]:
    with MongodServer() as server:
        yield server


@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_a_server_that_is_gone_is_told_in_time_and_comes_back(server: MongodServer, how: str) -> None:
    workspace = samples.workspace()
    async with MongodbStore(url_of(server, "appsmith"), patience_seconds=2) as store:
        await create(store, workspace)
        await asyncio.to_thread(getattr(server, how))
        async with asyncio.timeout(12):
            outcomes = await asyncio.gather(
                store.get(Workspace, workspace.id),
                store.find(Workspace),
                store.changes(0),
                store.commit(Put(workspace, expected=1)),
                store.get_meta("ring"),
                store.put_meta("ring", b"", expected=None),
                return_exceptions=True,
            )
        assert all(isinstance(outcome, StoreError) and outcome.hint for outcome in outcomes), outcomes
        await asyncio.to_thread(server.resume if how == "pause" else server.start)

        async def is_back() -> bool:
            with suppress(StoreError):
                return await store.get(Workspace, workspace.id) is not None
            return False

        await until(is_back)
        present = await store.get(Workspace, workspace.id)
        assert present is not None
        await store.commit(Put(workspace, expected=present.revision))


async def test_a_store_closes_while_its_server_hangs(server: MongodServer) -> None:
    async with MongodbStore(url_of(server, "appsmith")) as store:
        await create(store, samples.workspace())
        server.pause()
        async with asyncio.timeout(15):
            await store.close()


class Writer:
    """Counts a record's revision up, and how often it was told that it did."""

    def __init__(self, store: MongodbStore, record: Workspace) -> None:
        self.store = store
        self.record = record
        self.told = 0
        self.unsure = 0

    async def write(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                present = await self.store.get(Workspace, self.record.id)
            except StoreError:
                continue
            assert present is not None
            try:
                await self.store.commit(Put(present, expected=present.revision))
                self.told += 1
            except StaleRevision:
                pass
            except StoreError as error:
                self.unsure += "may have been made" in error.message


@pytest.fixture
async def stores(servers: MongodServer) -> AsyncIterator[tuple[MongodbStore, MongodbStore]]:
    url = url_of(servers, servers.fresh_database())
    async with MongodbStore(url) as store, MongodbStore(url) as other:
        yield store, other


@pytest.mark.parametrize("how", ["step_down", "kill"])
async def test_an_election_loses_nothing_and_does_nothing_twice(
    servers: MongodServer, stores: tuple[MongodbStore, MongodbStore], how: str
) -> None:
    workspace = samples.workspace()
    await create(stores[0], workspace)
    writers = [Writer(store, workspace) for store in stores]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(writer.write(stop))
        for _ in range(2):
            before = sum(writer.told for writer in writers)

            async def goes_on(before: int = before) -> bool:
                return sum(writer.told for writer in writers) > before + 5

            await until(goes_on, seconds=30)
            primary = await asyncio.to_thread(servers.primary)
            if how == "kill":
                await asyncio.to_thread(servers.kill, primary)
            else:
                await asyncio.to_thread(servers.step_down)
            before = sum(writer.told for writer in writers)
            await until(lambda before=before: goes_on(before), seconds=30)
            await asyncio.to_thread(servers.start)
        stop.set()
    present = await stores[0].get(Workspace, workspace.id)
    assert present is not None
    told = sum(writer.told for writer in writers)
    assert told <= present.revision - 1 <= told + sum(writer.unsure for writer in writers)
    assert (await stores[1].changes(0)).epoch == present.revision


async def test_a_cache_hears_of_nothing_while_there_is_no_primary_and_is_trusted_no_longer(
    server: MongodServer,
) -> None:
    workspace = samples.workspace()
    async with MongodbStore(url_of(server, "appsmith")) as store:
        await create(store, workspace)
        cache = CachedStore(store, stale_seconds=1.5)
        await cache.start()
        try:
            assert await cache.get(Workspace, workspace.id) is not None
            server.pause()

            async def is_stale() -> bool:
                with suppress(StoreError):
                    cache.peek(Workspace, workspace.id)
                    return False
                return True

            await until(is_stale, seconds=4)
            server.resume()

            async def is_back() -> bool:
                return not await is_stale()

            await until(is_back)
        finally:
            await cache.stop()
