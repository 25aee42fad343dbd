"""The MongoDB store passes the suite on a replica set and on a standalone mongod, and refuses what is not its own."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import trustme

from appsmith_proxy.errors import StoreError
from appsmith_proxy.model.records import Workspace
from appsmith_proxy.store.contract import ConfigStore, Put
from appsmith_proxy.store.mongodb import MongodbStore
from appsmith_proxy.store.mongodb_schema import SCHEMA
from appsmith_proxy.store.urls import MongodbUrl, parse_store_url
from tests.servers.mongod import MongodServer
from tests.servers.throwaway import free_port
from tests.unit.store import samples
from tests.unit.store.mongodb_stores import url_of
from tests.unit.store.suite import FEED_KEPT, StoreSuite, create


@pytest.fixture(scope="module")
def standalone() -> Iterator[MongodServer]:
    with MongodServer(replica_set=False) as server:
        yield server


class MongodbSuite(StoreSuite):
    @pytest.fixture
    def server(self) -> MongodServer:
        raise NotImplementedError

    @pytest.fixture
    async def handles(self, server: MongodServer) -> AsyncIterator[tuple[ConfigStore, ConfigStore]]:
        database = server.fresh_database()
        url = url_of(server, database)
        async with MongodbStore(url, feed_kept=FEED_KEPT) as store, MongodbStore(url, feed_kept=FEED_KEPT) as other:
            yield store, other
        server.drop_database(database)

    async def test_an_operator_is_not_a_value(self, store: ConfigStore) -> None:
        odd = [samples.workspace(name) for name in ("$gt", '{"$gt": ""}', "a.b", "$where", "")]
        await create(store, *odd)
        for record in odd:
            assert [it.id for it in await store.find(Workspace, where={"name": record.name})] == [record.id]
        operator: str = {"$gt": ""}  # type: ignore[assignment]  # reason: what must not get through
        for attempt in (
            store.get(Workspace, operator),
            store.find(Workspace, where={"name": operator}),
            store.find(Workspace, after=operator),
        ):
            with pytest.raises(TypeError):
                await attempt


class TestMongodbStore(MongodbSuite):
    @pytest.fixture
    def server(self, mongod: MongodServer) -> MongodServer:
        return mongod


class TestMongodbStoreStandalone(MongodbSuite):
    @pytest.fixture
    def server(self, standalone: MongodServer) -> MongodServer:
        return standalone


@pytest.fixture
def database(mongod: MongodServer) -> Iterator[str]:
    name = mongod.fresh_database()
    yield name
    mongod.drop_database(name)


async def refusal(url: MongodbUrl) -> StoreError:
    with pytest.raises(StoreError) as refused:
        async with MongodbStore(url, patience_seconds=1):
            pass
    assert refused.value.hint
    assert "canary" not in str(refused.value)
    return refused.value


async def test_another_programs_database_is_refused_and_left_alone(mongod: MongodServer, database: str) -> None:
    with mongod.client() as theirs:
        theirs[database].theirs.insert_one({"x": 1})
        assert "not a store of this proxy" in (await refusal(url_of(mongod, database))).message
        assert theirs[database].list_collection_names() == ["theirs"]


async def test_a_newer_schema_is_refused_also_when_it_comes_while_the_store_is_open(
    mongod: MongodServer, database: str
) -> None:
    url = url_of(mongod, database)
    async with MongodbStore(url) as store:
        await create(store, workspace := samples.workspace())
        with mongod.client() as newer:
            newer[database].head.update_one({}, {"$set": {"schema": SCHEMA + 1}})
        for attempt in (store.changes(0), store.commit(Put(workspace, 1)), store.find(Workspace)):
            with pytest.raises(StoreError, match="has schema"):
                await attempt
    assert "newer one" in (await refusal(url)).hint


async def test_processes_that_start_together_share_one_store(mongod: MongodServer, database: str) -> None:
    stores = [MongodbStore(url_of(mongod, database)) for _ in range(8)]
    try:
        await asyncio.gather(*(store.open() for store in stores))
        await asyncio.gather(*(create(store, samples.workspace(f"w{n}")) for n, store in enumerate(stores)))
        assert [len(await store.find(Workspace)) for store in stores] == [8] * 8
    finally:
        await asyncio.gather(*(store.close() for store in stores))


async def test_a_damaged_document_is_named_but_not_shown(mongod: MongodServer, database: str) -> None:
    async with MongodbStore(url_of(mongod, database)) as store:
        await create(store, samples.workspace())
        with mongod.client() as vandal:
            vandal[database].records.update_many({}, {"$set": {"document": b'{"canary": 1}'}})
        with pytest.raises(StoreError, match="workspaces/") as refused:
            await store.find(Workspace)
        assert "canary" not in str(refused.value)


async def test_nothing_that_is_stored_is_logged(
    mongod: MongodServer, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("pymongo").setLevel(logging.NOTSET)
    async with MongodbStore(url_of(mongod, database)) as store:
        await create(store, samples.workspace("canary-name"))
        await store.find(Workspace, where={"name": "canary-name"})
    assert "canary" not in caplog.text
    assert mongod.password not in caplog.text


async def test_wrong_credentials_and_missing_rights_are_told(mongod: MongodServer, database: str) -> None:
    password = mongod.create_user(f"reader-{os.getpid()}", {"role": "read", "db": database})
    reader = url_of(mongod, database, user=f"reader-{os.getpid()}", password=password)
    assert "readWrite" in (await refusal(reader)).hint
    assert "password" in (await refusal(url_of(mongod, database, user="proxy", password="canary"))).message


async def test_the_role_that_the_hint_names_is_enough(mongod: MongodServer, database: str) -> None:
    user = f"writer-{os.getpid()}"
    password = mongod.create_user(user, {"role": "readWrite", "db": database})
    async with MongodbStore(url_of(mongod, database, user=user, password=password)) as store:
        await create(store, samples.workspace())
        assert len(await store.find(Workspace)) == 1


async def test_a_server_that_is_not_there_is_told_within_seconds() -> None:
    url = parse_store_url(f"mongodb://proxy:canary@127.0.0.1:{free_port()}/x")
    assert isinstance(url, MongodbUrl)
    async with asyncio.timeout(8):
        assert "cannot be reached" in (await refusal(url)).message


async def test_tls_is_verified() -> None:
    with MongodServer(tls=True, announced="localhost") as server:
        async with MongodbStore(url_of(server, "appsmith")) as store:
            await create(store, samples.workspace())
        other = server.ca_file.with_name("other.pem")
        trustme.CA().cert_pem.write_to_path(str(other))
        assert "TLS" in (await refusal(url_of(server, "appsmith", tlsCAFile=str(other)))).hint
        missing = url_of(server, "appsmith", tlsCAFile="/nowhere/ca.pem")
        assert "files" in (await refusal(missing)).hint


async def test_every_server_of_the_store_is_told_of(mongod: MongodServer, database: str) -> None:
    seed = parse_store_url(mongod.url(database).replace("127.0.0.1", "localhost"))
    assert isinstance(seed, MongodbUrl)
    store = MongodbStore(seed)
    assert store.endpoints == (("localhost", mongod.port),)
    async with store:
        assert set(store.endpoints) == {("localhost", mongod.port), ("127.0.0.1", mongod.port)}
