"""Stores on the mongod of the tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appsmith_proxy.store.mongodb import MongodbStore
from appsmith_proxy.store.mongodb_client import Database
from appsmith_proxy.store.urls import MongodbUrl, parse_store_url
from tests.servers.mongod import MongodServer


def url_of(server: MongodServer, database: str, *, user: str = "", password: str = "", **options: str) -> MongodbUrl:
    """Return where a store is on a server."""
    url = parse_store_url(server.url(database, None, user, password, **options))
    assert isinstance(url, MongodbUrl)
    return url


@asynccontextmanager
async def looking_at(store: MongodbStore) -> AsyncIterator[Database]:
    """Lend a connection to a store's collections."""
    database = await Database.connect(store._url)
    try:
        yield database
    finally:
        await database.close()
