"""Which statements may skip the reset: only those in which nothing of the user's can run."""

from typing import Final

import pytest

from appsmith_proxy.sdk import Statement
from appsmith_proxy_mysql.client import MysqlClient
from appsmith_proxy_mysql.facts import leaves_nothing, read_text
from tests.servers.mariadb import MariadbServer
from tests.servers.mysql_client import fetch, opened

SETUP: Final = """
CREATE TABLE plain (id BIGINT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20) DEFAULT (LOWER('X')) CHECK (LENGTH(note) > 0), big TEXT AS (UPPER(note)) VIRTUAL, made TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
CREATE TABLE child (id INT PRIMARY KEY, plain BIGINT, FOREIGN KEY (plain) REFERENCES plain (id) ON DELETE CASCADE);
CREATE TABLE loose (id INT) ENGINE = MyISAM;
CREATE TABLE in_a_file (id INT NOT NULL) ENGINE = CSV;
CREATE FUNCTION mine() RETURNS INT RETURN 1;
CREATE FUNCTION `my func`() RETURNS INT RETURN 1;
CREATE FUNCTION `upper`() RETURNS INT RETURN 1;
CREATE TABLE trapped (id INT);
CREATE TRIGGER trap BEFORE INSERT ON trapped FOR EACH ROW SET @trapped = 1;
CREATE VIEW view_of_plain AS SELECT * FROM plain;
CREATE SEQUENCE numbers;
CREATE TABLE default_of_sequence (id INT DEFAULT NEXTVAL(numbers));
CREATE TABLE default_of_variable (id INT DEFAULT (@seen := 1));
CREATE TABLE history (id INT) WITH SYSTEM VERSIONING;
CREATE DATABASE IF NOT EXISTS facts_elsewhere;
CREATE TABLE IF NOT EXISTS facts_elsewhere.plain_there (id INT);
"""

HARMLESS: Final = (
    "SELECT 1",
    "SELECT * FROM plain WHERE id = ?",
    "SELECT p.note, COUNT(*), SUM(id), NOW() FROM plain p GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
    "SELECT `id` FROM `plain` WHERE `note` LIKE CONCAT('%', ?, '%') OR note = \"x\"",
    "INSERT INTO plain (note) VALUES (?)",
    "INSERT INTO `plain` (note) VALUES (?)",
    "INSERT INTO child(id) VALUES (?)",
    "REPLACE INTO child (id, plain) VALUES (?, ?)",
    "UPDATE child SET plain = COALESCE(?, plain) WHERE id = ?",
    "DELETE FROM child WHERE id IN (?, ?)",
    "INSERT INTO loose VALUES (?)",
    "WITH x AS (SELECT * FROM child) SELECT * FROM x JOIN child ON child.plain = x.id",
    "SELECT JSON_OBJECT('a', id), DATE_FORMAT(NOW(), '%Y'), IF(id > 1, 'a', 'b'), RAND(), SLEEP(0) FROM child",
    "SELECT ROW_NUMBER() OVER (PARTITION BY plain ORDER BY id) FROM child",
    "SELECT CAST(id AS DECIMAL(10, 2)), CAST(? AS CHAR(10)) FROM child",
    "-- by id\n/* one */ # two\n SELECT * FROM child WHERE id = ?",
    "(SELECT id FROM child) UNION (SELECT 1)",
    "SELECT 1 FROM child FOR UPDATE",
)

IN_DOUBT: Final = (
    "SELECT GET_LOCK('x', 0)",
    "SELECT get_lock ('x', 0)",
    "SELECT /*! GET_LOCK('x', 0) */",
    "SELECT LAST_INSERT_ID(7)",
    "SELECT LAST_INSERT_ID()",
    "SELECT FOUND_ROWS()",
    "SELECT ROW_COUNT()",
    "SELECT @x",
    "SELECT @x := 1",
    "SELECT @@sql_mode",
    "SELECT id INTO @x FROM plain",
    "SELECT id FROM plain INTO OUTFILE '/tmp/x'",
    "SELECT NEXTVAL(numbers)",
    "SELECT NEXT VALUE FOR numbers",
    "SELECT * FROM numbers",
    "SELECT mine()",
    "SELECT `mine`()",
    "SELECT mine /* a */ ()",
    "SELECT facts_elsewhere.mine()",
    "SELECT `my func`()",
    "SELECT UPPER(note) FROM child",
    "SELECT unknown_function(1)",
    "SELECT LOAD_FILE('/etc/passwd')",
    "SELECT * FROM view_of_plain",
    "INSERT INTO trapped VALUES (1)",
    "INSERT INTO view_of_plain (note) VALUES (1)",
    "INSERT INTO default_of_sequence VALUES ()",
    "INSERT INTO default_of_variable VALUES ()",
    "SELECT * FROM history",
    "SELECT * FROM in_a_file",
    "SELECT * FROM facts_elsewhere.plain_there",
    "SELECT * FROM information_schema.TABLES",
    "SELECT ё FROM child",
    "SELECT `a b` FROM child",
    "CREATE TEMPORARY TABLE t (id INT)",
    "SET sql_mode = ''",
    "START TRANSACTION",
    "LOCK TABLES plain READ",
    "HANDLER plain OPEN",
    "CALL x()",
    "DO mine()",
    "SHOW TABLES",
    "/* SELECT */ CREATE TABLE t3 (id INT)",
    "-- SELECT\nDROP TABLE plain",
    "/*! SET */ SELECT 1",
    "",
)


@pytest.fixture
async def ready(mariadb: MariadbServer) -> str:
    return await mariadb.shared_database("facts", SETUP)


async def _harmless(client: MysqlClient, text: str) -> bool:
    async with client.own() as wire:
        return await leaves_nothing(wire, Statement(text=text))


async def test_plain_statements_are_harmless(mariadb: MariadbServer, ready: str) -> None:
    async with mariadb.session(ready) as admin:
        await admin.execute("DROP FUNCTION IF EXISTS `upper`")
    async with opened(mariadb, ready) as client:
        assert [text for text in HARMLESS if not await _harmless(client, text)] == []
        assert await _harmless(client, f"SELECT * FROM {ready}.child"), "the datasource's own database may be named"


async def test_everything_else_is_in_doubt(mariadb: MariadbServer, ready: str) -> None:
    async with mariadb.session(ready) as admin:
        await admin.execute("CREATE OR REPLACE FUNCTION `upper`() RETURNS INT RETURN 1")
    async with opened(mariadb, ready) as client:
        assert [text for text in IN_DOUBT if await _harmless(client, text)] == []


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TRIGGER t BEFORE INSERT ON goods FOR EACH ROW SET @x = 1",
        "CREATE FUNCTION goods() RETURNS INT RETURN 1",
        "CREATE FUNCTION lower() RETURNS INT RETURN 1",
        "ALTER TABLE goods ALTER note SET DEFAULT (NEXTVAL(numbers))",
        "ALTER TABLE goods ALTER note SET DEFAULT (NEXT VALUE FOR numbers)",
        "RENAME TABLE goods TO there, empty_view TO goods",
    ],
)
async def test_a_change_of_the_catalog_is_seen_by_an_account_with_few_rights(
    mariadb: MariadbServer, database: str, change: str
) -> None:
    async with mariadb.session(database) as admin:
        await admin.execute("CREATE TABLE goods (note VARCHAR(9))")
        await admin.execute("CREATE VIEW empty_view AS SELECT 1 AS note")
        await admin.execute("CREATE SEQUENCE numbers")
        user = f"few_{database}"
        password = await mariadb.create_user(user, grants=f"SELECT, INSERT, EXECUTE ON {database}.*")
        async with opened(mariadb, database, username=user, password=password) as client:
            text = "INSERT INTO goods (note) VALUES (LOWER(?))"
            assert await _harmless(client, text)
            await admin.execute(change)
            assert not await _harmless(client, text)


async def test_resets_are_skipped_on_facts_only(mariadb: MariadbServer, ready: str) -> None:
    async with opened(mariadb, ready) as client:
        for _ in range(3):  # the first two may meet the facts being read
            await fetch(client, "SELECT * FROM child", scope="a")
            await client.pool.settled()
        before = client.pool.resets
        for _ in range(5):
            await fetch(client, "SELECT * FROM child", scope="a")
        assert client.pool.resets == before, "plain tables, same action: nothing to undo"
        for _ in range(5):
            await fetch(client, "SELECT * FROM view_of_plain", scope="b")
            await client.pool.settled()
        assert client.pool.resets >= before + 5, "a view may hide a function"


def test_a_text_by_itself() -> None:
    reading = read_text("SELECT Name FROM t -- note\n WHERE 'lit' = ?")
    assert reading is not None
    assert reading.words == {"select", "name", "from", "t", "note", "where", "lit"}
    assert not reading.writes
    assert read_text("SELECT " + ", ".join(f"a{number}" for number in range(600))) is None
