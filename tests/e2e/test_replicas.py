"""Two proxies on one MongoDB, as behind a load balancer: each sees what the other does, and needs nothing of it."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from appsmith_proxy.errors import ConnectFailed
from appsmith_proxy.store.mongodb import MongodbStore
from appsmith_proxy.store.urls import MongodbUrl, parse_store_url
from tests.servers.command import Installation, Served
from tests.servers.mongod import MongodServer
from tests.servers.place import Place
from tests.servers.proxy import Caller, running_proxy
from tests.servers.throwaway import until

UNAVAILABLE = ((503, "StoreError"), (503, "StoreStale"))
"""How a write is refused that the store cannot take: by the store, or because it has been silent for too long."""


class Pair:
    """Two serving processes of one installation, whose store is a MongoDB."""

    def __init__(self, here: Installation, served: tuple[Served, Served], token: str, place: Place) -> None:
        self.here = here
        self.served = served
        self.token = token
        self.place = place

    def at(self, which: int, token: str = "") -> Caller:
        """Return a caller at one of the two; the administrator unless told otherwise."""
        return self.served[which].caller(token or self.token)

    async def action(self, sql: str, *, name: str = "action") -> str:
        """Make a published action on a SQLite datasource, at the first."""
        shop = await self.place.datasource("sqlite", {"file": "shop.db"}, name=f"shop of {name}")
        action = await self.place.action(shop, sql, name=name)
        await self.place.publish()
        return action


async def store_url(server: MongodServer, here: Installation) -> dict[str, str | None]:
    """Make a store of its own on this server; return the setting that names it, in a file."""
    url = server.url(server.fresh_database())
    await here.make_ring(url)
    file = here.folder / "store_url"
    file.write_text(url)
    file.chmod(0o600)
    return {"APPSMITH_DB_URL_FILE": str(file), "APPSMITH_PROXY_STORE_STALE_MAX": "2"}


@asynccontextmanager
async def two_on(server: MongodServer, folder: Path) -> AsyncIterator[Pair]:
    here = Installation(folder / "here")
    await here.make_keys()
    with sqlite3.connect(here.data / "shop.db") as shop:
        shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, cents INTEGER)")
    shop.close()
    environment = await store_url(server, here)
    token = await here.ok("tokens", "create", "--role", "administrator", environment=environment)
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(here.serving(environment)) for _ in range(2)]
        place = await Place.made(first.caller(token))
        yield Pair(here, (first, second), token, place)
        assert server.password not in first.log + second.log


@pytest.fixture
async def pair(mongod: MongodServer, tmp_path: Path) -> AsyncIterator[Pair]:
    async with two_on(mongod, tmp_path) as pair:
        yield pair


@pytest.fixture
def own() -> Iterator[MongodServer]:
    """A mongod that a test may stop."""
    with MongodServer(authentication=True) as server:
        yield server


async def test_what_one_publishes_the_other_executes_within_a_second(pair: Pair) -> None:
    action = await pair.action("SELECT 'one' AS copy")

    async def answers(copy: str) -> bool:
        reply = await pair.at(1).execute(action)
        return reply.status == 200 and bool(reply.data["body"] == [{"copy": copy}])

    await until(lambda: answers("one"), seconds=1)
    got = (await pair.at(0).call("GET", f"/actions/{action}")).data
    change = {"revision": got["revision"], "configuration": {"body": "SELECT 'two' AS copy"}}
    assert (await pair.at(0).call("PATCH", f"/actions/{action}", change)).status == 200
    assert await answers("one"), "a draft is not published"
    await pair.place.publish()
    await until(lambda: answers("two"), seconds=1)


async def test_what_one_revokes_the_other_refuses_within_a_second(pair: Pair) -> None:
    environment: dict[str, str | None] = {"APPSMITH_DB_URL_FILE": str(pair.here.folder / "store_url")}
    action = await pair.action("SELECT 1 AS one")
    token = await pair.here.ok("tokens", "create", "--role", "viewer", environment=environment)
    assert (await pair.at(1, token).execute(action)).status == 200
    listed = await pair.here.ok("tokens", "list", environment=environment)
    (token_id,) = [line.split()[0] for line in listed.splitlines() if " viewer " in line]
    revoking = asyncio.create_task(pair.here.ok("tokens", "revoke", token_id, environment=environment))
    while not revoking.done():
        last_seen = time.monotonic()
        await asyncio.sleep(0.01)

    async def refused() -> bool:
        return (await pair.at(1, token).execute(action)).status == 401

    await until(refused, seconds=1)
    assert time.monotonic() - last_seen < 1.1


async def test_one_killed_amid_writes_loses_nothing_it_acknowledged(pair: Pair) -> None:
    acknowledged: list[str] = []
    action = await pair.action("SELECT 1 AS one")

    async def write(which: int, worker: int) -> None:
        number = 0
        while True:
            name = f"{which}-{worker}-{number}"
            body = {"workspaceId": pair.place.workspace_id, "name": name, "kind": "rest"}
            secret = {"url": "http://127.0.0.1:9", "secretHeaders": {"X-Key": f"secret of {name}"}}
            await pair.at(which).created("/datasources", {**body, "configuration": secret})
            acknowledged.append(name)
            number += 1

    doomed = [asyncio.create_task(write(0, worker)) for worker in range(3)]
    other = asyncio.create_task(write(1, 0))

    await more(acknowledged, 30)
    await pair.served[0].kill()
    ended = await asyncio.gather(*doomed, return_exceptions=True)
    assert all(isinstance(error, aiohttp.ClientError) for error in ended)
    await more(acknowledged, 10)
    other.cancel()
    await asyncio.wait([other])
    names = await all_names(pair.at(1), "/datasources")
    assert set(acknowledged) <= names
    assert len(names - {"shop of action"}) <= len(acknowledged) + len(doomed) + 1, "nothing half-written"
    assert (await pair.at(1).execute(action)).status == 200


async def test_without_mongodb_they_serve_what_they_know_then_refuse_and_recover(
    own: MongodServer, tmp_path: Path
) -> None:
    async with two_on(own, tmp_path) as pair:
        action = await pair.action("SELECT 1 AS one")

        async def all_answer(status: int) -> bool:
            replies = [await pair.at(which).execute(action) for which in (0, 1)]
            return all(reply.status == status for reply in replies)

        await until(lambda: all_answer(200))  # that it takes no second is proven above
        await asyncio.to_thread(own.kill)  # at once: what is known is trusted for five seconds from its last good look
        killed = time.monotonic()
        while time.monotonic() < killed + 1:
            assert await all_answer(200), "a moment without the store is no harm"
        written = await pair.at(0).call("POST", "/workspaces", {"name": "No"})
        assert (written.status, written.error["code"]) in UNAVAILABLE
        await until(lambda: all_answer(503), seconds=3)
        reply = await pair.at(1).execute(action)
        assert (reply.error["code"], reply.headers["Retry-After"]) == ("StoreStale", "1")
        assert (await pair.at(1).call("GET", "/health/ready")).status == 503
        assert (await pair.at(1).call("GET", "/health/live")).status == 200
        await asyncio.to_thread(own.start)
        await until(lambda: all_answer(200), seconds=10)
        await pair.at(0).created("/workspaces", {"name": "Yes"})
        assert "Yes" in await all_names(pair.at(1), "/workspaces")


async def test_an_election_amid_writes_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    with MongodServer(nodes=3, authentication=True) as servers:
        async with two_on(servers, tmp_path) as pair:
            acknowledged: list[str] = []
            tried: list[str] = []
            stop = asyncio.Event()

            async def write(which: int) -> None:
                while not stop.is_set():
                    tried.append(name := f"{which}-{len(tried)}")
                    reply = await pair.at(which).call("POST", "/workspaces", {"name": name})
                    if reply.status == 201:
                        acknowledged.append(name)
                    else:
                        # An election that takes longer than the cache may be trusted is told as that.
                        assert (reply.status, reply.error["code"]) in UNAVAILABLE, reply.envelope

            async with asyncio.TaskGroup() as group:
                for which in (0, 1):
                    group.create_task(write(which))
                await more(acknowledged, 20)
                before = await asyncio.to_thread(servers.step_down)
                await more(acknowledged, 20)
                await asyncio.to_thread(servers.kill, await asyncio.to_thread(servers.primary))
                await more(acknowledged, 20)
                stop.set()
            assert before in range(3)
            names = await all_names(pair.at(1), "/workspaces", count=True)
            assert set(acknowledged) <= names <= {*tried, "Shop"}


async def more(acknowledged: list[str], count: int) -> None:
    """Wait until so many more have been acknowledged."""
    wanted = len(acknowledged) + count

    async def enough() -> bool:
        return len(acknowledged) >= wanted

    await until(enough, seconds=30)


async def all_names(caller: Caller, path: str, *, count: bool = False) -> set[str]:
    names: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        page = (await caller.call("GET", f"{path}?limit=100&after={page['next']}")).data
        names += [row["name"] for row in page["items"]]
    assert not count or len(names) == len(set(names))
    return set(names)


async def test_no_datasource_may_be_where_the_store_is(mongod: MongodServer, paths: SimpleNamespace) -> None:
    url = parse_store_url(mongod.url(mongod.fresh_database()).replace("127.0.0.1", "localhost"))
    assert isinstance(url, MongodbUrl)
    async with running_proxy(paths.own, store=MongodbStore(url)) as proxy:
        for host in ("localhost", "127.0.0.1"):  # what the URL names, and what the replica set announces
            with pytest.raises(ConnectFailed, match="proxy's own store"):
                await proxy.runtime.guard.resolve(host, mongod.port)
        body = {"workspaceId": proxy.workspace_id, "name": "own", "kind": "rest"}
        configuration = {"url": f"http://localhost:{mongod.port}"}
        made = await proxy.developer.created("/datasources", {**body, "configuration": configuration})
        tested = await proxy.developer.call("POST", f"/datasources/{made['id']}/test")
        assert "store" in str(tested.envelope), tested.envelope
