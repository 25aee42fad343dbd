"""Who can write to the store's MongoDB, past the proxy, makes actions fail: never run otherwise, nor tell what stands there."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, Final

import pytest

from appsmith_proxy.store.mongodb import MongodbStore
from appsmith_proxy.store.urls import MongodbUrl, parse_store_url
from appsmith_proxy.testing.memory import MemoryServer
from tests.e2e.conftest import MemoryPlugin
from tests.servers.mongod import MongodServer
from tests.servers.proxy import Proxy, running_proxy

LOOKUP: Final = "SELECT id, cents FROM orders WHERE id = {{ id }}"
CANARY: Final = "canary-7f3a"


@pytest.fixture
async def url(mongod: MongodServer) -> AsyncIterator[MongodbUrl]:
    """Where the store is."""
    name = mongod.fresh_database()
    found = parse_store_url(mongod.url(name))
    assert isinstance(found, MongodbUrl)
    yield found
    mongod.drop_database(name)


@pytest.fixture
async def proxy(paths: SimpleNamespace, url: MongodbUrl, memory: MemoryServer) -> AsyncIterator[Proxy]:
    """A proxy whose store is a MongoDB."""
    async with running_proxy(paths.own, store=MongodbStore(url), plugins=[MemoryPlugin(memory)]) as running:
        yield running


class Intruder:
    """Writes to the store's database past the proxy."""

    def __init__(self, mongod: MongodServer, database: str) -> None:
        self._mongod = mongod
        self._database = database

    def change(self, record_id: str, **fields: Any) -> None:
        """Set fields of a record's document."""
        with self._mongod.client() as admin:
            admin[self._database]["records"].update_one({"id": record_id}, {"$set": fields})


@pytest.fixture
def intruder(mongod: MongodServer, url: MongodbUrl) -> Intruder:
    """Who writes past the proxy."""
    return Intruder(mongod, url.database)


TAMPERED: Final[tuple[tuple[dict[str, Any], int], ...]] = (
    *(({"document": value}, 503) for value in (b"{}", b"\xff", CANARY, 5, None, {"$where": CANARY}, [1])),
    *(({"document": text.encode()}, 503) for text in (f'"{CANARY}"', f'{{"{CANARY}": 1}}', f'{{"id": "{CANARY}"}}')),
    ({"document": b"[" * 200_000}, 503),
    ({"document": b"{" + b" " * 15_000_000}, 503),
    *(({"revision": value}, 503) for value in (1.5, [3])),
    *(({"revision": value}, 404) for value in (CANARY, None)),  # which MongoDB itself does not find then
    ({"id": CANARY}, 404),
    ({"collection": "tokens"}, 404),
    ({"extra": CANARY, "index": CANARY, "unique": 7}, 200),
)
"""What is changed, and how executing is answered then."""


@pytest.mark.parametrize(("fields", "status"), TAMPERED, ids=lambda value: str(value)[:60])
async def test_a_document_that_is_none_of_ours_runs_nothing_and_tells_nothing(
    proxy: Proxy,
    shop: str,
    memory: MemoryServer,
    intruder: Intruder,
    caplog: pytest.LogCaptureFixture,
    fields: dict[str, Any],
    status: int,
) -> None:
    action = await proxy.action(shop, LOOKUP)
    before = len(memory.log)
    intruder.change(action, **fields)
    replies = [
        await proxy.viewer.execute(action, {"id": 1}),
        await proxy.viewer.execute(action, {"id": 1}, viewMode=False),
        await proxy.developer.call("GET", f"/actions/{action}"),
    ]
    assert [reply.status for reply in replies] == [status] * 3
    assert CANARY not in "".join(reply.raw.decode() for reply in replies)
    assert CANARY not in caplog.text
    assert status == 200 or len(memory.log) == before, "nothing may reach the datasource"
