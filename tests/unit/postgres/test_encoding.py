"""When the server encodes an answer and when not: what is read only, what pays, and what stays as it was."""

import asyncio
import random
import re
import struct
from itertools import pairwise
from typing import Any, Final

import asyncpg
import pytest
from asyncpg import connect_utils
from hypothesis import example, given
from hypothesis import strategies as st

from appsmith_proxy.sdk import BadResponse, EncodedRows, Lane, Limits, ParameterInvalid, Statement, StatementInvalid
from appsmith_proxy.testing.limits import row_count
from appsmith_proxy_postgres.client import PostgresClient
from appsmith_proxy_postgres.derive import Derived, derive
from appsmith_proxy_postgres.encoding import ENCODE_ROWS, ROW_BYTES
from appsmith_proxy_postgres.meter import Meter
from appsmith_proxy_postgres.texts import ROW, ROW_HEADER, cut_out, row_header
from appsmith_proxy_postgres.typebook import TypeBook
from appsmith_proxy_postgres.wire import MAX_KEPT
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_client import fetch, opened, request
from tests.servers.postgres_encoded import eager, is_encoded, same_both_ways

_SETUP: Final = """
CREATE TABLE t (id int PRIMARY KEY, note text);
INSERT INTO t SELECT n, 'note ' || n FROM generate_series(1, 1000) n;
CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION "My own"() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION "é"() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION pure(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE PROCEDURE called(INOUT a int) LANGUAGE sql AS 'SELECT 1';
CREATE TABLE nothing ();
ANALYZE t;
"""

PLAIN: Final = (
    "SELECT id FROM t WHERE id < 3 FOR UPDATE",
    "SELECT id FROM t WHERE id < 3 FOR NO KEY UPDATE",
    "SELECT id FROM t WHERE id < 3 /* for */ For\nShare",
    "WITH gone AS (DELETE FROM t WHERE id = 1000 RETURNING id) SELECT id FROM gone",
    "INSERT INTO t VALUES (-1, '') RETURNING id",
    "UPDATE t SET note = note WHERE id = 1 RETURNING id",
    "SELECT random() < 2",
    "SELECT Random() < 2",
    "SELECT n, nextval('numbers') > 0 FROM generate_series(1, 2) n",
    "SELECT mine()",
    'SELECT "é"()',
    "SELECT clock_timestamp() > now()",
    "EXPLAIN SELECT 1",
    "SHOW timezone",
    "CALL called(1)",
    "SELECT FROM generate_series(1, 3)",
    "SELECT * FROM nothing",
)
ENCODED: Final = (
    "SELECT id, note FROM t ORDER BY id LIMIT 3",
    "TABLE t",
    "VALUES (1, 'a'), (2, NULL)",
    "(SELECT 1 AS a) UNION ALL (SELECT 2) ORDER BY a DESC",
    "WITH few AS (SELECT id FROM t WHERE id < 4) SELECT count(*), sum(id) FROM few",
    "SELECT pure(id), now() IS NULL, count(*) OVER () FROM t WHERE id < 4 -- a comment",
    "-- a comment\nSELECT 'for', 'ünïcode' /* nested /* comment */ */",
    "SELECT generate_series(1, 3), unnest(ARRAY['a', 'b'])",
    "SELECT a.id, b.id FROM t a LEFT JOIN LATERAL (SELECT id FROM t WHERE id = a.id + 998) b ON true WHERE a.id < 4",
)


@pytest.fixture
async def filled(postgres: PostgresServer, database: str) -> str:
    async with postgres.session(database) as admin:
        await admin.execute(_SETUP + "CREATE SEQUENCE numbers")
    return database


async def test_what_writes_locks_or_is_volatile_stays_plain(postgres: PostgresServer, filled: str) -> None:
    async with eager(postgres, filled) as client:
        for text in PLAIN:
            assert not is_encoded(await client.execute(request(text))), text
            assert not is_encoded(await client.execute(request(text.replace("-1", "-2")))), text
        for text in ENCODED:
            assert await same_both_ways(client, text), text
        assert not is_encoded(await client.execute(request("SELECT id FROM t", writes=True)))


def test_words_that_write_or_lock_are_enough_to_stay_plain() -> None:
    columns = [("id", TypeBook()[23])]
    for word in ("UPDATE", "share", "Insert", "into", "delete", "merge"):
        assert derive(Statement(text=f"SELECT id FROM t /* {word} */"), columns, server=18) is None
    assert derive(Statement(text="SELECT id FROM t", writes=True), columns, server=18) is None
    assert derive(Statement(text="SELECT id AS updated FROM t"), columns, server=18) is not None
    assert derive(Statement(text="SELECT id FROM t"), [], server=18) is None


def test_a_server_is_asked_for_what_it_has() -> None:
    book = TypeBook()
    for server, writer in (
        (14, "to_json(r.c1)"),
        (16, "to_json(r.c1)"),
        (17, "JSON_SCALAR(r.c1)"),
        (18, "JSON_SCALAR(r.c1)"),
    ):
        for oid in (19, 25, 1042, 1043, 1114, 1184):
            derived = derive(Statement(text="SELECT x FROM t"), [("x", book[oid])], server=server)
            assert derived is not None
            assert writer in derived.statement.text
        array = derive(Statement(text="SELECT x FROM t"), [("x", book[1009])], server=server)
        assert array is not None
        assert "pg_catalog.to_json(r.c1)" in array.statement.text


async def test_a_text_that_closes_our_brackets_is_refused_before_it_is_ever_in_them(
    postgres: PostgresServer, filled: str
) -> None:
    await postgres.log_statements(filled)
    async with eager(postgres, filled) as client:
        for text in (
            "SELECT 1) AS o OFFSET 0) AS o CROSS JOIN LATERAL (SELECT o.*) AS r (c1), (SELECT (SELECT 1",
            "SELECT 1 AS a) AS o OFFSET 0) AS o /*",
            "SELECT 1; SELECT 2",
        ):
            with pytest.raises(StatementInvalid):
                await client.execute(request(text))
    assert not [entry for entry in postgres.logged(filled) if "pg_catalog.concat" in entry.text]


async def test_it_is_for_many_short_rows_and_from_the_second_execution_on(
    postgres: PostgresServer, filled: str
) -> None:
    async with opened(postgres, filled) as client:
        many, long = "SELECT id, note FROM t WHERE id <= $1", f"SELECT repeat('x', {ROW_BYTES}) FROM t WHERE id <= $1"
        found = [is_encoded(await client.execute(request(many, count))) for count in (ENCODE_ROWS, 1, 1, 500, 500)]
        assert found == [False, True, False, False, True]
        assert not [is_encoded(await client.execute(request(long, 100))) for _ in range(2)][1]
        assert not is_encoded(await client.execute(request(many, 500, encode=False)))


async def test_a_value_that_does_not_fit_is_told_as_ever(postgres: PostgresServer, filled: str) -> None:
    async with eager(postgres, filled) as client:
        assert await same_both_ways(client, "SELECT $1::int4 + id FROM t WHERE note <> $2", 5, "x")
        with pytest.raises(ParameterInvalid) as caught:
            await client.execute(request("SELECT $1::int4 + id FROM t WHERE note <> $2", "no number", "x"))
        assert (caught.value.parameter, caught.value.expected) == (0, "int4")


@pytest.mark.parametrize("read_only", [True, False])
async def test_limits_cut_as_ever(postgres: PostgresServer, filled: str, read_only: bool) -> None:
    async with eager(postgres, filled) as client:
        text = "SELECT id, note FROM t ORDER BY id"
        for limits, count in ((Limits(rows=10), 10), (Limits(rows=999), 999), (Limits(rows=1000), 1000)):
            for _ in range(2):  # the second time the server is told the limit
                result = await client.execute(request(text, limits=limits, read_only=read_only))
                assert isinstance(result.rows, EncodedRows)
                assert (len(result.rows.texts), result.truncated) == (count, count < 1000)
        assert await same_both_ways(client, text, limits=Limits(rows=7), read_only=read_only)
        half = await client.execute(request(text, limits=Limits(bytes=10_000), read_only=read_only))
        plain = await client.execute(request(text, limits=Limits(bytes=10_000), read_only=read_only, encode=False))
        assert half.truncated
        assert 0.8 < row_count(half) / row_count(plain) < 1.2, "names of columns are not counted"
        huge = await client.execute(
            request("SELECT repeat('x', 30000000)", limits=Limits(bytes=1_000_000), read_only=read_only)
        )
        assert (row_count(huge), huge.truncated) == (0, True)
        assert await same_both_ways(client, text, read_only=read_only)


async def test_columns_of_any_width(postgres: PostgresServer, database: str) -> None:
    """A function takes 100 arguments, and a row that is too wide stays plain."""
    async with eager(postgres, database) as client:
        for count, encoded in ((1, True), (33, True), (34, True), (100, True), (200, True), (201, False)):
            cells = ", ".join(f"{n}::int8 AS a{n}" for n in range(count))
            assert await same_both_ways(client, f"SELECT {cells} UNION ALL SELECT {cells}") is encoded


async def test_a_database_without_an_encoding_stays_plain(postgres: PostgresServer) -> None:
    async with postgres.session() as admin:
        await admin.execute(
            "CREATE DATABASE ascii_only ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        await admin.execute("CREATE DATABASE latin1 ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    async with eager(postgres, "ascii_only") as client:
        assert not is_encoded(await client.execute(request("SELECT 1 AS a")))
    async with eager(postgres, "latin1") as client:
        assert await same_both_ways(client, "SELECT 'é' AS \"ü\", $1", "ñ")
    await postgres.drop_database("ascii_only")
    await postgres.drop_database("latin1")


async def test_bytes_that_are_no_utf_8_are_no_answer(postgres: PostgresServer, filled: str) -> None:
    async with postgres.session(filled) as admin:
        await admin.execute(
            "CREATE VIEW turned AS SELECT set_config('client_encoding', 'LATIN1', false) AS a, 'é'::text AS b"
        )
    async with eager(postgres, filled, max_connections=1) as client:
        for _ in range(2):
            with pytest.raises(BadResponse):
                await client.execute(request("SELECT a, b FROM turned"))
            await client.pool.settled()
            assert await same_both_ways(client, "SELECT 'ü'")


async def test_what_a_function_costs_is_paid_once_a_row(postgres: PostgresServer, filled: str) -> None:
    """Though a column stands several times in the second text: ``OFFSET 0`` keeps the two apart."""
    async with postgres.session(filled) as admin, eager(postgres, filled, max_connections=1) as client:
        await admin.execute("CREATE FUNCTION costs(int) RETURNS int8 LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END'")
        second = await _second_text(client, "SELECT costs(id) AS a FROM t")
        plan = "".join(row[0] for row in await admin.fetch(f"EXPLAIN (VERBOSE) {second}"))
        assert plan.count("costs(") == 1


async def test_what_only_the_second_text_may_not_the_first_does(postgres: PostgresServer, database: str) -> None:
    password = await postgres.create_role(f"barred_{database}")
    async with postgres.session(database) as admin:
        await admin.execute("REVOKE EXECUTE ON FUNCTION pg_catalog.concat FROM PUBLIC")
    async with eager(postgres, database, username=f"barred_{database}", password=password) as client:
        for _ in range(2):
            assert await fetch(client, "SELECT 1 AS a") == [(1,)]


async def test_kept_statements_stay_bounded(postgres: PostgresServer, database: str) -> None:
    async with eager(postgres, database, max_connections=1) as client:
        for number in range(MAX_KEPT):
            assert is_encoded(await client.execute(request(f"SELECT {number}")))
        ((names,),) = await fetch(client, "SELECT count(*) FROM pg_prepared_statements", encode=False)
        assert names <= MAX_KEPT


async def test_inside_a_transaction_answers_are_plain(postgres: PostgresServer, filled: str) -> None:
    """There an error of the second text could not be tried again with the first."""
    deadline = asyncio.get_running_loop().time() + 10
    async with eager(postgres, filled) as client, client.transaction(read_only=True, deadline=deadline) as session:
        assert not is_encoded(await session.execute(request("SELECT id FROM t")))


PLANS: Final = (
    "SELECT * FROM t WHERE id = 5",
    "SELECT id, note FROM t WHERE id >= 5 ORDER BY id LIMIT 100",
    "SELECT id FROM t ORDER BY note DESC",
    "SELECT note, count(*) FROM t GROUP BY note HAVING count(*) > 1",
    "SELECT DISTINCT note FROM t",
    "SELECT a.id, b.note FROM t a JOIN t b ON a.id = b.id WHERE a.id < 10 ORDER BY b.id",
    "SELECT id, pure(id) FROM t WHERE note LIKE 'note 1%' LIMIT 3 OFFSET 2",
    "SELECT big, count(*) FROM wide GROUP BY big ORDER BY 2",
    "SELECT big FROM wide WHERE big % 1000 = 1",
    "SELECT big FROM wide ORDER BY big LIMIT 5",
    "WITH w AS MATERIALIZED (SELECT * FROM t) SELECT id FROM w WHERE id = 3",
)


async def test_the_statements_own_plan_stays_as_it_is(postgres: PostgresServer, filled: str) -> None:
    """Scans, joins, sorts, limits and workers in parallel: the same nodes in the same order, ours above them."""
    async with postgres.session(filled) as admin, eager(postgres, filled, max_connections=1) as client:
        await admin.execute(
            "CREATE TABLE wide AS SELECT n % 50000 AS big FROM generate_series(1, 200000) n; ANALYZE wide;"
            "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0.001; SET min_parallel_table_scan_size = 0"
        )
        parallel = 0
        for text in PLANS:
            second = await _second_text(client, text)
            plain, wrapped = await _nodes(admin, text), await _nodes(admin, second)
            assert any(wrapped[at : at + len(plain)] == plain for at in range(len(wrapped))), (text, plain, wrapped)
            parallel += any(node.startswith("Gather") for node in plain)
        assert parallel >= 3, "some of them are worth workers"


async def _second_text(client: PostgresClient, text: str) -> str:
    wire = await client.pool.acquire(Lane.READ_WRITE, "", deadline=client.now() + 5)
    kept = await wire.keep(Statement(text=text), timeout=5)
    assert await wire.derive(kept, timeout=5)
    client.pool.release(wire)
    await client.pool.settled()
    assert kept.derived is not None
    return kept.derived.statement.text


async def _nodes(admin: Any, text: str) -> list[str]:
    """Return a plan's nodes and conditions from top to bottom; whether columns are written with their table differs."""
    lines = [row[0] for row in await admin.fetch(f"EXPLAIN (COSTS OFF) {text}")]
    return [re.sub(r"^[ >-]*|\b[a-z]+\.(?=[a-z])", "", line) for line in lines]


def _row(text: bytes, *, nulls: int = 1, width: int | None = None) -> bytes:
    cells = struct.pack("!Hi", nulls + 1, len(text) if width is None else width) + text + b"\xff\xff\xff\xff" * nulls
    return b"D" + struct.pack("!I", len(cells) + 4) + cells


@pytest.fixture
async def meter() -> Meter:
    return _meter()


def _meter() -> Meter:
    """Return a meter that stands before nobody: rows are all that it is given. Inside the event loop."""
    fields = dict.fromkeys(connect_utils._ConnectionParameters._fields)
    parameters = connect_utils._ConnectionParameters(**{**fields, "user": "", "database": "", "server_settings": {}})
    loop = asyncio.get_running_loop()
    meter = Meter(("localhost", 1), loop.create_future(), parameters, asyncpg.Record, loop)
    encoded = Derived(statement=Statement(text=""), columns=1, names_bytes=3)
    meter.arm(rows=100, size=10_000, stop=True, encoded=encoded)
    return meter


@pytest.mark.parametrize("size", [1, 2, 7, 10, 11, 12, 1000])
async def test_texts_are_cut_out_of_any_pieces(meter: Meter, size: int) -> None:
    texts = [b'{"a":%d}' % number for number in range(30)]
    stream = b"".join(map(_row, texts))
    for start in range(0, len(stream), size):
        meter.data_received(stream[start : start + size])
    assert meter.counted == len(stream) - 30 * 3
    assert meter.take_texts() == texts
    assert meter.take_texts() == []


_END_OF_ROW: Final = b"\xff" * 4
_UP_TO_ITS_END: Final = _row(b"{}").removesuffix(_END_OF_ROW)
_LIKE_ROWS: Final = st.lists(st.sampled_from([b"{}", b"\x00", b"\xff", _END_OF_ROW, _UP_TO_ITS_END]), min_size=1)


@example(texts=[_END_OF_ROW + _UP_TO_ITS_END], cuts=[])
@given(texts=st.lists(_LIKE_ROWS.map(b"".join), max_size=8), cuts=st.lists(st.integers(0, 400), max_size=4))
async def test_a_text_is_as_long_as_its_row_says_whatever_stands_in_it(texts: list[bytes], cuts: list[int]) -> None:
    """A database without an encoding can send the very bytes that end a row."""
    meter = _meter()
    stream = b"".join(map(_row, texts))
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    for start, end in pairwise(places):
        meter.data_received(stream[start:end])
    assert not meter.malformed
    assert meter.counted == len(stream) - len(texts) * 3
    assert meter.take_texts() == texts


@pytest.mark.parametrize(
    "row",
    [
        _row(b"{}", nulls=0),
        _row(b"{}", nulls=2),
        _row(b"{}", width=-1),
        _row(b"{}", width=1),
        _row(b"{}", width=1000),
        _row(b"", width=-1),
        b"D" + struct.pack("!I", 4),
        b"D" + struct.pack("!IHi", 10, 1, -1),
    ],
)
async def test_a_row_that_is_no_text_and_nulls_ends_the_connection(meter: Meter, row: bytes) -> None:
    meter.data_received(_row(b'{"a":1}') + row + b"C")
    assert meter.stopped
    assert meter.malformed


@pytest.mark.parametrize("rows", [100, 0], ids=["far from a limit", "at it"])
@pytest.mark.parametrize(
    ("kind", "length"), [(b"D", 0), (b"D", 3), (b"C", 0), (b"C", 3), (b"E", 1 << 30), (b"C", (1 << 32) - 1)]
)
async def test_a_length_that_cannot_be_ends_the_connection(meter: Meter, kind: bytes, length: int, rows: int) -> None:
    """asyncpg would read what stands before it, again and again, or collect what never ends."""
    meter.arm(rows, 10_000, stop=True)
    meter.data_received(b"2\x00\x00\x00\x04"[: rows * 5] + kind + struct.pack("!I", length) + b"xxxx")
    assert meter.stopped
    assert meter.malformed


def _one_after_the_other(data: bytes, overhead: int) -> tuple[list[bytes], int]:
    texts, position = [], 0
    while len(data) - position >= ROW_HEADER:
        kind, length, width = row_header(data, position)
        end = position + 1 + length
        if kind != ROW or width != length - overhead or width <= 0 or end > len(data):
            break
        texts.append(data[position + ROW_HEADER : position + ROW_HEADER + width])
        position = end
    return texts, position


def test_rows_that_are_cut_out_are_those_that_their_lengths_say() -> None:
    """Of honest streams, and of those in which anything lies."""
    chance = random.Random(7)
    for _ in range(20_000):
        columns = chance.randint(1, 3)
        rows = [
            _row(b'{"a":"%s"}' % (b"x" * chance.randint(0, 300)), nulls=columns) for _ in range(chance.randint(0, 4))
        ]
        stream = b"".join(rows) + chance.choice(
            (b"", b"C\0\0\0\5x", b"D\0", _row(b"", nulls=columns) + b"x" * 9, _row(b"{}", nulls=columns)[:-3])
        )
        if stream and chance.random() < 0.7:
            place = chance.randrange(len(stream))
            lying = chance.choice((b"", b"\xff", b"\xff" * 4, b"D", bytes([stream[place] ^ 1])))
            stream = stream[:place] + lying + stream[place + chance.randint(0, 4) :]
        overhead = ROW_HEADER - 1 + 4 * columns
        assert cut_out(stream, overhead) == _one_after_the_other(stream, overhead)
