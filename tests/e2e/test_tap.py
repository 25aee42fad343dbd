"""A tap at the database's own statement log: what reaches it is a plan's statement or a driver's constant, and nothing else."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Final

import appsmith_proxy_mysql
import appsmith_proxy_postgres
from appsmith_proxy.model.plan import StatementSet
from appsmith_proxy.model.records import Action
from appsmith_proxy.sdk import Driver, Lane
from appsmith_proxy.template import compile_action
from appsmith_proxy.template.rows import for_rows
from appsmith_proxy.template.sizes import sized
from appsmith_proxy_mysql import MysqlDriver
from appsmith_proxy_mysql.pins import pins, server_info
from appsmith_proxy_mysql.reset import Home, beginning
from appsmith_proxy_postgres import PostgresDriver
from tests.servers.constants import own_texts
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_encoded import ENCODED
from tests.servers.proxy import Proxy

TABLE: Final = """CREATE TABLE orders (id integer PRIMARY KEY, customer varchar(60), cents integer CHECK (cents >= 0));
INSERT INTO orders VALUES (1, 'alice', 1250), (2, 'bob', 10), (3, 'carol', 7)"""
CANARY: Final = "canary-0815"
"""Stands in every value that is sent, and in no statement."""

ID: Final = {"name": "id", "type": "integer"}
IDS: Final = {"name": "ids", "type": "integer", "list": True}
COLUMN: Final = {"name": "column", "type": "identifier", "choices": ["id", "customer"], "default": "id"}
ROWS: Final = {
    "name": "rows",
    "type": "object",
    "list": True,
    "fields": [{"name": "id", "type": "integer"}, {"name": "customer", "type": "text"}],
}
SEARCH: Final = (
    "SELECT id, customer FROM orders WHERE customer <> {{ who }} [[ AND customer LIKE '%{{ part }}%' ]]"
    " [[ AND id > {{ least }} ]] ORDER BY {{ column }} [[ LIMIT {{ n }} ]]"
)
STEPS: Final = {
    "steps": [
        {"name": "one", "body": "SELECT id FROM orders WHERE id = {{ id }}"},
        {"name": "two", "body": "UPDATE orders SET customer = {{ who }} WHERE id = {{ steps.one.id }}"},
    ]
}
STEP_ID: Final = {"name": "steps.one.id", "type": "integer"}


async def run_everything(proxy: Proxy, datasource: str) -> list[str]:
    """Save, publish, test, describe and execute a good many actions, well and badly; return their ids."""
    actions = {
        "search": await proxy.action(datasource, SEARCH, name="search", parameters=[COLUMN], publish=False),
        "all": await proxy.action(datasource, "SELECT * FROM orders", name="all", publish=False),
        "many": await proxy.action(
            datasource,
            "SELECT customer FROM orders WHERE id IN ({{ ids }})",
            name="many",
            parameters=[IDS],
            publish=False,
        ),
        "change": await proxy.action(
            datasource,
            "UPDATE orders SET customer = {{ who }} WHERE id = {{ id }}",
            name="change",
            parameters=[ID],
            maxAffectedRows=2,
            publish=False,
        ),
        "too much": await proxy.action(
            datasource, "UPDATE orders SET customer = {{ who }}", name="too much", maxAffectedRows=1, publish=False
        ),
        "refused": await proxy.action(
            datasource, "UPDATE orders SET cents = -1 WHERE customer <> {{ who }}", name="refused", publish=False
        ),
        "rows": await proxy.action(
            datasource,
            "INSERT INTO orders (id, customer) VALUES {{ rows }}",
            name="rows",
            parameters=[ROWS],
            publish=False,
        ),
        "steps": await proxy.action(datasource, STEPS, name="steps", parameters=[ID, STEP_ID], publish=False),
    }
    await proxy.publish()
    await proxy.developer.call("POST", f"/datasources/{datasource}/test")
    await proxy.developer.call("GET", f"/datasources/{datasource}/structure")
    await proxy.developer.call("POST", f"/workspaces/{proxy.workspace_id}/plans/check")
    calls: list[tuple[str, dict[str, Any]]] = [
        ("search", {"who": f"{CANARY}' OR '1'='1"}),
        ("search", {"who": CANARY, "part": f"%_\\{CANARY}", "column": "customer"}),
        ("search", {"who": CANARY, "least": 0, "n": 2}),
        ("search", {"who": CANARY, "least": f"{CANARY}; DROP TABLE orders"}),
        ("search", {"who": CANARY, "column": f"{CANARY}; DROP TABLE orders"}),
        ("all", {}),
        *(("many", {"ids": list(range(size))}) for size in (0, 1, 2, 3, 5, 9)),
        ("change", {"id": 1, "who": f"{CANARY}\\"}),
        ("too much", {"who": CANARY}),
        ("refused", {"who": CANARY}),
        ("rows", {"rows": [{"id": 100 + number, "customer": f"{CANARY}{number}"} for number in range(700)]}),
        ("rows", {"rows": [{"id": 100, "customer": CANARY}]}),
        ("steps", {"id": 2, "who": f"{CANARY}--"}),
        ("steps", {"id": 99, "who": CANARY}),
        *(("all", {}) for _ in range(4)),
    ]
    for name, params in calls:
        await proxy.viewer.execute(actions[name], params)
    await asyncio.gather(*(proxy.viewer.execute(actions["all"]) for _ in range(5)))
    for name, params in calls[:2]:
        await proxy.developer.execute(actions[name], params, viewMode=False)
    await proxy.developer.execute(actions["change"], {"id": 1, "who": CANARY}, viewMode=False, mode="dryRun")
    return list(actions.values())


KILL: Final = re.compile(r"KILL QUERY [0-9]+")


async def planned(proxy: Proxy, driver: Driver, actions: Iterable[str]) -> frozenset[str]:
    """Return every text that the plans of actions hold, in every size of their lists and of their batches of rows."""
    return frozenset([text async for action in _stored(proxy, actions) for text in _texts(driver, action)])


async def _stored(proxy: Proxy, actions: Iterable[str]) -> AsyncIterator[Action]:
    for action_id in actions:
        action = await proxy.runtime.store.get(Action, action_id)
        assert action is not None
        yield action


def _texts(driver: Driver, action: Action) -> Iterator[str]:
    copy = action.draft
    plan = compile_action(
        driver, copy.configuration, copy.parameters, read_only=copy.read_only, allow_ddl=copy.allow_ddl
    ).plan
    assert plan is not None
    for step in plan.steps:
        assert isinstance(step.payload, StatementSet)
        for each in step.payload.statements:
            yield each.statement.text
            yield from (sized(each, (size,)).text for size in (0, 1, 2, 4, 8, 16) if each.lists)
            yield from (for_rows(each, 1 << bit).text for bit in range(8) if each.rows)


def folded(texts: Iterable[str]) -> frozenset[str]:
    """Return texts without what the log does not keep: the white space at their ends, and how lines end."""
    return frozenset(" ".join(text.split()) for text in texts)


async def test_postgresql_gets_nothing_else(proxy: Proxy, postgres: PostgresServer) -> None:
    database = await postgres.fresh_database()
    async with postgres.session(database) as session:
        await session.execute(TABLE)
    await postgres.log_statements(database)
    datasource = await proxy.datasource("postgres", postgres.configuration(database, password=postgres.password))
    plans = await planned(proxy, PostgresDriver(), await run_everything(proxy, datasource))
    own = own_texts(appsmith_proxy_postgres)
    sent = {entry.text for entry in postgres.logged(database)}
    derived = {text for text in sent if (found := ENCODED.fullmatch(text)) and found[1] in plans}
    assert sent - plans - own - derived == set()
    assert derived, "large answers are encoded by the database"
    assert len(sent & plans) > 12
    assert sent & own
    assert not [text for text in sent if CANARY in text]


async def test_mariadb_gets_nothing_else(proxy: Proxy, mariadb: MariadbServer) -> None:
    database = await mariadb.fresh_database()
    async with mariadb.session(database) as session:
        await session.script(TABLE)
    await mariadb.log_statements()
    datasource = await proxy.datasource("mysql", mariadb.configuration(database, password=mariadb.password))
    plans = folded(await planned(proxy, MysqlDriver(), await run_everything(proxy, datasource)))
    logged = mariadb.logged()
    prepared = folded(entry.text for entry in logged if entry.command == "Prepare")
    asked = folded(entry.text for entry in logged if entry.command == "Query")
    own = folded(own_texts(appsmith_proxy_mysql))
    server = server_info("11.8.6-MariaDB")
    home = Home(database=database, role=None)
    begun = folded(beginning(pins(server, lane, ceiling_seconds=120), home) for lane in Lane)
    assert prepared - plans - own == set()
    assert {text for text in asked if not KILL.fullmatch(text)} - own - begun == set()
    assert not asked & plans, "an action's statement is never sent as text"
    assert len(prepared & plans) > 30
    assert asked & own
    assert not [text for text in prepared | asked if CANARY in text]
    assert {entry.command for entry in logged} <= {"Connect", "Prepare", "Execute", "Query", "Quit"}
