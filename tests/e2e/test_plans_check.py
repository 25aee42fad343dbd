"""The drift guard: every published plan of a workspace, whether it would still run as it was published, and what to do."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

import pytest

from appsmith_proxy.catalog.plans import check_and_report
from appsmith_proxy.model.principal import Role
from appsmith_proxy.model.records import Action
from appsmith_proxy.store.contract import Put
from tests.servers.command import Installation
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy

TABLE: Final = "CREATE TABLE orders (id integer, cents bigint); CREATE TABLE parts (id integer)"


@pytest.fixture
async def session(postgres: PostgresServer) -> AsyncIterator[tuple[Any, str]]:
    """Somebody who owns a database with two tables."""
    database = await postgres.fresh_database()
    async with postgres.session(database) as session:
        await session.execute(TABLE)
        yield session, database


async def checked(proxy: Proxy) -> dict[str, Any]:
    reply = await proxy.developer.call("POST", f"/workspaces/{proxy.workspace_id}/plans/check")
    assert reply.status == 200, reply.envelope
    found: dict[str, Any] = reply.data
    return found


async def test_each_plan_has_its_state_and_what_to_do(
    proxy: Proxy, postgres: PostgresServer, session: tuple[Any, str]
) -> None:
    owner, database = session
    datasource = await proxy.datasource("postgres", postgres.configuration(database, password=postgres.password))
    fine = await proxy.action(datasource, "SELECT id FROM parts", name="fine")
    columns = await proxy.action(datasource, "SELECT cents FROM orders", name="columns")
    slot = await proxy.action(datasource, "UPDATE orders SET cents = {{ cents }}", name="slot")
    gone = await proxy.action(datasource, "SELECT id FROM parts WHERE id = {{ id }}", name="gone", publish=False)
    plain = await proxy.action(datasource, "SELECT 1 AS one", name="constant", publish=False)
    await proxy.publish()
    assert (await checked(proxy))["ok"] is True
    await owner.execute("ALTER TABLE orders ALTER cents TYPE numeric; ALTER TABLE parts RENAME id TO number")
    await owner.execute(
        "ALTER TABLE parts ADD id integer; ALTER TABLE parts RENAME TO pieces; CREATE TABLE parts (id integer)"
    )
    stored = await proxy.runtime.store.get(Action, gone)
    assert stored is not None
    assert stored.published is not None
    tampered = replace(stored, published=replace(stored.published, timeout_ms=1))
    await proxy.runtime.store.commit(Put(tampered, expected=stored.revision))
    report = await checked(proxy)
    assert report["ok"] is False
    states = {row["actionId"]: row["state"] for row in report["plans"]}
    assert states == {fine: "ok", columns: "stale", slot: "stale", gone: "unverified", plain: "ok"}
    rows = {row["actionId"]: row for row in report["plans"]}
    assert rows[columns]["found"] == ["column cents was int8, is numeric"]
    assert rows[slot]["found"] == ["{{cents}} was int8, is numeric"]
    assert "publish its application again" in rows[slot]["advice"]
    assert "not what was published" in rows[gone]["found"][0]
    await owner.execute("DROP TABLE orders")
    rows = {row["actionId"]: row for row in (await checked(proxy))["plans"]}
    assert rows[columns]["state"] == "refused"
    assert "orders" in rows[columns]["found"][0]


async def test_a_datasource_that_is_down_is_asked_once(proxy: Proxy) -> None:
    down = {
        "host": "127.0.0.1",
        "port": 1,
        "database": "d",
        "username": "u",
        "tlsMode": "disable",
        "password": "pw-1234",
    }
    datasource = await proxy.datasource("postgres", down)
    for number in range(3):
        await proxy.action(datasource, f"SELECT {number} AS n", name=f"n{number}", publish=False)
    await proxy.publish()
    report = await checked(proxy)
    assert [row["state"] for row in report["plans"]] == ["unreachable"] * 3
    assert sum(bool(row["found"]) for row in report["plans"]) == 1


async def test_strangers_and_viewers_check_nothing(proxy: Proxy) -> None:
    path = f"/workspaces/{proxy.workspace_id}/plans/check"
    assert (await proxy.viewer.call("POST", path)).status == 403
    other = await proxy.administrator.created("/workspaces", {"name": "Other"})
    stranger = await proxy.caller(Role.DEVELOPER, other["id"])
    assert (await stranger.call("POST", path)).status == 404
    assert (await stranger.call("POST", f"/workspaces/{other['id']}/plans/check")).data == {"ok": True, "plans": []}


async def test_the_operator_is_told_each(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, "SELECT id FROM orders", name="lookup")
    lines: list[str] = []
    assert await check_and_report(proxy.runtime.catalog.plans, None, lines.append) is True
    assert lines == [f"{action}  ok           lookup"]
    stored = await proxy.runtime.store.get(Action, action)
    assert stored is not None
    assert stored.published is not None
    await proxy.runtime.store.commit(
        Put(replace(stored, published=replace(stored.published, seal=None)), expected=stored.revision)
    )
    lines.clear()
    assert await check_and_report(proxy.runtime.catalog.plans, proxy.workspace_id, lines.append) is False
    assert lines[0] == f"{action}  unverified   lookup"
    assert len(lines) == 3
    assert "publish its application again" in lines[2]


async def test_the_command_says_by_its_code_whether_all_is_well(tmp_path: Any) -> None:
    here = Installation(tmp_path / "here")
    await here.make_keys()
    assert await here.ok("plans", "check") == ""
    missing = await here.run("plans", "check", "--workspace", "0" * 24)
    assert (missing.code, missing.out) == (1, "")
    assert "no such workspace" in missing.err
