"""The MongoDB store passes the suite, on a replica set and on a standalone mongod."""

from collections.abc import AsyncIterator, Iterator

import pytest

from appsmith_proxy.store.contract import ConfigStore
from appsmith_proxy.store.mongodb import MongodbStore
from appsmith_proxy.store.urls import MongodbUrl, parse_store_url
from tests.servers.mongod import MongodServer
from tests.unit.store.suite import FEED_KEPT, StoreSuite


def url_of(server: MongodServer, database: str) -> MongodbUrl:
    url = parse_store_url(server.url(database))
    assert isinstance(url, MongodbUrl)
    return url


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


class TestMongodbStore(MongodbSuite):
    @pytest.fixture
    def server(self, mongod: MongodServer) -> MongodServer:
        return mongod


class TestMongodbStoreStandalone(MongodbSuite):
    @pytest.fixture
    def server(self, standalone: MongodServer) -> MongodServer:
        return standalone
