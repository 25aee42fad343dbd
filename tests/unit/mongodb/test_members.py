"""Which servers are dialled, and which are believed: the configured ones, by what they say of themselves."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.sdk import BadResponse, ConnectFailed, DatasourceError, Limits, Outcome, StatementInvalid, Target
from tests.servers.mongod import MongodServer
from tests.servers.mongodb_opening import Opener, request


class Watched(Guard):
    """The guard, with a list of what was asked of it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_loopback=True, **options)
        self.asked: list[tuple[str, int]] = []

    async def resolve(self, host: str, port: int) -> Target:
        self.asked.append((host, port))
        return await super().resolve(host, port)


@pytest.fixture(scope="module")
def three() -> Iterator[MongodServer]:
    with MongodServer(nodes=3) as server:
        yield server


@pytest.fixture(scope="module")
def alone() -> Iterator[MongodServer]:
    with MongodServer(replica_set=False) as server:
        yield server


async def test_a_host_is_resolved_once_and_an_announced_one_never(opened: Opener) -> None:
    """The set's own name for its member leads nowhere; a client that followed it could not connect."""
    with MongodServer(announced="localhost") as server:
        guard = Watched()
        client = await opened(server, network=guard)
        for _ in range(3):
            await client.execute(request())
        assert guard.asked == [(server.host, server.port)]


async def test_a_denied_host_is_not_dialled(opened: Opener, mongod: MongodServer) -> None:
    for guard in (Guard(), Guard(allow_loopback=True, store=lambda: [(mongod.host, mongod.port)])):
        client = await opened(mongod, network=guard)
        with pytest.raises(ConnectFailed, match="not allowed") as caught:
            await client.execute(request())
        assert caught.value.outcome is Outcome.NOT_SENT
        assert guard.denials


async def test_another_set_is_refused(opened: Opener, mongod: MongodServer, alone: MongodServer) -> None:
    client = await opened(mongod, replicaSet="another")
    with pytest.raises(BadResponse, match="not a member"):
        await client.execute(request())
    client = await opened(alone, replicaSet="rs0")
    with pytest.raises(BadResponse, match="not a member"):
        await client.execute(request())


async def test_a_set_whose_primary_is_not_configured_is_refused_at_once(opened: Opener, three: MongodServer) -> None:
    primary = three.primary()
    others = [port for node, port in enumerate(three.ports) if node != primary]
    client = await opened(three, hosts=",".join(f"{three.host}:{port}" for port in others))
    started = time.monotonic()
    with pytest.raises(ConnectFailed, match="none of the datasource's hosts") as caught:
        await client.execute(request())
    assert time.monotonic() - started < 2
    assert "never dialled" in caught.value.hint
    reads = await opened(three, hosts=f"{three.host}:{others[0]}", readPreference="secondary")
    assert (await reads.execute(request())).rows is not None


@pytest.mark.parametrize("preference", ["primary", "primaryPreferred", "secondary", "secondaryPreferred"])
async def test_reads_go_where_they_are_preferred(opened: Opener, three: MongodServer, preference: str) -> None:
    client = await opened(three, f"reads_{preference}", readPreference=preference)
    await client.execute(request(operation="insert", documents=[{"_id": 1}]))
    primary = three.primary()
    for node in range(3):
        with three.client(node=node) as admin:
            admin[f"reads_{preference}"].command("profile", 0, slowms=0, sampleRate=1.0)
    before = _seen(three, preference)
    await client.execute(request())
    asked = [node for node, count in enumerate(_seen(three, preference)) if count > before[node]]
    assert len(asked) == 1
    assert (asked[0] == primary) is preference.startswith("primary")


def _seen(three: MongodServer, preference: str) -> list[int]:
    """Return how many finds of the collection each node has run, by its own count."""
    counts = []
    for node in range(3):
        with three.client(node=node) as admin:
            top = admin.admin.command("top")["totals"].get(f"reads_{preference}.things", {})
            counts.append(top.get("queries", {}).get("count", 0))
    return counts


async def test_an_election_is_outlived(opened: Opener, three: MongodServer) -> None:
    """The Client finds the new primary by itself; no write that was acknowledged is lost, none is done twice."""
    client = await opened(three, "election")
    done: list[int] = []
    failed: list[DatasourceError] = []
    stop = asyncio.Event()

    async def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                await client.execute(request(20, operation="insert", documents=[{"number": number}]))
                done.append(number)
            except DatasourceError as error:
                failed.append(error)

    writing = asyncio.create_task(write())
    while len(done) < 20:
        await asyncio.sleep(0.01)
    before = await asyncio.to_thread(three.step_down, seconds=10)
    reached = len(done)
    async with asyncio.timeout(40):
        while len(done) < reached + 20:
            await asyncio.sleep(0.01)
    stop.set()
    await writing
    assert three.primary() != before
    with three.client() as admin:
        stored = [one["number"] for one in admin["election"]["things"].find()]
    assert len(stored) == len(set(stored))
    assert set(done) <= set(stored)
    assert all(error.outcome is not Outcome.NOT_SENT for error in failed), "what was not sent is tried again in time"


async def test_a_stopped_server_is_refused_and_found_again(opened: Opener) -> None:
    with MongodServer() as server:
        client = await opened(server)
        await client.execute(request())
        server.kill()
        for _ in range(2):
            started = time.monotonic()
            with pytest.raises(DatasourceError):
                await client.execute(request())
            assert time.monotonic() - started < 5
        server.start()
        deadline = time.monotonic() + 15
        while True:
            with contextlib.suppress(DatasourceError):
                await client.execute(request())
                break
            assert time.monotonic() < deadline


async def test_a_hanging_server_costs_the_deadline_and_no_more(opened: Opener) -> None:
    with MongodServer() as server:
        client = await opened(server)
        await client.execute(request())
        server.pause()
        try:
            started = time.monotonic()
            with pytest.raises(DatasourceError):
                await client.execute(request(0.5))
            assert time.monotonic() - started < 1.5
            await client.close()
            assert time.monotonic() - started < 6
        finally:
            server.resume()


async def test_a_server_alone_has_no_limit_of_changes_for_many(opened: Opener, alone: MongodServer) -> None:
    client = await opened(alone, "limits")
    await client.execute(request(operation="insert", documents=[{"a": 1}, {"a": 2}]))
    update: dict[str, Any] = {"operation": "update", "update": {"$set": {"b": 1}}}
    with pytest.raises(StatementInvalid, match="no transactions") as caught:
        await client.execute(request(limits=Limits(affected=1), many=True, **update))
    assert caught.value.outcome is Outcome.NOT_SENT
    assert (await client.execute(request(limits=Limits(affected=1), **update))).affected == 1
    assert (await client.execute(request(many=True, **update))).affected == 2
    health = await client.check()
    assert any("replica set" in warning for warning in health.warnings)
