"""Secrets go in and are bound to where they are sent: kept, replaced, deleted, sealed again, and useless anywhere else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appsmith_proxy.model.records import Datasource
from appsmith_proxy.store.contract import Put
from appsmith_proxy.store.sqlite import SqliteStore
from tests.servers.http import HttpUpstream
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy, Reply, running_proxy
from tests.servers.tcp import tcp_server

CANARY = "canary-9f3b-never-sent-elsewhere"


class Decoy:
    """A listener that keeps what it is sent."""

    def __init__(self, port: int, heard: bytearray) -> None:
        self.port = port
        self.heard = heard


@asynccontextmanager
async def listening() -> AsyncIterator[Decoy]:
    """Listen where nobody should come; hang up on who does."""
    heard = bytearray()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(65_536))

    async with tcp_server(take) as port:
        yield Decoy(port, heard)


async def present(proxy: Proxy, datasource: str) -> dict[str, Any]:
    """Return a datasource as editors see it."""
    found: dict[str, Any] = (await proxy.developer.call("GET", f"/datasources/{datasource}")).data
    return found


async def patched(proxy: Proxy, datasource: str, **configuration: Any) -> Reply:
    """Change a datasource's configuration."""
    revision = (await present(proxy, datasource))["revision"]
    return await proxy.developer.call(
        "PATCH", f"/datasources/{datasource}", {"revision": revision, "configuration": configuration}
    )


# where secrets go


@pytest.mark.parametrize("field", ["host", "port", "database", "username", "tlsMode", "tlsCa", "tlsPinnedKey"])
async def test_a_new_destination_needs_the_secret_again(proxy: Proxy, postgres: PostgresServer, field: str) -> None:
    """And until it is given, nobody who is named as the destination hears a byte."""
    plain = postgres.configuration(tls=True, password=postgres.password)
    datasource = await proxy.datasource("postgres", plain)
    before = await present(proxy, datasource)
    async with listening() as decoy:
        changes: dict[str, dict[str, Any]] = {
            "host": {"host": "127.0.0.1", "port": decoy.port},
            "port": {"port": decoy.port},
            "database": {"database": "template1"},
            "username": {"username": "somebody"},
            "tlsMode": {"tlsMode": "require"},
            "tlsCa": {"tlsCa": None},
            "tlsPinnedKey": {"tlsPinnedKey": "A" * 43 + "="},
        }
        reply = await patched(proxy, datasource, **changes[field])
        assert reply.status == 409, reply.envelope
        assert reply.error["code"] == "SecretRequired"
        assert [row["path"] for row in reply.error["details"]] == ["configuration.password"]
        assert await present(proxy, datasource) == before
        tested = await proxy.developer.call("POST", f"/datasources/{datasource}/test")
        assert tested.data["success"] is True, tested.envelope
        assert decoy.heard == b""


async def test_a_test_of_another_destination_never_uses_the_stored_secret(proxy: Proxy) -> None:
    async with HttpUpstream() as upstream, listening() as decoy:
        secret = {"secretHeaders": {"X-Key": CANARY}}
        await proxy.datasource("rest", {"url": upstream.url, **secret}, name="api")
        elsewhere = f"http://127.0.0.1:{decoy.port}"
        body = {"workspaceId": proxy.workspace_id, "name": "api", "kind": "rest", "configuration": {"url": elsewhere}}
        async with asyncio.timeout(30):
            await proxy.developer.call("POST", "/datasources/test", body)
        assert CANARY.encode() not in decoy.heard


async def test_the_destination_changes_with_the_secret_given_again(proxy: Proxy, postgres: PostgresServer) -> None:
    datasource = await proxy.datasource("postgres", postgres.configuration(password=postgres.password))
    database = await postgres.fresh_database()
    reply = await patched(proxy, datasource, database=database, password=postgres.password)
    assert reply.status == 200, reply.envelope
    assert reply.data["secretsSet"] == ["password"]
    action = await proxy.action(datasource, "SELECT current_database() AS name")
    assert (await proxy.viewer.execute(action)).data["body"] == [{"name": database}]


async def test_stronger_tls_needs_no_secret_and_works(proxy: Proxy, postgres: PostgresServer) -> None:
    weak = postgres.configuration(tls=True, tlsMode="require", password=postgres.password)
    datasource = await proxy.datasource("postgres", weak)
    action = await proxy.action(datasource, "SELECT 1 AS one")
    assert (await proxy.viewer.execute(action)).data["body"] == [{"one": 1}]
    for mode in ("verify-ca", "verify-full"):
        reply = await patched(proxy, datasource, tlsMode=mode)
        assert reply.status == 200, reply.envelope
        assert reply.data["secretsSet"] == ["password"]
        assert (await proxy.viewer.execute(action)).data["body"] == [{"one": 1}]
    weaker = await patched(proxy, datasource, tlsMode="verify-ca")
    assert weaker.error["code"] == "SecretRequired"


# kept, replaced, deleted


async def test_secrets_are_kept_replaced_and_deleted_one_by_one(proxy: Proxy) -> None:
    async with HttpUpstream() as upstream:
        datasource = await proxy.datasource(
            "rest", {"url": upstream.url, "secretHeaders": {"X-One": "first", "X-Two": "second"}}
        )
        action = await proxy.action(datasource, {"path": "/echo"})

        async def sent() -> dict[str, str | None]:
            arrived = len(upstream.arrived)
            reply = await proxy.viewer.execute(action)
            assert reply.data["isExecutionSuccess"] is True, reply.envelope
            return {name: upstream.arrived[arrived].header(name) for name in ("X-One", "X-Two")}

        for change, names, arrived in (
            ({}, ["X-One", "X-Two"], {"X-One": "first", "X-Two": "second"}),
            ({"secretHeaders": {"X-Two": "2nd"}}, ["X-One", "X-Two"], {"X-One": "first", "X-Two": "2nd"}),
            ({"secretHeaders": {"X-One": None}}, ["X-Two"], {"X-One": None, "X-Two": "2nd"}),
            ({"headers": {"X-Plain": "p"}}, ["X-Two"], {"X-One": None, "X-Two": "2nd"}),
            ({"secretHeaders": None}, [], {"X-One": None, "X-Two": None}),
            ({"secretHeaders": {"X-One": "again"}}, ["X-One"], {"X-One": "again", "X-Two": None}),
        ):
            reply = await patched(proxy, datasource, **change)
            assert reply.status == 200, reply.envelope
            assert reply.data["secretsSet"] == [f"secretHeaders.{name}" for name in names]
            assert "secretHeaders" not in reply.data["configuration"]
            assert await sent() == arrived


async def test_a_new_name_keeps_the_secrets(proxy: Proxy, shop: str) -> None:
    revision = (await present(proxy, shop))["revision"]
    reply = await proxy.developer.call("PATCH", f"/datasources/{shop}", {"revision": revision, "name": "renamed"})
    assert (reply.data["name"], reply.data["secretsSet"]) == ("renamed", ["password"])
    action = await proxy.action(shop, "SELECT 1 AS one")
    assert (await proxy.viewer.execute(action)).data["body"] == [{"one": 1}]


async def test_a_secret_that_is_empty_or_no_text_is_refused_unquoted(proxy: Proxy, shop: str) -> None:
    for value in ("", 7, [CANARY], {"a": CANARY}, "x" * 5000):
        reply = await patched(proxy, shop, password=value)
        assert reply.status == 400
        assert reply.error["details"][0]["path"] == "configuration.password"
        assert CANARY not in reply.raw.decode()
    assert (await present(proxy, shop))["secretsSet"] == ["password"]


async def test_a_datasource_without_its_secret_says_so(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, "SELECT 1 AS one")
    assert (await patched(proxy, shop, password=None)).data["secretsSet"] == []
    reply = await proxy.viewer.execute(action)
    assert reply.data["statusCode"] == "CredentialsRejected"


# sealed bytes that were moved


Move = Callable[[Datasource, Datasource], Datasource]


def _seal(to: Datasource, name: str, secret: Any) -> Datasource:
    return replace(to, secrets={**to.secrets, name: secret})


MOVES: dict[str, Move] = {
    "to another datasource": lambda one, two: _seal(two, "secretHeaders.X-One", one.secrets["secretHeaders.X-One"]),
    "to another field": lambda one, two: _seal(two, "secretHeaders.X-One", two.secrets["secretHeaders.X-Two"]),
    "to another destination": lambda one, two: replace(
        two, configuration={**two.configuration, "url": "http://127.0.0.1:1"}
    ),
    "back to an older one": lambda one, two: _seal(
        two, "secretHeaders.X-One", replace(two.secrets["secretHeaders.X-One"], generation=7)
    ),
    "altered": lambda one, two: _seal(
        two,
        "secretHeaders.X-One",
        replace(
            two.secrets["secretHeaders.X-One"],
            sealed=two.secrets["secretHeaders.X-One"].sealed[:-1]
            + bytes([two.secrets["secretHeaders.X-One"].sealed[-1] ^ 1]),
        ),
    ),
    "cut": lambda one, two: _seal(
        two,
        "secretHeaders.X-One",
        replace(two.secrets["secretHeaders.X-One"], sealed=two.secrets["secretHeaders.X-One"].sealed[:20]),
    ),
}


@pytest.mark.parametrize("move", MOVES)
async def test_moved_or_altered_seals_open_nowhere(tmp_path: Path, move: str) -> None:
    """Whoever can write the store's file still cannot have a secret sent somewhere else."""
    async with (
        HttpUpstream() as upstream,
        running_proxy(tmp_path / "own", store=SqliteStore(tmp_path / "own/s.db")) as proxy,
    ):
        secrets = {"X-One": f"{CANARY}-1", "X-Two": f"{CANARY}-2"}
        ids = [
            await proxy.datasource("rest", {"url": upstream.url, "secretHeaders": secrets}, name=name)
            for name in ("one", "two")
        ]
        action = await proxy.action(ids[1], {"path": "/echo"})
        store = proxy.runtime.store
        one, two = [await store.get(Datasource, record_id) for record_id in ids]
        assert one is not None
        assert two is not None
        await store.commit(Put(MOVES[move](one, two), expected=two.revision))
        await proxy.runtime.cache.refresh()
        for reply in (
            await proxy.viewer.execute(action),
            await proxy.developer.execute(action),
            await proxy.developer.call("POST", f"/datasources/{ids[1]}/test"),
        ):
            assert reply.status == 500
            assert reply.error["code"] == "VaultError"
            assert CANARY not in reply.raw.decode()
        assert upstream.arrived == []


async def test_a_store_beside_another_instances_keys_opens_nothing(tmp_path: Path) -> None:
    """A datasource's row that is copied into another instance's store is not opened there, even under the same keys."""
    async with HttpUpstream() as upstream:
        stores = [SqliteStore(tmp_path / name / "store.db") for name in ("a", "b")]
        async with running_proxy(tmp_path / "a", store=stores[0]) as first:
            source = await first.datasource("rest", {"url": upstream.url, "secretHeaders": {"X-One": CANARY}})
            record = await stores[0].get(Datasource, source)
            assert record is not None
        async with running_proxy(tmp_path / "b", store=stores[1]) as second:
            await stores[1].commit(Put(replace(record, workspace_id=second.workspace_id), expected=0))
            action = await second.action(record.id, {"path": "/echo"})
            assert (await second.viewer.execute(action)).error["code"] == "VaultError"
        assert upstream.arrived == []


async def test_nothing_of_a_secret_is_in_the_stores_files(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    async with running_proxy(folder, store=SqliteStore(folder / "store.db")) as proxy:
        await proxy.datasource(
            "rest", {"url": "http://127.0.0.1:9", "secretHeaders": {"X-One": CANARY}}, name="visible-name"
        )
        content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"visible-name" in content
    assert CANARY.encode() not in content
