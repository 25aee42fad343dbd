"""A stored action runs against a real MariaDB, and its caller never sees how; the driver's page does what it says."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.servers.mariadb import MariadbServer, until
from tests.servers.proxy import Proxy

PAGE: Final = Path(__file__).parents[2] / "docs/drivers/mysql.md"
BLOCK: Final = re.compile(r"^```(sql|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

TABLE: Final = """
CREATE TABLE orders (id BIGINT PRIMARY KEY, customer VARCHAR(100) CHARACTER SET utf8mb4 NOT NULL, total DECIMAL(12,2), placed DATETIME(3), changed TIMESTAMP NULL, extra JSON);
INSERT INTO orders VALUES
  (1, 'alice@shop.example', 12.50, '2026-02-03 04:05:06.789', '2026-02-03 04:05:06', '{"n": 1.00}'),
  (2, 'bob@shop.example', 0.10, NULL, NULL, NULL),
  (9007199254740993, '100% linen ěš', 99999999.99, '0000-00-00', NULL, '[1]');
"""
ID: Final = {"name": "id", "type": "bigint"}
IDS: Final = {"name": "ids", "type": "bigint", "list": True}


@pytest.fixture
async def shop(proxy: Proxy, mariadb: MariadbServer) -> tuple[str, str]:
    """A datasource on a fresh database with orders, and the database's name."""
    database = await mariadb.fresh_database()
    async with mariadb.session(database) as session:
        await session.script(TABLE)
    return await proxy.datasource("mysql", mariadb.configuration(database, password=mariadb.password)), database


async def test_the_examples_of_the_page_do_what_they_say(proxy: Proxy, mariadb: MariadbServer) -> None:
    blocks = BLOCK.findall(PAGE.read_text())
    assert [language for language, _ in blocks] == ["sql", *["sql", "json"] * 4]
    database = await mariadb.fresh_database()
    async with mariadb.session(database) as session:
        await session.script(blocks[0][1])
    datasource = await proxy.datasource("mysql", mariadb.configuration(database, password=mariadb.password))
    for number, ((_, text), (_, example)) in enumerate(zip(blocks[1::2], blocks[2::2], strict=True)):
        told = json.loads(example)
        action = await proxy.action(
            datasource, text.strip(), name=f"example {number}", parameters=told.get("parameters", [])
        )
        answer = await proxy.viewer.execute(action, told["params"])
        assert answer.data["body"] == told["body"], text


async def test_a_lookup_answers_exact_values(proxy: Proxy, shop: tuple[str, str]) -> None:
    action = await proxy.action(shop[0], "SELECT * FROM orders WHERE id = {{ id }}", parameters=[ID])
    reply = await proxy.viewer.execute(action, {"id": "9007199254740993"})
    assert (reply.status, reply.data["isExecutionSuccess"]) == (200, True)
    assert reply.data["body"] == [
        {
            "id": "9007199254740993",
            "customer": "100% linen ěš",
            "total": "99999999.99",
            "placed": None,
            "changed": None,
            "extra": [1],
        }
    ]
    first = await proxy.viewer.execute(action, {"id": 1})
    assert first.data["body"][0]["placed"] == "2026-02-03T04:05:06.789"
    assert first.data["body"][0]["changed"] == "2026-02-03T04:05:06Z"
    assert b'"extra":{"n": 1.00}' in first.raw
    assert first.data["request"] is None
    kinds = [(column["name"], column["type"]) for column in first.data["columns"]]
    assert kinds == [
        ("id", "integer"),
        ("customer", "text"),
        ("total", "decimal"),
        ("placed", "timestamp"),
        ("changed", "timestamptz"),
        ("extra", "json"),
    ]
    assert all("nativeType" not in column for column in first.data["columns"])


async def test_decimals_are_numbers_where_the_call_wants_them(proxy: Proxy, shop: tuple[str, str]) -> None:
    """The driver's own encoding of rows writes them as strings."""
    action = await proxy.action(shop[0], "SELECT total FROM orders WHERE id = {{ id }}", parameters=[ID])
    for asked, price in ((None, '"12.50"'), ("string", '"12.50"'), ("number", "12.50")):
        answer = await proxy.viewer.execute(action, {"id": 1}, **({} if asked is None else {"numbers": asked}))
        assert f'"body":[{{"total":{price}}}]' in answer.raw.decode()


async def test_both_wire_forms_answer_the_same(proxy: Proxy, shop: tuple[str, str]) -> None:
    action = await proxy.action(shop[0], "SELECT id, customer FROM orders WHERE customer LIKE '%{{ q }}%' ORDER BY id")
    as_json = await proxy.viewer.execute(action, {"q": "%"})
    as_form = await proxy.viewer.execute_form(action, {"q": ("%", "string")})
    assert as_json.data["body"] == as_form.data["body"] == [{"id": "9007199254740993", "customer": "100% linen ěš"}]


@pytest.mark.parametrize(
    ("ids", "expected"), [([1, 2], [1, 2]), ([], []), (2, [2]), (["1"], [1]), ([1, 2, 5, 7, 7], [1, 2])]
)
async def test_a_list_fills_in(proxy: Proxy, shop: tuple[str, str], ids: Any, expected: list[int]) -> None:
    body = "SELECT id FROM orders WHERE id IN ({{ ids }}) ORDER BY id"
    action = await proxy.action(shop[0], body, parameters=[IDS])
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
    proxy: Proxy, shop: tuple[str, str], mariadb: MariadbServer
) -> None:
    body = "UPDATE orders SET total = {{ total }} WHERE id < {{ below }}"
    parameters = [{"name": "total", "type": "decimal"}, {"name": "below", "type": "bigint"}]
    free = await proxy.action(shop[0], body, name="free", parameters=parameters)
    bounded = await proxy.action(shop[0], body, name="bounded", parameters=parameters, maxAffectedRows=1)
    for _ in range(2):  # the second time the row is found and not changed
        answer = await proxy.viewer.execute(free, {"total": "1.00", "below": 2})
        assert answer.data["body"] == [{"affectedRows": 1}]
    reply = await proxy.viewer.execute(bounded, {"total": "7.00", "below": 10})
    assert (reply.status, reply.data["statusCode"]) == (200, "AffectedLimitExceeded")
    async with mariadb.session(shop[1]) as session:
        assert await session.value("SELECT COUNT(*) FROM orders WHERE total = 7.00") == 0


async def test_an_insert_and_its_conflict(proxy: Proxy, shop: tuple[str, str]) -> None:
    insert = await proxy.action(
        shop[0],
        "INSERT INTO orders (id, customer) VALUES ({{ id }}, {{ customer }})",
        parameters=[ID, {"name": "customer", "type": "text"}],
        userMessages={"PRIMARY": "There is such an order already."},
    )
    values = {"id": 7, "customer": "canary'); DROP TABLE orders; -- "}
    assert (await proxy.viewer.execute(insert, values)).data["body"] == [{"affectedRows": 1}]
    again = await proxy.viewer.execute(insert, values)
    assert again.data["statusCode"] == "ConstraintViolated"
    assert "There is such an order already." in again.raw.decode()
    assert "canary" not in again.raw.decode()


async def test_editors_are_told_of_bindings_without_a_type(proxy: Proxy, shop: tuple[str, str]) -> None:
    body = {
        "applicationId": proxy.application_id,
        "datasourceId": shop[0],
        "name": "untyped",
        "configuration": {
            "body": "SELECT id FROM orders WHERE id = {{ id }} AND id IN ({{ ids }}) AND total > {{ least }}"
        },
        "parameters": [{"name": "least", "type": "decimal"}],
    }
    saved = await proxy.developer.created("/actions", body)
    assert saved["checked"] is True
    assert [re.findall(r"\{\{ (\w+) \}\}", warning) for warning in saved["warnings"]] == [["id"], ["ids"]]
    published = await proxy.developer.call("POST", f"/applications/{proxy.application_id}/publish")
    assert published.data["actions"][0]["warnings"] == saved["warnings"]


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


async def test_the_structure_gives_starters_that_can_be_saved(proxy: Proxy, mariadb: MariadbServer) -> None:
    database = await mariadb.fresh_database()
    async with mariadb.session(database) as session:
        await session.script(
            "CREATE TABLE customers (id BIGINT PRIMARY KEY, `full name` TEXT NOT NULL);\n"
            "CREATE TABLE `order` (id BIGINT AUTO_INCREMENT PRIMARY KEY, customer BIGINT, FOREIGN KEY (customer) REFERENCES customers (id));\n"
        )
    datasource = await proxy.datasource("mysql", mariadb.configuration(database, password=mariadb.password))
    reply = await proxy.developer.call("GET", f"/datasources/{datasource}/structure")
    tables = {table["name"]: table for table in reply.data["tables"]}
    assert set(tables) == {"customers", "order"}
    (foreign,) = [key for key in tables["order"]["keys"] if key["referencedTable"]]
    assert (foreign["columns"], foreign["referencedTable"], foreign["referencedColumns"]) == (
        ["customer"],
        "customers",
        ["id"],
    )
    for number, starter in enumerate(table["templates"][index] for table in tables.values() for index in range(4)):
        saved = await proxy.developer.created(
            "/actions",
            {
                "applicationId": proxy.application_id,
                "datasourceId": datasource,
                "name": f"starter {number}",
                "configuration": {"body": starter["body"]},
            },
        )
        assert saved["checked"] is True, starter["body"]
    assert (await proxy.viewer.call("GET", f"/datasources/{datasource}/structure")).status == 403


async def test_tests_of_a_datasource_tell_editors_what_is_wrong(proxy: Proxy, mariadb: MariadbServer) -> None:
    async def tried(**changes: Any) -> dict[str, Any]:
        configuration = mariadb.configuration(**{"tls": True, "password": mariadb.password, **changes})
        body = {"workspaceId": proxy.workspace_id, "name": "t", "kind": "mysql", "configuration": configuration}
        reply = await proxy.developer.call("POST", "/datasources/test", body)
        assert reply.status == 200, reply.envelope
        data: dict[str, Any] = reply.data
        return data

    fine = await tried()
    assert (fine["success"], fine["error"]) == (True, None)
    assert fine["server"].startswith("MariaDB 10.")
    assert any("FILE" in warning for warning in fine["warnings"])
    wrong = await tried(password="hardly-the-password")
    assert wrong["error"]["code"] == "CredentialsRejected"
    assert "hardly" not in str(wrong)
    untrusted = await tried(tlsCa=None)
    assert untrusted["error"]["code"] == "TlsFailed"
    assert any("subject" in line for line in untrusted["chain"])
    mismatch = await tried(host="127.0.0.1", tlsPinnedKey="A" * 43 + "=")
    assert (mismatch["error"]["code"], bool(mismatch["chain"])) == ("TlsFailed", True)
    nobody = await tried(port=1)
    assert (nobody["error"]["code"], nobody["chain"]) == ("ConnectFailed", [])


async def test_a_read_is_cancelled_when_its_caller_leaves(
    proxy: Proxy, shop: tuple[str, str], mariadb: MariadbServer
) -> None:
    body = "SELECT id, SLEEP(30) FROM orders WHERE id = {{ id }}"
    action = await proxy.action(shop[0], body, parameters=[ID], timeoutMs=60_000)
    call = asyncio.create_task(proxy.viewer.execute(action, {"id": 1}))
    await until(lambda: _sleeping(mariadb, shop[1], 1))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: _sleeping(mariadb, shop[1], 0), seconds=2)


async def test_the_deadline_reaches_the_database(proxy: Proxy, shop: tuple[str, str], mariadb: MariadbServer) -> None:
    action = await proxy.action(shop[0], "SELECT SLEEP(30)", timeoutMs=200)
    reply = await proxy.viewer.execute(action)
    assert reply.data["statusCode"] == "ExecutionTimeout"
    await until(lambda: _sleeping(mariadb, shop[1], 0), seconds=2)


async def test_it_recovers_by_itself_when_the_database_is_back(proxy: Proxy) -> None:
    with MariadbServer() as own:
        database = await own.fresh_database()
        async with own.session(database) as session:
            await session.script("CREATE TABLE notes (note TEXT);")
        datasource = await proxy.datasource("mysql", own.configuration(database, password=own.password))
        read = await proxy.action(datasource, "SELECT COUNT(*) AS n FROM notes", name="read")
        write = await proxy.action(datasource, "INSERT INTO notes VALUES ({{ note }})", name="write")
        for ending in (own.stop, own.kill):
            assert (await proxy.viewer.execute(read)).data["isExecutionSuccess"] is True
            assert (await proxy.viewer.execute(write, {"note": "a"})).data["isExecutionSuccess"] is True
            ending()
            for action in (read, write):
                down = await proxy.viewer.execute(action, {"note": "b"})
                assert (down.status, down.data["isExecutionSuccess"]) == (200, False)
            own.start()
            assert (await proxy.viewer.execute(read)).data["isExecutionSuccess"] is True
            assert (await proxy.viewer.execute(write, {"note": "c"})).data["isExecutionSuccess"] is True


async def _sleeping(server: MariadbServer, database: str, count: int) -> bool:
    async with server.session() as session:
        found: int = await session.value(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST"
            f" WHERE DB = '{database}' AND COMMAND <> 'Sleep' AND INFO LIKE '%SLEEP(%'"
        )
        return found == count
