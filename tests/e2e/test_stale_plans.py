"""A schema that changed under a published action: viewers get a code, editors what has changed and what to do."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Final

import pytest

from appsmith_proxy.sdk import Column, ColumnType, OpenContext, Prepared, Secret, Statement, hookimpl
from appsmith_proxy.testing.memory import MemoryClient, MemoryDriver, MemoryServer
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy, running_proxy

TABLE: Final = """CREATE TABLE orders (id integer, cents bigint, customer varchar(20));
INSERT INTO orders VALUES (1, 1250, 'alice'), (2, 10, 'bob')"""
READ: Final = "SELECT id, cents FROM orders WHERE id = {{ id }}"
WRITE: Final = "UPDATE orders SET cents = {{ cents }} WHERE id = {{ id }}"


@dataclass(frozen=True, slots=True)
class Orders:
    """A table of a real PostgreSQL, and somebody who changes it."""

    datasource_id: str
    session: Any

    async def change(self, statement: str) -> None:
        """Run what the owner of the database runs."""
        await self.session.execute(statement)


@pytest.fixture
async def orders(proxy: Proxy, postgres: PostgresServer) -> AsyncIterator[Orders]:
    database = await postgres.fresh_database()
    async with postgres.session(database) as session:
        await session.execute(TABLE)
        configuration = postgres.configuration(database, password=postgres.password)
        yield Orders(await proxy.datasource("postgres", configuration), session)


async def code(proxy: Proxy, action: str, **params: Any) -> str:
    """Execute as a viewer; return the code, or ``""``."""
    reply = await proxy.viewer.execute(action, {"id": 1, **params})
    assert reply.status == 200, reply.envelope
    return "" if reply.data["isExecutionSuccess"] else str(reply.data["statusCode"])


@pytest.mark.parametrize("warm", [True, False], ids=["kept", "fresh"])
@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE orders ALTER cents TYPE numeric",
        "ALTER TABLE orders ALTER id TYPE text",
        "ALTER TABLE orders DROP cents",
        "DROP TABLE orders",
    ],
)
async def test_a_read_whose_columns_changed_is_stale(proxy: Proxy, orders: Orders, change: str, *, warm: bool) -> None:
    action = await proxy.action(orders.datasource_id, READ)
    if warm:
        assert await code(proxy, action) == ""
    await orders.change(change)
    assert await code(proxy, action) == "PlanStale"


async def test_viewers_get_the_code_and_editors_what_to_do(proxy: Proxy, orders: Orders) -> None:
    action = await proxy.action(orders.datasource_id, "SELECT * FROM orders WHERE id = {{ id }}")
    assert await code(proxy, action) == ""
    await orders.change("ALTER TABLE orders ADD secret_note text")
    viewers = await proxy.viewer.execute(action, {"id": 1})
    assert viewers.data["statusCode"] == "PlanStale"
    assert viewers.data["body"] == "The action must be published again"
    assert "secret_note" not in viewers.raw.decode()
    editors = (await proxy.developer.execute(action, {"id": 1})).raw.decode()
    assert "column secret_note is new" in editors
    assert "publish its application again" in editors
    draft = await proxy.developer.execute(action, {"id": 1}, viewMode=False)
    assert draft.data["isExecutionSuccess"] is True, "a draft is held to nothing that was published"
    await proxy.publish()
    assert await code(proxy, action) == ""


async def test_a_slots_type_is_looked_at_before_a_write(proxy: Proxy, orders: Orders) -> None:
    action = await proxy.action(orders.datasource_id, WRITE)
    await orders.change("ALTER TABLE orders ALTER cents TYPE text")
    assert await code(proxy, action, cents="7") == "PlanStale"
    assert await orders.session.fetchval("SELECT cents FROM orders WHERE id = 1") == "1250", "nothing may be written"
    await proxy.publish()
    assert await code(proxy, action, cents="7") == ""
    assert await orders.session.fetchval("SELECT cents FROM orders WHERE id = 1") == "7"


async def test_what_is_published_anew_holds_for_connections_that_are_older(proxy: Proxy, orders: Orders) -> None:
    """A connection keeps the statement with the types of its time: after a publication a fresh look decides."""
    action = await proxy.action(orders.datasource_id, WRITE)
    assert await code(proxy, action, cents=5) == ""
    await orders.change("ALTER TABLE orders ALTER id TYPE bigint")
    await proxy.publish()
    for cents in range(3):
        assert await code(proxy, action, cents=cents) == ""
    assert await code(proxy, action, id=2**40, cents=1) == "", "the new type takes it"


async def test_other_failures_stay_what_they_are(proxy: Proxy, orders: Orders) -> None:
    action = await proxy.action(orders.datasource_id, READ)
    assert await code(proxy, action, id="no number") == "ParameterInvalid"
    divide = await proxy.action(orders.datasource_id, "SELECT 1 / {{ id }}::integer AS x", name="divide")
    assert await code(proxy, divide, id=0) not in ("", "PlanStale")


async def test_what_was_never_checked_is_never_stale(proxy: Proxy, postgres: PostgresServer) -> None:
    database = await postgres.fresh_database()
    configuration = postgres.configuration(database, password=postgres.password)
    datasource = await proxy.datasource("postgres", {**configuration, "port": 1})
    action = await proxy.action(datasource, READ)
    async with postgres.session(database) as session:
        await session.execute(TABLE)
        present = (await proxy.developer.call("GET", f"/datasources/{datasource}")).data
        changed = await proxy.developer.call(
            "PATCH",
            f"/datasources/{datasource}",
            {
                "revision": present["revision"],
                "configuration": {"port": configuration["port"], "password": postgres.password},
            },
        )
        assert changed.status == 200, changed.envelope
        assert await code(proxy, action) == ""
        await session.execute("ALTER TABLE orders ALTER cents TYPE numeric")
        assert await code(proxy, action) == ""


async def test_columns_are_compared_for_drivers_that_do_not(proxy: Proxy, mariadb: MariadbServer) -> None:
    """Before the proxy says anything, it has the datasource prepare once more: a choice of types at run time is no change."""
    database = await mariadb.fresh_database()
    async with mariadb.session(database) as session:
        await session.script("CREATE TABLE orders (id INT, cents BIGINT); INSERT INTO orders VALUES (1, 5);")
        datasource = await proxy.datasource("mysql", mariadb.configuration(database, password=mariadb.password))
        star = await proxy.action(datasource, "SELECT * FROM orders WHERE id = {{ id }}", name="star")
        mixed = await proxy.action(
            datasource,
            "SELECT COALESCE({{ x }}, cents) AS x FROM orders WHERE id = {{ id }}",
            name="mixed",
            parameters=[{"name": "x", "type": "integer", "required": False, "nullable": True}],
        )
        for _ in range(2):
            assert await code(proxy, star) == ""
            assert [await code(proxy, mixed, x=x) for x in (1, None)] == ["", ""]
        await session.script("ALTER TABLE orders MODIFY cents DECIMAL(9,2);")
        assert await code(proxy, star) == "PlanStale"
        await session.script("ALTER TABLE orders DROP cents;")
        assert [await code(proxy, action) for action in (star, mixed)] == ["PlanStale", "PlanStale"]


class ShiftingClient(MemoryClient):
    """Reports what its driver says, whatever the statement."""

    def __init__(self, driver: "ShiftingDriver", password: Secret | None) -> None:
        super().__init__(driver.server, "main", password)
        self._driver = driver

    async def prepare(self, statement: Statement, *, deadline: float) -> Prepared:
        """Report columns that need not be the rows'."""
        self._driver.asked += 1
        return replace(await super().prepare(statement, deadline=deadline), columns=self._driver.columns)


class ShiftingDriver(MemoryDriver):
    """A stranger's driver, which does not look itself before it runs."""

    columns = (Column("id", ColumnType.INTEGER, "as published"),)
    asked = 0

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> ShiftingClient:
        """Make a Client."""
        return ShiftingClient(self, secrets.get("password"))

    @hookimpl
    def register_drivers(self) -> list[MemoryDriver]:
        """Return itself."""
        return [self]


async def test_what_prepare_reports_decides_and_a_write_that_is_done_is_not_called_stale(
    paths: SimpleNamespace, memory: MemoryServer
) -> None:
    driver = ShiftingDriver(memory)
    async with running_proxy(paths.own, plugins=[driver]) as proxy:
        shop = await proxy.datasource("memory", {"password": memory.password})
        read = await proxy.action(shop, "SELECT id FROM orders WHERE id = {{ id }}", name="read")
        write = await proxy.action(shop, "UPDATE orders SET cents = 1 WHERE id = {{ id }} RETURNING id", name="write")
        asked = driver.asked
        for _ in range(3):
            assert await code(proxy, read) == "", "its rows are of another type than it reports, as ever"
        assert driver.asked == asked + 1, "that is found out once"
        driver.columns = (Column("id", ColumnType.INTEGER, "changed"),)
        await proxy.publish()
        driver.columns = (Column("id", ColumnType.INTEGER, "changed again"),)
        assert await code(proxy, read) == "PlanStale"
        assert await code(proxy, write) == ""


async def test_files_too(proxy: Proxy, paths: SimpleNamespace) -> None:
    def change(*statements: str) -> None:
        with closing(sqlite3.connect(paths.data / "orders.db")) as file, file:
            for statement in statements:
                file.execute(statement)

    change("CREATE TABLE orders (id INTEGER, cents INTEGER)", "INSERT INTO orders VALUES (1, 5)")
    datasource = await proxy.datasource("sqlite", {"file": "orders.db"})
    star = await proxy.action(datasource, "SELECT * FROM orders WHERE id = {{ id }}", name="star")
    named = await proxy.action(datasource, "SELECT cents FROM orders WHERE id = {{ id }}", name="named")
    assert [await code(proxy, action) for action in (star, named)] == ["", ""]
    change("ALTER TABLE orders ADD COLUMN note TEXT")
    assert [await code(proxy, action) for action in (star, named)] == ["PlanStale", ""]
    change("ALTER TABLE orders DROP COLUMN cents")
    assert [await code(proxy, action) for action in (star, named)] == ["PlanStale", "PlanStale"]
