"""The structure: pages in name order, columns, keys, and starters that the server accepts."""

import asyncio
import re

from appsmith_proxy.sdk import KeyKind, Parameter, Statement
from appsmith_proxy_mysql import structure
from appsmith_proxy_mysql.client import MysqlClient
from tests.servers.mariadb import MariadbServer
from tests.servers.mysql_client import opened

_SETUP = """
CREATE TABLE `Order Lines` (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, `select` TEXT NOT NULL, `total``sum` DECIMAL(12,2) DEFAULT 0, doubled DECIMAL(13,2) AS (`total``sum` * 2) STORED, note VARCHAR(9) DEFAULT NULL, made TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE customers (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(99) UNIQUE, Name TEXT);
CREATE TABLE links (a BIGINT UNSIGNED, b INT, PRIMARY KEY (b, a), CONSTRAINT of_lines FOREIGN KEY (a) REFERENCES `Order Lines` (id), CONSTRAINT of_customers FOREIGN KEY (b) REFERENCES customers (id));
CREATE VIEW customer_names AS SELECT name FROM customers;
CREATE TABLE Customers2 (id INT) WITH SYSTEM VERSIONING;
CREATE SEQUENCE numbers;
"""


async def _client_of(server: MariadbServer, database: str) -> None:
    async with server.session(database) as admin:
        await admin.script(_SETUP)


async def test_structure(mariadb: MariadbServer, database: str) -> None:
    await _client_of(mariadb, database)
    async with opened(mariadb, database) as client:
        tables = (await client.describe((), None)).tables
        assert {table.schema for table in tables} == {database}
        found = {table.name: table for table in tables}
        assert list(found) == ["customer_names", "customers", "Customers2", "links", "Order Lines"]
        lines = found["Order Lines"]
        assert [(c.name, c.type, c.nullable, c.default, c.generated) for c in lines.columns] == [
            ("id", "bigint(20) unsigned", False, None, True),
            ("select", "text", False, None, False),
            ("total`sum", "decimal(12,2)", True, "0.00", False),
            ("doubled", "decimal(13,2)", True, None, True),
            ("note", "varchar(9)", True, None, False),
            ("made", "timestamp", True, "current_timestamp()", False),
        ]
        links = found["links"]
        foreign = [key for key in links.keys if key.kind is KeyKind.FOREIGN]
        assert [
            (key.name, key.columns, key.referenced_schema, key.referenced_table, key.referenced_columns)
            for key in foreign
        ] == [
            ("of_customers", ("b",), database, "customers", ("id",)),
            ("of_lines", ("a",), database, "Order Lines", ("id",)),
        ]
        assert next(key.columns for key in links.keys if key.kind is KeyKind.PRIMARY) == ("b", "a")
        assert {key.kind for key in found["customers"].keys} == {KeyKind.PRIMARY, KeyKind.UNIQUE}
        assert found["customer_names"].kind == "view"
        assert [starter.title for starter in found["customer_names"].starters] == ["SELECT"]
        assert [starter.title for starter in lines.starters] == ["SELECT", "INSERT", "UPDATE", "DELETE"]
        for table in found.values():
            for starter in table.starters:
                await _prepare(client, starter.body)


async def _prepare(client: MysqlClient, body: str) -> None:
    text, count = re.subn(r"\{\{ \w+ \}\}", "?", body)
    parameters = tuple(Parameter(name=f"p{number}", type=None) for number in range(count))
    deadline = asyncio.get_running_loop().time() + 5
    await client.prepare(Statement(text=text, parameters=parameters), deadline=deadline)


async def test_another_database_or_one_table(mariadb: MariadbServer, database: str) -> None:
    """Of the server's other databases only one that is asked for; its tables are written with its name."""
    await _client_of(mariadb, database)
    async with opened(mariadb, "mysql") as client:
        names = [table.name for table in (await client.describe((), None)).tables]
        assert "user" in names
        assert "links" not in names
        (table,) = (await client.describe((database, "customers"), None)).tables
        assert table.starters[0].body == f"SELECT * FROM `{database}`.`customers` LIMIT 10"
        for starter in table.starters:
            await _prepare(client, starter.body)
        assert len((await client.describe((database,), None)).tables) == 5
        assert (await client.describe(("absent",), None)).tables == ()
        assert "TABLES" in [table.name for table in (await client.describe(("information_schema",), None)).tables]


async def test_pages_neither_overlap_nor_leave_gaps(mariadb: MariadbServer, database: str) -> None:
    names = [f"{'tT'[number % 2]}{'é' if number % 3 else 'e'}_{number:03}" for number in range(structure.PAGE + 20)]
    async with mariadb.session(database) as admin:
        for name in names:
            await admin.execute(f"CREATE TABLE `{name}` (id INT PRIMARY KEY, `of {name}` INT)")
    async with opened(mariadb, database) as client:
        first = await client.describe((), None)
        assert (len(first.tables), bool(first.next)) == (structure.PAGE, True)
        second = await client.describe((), first.next)
        assert (len(second.tables), second.next) == (20, None)
        tables = (*first.tables, *second.tables)
        assert sorted(table.name for table in tables) == sorted(names)
        assert [table.name.lower() for table in tables] == sorted(name.lower() for name in names)
        for table in tables:
            assert [column.name for column in table.columns] == ["id", f"of {table.name}"]
        for nonsense in ("nonsense", "[]", "[1", "{}", "[1, 2, 3]"):
            assert (await client.describe((), nonsense)).tables[0].name == first.tables[0].name
