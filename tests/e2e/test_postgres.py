"""The main job, end to end: a stored action runs against a real PostgreSQL, and its caller never sees how."""

import asyncio
from typing import Any

import pytest

from tests.servers.postgres import PostgresServer, until
from tests.servers.proxy import Proxy

TABLE = """
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, total numeric(12,2), placed timestamptz, tags text[], extra jsonb);
INSERT INTO orders VALUES
  (1, 'alice@shop.example', 12.50, '2026-02-03 04:05:06.789+00', '{a,b}', '{"n": 1.00}'),
  (2, 'bob@shop.example', 0.10, NULL, '{}', NULL),
  (9007199254740993, '100% linen', 99999999.99, 'infinity', NULL, '[1]');
"""

RUNNING = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
)


@pytest.fixture
async def shop(proxy: Proxy, postgres: PostgresServer) -> tuple[str, str]:
    """A datasource on a fresh database with orders, and the database's name."""
    database = await postgres.fresh_database()
    async with postgres.session(database) as session:
        await session.execute(TABLE)
    return await proxy.datasource("postgres", postgres.configuration(database, password=postgres.password)), database


async def test_a_lookup_answers_exact_values(proxy: Proxy, shop: tuple[str, str]) -> None:
    action = await proxy.action(shop[0], "SELECT * FROM orders WHERE id = {{ id }}")
    reply = await proxy.viewer.execute(action, {"id": "9007199254740993"})
    assert reply.status == 200
    assert reply.data["isExecutionSuccess"] is True
    assert reply.data["body"] == [
        {
            "id": "9007199254740993",
            "customer": "100% linen",
            "total": "99999999.99",
            "placed": "infinity",
            "tags": None,
            "extra": [1],
        }
    ]
    first = await proxy.viewer.execute(action, {"id": 1})
    assert first.data["body"][0]["placed"] == "2026-02-03T04:05:06.789Z"
    assert b'"extra":{"n": 1.00}' in first.raw
    assert first.data["request"] is None
    assert [column["name"] for column in first.data["columns"]] == [
        "id",
        "customer",
        "total",
        "placed",
        "tags",
        "extra",
    ]
    assert all("nativeType" not in column for column in first.data["columns"])


async def test_both_wire_forms_answer_the_same(proxy: Proxy, shop: tuple[str, str]) -> None:
    action = await proxy.action(shop[0], "SELECT id, customer FROM orders WHERE customer LIKE '%{{ q }}%' ORDER BY id")
    as_json = await proxy.viewer.execute(action, {"q": "%"})
    as_form = await proxy.viewer.execute_form(action, {"q": ("%", "string")})
    assert as_json.data["body"] == as_form.data["body"] == [{"id": "9007199254740993", "customer": "100% linen"}]


@pytest.mark.parametrize(("ids", "expected"), [([1, 2], [1, 2]), ([], []), (2, [2]), (["1"], [1])])
async def test_a_list_fills_in(proxy: Proxy, shop: tuple[str, str], ids: Any, expected: list[int]) -> None:
    action = await proxy.action(shop[0], "SELECT id FROM orders WHERE id IN ({{ ids }}) ORDER BY id")
    reply = await proxy.viewer.execute(action, {"ids": ids})
    assert [row["id"] for row in reply.data["body"]] == expected


async def test_a_trusted_name_cannot_be_forged(proxy: Proxy, shop: tuple[str, str]) -> None:
    action = await proxy.action(shop[0], "SELECT id FROM orders WHERE customer = {{ appsmith.user.email }}")
    forged = {"appsmith.user.email": "bob@shop.example"}
    for reply in (
        await proxy.viewer.execute(action),
        await proxy.viewer.execute(action, forged),
        await proxy.viewer.execute_form(action, {name: (text, "string") for name, text in forged.items()}),
    ):
        assert reply.data["body"] == [{"id": 1}]


async def test_a_write_counts_and_a_limit_rolls_it_back(
    proxy: Proxy, shop: tuple[str, str], postgres: PostgresServer
) -> None:
    body = "UPDATE orders SET total = {{ total }} WHERE id < {{ below }}"
    free = await proxy.action(shop[0], body, name="free")
    bounded = await proxy.action(shop[0], body, name="bounded", maxAffectedRows=1)
    assert (await proxy.viewer.execute(free, {"total": "1.00", "below": 2})).data["body"] == [{"affectedRows": 1}]
    reply = await proxy.viewer.execute(bounded, {"total": "7.00", "below": 10})
    assert reply.status == 200
    assert reply.data["isExecutionSuccess"] is False
    async with postgres.session(shop[1]) as session:
        assert await session.fetchval("SELECT count(*) FROM orders WHERE total = 7.00") == 0


async def test_a_statement_the_database_refuses_is_refused_at_save(proxy: Proxy, shop: tuple[str, str]) -> None:
    body = {
        "applicationId": proxy.application_id,
        "datasourceId": shop[0],
        "name": "wrong",
        "configuration": {"body": "SELECT nothing_like_it FROM orders"},
    }
    reply = await proxy.developer.call("POST", "/actions", body)
    assert reply.status == 400
    assert "nothing_like_it" in reply.raw.decode()


async def test_an_action_is_saved_while_the_database_is_down(proxy: Proxy) -> None:
    datasource = await proxy.datasource(
        "postgres",
        {
            "host": "127.0.0.1",
            "port": 1,
            "database": "shop",
            "username": "nobody",
            "tlsMode": "disable",
            "password": "secret!",
        },
    )
    body = {
        "applicationId": proxy.application_id,
        "datasourceId": datasource,
        "name": "later",
        "configuration": {"body": "SELECT 1"},
    }
    saved = await proxy.developer.created("/actions", body)
    assert saved["checked"] is False
    assert saved["warnings"]
    await proxy.publish()
    reply = await proxy.viewer.execute(saved["id"])
    assert reply.status == 200
    assert reply.data["isExecutionSuccess"] is False
    assert reply.data["statusCode"] == "ConnectFailed"


async def test_a_value_that_does_not_fit_names_the_binding_to_editors(proxy: Proxy, shop: tuple[str, str]) -> None:
    action = await proxy.action(shop[0], "SELECT id FROM orders WHERE id = {{ order_id }}")
    reply = await proxy.developer.execute(action, {"order_id": "hardly a number"})
    assert reply.status == 200
    assert reply.data["statusCode"] == "ParameterInvalid"
    assert "order_id" in reply.raw.decode()
    viewers = await proxy.viewer.execute(action, {"order_id": "hardly a number"})
    assert viewers.data["statusCode"] == "ParameterInvalid"
    assert "hardly" not in viewers.raw.decode()


async def test_a_read_is_cancelled_when_its_caller_leaves(
    proxy: Proxy, shop: tuple[str, str], postgres: PostgresServer
) -> None:
    action = await proxy.action(shop[0], "SELECT id, pg_sleep(30) FROM orders WHERE id = {{ id }}", timeoutMs=60_000)
    async with postgres.session(shop[1]) as session:

        async def running() -> int:
            count: int = await session.fetchval(RUNNING)
            return count

        async def is_running() -> bool:
            return await running() == 1

        async def is_over() -> bool:
            return await running() == 0

        call = asyncio.create_task(proxy.viewer.execute(action, {"id": 1}))
        await until(is_running)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(is_over, seconds=2)


async def test_the_deadline_reaches_the_database(proxy: Proxy, shop: tuple[str, str], postgres: PostgresServer) -> None:
    action = await proxy.action(shop[0], "SELECT pg_sleep(30)", timeoutMs=200)
    reply = await proxy.viewer.execute(action)
    assert reply.data["statusCode"] == "ExecutionTimeout"
    async with postgres.session(shop[1]) as session:

        async def is_over() -> bool:
            running: int = await session.fetchval(RUNNING)
            return running == 0

        await until(is_over, seconds=2)


async def test_it_recovers_by_itself_when_the_database_is_back(proxy: Proxy) -> None:
    with PostgresServer() as own:
        database = await own.fresh_database()
        datasource = await proxy.datasource("postgres", own.configuration(database, password=own.password))
        action = await proxy.action(datasource, "SELECT 1 AS one")
        assert (await proxy.viewer.execute(action)).data["body"] == [{"one": 1}]
        own.stop()
        down = await proxy.viewer.execute(action)
        assert down.status == 200
        assert down.data["isExecutionSuccess"] is False
        own.start()
        assert (await proxy.viewer.execute(action)).data["body"] == [{"one": 1}]
