"""The structure: pages in name order, columns, keys, and starters that the server accepts."""

import asyncio
import re

from appsmith_proxy.sdk import KeyKind, Statement
from appsmith_proxy_postgres import structure
from appsmith_proxy_postgres.client import PostgresClient
from tests.servers.postgres import PostgresServer

_SETUP = """
CREATE SCHEMA "Sales";
CREATE TABLE "Sales"."Order Lines" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "select" text NOT NULL,
    "total sum" numeric(12,2) DEFAULT 0, doubled numeric GENERATED ALWAYS AS ("total sum" * 2) STORED);
CREATE TABLE customers (id serial PRIMARY KEY, email text UNIQUE, Name text);
CREATE TABLE links (a bigint REFERENCES "Sales"."Order Lines", b int REFERENCES customers (id), PRIMARY KEY (a, b));
CREATE VIEW customer_names AS SELECT name FROM customers;
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (2);
CREATE TABLE empty ();
"""


async def test_structure(postgres: PostgresServer, database: str, client: PostgresClient) -> None:
    async with postgres.session(database) as admin:
        await admin.execute(_SETUP)
    found = {(table.schema, table.name): table for table in (await client.describe((), None)).tables}
    assert list(found) == [
        ("public", "customer_names"),
        ("public", "customers"),
        ("public", "empty"),
        ("public", "links"),
        ("public", "parts"),
        ("Sales", "Order Lines"),
    ]
    lines = found["Sales", "Order Lines"]
    assert [(c.name, c.type, c.nullable, c.default, c.generated) for c in lines.columns] == [
        ("id", "bigint", False, None, True),
        ("select", "text", False, None, False),
        ("total sum", "numeric(12,2)", True, "0", False),
        ("doubled", "numeric", True, None, True),
    ]
    links = found["public", "links"]
    foreign = [key for key in links.keys if key.kind is KeyKind.FOREIGN]
    assert [(key.columns, key.referenced_schema, key.referenced_table, key.referenced_columns) for key in foreign] == [
        (("a",), "Sales", "Order Lines", ("id",)),
        (("b",), "public", "customers", ("id",)),
    ]
    assert next(key.columns for key in links.keys if key.kind is KeyKind.PRIMARY) == ("a", "b")
    assert {key.kind for key in found["public", "customers"].keys} == {KeyKind.PRIMARY, KeyKind.UNIQUE}
    assert found["public", "customer_names"].kind == "view"
    assert [starter.title for starter in found["public", "customer_names"].starters] == ["SELECT"]
    for table in found.values():
        for starter in table.starters:
            numbers = iter(range(1, 100))
            text = re.sub(r"\{\{ \w+ \}\}", lambda _, n=numbers: f"${next(n)}", starter.body)  # type: ignore[misc]  # reason: a bound default
            await client.prepare(Statement(text=text), deadline=asyncio.get_running_loop().time() + 5)


async def test_one_schema_or_one_table(postgres: PostgresServer, database: str, client: PostgresClient) -> None:
    async with postgres.session(database) as admin:
        await admin.execute(_SETUP)
    assert [t.name for t in (await client.describe(("Sales",), None)).tables] == ["Order Lines"]
    assert [t.name for t in (await client.describe(("public", "links"), None)).tables] == ["links"]
    assert (await client.describe(("absent",), None)).tables == ()


async def test_pages(postgres: PostgresServer, database: str, client: PostgresClient) -> None:
    count = structure.PAGE * 2 + 5
    async with postgres.session(database) as admin:
        await admin.execute("".join(f"CREATE TABLE t{n} (a int);" for n in range(count)))
    names: list[str] = []
    page, pages = None, 0
    while True:
        found = await client.describe((), page)
        names += [table.name for table in found.tables]
        pages += 1
        page = found.next
        if page is None:
            break
    assert pages == 3
    assert names == sorted(f"t{n}" for n in range(count))
    assert (await client.describe((), "not a page")).tables[0].name == names[0]
