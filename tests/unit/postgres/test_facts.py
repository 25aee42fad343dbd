"""Which statements may skip the reset: only those in which nothing of the user's can run."""

import pytest

from appsmith_proxy.sdk import Statement
from appsmith_proxy_postgres.client import PostgresClient
from appsmith_proxy_postgres.facts import leaves_nothing, words_of
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_client import fetch, opened

_SETUP = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE plain (id bigserial PRIMARY KEY, note text DEFAULT lower('X') CHECK (length(note) > 0), m mood,
                    big text GENERATED ALWAYS AS (upper(note)) STORED);
CREATE INDEX ON plain (lower(note));
CREATE TABLE child (id int PRIMARY KEY, plain bigint REFERENCES plain ON DELETE CASCADE);
CREATE FUNCTION mine() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE FUNCTION immutably(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE trapped (id int);
CREATE TRIGGER trap BEFORE INSERT ON trapped FOR EACH ROW EXECUTE FUNCTION trap();
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE trapped_child (id int REFERENCES parent ON DELETE CASCADE);
CREATE TRIGGER trap BEFORE DELETE ON trapped_child FOR EACH ROW EXECUTE FUNCTION trap();
CREATE VIEW view_of_plain AS SELECT * FROM plain;
CREATE TABLE ruled (id int);
CREATE RULE r AS ON INSERT TO ruled DO ALSO SELECT 1;
CREATE TABLE secured (id int);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE TABLE inherited (id int);
CREATE TABLE heir () INHERITS (inherited);
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE TABLE default_of_mine (id int DEFAULT mine());
CREATE TABLE default_of_setting (id text DEFAULT set_config('a.b', 'c', false));
CREATE TABLE indexed_by_mine (note text);
CREATE INDEX ON indexed_by_mine (immutably(note));
CREATE FUNCTION "my func"() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE FUNCTION "a""b"() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE FUNCTION f😀() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE FUNCTION "Ärger"() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE FUNCTION "to text"(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TABLE default_of_quoted (id int DEFAULT "my func"());
CREATE TABLE checked_by_quoted (id int CHECK ("my func"() > 0));
CREATE TABLE indexed_by_quoted (note text);
CREATE INDEX ON indexed_by_quoted ("to text"(note));
CREATE DOMAIN "a domain" AS int CHECK (VALUE > 0);
CREATE TABLE checked_by_domain (id int CHECK (id::"a domain" > 0));
CREATE TABLE prisma ("userId" int DEFAULT 1 CHECK ("userId" > 0), m mood DEFAULT 'sad', small int CHECK (small::bigint > 0));
CREATE DOMAIN checked AS int CHECK (mine() > 0);
CREATE TABLE of_domain (id checked);
"""

_HARMLESS = (
    "SELECT 1",
    "SELECT * FROM plain WHERE id = $1",
    "SELECT p.note, count(*), sum(id), now() FROM plain p GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
    "SELECT \"id\" FROM public.plain WHERE \"note\" ILIKE $1 OR note = 'x' AND m = 'sad'",
    "INSERT INTO plain (note) VALUES ($1)",
    "INSERT INTO plain (note) VALUES ($1) RETURNING id, gen_random_uuid()",
    "UPDATE plain SET note = coalesce($1, note) WHERE id = $2",
    "DELETE FROM plain WHERE id = $1",
    "WITH x AS (SELECT * FROM plain) SELECT * FROM x JOIN child ON child.plain = x.id",
    "SELECT generate_series(1, 3), random(), clock_timestamp(), pg_sleep(0)",
    "SELECT jsonb_build_object('a', id), to_char(now(), 'YYYY') FROM plain",
    "-- by id\n/* one */ SELECT * FROM plain WHERE id = $1",
    '(SELECT "userId" FROM prisma)',
    'INSERT INTO prisma ("userId") VALUES ($1)',
)

_IN_DOUBT = (
    "SELECT set_config('a.b', 'c', false)",
    "SELECT pg_catalog.set_config('a.b', 'c', false)",
    "SELECT \"set_config\"('a.b', 'c', false)",
    "SELECT SET_CONFIG('a.b', 'c', false)",
    "SELECT U&\"set\\005fconfig\"('a.b', 'c', false)",
    "SELECT U&\"setg005fconfig\"('a.b', 'c', false) UESCAPE 'g'",
    "SELECT pg_advisory_lock(1)",
    "SELECT setseed(0.5)",
    "SELECT lo_create(0)",
    "SELECT mine()",
    "SELECT immutably('x')",
    "SELECT p.mine FROM plain p",
    "SELECT * FROM view_of_plain",
    "INSERT INTO trapped VALUES (1)",
    "DELETE FROM parent",
    "INSERT INTO ruled VALUES (1)",
    "SELECT * FROM secured",
    "SELECT * FROM inherited",
    "SELECT * FROM heir",
    "SELECT * FROM parts",
    "INSERT INTO default_of_mine DEFAULT VALUES",
    "INSERT INTO default_of_setting DEFAULT VALUES",
    "INSERT INTO indexed_by_mine VALUES ('x')",
    "SELECT * FROM of_domain",
    "SELECT 1::checked",
    "UPDATE pg_settings SET setting = 'x' WHERE name = 'work_mem'",
    "SELECT * FROM information_schema.tables",
    "SELECT * INTO TEMP t FROM plain",
    "SELECT * INTO t2 FROM plain",
    "CREATE TEMP TABLE t (id int)",
    "SET work_mem = '1MB'",
    "BEGIN",
    "CALL x()",
    'SELECT "a b" FROM plain',
    "SELECT '\"' , mine() , '\"'",
    "SELECT table_to_xml('view_of_plain', true, true, '')",
    'SELECT "a""b"()',
    "SELECT f😀()",
    "SELECT Ärger()",
    "INSERT INTO default_of_quoted DEFAULT VALUES",
    "INSERT INTO checked_by_quoted VALUES (1)",
    "INSERT INTO indexed_by_quoted VALUES ('x')",
    "INSERT INTO checked_by_domain VALUES (1)",
    "SELECT pg_input_is_valid('1', $1)",
    "SELECT domain_in('1', $1, -1) IS NULL",
    "SELECT array_in('{1}', $1, -1)::text",
    "/* SELECT */ CREATE TABLE t3 (id int)",
    "-- SELECT\nDROP TABLE plain",
    "",
)


@pytest.fixture
async def ready(postgres: PostgresServer) -> str:
    return await postgres.shared_database("facts", _SETUP)


async def _harmless(client: PostgresClient, text: str) -> bool:
    async with client.own() as wire:
        return await leaves_nothing(wire, Statement(text=text))


async def test_plain_statements_are_harmless(postgres: PostgresServer, ready: str) -> None:
    async with opened(postgres, ready) as client:
        assert [text for text in _HARMLESS if not await _harmless(client, text)] == []


async def test_everything_else_is_in_doubt(postgres: PostgresServer, ready: str) -> None:
    async with opened(postgres, ready) as client:
        assert [text for text in _IN_DOUBT if await _harmless(client, text)] == []


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TRIGGER t BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION trap()",
        "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
        "CREATE CAST (text AS int) WITH INOUT AS IMPLICIT",
        "CREATE FUNCTION note(plain) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE plain ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE plain ADD CHECK (mine() > 0)",
        "ALTER TABLE plain ADD COLUMN d checked",
        "ALTER TABLE plain ALTER note SET DEFAULT current_setting('x')||set_config('a','b',false)",
        """CREATE TABLE trapped_later (id bigint REFERENCES plain ON DELETE CASCADE);
        CREATE TRIGGER t BEFORE DELETE ON trapped_later FOR EACH ROW EXECUTE FUNCTION trap()""",
    ],
)
async def test_a_change_of_the_catalog_is_seen(postgres: PostgresServer, database: str, change: str) -> None:
    async with postgres.session(database) as admin:
        await admin.execute(_SETUP)
    async with opened(postgres, database) as client:
        assert await _harmless(client, "INSERT INTO plain (note) VALUES ('x')")
        async with postgres.session(database) as admin:
            await admin.execute(change)
        assert not await _harmless(client, "INSERT INTO plain (note) VALUES ('x')")


async def test_resets_are_skipped_on_facts_only(postgres: PostgresServer, ready: str) -> None:
    async with opened(postgres, ready) as client:
        for _ in range(3):  # the first two may meet the facts being read
            await fetch(client, "SELECT * FROM plain", scope="a")
            await client.pool.settled()
        before = client.pool.resets
        for _ in range(5):
            await fetch(client, "SELECT * FROM plain", scope="a")
        assert client.pool.resets == before, "plain tables, same action: nothing to undo"
        for _ in range(5):
            await fetch(client, "SELECT * FROM view_of_plain", scope="b")
            await client.pool.settled()
        assert client.pool.resets >= before + 5, "a view may hide a function"


def test_words() -> None:
    assert words_of("SELECT Name FROM t -- note\n WHERE 'lit' = $1") == frozenset(
        ("SELECT", "select", "Name", "name", "FROM", "from", "t", "note", "WHERE", "where", "lit")
    )
    assert words_of("SELECT " + "a," * 600) is None
