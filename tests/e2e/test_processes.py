"""Several processes on one store: what one does the other sees, and none is needed by another."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from appsmith_proxy.errors import StoreError
from appsmith_proxy.model.principal import Role
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.runtime import Runtime
from appsmith_proxy.sdk import hookimpl
from appsmith_proxy.settings import Settings
from appsmith_proxy.store.contract import Change, Changes, R
from appsmith_proxy.store.memory import MemoryStore
from appsmith_proxy.store.sqlite import SqliteStore
from appsmith_proxy.testing.memory import MemoryServer
from appsmith_proxy.vault import FLOOR
from tests.e2e.conftest import MemoryPlugin
from tests.servers.command import Installation
from tests.servers.place import Place
from tests.servers.postgres import until
from tests.servers.proxy import PASSWORD, SALT, Caller, Proxy, running_proxy


@pytest.fixture
async def pair(paths: SimpleNamespace, memory: MemoryServer) -> AsyncIterator[tuple[Proxy, Proxy]]:
    """Two proxies on one store; the first has furnished it."""
    async with AsyncExitStack() as stack:
        made = [
            await stack.enter_async_context(
                running_proxy(
                    paths.own,
                    store=SqliteStore(paths.own / "store.db"),
                    plugins=[MemoryPlugin(memory)],
                    furnish=first,
                )
            )
            for first in (True, False)
        ]
        yield made[0], made[1]


def elsewhere(caller: Caller, proxy: Proxy) -> Caller:
    """Return the same caller at another proxy."""
    return Caller(proxy.base, proxy.session, caller.token)


async def test_what_one_publishes_the_other_executes_within_a_second(
    pair: tuple[Proxy, Proxy], memory: MemoryServer
) -> None:
    first, second = pair
    shop = await first.datasource("memory", {"password": memory.password})
    action = await first.action(shop, "SELECT 'one' AS copy")
    viewer = elsewhere(first.viewer, second)

    async def answers(copy: str) -> bool:
        reply = await viewer.execute(action)
        return reply.status == 200 and bool(reply.data["body"] == [{"copy": copy}])

    await until(lambda: answers("one"), seconds=1)
    got = (await first.developer.call("GET", f"/actions/{action}")).data
    change = {"revision": got["revision"], "configuration": {"body": "SELECT 'two' AS copy"}}
    assert (await first.developer.call("PATCH", f"/actions/{action}", change)).status == 200
    assert await answers("one"), "a draft is not published"
    await first.publish()
    await until(lambda: answers("two"), seconds=1)


async def test_what_one_revokes_or_deletes_the_other_refuses_within_a_second(
    pair: tuple[Proxy, Proxy], memory: MemoryServer
) -> None:
    first, second = pair
    shop = await first.datasource("memory", {"password": memory.password})
    action = await first.action(shop, "SELECT 1 AS one")
    viewer = elsewhere(first.viewer, second)

    async def status(expected: int) -> bool:
        return (await viewer.execute(action)).status == expected

    await until(lambda: status(200), seconds=1)
    assert (await first.developer.call("DELETE", f"/actions/{action}")).status == 200
    await until(lambda: status(404), seconds=1)
    (token,) = [token for token in await first.runtime.tokens.list() if token.role is Role.VIEWER]
    await first.runtime.tokens.revoke(token.id)
    await until(lambda: status(401), seconds=1)


async def test_a_datasource_changed_at_one_is_opened_anew_at_the_other(
    pair: tuple[Proxy, Proxy], memory: MemoryServer
) -> None:
    first, second = pair
    memory.fill("CREATE TABLE orders (id INTEGER, cents INTEGER); INSERT INTO orders VALUES (1, 5)", database="second")
    shop = await first.datasource("memory", {"password": memory.password})
    action = await first.action(shop, "SELECT cents FROM orders WHERE id = 1")
    viewer = elsewhere(first.viewer, second)

    async def answers(cents: int) -> bool:
        reply = await viewer.execute(action)
        return reply.status == 200 and bool(reply.data["body"] == [{"cents": cents}])

    await until(lambda: answers(1250), seconds=1)
    revision = (await first.developer.call("GET", f"/datasources/{shop}")).data["revision"]
    moved = {"revision": revision, "configuration": {"database": "second", "password": memory.password}}
    assert (await first.developer.call("PATCH", f"/datasources/{shop}", moved)).status == 200
    await until(lambda: answers(5), seconds=1)


async def test_a_server_killed_amid_writes_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    here = Installation(tmp_path / "here")
    await here.make_keys()
    await here.make_ring()
    token = await here.ok("tokens", "create", "--role", "administrator")
    acknowledged: list[str] = []
    async with here.serving() as served:
        root = served.caller(token)
        place = await Place.made(root)

        async def write(worker: int) -> None:
            number = 0
            while True:
                name = f"{worker}-{number}"
                body = {"workspaceId": place.workspace_id, "name": name, "kind": "rest"}
                secret = {"url": "http://127.0.0.1:9", "secretHeaders": {"X-Key": f"secret of {name}"}}
                await root.created("/datasources", {**body, "configuration": secret})
                acknowledged.append(name)
                number += 1

        writers = [asyncio.create_task(write(worker)) for worker in range(3)]

        async def enough() -> bool:
            return len(acknowledged) >= 30

        await until(enough, seconds=30)
        await served.kill()
        ended = await asyncio.gather(*writers, return_exceptions=True)
        assert all(isinstance(error, aiohttp.ClientError) for error in ended)

    async with here.serving() as served:
        root = served.caller(token)
        names: set[str] = set()
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            page = (await root.call("GET", f"/datasources?limit=100&after={page['next']}")).data
            names |= {row["name"] for row in page["items"] if row["secretsSet"] == ["secretHeaders.X-Key"]}
        assert set(acknowledged) <= names
        assert len(names) <= len(acknowledged) + len(writers), "nothing half-written"
        assert (await root.call("POST", f"/applications/{place.application_id}/publish")).status == 200


class MoodyStore(MemoryStore):
    """A store that can be out of reach."""

    def __init__(self) -> None:
        super().__init__()
        self.out_of_reach = False

    def _ask(self) -> None:
        if self.out_of_reach:
            raise StoreError("the store cannot be reached", hint="wait")

    async def get(self, kind: type[R], record_id: str) -> R | None:
        self._ask()
        return await super().get(kind, record_id)

    async def find(
        self, kind: type[R], *, where: Mapping[str, str] | None = None, after: str = "", limit: int = 100
    ) -> tuple[R, ...]:
        self._ask()
        return await super().find(kind, where=where, after=after, limit=limit)

    async def commit(self, *changes: Change) -> int:
        self._ask()
        return await super().commit(*changes)

    async def changes(self, after: int) -> Changes:
        self._ask()
        return await super().changes(after)

    async def get_meta(self, key: str) -> bytes | None:
        self._ask()
        return await super().get_meta(key)


async def test_without_its_store_it_serves_what_it_knows_and_then_refuses(
    paths: SimpleNamespace, memory: MemoryServer
) -> None:
    store = MoodyStore()
    async with running_proxy(paths.own, store=store, plugins=[MemoryPlugin(memory)], store_stale_max=1.0) as proxy:
        shop = await proxy.datasource("memory", {"password": memory.password})
        action = await proxy.action(shop, "SELECT 1 AS one")
        assert (await proxy.viewer.execute(action)).data["body"] == [{"one": 1}]
        store.out_of_reach = True
        assert (await proxy.viewer.execute(action)).data["body"] == [{"one": 1}], (
            "a moment without the store is no harm"
        )
        written = await proxy.developer.call("POST", "/applications", {"workspaceId": proxy.workspace_id, "name": "No"})
        assert (written.status, written.error["code"]) == (503, "StoreError")

        async def is_stale() -> bool:
            reply = await proxy.viewer.execute(action)
            return reply.status == 503 and reply.error["code"] == "StoreStale" and reply.headers["Retry-After"] == "1"

        await until(is_stale, seconds=3)
        assert (await proxy.anonymous.call("GET", "/health/ready")).status == 503
        assert (await proxy.anonymous.call("GET", "/health/live")).status == 200
        store.out_of_reach = False

        async def is_back() -> bool:
            return (await proxy.viewer.execute(action)).status == 200

        await until(is_back, seconds=2)
        assert (await proxy.anonymous.call("GET", "/health/ready")).status == 200


class Interrupting:
    """A plugin during whose start somebody presses Ctrl-C."""

    @hookimpl
    def on_startup(self, context: Mapping[str, Any]) -> None:
        raise KeyboardInterrupt


class ClosedStore(MemoryStore):
    """Tells whether it was closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True
        await super().close()


async def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    store = ClosedStore()
    with pytest.raises(KeyboardInterrupt):
        await Runtime.open(
            Settings(encryption_password=PASSWORD, encryption_salt=SALT, data_folder=tmp_path),
            registry=Registry.discover(plugins=[Interrupting()]),
            store=store,
            key_cost=FLOOR,
        )
    assert store.closed
    assert asyncio.all_tasks() == before
