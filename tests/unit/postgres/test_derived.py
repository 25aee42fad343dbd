"""Answers that the server encodes are the answers that it gives anyway: over all types, whatever happens to the schema."""

import random
import struct
from collections.abc import Sequence
from typing import Final

import pytest

from tests.conformance import postgres_values
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_client import EagerDriver, OlderDriver, request, rows
from tests.servers.postgres_encoded import eager, is_encoded, same_both_ways, shown

OFF_THE_LIST: Final = (
    "::bytea",
    "::timetz",
    "::jsonb[]",
    "::timestamptz[]",
    "::bytea[]",
    "::mood[]",
    "::cents[]",
    "::box[]",
    "::pair",
    "::nested",
    "::pair]",
    "B'10101'",
    "::varbit(8)",
    "range",
    "::point",
    "::path",
    "::money",
    "::tsvector",
    "::jsonpath",
    "::pg_lsn",
    "ROW(1, 'x')",
    "pg_sleep(0)",
    "::regclass",
)
"""What of the matrix stays plain, by a part of its text."""

EXTREMES: Final = (
    "9007199254740991::int8, 9007199254740992::int8, -9007199254740991::int8, -9007199254740992::int8",
    "99999::float4, 100000::float4, 999999::float4, 1e6::float4, 1e7::float4, -999999::float4, -1e6::float4, 1e-5::float4",
    "999999999999999::float8, 1e15::float8, 999999999999999.9::float8, -999999999999999::float8, -1e15::float8",
    "1e14::float8, 123456789012345::float8, 1e16::float8, 1e-4::float8, 1e-5::float8, 9007199254740993::float8, 1e300::float8",
    "0::float8, '-0'::float8, '-0'::float4, 1::float8, 1.5::float4, 'NaN'::float4, '-Infinity'::float4, NULL::float4",
    "'0001-01-01 00:00'::timestamp, '9999-12-31 23:59:59.999999'::timestamp, '10000-01-01 00:00'::timestamp",
    "'0001-12-31 23:59:59.999999 BC'::timestamp, 'infinity'::timestamp, '4713-01-01 00:00 BC'::timestamp",
    "'0001-01-01 00:00Z'::timestamptz, '9999-12-31 23:59:59.999999Z'::timestamptz, '10000-01-01 00:00Z'::timestamptz",
    "'2024-02-29 00:00:00.10+00:00'::timestamptz, '-infinity'::timestamptz, '294276-12-31 23:59:59Z'::timestamptz",
    "ARRAY[]::text[], ARRAY[NULL]::text[], '{{1,NULL},{3,4}}'::int8[], '{NaN,-Infinity,1.50}'::numeric[], '{-0,1e20}'::float8[]",
    '\'{"a": 1, "a": 2, "\\u0061": 3}\'::json, \'[1e400, 12345678901234567890.10]\'::jsonb, \'"\\ud83d\\ude00"\'::json',
    "E'{\\n\\t\"a\" :\\r\\n1}'::json, 'null'::json, 'null'::jsonb, NULL::json, '\" \"'::jsonb",
    "ARRAY['192.168.0.1/24'::inet, NULL]::inet[]::text, ARRAY['00000000-0000-0000-0000-0000000000ff'::uuid, NULL]",
    '1 AS a, \'x\' AS a, 2.50 AS a, NULL::bool AS "A", 4 AS a_2, 5 AS "\'", 6 AS "\\""", 7 AS "ä😀", 8 AS """$1{"',
)


with_both_writers: Final = pytest.mark.parametrize("driver", [EagerDriver, OlderDriver])
"""What the server itself has, and what PostgreSQL 14 has."""


@pytest.fixture
async def database(postgres: PostgresServer) -> str:
    return await postgres.shared_database("derived", postgres_values.SETUP)


@with_both_writers
async def test_the_matrix_is_the_same_both_ways(
    postgres: PostgresServer, database: str, driver: type[EagerDriver]
) -> None:
    async with eager(postgres, database, driver=driver) as client:
        plain = [
            text for text, _, _ in postgres_values.STORED if not await same_both_ways(client, f"SELECT {text} AS x")
        ]
        assert [text for text in plain if not any(part in text for part in OFF_THE_LIST)] == []
        assert len(plain) < len(postgres_values.STORED) / 2
        for text, _, value, _, _ in postgres_values.BOUND:
            if not isinstance(value, bytes) and "bytea" not in text:
                await same_both_ways(client, f"SELECT {text} AS x", value)


@with_both_writers
async def test_the_matrix_in_one_row_with_nulls_above_and_below(
    postgres: PostgresServer, database: str, driver: type[EagerDriver]
) -> None:
    """More columns than a function of PostgreSQL takes arguments, and many of one name."""
    cells = [text for text, _, _ in postgres_values.STORED if not any(part in text for part in OFF_THE_LIST)]
    assert len(cells) * 2 > 100
    columns = ", ".join(
        f"CASE WHEN n = 2 THEN {text} END AS {'x' if i % 3 else f'c{i}'}" for i, text in enumerate(cells)
    )
    async with eager(postgres, database, driver=driver) as client:
        assert await same_both_ways(client, f"SELECT {columns} FROM generate_series(1, 3) n -- and a comment")


@with_both_writers
@pytest.mark.parametrize("cells", EXTREMES)
async def test_extremes(postgres: PostgresServer, database: str, cells: str, driver: type[EagerDriver]) -> None:
    async with eager(postgres, database, driver=driver) as client:
        assert await same_both_ways(client, f"SELECT {cells}")


@with_both_writers
async def test_every_character_of_a_text(postgres: PostgresServer, database: str, driver: type[EagerDriver]) -> None:
    """In values, in arrays, in enums' labels and in names of columns."""
    characters = "".join(map(chr, [*range(1, 0x120), 0x2028, 0x2029, 0xFEFF, 0xFFFD, 0xFFFF, 0x1F40E, 0x10FFFF]))
    name = characters.replace('"', '""')
    async with eager(postgres, database, driver=driver) as client:
        for text in ("$1::text", "$1::varchar", "ARRAY[$1::text, NULL]", "json_build_object($1::text, $1::text)"):
            assert await same_both_ways(client, f"SELECT {text}, $2", characters, characters)
        for start in range(0, len(name), 20):
            assert await same_both_ways(client, f'SELECT 1 AS "{name[start : start + 20].rstrip(chr(34))}"')
        async with postgres.session(database) as admin:
            await admin.execute(
                "DROP TYPE IF EXISTS odd; CREATE TYPE odd AS ENUM ('\"', E'\\\\', E'\\n', '', '''', '€')"
            )
        assert await same_both_ways(client, "SELECT unnest(enum_range(NULL::odd)) UNION ALL SELECT NULL")


@with_both_writers
async def test_random_numbers_and_times(postgres: PostgresServer, database: str, driver: type[EagerDriver]) -> None:
    """Floats by their bits, so that every size of exponent comes."""
    chance = random.Random(20)
    doubles = [struct.unpack("!d", chance.randbytes(8))[0] for _ in range(500)]
    doubles += [chance.uniform(-1, 1) * 10.0 ** chance.randint(-8, 20) for _ in range(500)]
    doubles += [float(chance.randint(-(10**n), 10**n)) for n in range(18) for _ in range(20)]
    singles = [struct.unpack("!f", chance.randbytes(4))[0] for _ in range(500)]
    whole = [
        struct.unpack("!f", struct.pack("!f", chance.randint(-(10**n), 10**n)))[0] for n in range(9) for _ in range(20)
    ]
    integers = [chance.randint(-(2**n), 2**n - 1) for n in range(64) for _ in range(5)]
    moments = [str(chance.randint(-(10**17), 10**17) // 10 ** chance.randint(0, 6)) for _ in range(500)]
    async with eager(postgres, database, driver=driver) as client:
        for kind, values in (
            ("float8", _texts(doubles)),
            ("float4", _texts(singles + whole)),
            ("int8", _texts(integers)),
            ("numeric", _texts(integers)),
        ):
            assert await same_both_ways(client, f"SELECT x FROM unnest($1::{kind}[]) AS x", values)
        for kind in ("timestamp", "timestamptz", "date", "time", "interval"):
            text = f"SELECT (timestamp '2000-01-01' + x::int8 * interval '1 microsecond')::{kind} FROM unnest($1::text[]) AS x"
            if kind == "interval":
                text = "SELECT x::int8 * interval '1 microsecond' + interval '1 mon -3 d' FROM unnest($1::text[]) AS x"
            assert await same_both_ways(client, text, moments)


def _texts(values: Sequence[float]) -> list[str]:
    return [repr(value) for value in values]


CHANGES: Final = (
    ("SELECT a, b FROM t", "ALTER TABLE t ALTER a TYPE text USING '\"}{' || a"),
    ("SELECT a, b FROM t", 'ALTER TABLE t ALTER b TYPE text USING \'","c":1,"d":"\''),
    ("SELECT a, b FROM t", "ALTER TABLE t ALTER a TYPE int8 USING a::int8 + 9007199254740991"),
    ("SELECT a, b FROM t", "ALTER TABLE t ALTER d TYPE int8 USING 1"),
    ("SELECT d, f FROM t", "ALTER TABLE t ALTER d TYPE int4 USING 7"),
    ("SELECT d, f FROM t", "ALTER TABLE t ALTER f TYPE float8 USING 1000000"),
    ("SELECT d, f FROM t", "ALTER TABLE t ALTER f TYPE bytea USING '\\x00'"),
    ("SELECT * FROM t", "ALTER TABLE t ADD COLUMN z text DEFAULT 'new'"),
    ("SELECT * FROM t", "ALTER TABLE t DROP COLUMN b"),
    ("SELECT * FROM t", "ALTER TABLE t RENAME COLUMN b TO renamed"),
    ("SELECT * FROM t", "ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME x TO b"),
    ("SELECT * FROM t", "DROP TABLE t; CREATE TABLE t AS SELECT 'other' AS other"),
    ("SELECT x.*, y.* FROM t x JOIN t y USING (a)", "ALTER TABLE t RENAME COLUMN b TO renamed"),
    ("SELECT x.*, y.* FROM t x, t y", "ALTER TABLE t ADD COLUMN a_2 int"),
    ("TABLE t", "ALTER TABLE t DROP COLUMN f"),
    ("TABLE t", "ALTER TABLE t ALTER a TYPE cents"),
    ("SELECT * FROM v", "DROP VIEW v; CREATE VIEW v AS SELECT 'text' AS b, 5 AS a"),
    ("SELECT a, b FROM v", "DROP VIEW v; CREATE VIEW v AS SELECT 'text' AS b, 5::float8 AS a"),
    ("SELECT m FROM t", "ALTER TYPE mood_t RENAME VALUE 'sad' TO E'\"\\\\'"),
    ("SELECT m FROM t", "ALTER TABLE t ALTER m TYPE numeric USING 1.50"),
)


@pytest.mark.parametrize("order", ["prepared", "between"])
@pytest.mark.parametrize(("text", "change"), CHANGES)
async def test_a_schema_that_changes_between_two_executions(
    postgres: PostgresServer, database: str, text: str, change: str, order: str
) -> None:
    """Changed after both texts were prepared, or between the first and the second: one execution, the new answer."""
    async with postgres.session(database) as admin, eager(postgres, database, max_connections=1) as client:
        await admin.execute(
            "DROP VIEW IF EXISTS v; DROP TABLE IF EXISTS t; DROP TYPE IF EXISTS mood_t; CREATE TYPE mood_t AS ENUM ('sad');"
            "CREATE TABLE t (a int, b numeric, d date, f float4, m mood_t);"
            "INSERT INTO t VALUES (1, 1.50, '2024-02-29', 2.5, 'sad'), (2, NULL, NULL, NULL, NULL);"
        )
        if "v" in text.split():
            await admin.execute("CREATE VIEW v AS SELECT a, b FROM t")
        first = await client.execute(request(text, encode=order == "prepared"))
        assert is_encoded(first) is (order == "prepared")
        await client.pool.settled()
        await admin.execute(change)
        changed = await client.execute(request(text))
        async with eager(postgres, database) as fresh:
            assert shown(changed) == shown(await fresh.execute(request(text, encode=False)))
        await client.pool.settled()
        await same_both_ways(client, text)


async def test_an_error_names_its_place_in_the_statement_itself(postgres: PostgresServer, database: str) -> None:
    async with postgres.session(database) as admin, eager(postgres, database, max_connections=1) as client:
        await admin.execute("DROP TABLE IF EXISTS gone; CREATE TABLE gone (a int)")
        text = "SELECT a, 'x' AS b FROM gone"
        assert is_encoded(await client.execute(request(text)))
        await client.pool.settled()
        await admin.execute("ALTER TABLE gone DROP COLUMN a")
        with pytest.raises(Exception, match="StatementInvalid") as caught:
            await client.execute(request(text))
        assert caught.value.position == 7  # type: ignore[attr-defined]  # reason: it is a DatasourceError
        assert "pg_catalog" not in caught.value.native_message  # type: ignore[attr-defined]  # reason: as above


@pytest.mark.parametrize("encode", [True, False])
@pytest.mark.parametrize("order", ["prepared", "between"])
async def test_a_parameter_whose_type_changes(
    postgres: PostgresServer, database: str, order: str, encode: bool
) -> None:
    """Of no column: the server does not say that the statement must be prepared again, its text fails. Once."""
    async with postgres.session(database) as admin, eager(postgres, database, max_connections=1) as client:
        await admin.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x')")
        text = "SELECT b FROM t WHERE a = $1"
        await client.execute(request(text, 1, encode=encode and order == "prepared"))
        await client.pool.settled()
        await admin.execute("ALTER TABLE t ALTER a TYPE text")
        if not encode:
            with pytest.raises(Exception, match="StatementInvalid"):
                await client.execute(request(text, "1", encode=False))
            await client.pool.settled()
        assert "'x'" in shown(await client.execute(request(text, "1", encode=encode)))
        names = f"SELECT count(*) FROM pg_prepared_statements WHERE statement = '{text}'"
        ((left,),) = rows(await client.execute(request(names, encode=False)))
        assert left == 1, "those that are forgotten are closed"


_TRAPS: Final = """
CREATE SCHEMA evil;
CREATE FUNCTION evil.trap() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'a trap was called'; END $$;
CREATE FUNCTION evil.concat(VARIADIC "any") RETURNS text LANGUAGE internal IMMUTABLE AS 'text_concat_ws';
CREATE FUNCTION evil.concat(text, int8) RETURNS text LANGUAGE sql AS 'SELECT evil.trap()';
CREATE FUNCTION evil.to_json(anyelement) RETURNS json LANGUAGE sql AS 'SELECT evil.trap()::json';
CREATE FUNCTION evil.to_json(text) RETURNS json LANGUAGE sql AS 'SELECT evil.trap()::json';
CREATE FUNCTION evil."json_scalar"(text) RETURNS json LANGUAGE sql AS 'SELECT evil.trap()::json';
CREATE FUNCTION evil."json_scalar"(timestamptz) RETURNS json LANGUAGE sql AS 'SELECT evil.trap()::json';
CREATE FUNCTION evil.replace(text, text, text) RETURNS text LANGUAGE sql AS 'SELECT evil.trap()';
CREATE FUNCTION evil.trunc(float8) RETURNS float8 LANGUAGE sql AS 'SELECT evil.trap()::float8';
CREATE FUNCTION evil.compare(int8, int8) RETURNS bool LANGUAGE sql AS 'SELECT evil.trap()::bool';
CREATE FUNCTION evil.compare(float8, float8) RETURNS bool LANGUAGE sql AS 'SELECT evil.trap()::bool';
CREATE FUNCTION evil.compare(timestamptz, timestamptz) RETURNS bool LANGUAGE sql AS 'SELECT evil.trap()::bool';
CREATE TABLE evil.held (a int8, b text, c float8, d timestamptz, e evil_mood, f jsonb);
INSERT INTO evil.held VALUES (9007199254740993, 'x"y', 'NaN', '2024-02-29 12:00Z', 'sad', '{"a": 1.50}'), (1, '', 1, NULL, NULL, NULL);
"""


@with_both_writers
async def test_a_hostile_search_path(postgres: PostgresServer, driver: type[EagerDriver]) -> None:
    """Whose functions, operators, types and casts come before the server's own."""
    database = await postgres.fresh_database()
    operators = "".join(
        f"CREATE OPERATOR evil.{sign} (LEFTARG = {kind}, RIGHTARG = {kind}, FUNCTION = evil.compare);"
        for sign in ("<", "<=", ">", ">=", "=")
        for kind in ("int8", "float8", "timestamptz")
    )
    async with postgres.session(database) as admin:
        await admin.execute("CREATE TYPE evil_mood AS ENUM ('sad', '\"'); " + _TRAPS + operators)
        await admin.execute(
            "CREATE DOMAIN evil.text AS int; CREATE DOMAIN evil.json AS int;"
            "CREATE FUNCTION evil.cast_mood(evil_mood) RETURNS pg_catalog.json LANGUAGE sql IMMUTABLE AS $$SELECT '1'::pg_catalog.json$$;"
            "CREATE CAST (evil_mood AS pg_catalog.json) WITH FUNCTION evil.cast_mood(evil_mood);"
            f'ALTER DATABASE "{database}" SET search_path = evil, pg_catalog, public'
        )
    async with eager(postgres, database, driver=driver) as client:
        assert (rows(await client.execute(request("SELECT current_setting('search_path')", encode=False))))[0] == (
            "evil, pg_catalog, public",
        )
        assert await same_both_ways(client, "SELECT * FROM held")
    await postgres.drop_database(database)


@with_both_writers
async def test_row_security_views_domains_and_composites(postgres: PostgresServer, driver: type[EagerDriver]) -> None:
    database = await postgres.fresh_database()
    role = f"reader_{database}"
    password = await postgres.create_role(role)
    async with postgres.session(database) as admin:
        await admin.execute(
            f"""
            CREATE TYPE pair AS (a int, b text);
            CREATE DOMAIN cents AS int8; CREATE DOMAIN title AS text; CREATE DOMAIN nested AS cents; CREATE DOMAIN pairs AS pair;
            CREATE TABLE held (id int, owner name DEFAULT '{role}', price cents, t title, n nested);
            INSERT INTO held VALUES (1, '{role}', 9007199254740993, 'a"', 5), (2, 'another', 1, 'b', 6), (3, '{role}', NULL, NULL, NULL);
            ALTER TABLE held ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON held USING (owner = current_user);
            CREATE VIEW seen WITH (security_barrier) AS SELECT id, price, t FROM held ORDER BY id DESC;
            GRANT SELECT ON held, seen TO "{role}";
            """
        )
    async with eager(postgres, database, driver=driver, username=role, password=password) as client:
        assert await same_both_ways(client, "SELECT * FROM held ORDER BY id")
        seen = await client.execute(request("SELECT id FROM held ORDER BY id"))
        assert "'id': 2" not in shown(seen)
        assert await same_both_ways(client, "SELECT * FROM seen WHERE price IS DISTINCT FROM $1", 5)
        assert not await same_both_ways(client, "SELECT ROW(1, 'x')::pair AS p, ROW(NULL, NULL)::pairs AS q")
        assert not await same_both_ways(client, "SELECT held FROM held")
    await postgres.drop_database(database)
    async with postgres.session() as admin:
        await admin.execute(f'DROP ROLE "{role}"')
