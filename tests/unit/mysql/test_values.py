"""Every type, both ways: what the server holds is the cell, and the JSON, that the contract wants; against its own text."""

from typing import Any, NamedTuple

import orjson
import pytest

from appsmith_proxy.gateway.encode import Encoder
from appsmith_proxy.sdk import ColumnType, Limits, ParameterInvalid, ParameterType, Result
from appsmith_proxy_mysql.decode import FEW
from appsmith_proxy_mysql.wire import Wire
from tests.servers.mariadb import MariadbServer
from tests.servers.mysql_wire import answer, login_to, objects, rows, wired

_T = ColumnType


class Golden(NamedTuple):
    """A value of a column."""

    native: str
    """As a column is declared."""
    literal: str
    cell: Any
    column: ColumnType
    text: str | None = None
    """What the server's own text says, where it is not the cell's."""
    spoken: str = "CAST({} AS CHAR)"
    """How the server is asked for it."""


_HEX = "HEX({})"
_NUMBER = "CAST({} + 0 AS CHAR)"
_WKT = "ST_AsText({})"

_GOLDEN = (
    Golden("TINYINT", "-128", -128, _T.INTEGER),
    Golden("TINYINT", "127", 127, _T.INTEGER),
    Golden("TINYINT(1)", "1", 1, _T.INTEGER),
    Golden("BOOLEAN", "FALSE", 0, _T.INTEGER),
    Golden("TINYINT UNSIGNED", "255", 255, _T.INTEGER),
    Golden("SMALLINT", "-32768", -32768, _T.INTEGER),
    Golden("SMALLINT UNSIGNED", "65535", 65535, _T.INTEGER),
    Golden("MEDIUMINT", "-8388608", -8388608, _T.INTEGER),
    Golden("MEDIUMINT UNSIGNED", "16777215", 16777215, _T.INTEGER),
    Golden("INT", "-2147483648", -(2**31), _T.INTEGER),
    Golden("INT UNSIGNED", "4294967295", 2**32 - 1, _T.INTEGER),
    Golden("INT(5) ZEROFILL", "42", 42, _T.INTEGER, "00042"),
    Golden("BIGINT", "-9223372036854775808", -(2**63), _T.INTEGER),
    Golden("BIGINT", "9223372036854775807", 2**63 - 1, _T.INTEGER),
    Golden("BIGINT", "9007199254740991", 2**53 - 1, _T.INTEGER),
    Golden("BIGINT", "9007199254740992", 2**53, _T.INTEGER),
    Golden("BIGINT", "-9007199254740991", 1 - 2**53, _T.INTEGER),
    Golden("BIGINT", "-9007199254740992", -(2**53), _T.INTEGER),
    Golden("BIGINT UNSIGNED", "18446744073709551615", 2**64 - 1, _T.INTEGER),
    Golden("BIT(1)", "b'1'", 1, _T.INTEGER, spoken=_NUMBER),
    Golden("BIT(8)", "b'10000000'", 128, _T.INTEGER, spoken=_NUMBER),
    Golden("BIT(64)", "0xFFFFFFFFFFFFFFFF", 2**64 - 1, _T.INTEGER, spoken=_NUMBER),
    Golden("YEAR", "2155", 2155, _T.INTEGER),
    Golden("YEAR", "0", 0, _T.INTEGER, "0000"),
    Golden("DECIMAL(12,2)", "1.5", "1.50", _T.DECIMAL),
    Golden("DECIMAL(12,2)", "-0.01", "-0.01", _T.DECIMAL),
    Golden("DECIMAL(65,0)", "9" * 65, "9" * 65, _T.DECIMAL),
    Golden("DECIMAL(65,30)", f"-{'9' * 35}.{'1' * 30}", f"-{'9' * 35}.{'1' * 30}", _T.DECIMAL),
    Golden("DECIMAL(3,0)", "0", "0", _T.DECIMAL),
    Golden("FLOAT", "0.1", 0.1, _T.FLOAT),
    Golden("FLOAT", "16777216", 16777216.0, _T.FLOAT, "16777200"),
    Golden("FLOAT", "3.40282346e38", 3.4028235e38, _T.FLOAT, "3.40282e38"),
    Golden("FLOAT", "-1.1754944e-38", -1.1754944e-38, _T.FLOAT, "-1.17549e-38"),
    Golden("DOUBLE", "0.1", 0.1, _T.FLOAT),
    Golden("DOUBLE", "1.7976931348623157e308", 1.7976931348623157e308, _T.FLOAT, "1.7976931348623157e308"),
    Golden("DOUBLE", "-5e-324", -5e-324, _T.FLOAT, "-5e-324"),
    Golden("DOUBLE", "0", 0.0, _T.FLOAT, "0"),
    Golden("DOUBLE", "123456789012345680", 1.2345678901234568e17, _T.FLOAT, "1.2345678901234568e17"),
    Golden("DATE", "'2020-02-29'", "2020-02-29", _T.DATE),
    Golden("DATE", "'0001-01-01'", "0001-01-01", _T.DATE),
    Golden("DATE", "'9999-12-31'", "9999-12-31", _T.DATE),
    Golden("DATE", "'0000-00-00'", None, _T.DATE, "0000-00-00"),
    Golden("DATE", "'2020-00-00'", "2020-00-00", _T.DATE),
    Golden("DATETIME", "'2020-01-31 23:59:59'", "2020-01-31T23:59:59", _T.TIMESTAMP, "2020-01-31 23:59:59"),
    Golden("DATETIME", "'2020-01-31'", "2020-01-31T00:00:00", _T.TIMESTAMP, "2020-01-31 00:00:00"),
    Golden("DATETIME", "'0000-00-00'", None, _T.TIMESTAMP, "0000-00-00 00:00:00"),
    Golden(
        "DATETIME(3)", "'2020-01-31 01:02:03.5'", "2020-01-31T01:02:03.500", _T.TIMESTAMP, "2020-01-31 01:02:03.500"
    ),
    Golden("DATETIME(3)", "'2020-01-31 01:02:03'", "2020-01-31T01:02:03.000", _T.TIMESTAMP, "2020-01-31 01:02:03.000"),
    Golden("DATETIME(3)", "'2020-01-31'", "2020-01-31T00:00:00.000", _T.TIMESTAMP, "2020-01-31 00:00:00.000"),
    Golden(
        "DATETIME(6)",
        "'9999-12-31 23:59:59.999999'",
        "9999-12-31T23:59:59.999999",
        _T.TIMESTAMP,
        "9999-12-31 23:59:59.999999",
    ),
    Golden(
        "DATETIME(6)", "'2020-01-31 12:00'", "2020-01-31T12:00:00.000000", _T.TIMESTAMP, "2020-01-31 12:00:00.000000"
    ),
    Golden("DATETIME(1)", "'2020-01-31 12:00:00.9'", "2020-01-31T12:00:00.9", _T.TIMESTAMP, "2020-01-31 12:00:00.9"),
    Golden("TIMESTAMP", "'2020-01-31 12:00:00'", "2020-01-31T12:00:00Z", _T.TIMESTAMPTZ, "2020-01-31 12:00:00"),
    Golden(
        "TIMESTAMP(6)",
        "'2038-01-19 03:14:07.000001'",
        "2038-01-19T03:14:07.000001Z",
        _T.TIMESTAMPTZ,
        "2038-01-19 03:14:07.000001",
    ),
    Golden(
        "TIMESTAMP(2)", "'2020-01-31 12:00:00.25'", "2020-01-31T12:00:00.25Z", _T.TIMESTAMPTZ, "2020-01-31 12:00:00.25"
    ),
    Golden("TIMESTAMP", "'0000-00-00 00:00:00'", None, _T.TIMESTAMPTZ, "0000-00-00 00:00:00"),
    Golden("TIME", "'23:59:59'", "23:59:59", _T.TIME),
    Golden("TIME", "'00:00:00'", "00:00:00", _T.TIME),
    Golden("TIME", "'-838:59:59'", "-838:59:59", _T.TIME),
    Golden("TIME", "'838:59:59'", "838:59:59", _T.TIME),
    Golden("TIME(6)", "'-00:00:00.000001'", "-00:00:00.000001", _T.TIME),
    Golden("TIME(6)", "'100:00:00'", "100:00:00.000000", _T.TIME),
    Golden("TIME(2)", "'01:02:03.45'", "01:02:03.45", _T.TIME),
    Golden("CHAR(5)", "'häß'", "häß", _T.TEXT),
    Golden("VARCHAR(10)", "''", "", _T.TEXT),
    Golden("VARCHAR(10)", "'a\\0b'", "a\0b", _T.TEXT),
    Golden("VARCHAR(10)", "'\\\"\\\\\\n\\t'", '"\\\n\t', _T.TEXT),
    Golden("VARCHAR(10)", "'😀'", "😀", _T.TEXT),
    Golden("VARCHAR(300)", "REPEAT('x', 250)", "x" * 250, _T.TEXT),
    Golden("VARCHAR(300)", "REPEAT('x', 251)", "x" * 251, _T.TEXT),
    Golden("TEXT", "REPEAT('x', 65535)", "x" * 65535, _T.TEXT),
    Golden("MEDIUMTEXT", "REPEAT('ä', 40000)", "ä" * 40000, _T.TEXT),
    Golden("LONGTEXT", "'x'", "x", _T.TEXT),
    Golden("TINYTEXT", "'x'", "x", _T.TEXT),
    Golden("VARCHAR(9) CHARACTER SET latin1", "'häß'", "häß", _T.TEXT),
    Golden("ENUM('small','größe')", "'größe'", "größe", _T.TEXT),
    Golden("SET('a','b','c')", "'a,c'", "a,c", _T.TEXT),
    Golden("SET('a','b','c')", "''", "", _T.TEXT),
    Golden("BINARY(3)", "'a'", b"a\0\0", _T.BYTES, "610000", _HEX),
    Golden("VARBINARY(9)", "X'00FF'", b"\0\xff", _T.BYTES, "00FF", _HEX),
    Golden("BLOB", "X''", b"", _T.BYTES, "", _HEX),
    Golden("MEDIUMBLOB", "REPEAT(X'FE', 300)", b"\xfe" * 300, _T.BYTES, "FE" * 300, _HEX),
    Golden("JSON", """'{"a": [1, 1.50, null]}'""", b'{"a": [1, 1.50, null]}', _T.JSON),
    Golden("JSON", "'12345678901234567890.10'", b"12345678901234567890.10", _T.JSON),
    Golden("JSON", "'null'", b"null", _T.JSON),
    Golden("JSON", "'1.'", b'"1."', _T.JSON, "1."),
    Golden("UUID", "'123e4567-e89b-12d3-a456-426614174000'", "123e4567-e89b-12d3-a456-426614174000", _T.UUID),
    Golden("INET6", "'::1'", "::1", _T.TEXT),
    Golden("POINT", "POINT(1, -2.5)", "POINT(1 -2.5)", _T.TEXT, spoken=_WKT),
    Golden("LINESTRING", "LINESTRING(POINT(0,0), POINT(1,1))", "LINESTRING(0 0,1 1)", _T.TEXT, spoken=_WKT),
    Golden(
        "POLYGON",
        "ST_GeomFromText('POLYGON((0 0,3 0,3 3,0 0),(1 1,2 1,2 2,1 1))')",
        "POLYGON((0 0,3 0,3 3,0 0),(1 1,2 1,2 2,1 1))",
        _T.TEXT,
        spoken=_WKT,
    ),
    Golden(
        "MULTIPOLYGON",
        "ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))')",
        "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))",
        _T.TEXT,
        spoken=_WKT,
    ),
    Golden(
        "MULTILINESTRING",
        "ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))')",
        "MULTILINESTRING((0 0,1 1),(2 2,3 3))",
        _T.TEXT,
        spoken=_WKT,
    ),
    Golden(
        "GEOMETRY",
        "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')",
        "GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))",
        _T.TEXT,
        spoken=_WKT,
    ),
    # as MySQL 8 and the standard write it; MariaDB leaves the inner brackets out
    Golden(
        "MULTIPOINT",
        "ST_GeomFromText('MULTIPOINT(0 0,1 1)')",
        "MULTIPOINT((0 0),(1 1))",
        _T.TEXT,
        "MULTIPOINT(0 0,1 1)",
        _WKT,
    ),
    Golden(
        "GEOMETRY",
        "ST_GeomFromText('GEOMETRYCOLLECTION EMPTY')",
        "GEOMETRYCOLLECTION EMPTY",
        _T.TEXT,
        spoken=_WKT,
    ),
    Golden("GEOMETRY", "ST_GeomFromText('POINT(1 2)', 4326)", "SRID=4326;POINT(1 2)", _T.TEXT, "POINT(1 2)", _WKT),
)


async def test_every_type_is_exact_and_is_what_the_server_says(mariadb: MariadbServer, database: str) -> None:
    """One table, a column for each row of the golden table, and beside its row one of NULLs only."""
    columns = ", ".join(f"c{index} {golden.native} NULL" for index, golden in enumerate(_GOLDEN))
    async with mariadb.session(database) as admin:
        await admin.execute("SET sql_mode = ''")
        await admin.execute(f"CREATE TABLE t (n INT PRIMARY KEY, {columns}) CHARACTER SET utf8mb4 ROW_FORMAT DYNAMIC")
        await admin.execute(f"INSERT INTO t VALUES (1, {', '.join(golden.literal for golden in _GOLDEN)})")
        await admin.execute("INSERT INTO t (n) VALUES (2)")
        spoken = ", ".join(golden.spoken.format(f"c{index}") for index, golden in enumerate(_GOLDEN))
        (texts,) = await admin.rows(f"SELECT {spoken} FROM t WHERE n = 1")
    wrong: list[str] = []
    async with wired(login_to(mariadb, database)) as wire:
        for index, golden in enumerate(_GOLDEN):
            name, text = f"{golden.native} {golden.literal[:40]}", f"SELECT c{index} FROM t ORDER BY n"
            found = await answer(wire, text)
            assert isinstance(found.rows, list)
            ((cell,), (null,)) = found.rows
            if (type(cell), cell) != (type(golden.cell), golden.cell):
                wrong.append(f"{name}: the cell is {cell!r}")
            if null is not None:
                wrong.append(f"{name}: NULL is {null!r}")
            if found.columns[0].type is not golden.column:
                wrong.append(f"{name}: the column is {found.columns[0].type}")
            if texts[index] != _as_spoken(golden):
                wrong.append(f"{name}: the server says {texts[index]!r}")
            for times in (1, FEW):  # read row by row, and a column at a time
                text = f"SELECT c{index} FROM t, seq_1_to_{times} ORDER BY n"
                cells = [(cell,)] * times + [(None,)] * times
                if await rows(wire, text) != cells:
                    wrong.append(f"{name}: other cells when there are {2 * times}")
                encoded = b"[" + b",".join(await objects(wire, text)) + b"]"
                if encoded != Encoder().encode(Result(columns=found.columns, rows=cells), numbers="string"):
                    wrong.append(f"{name}: encoded otherwise than its cells: {encoded!r}")
    assert not wrong, "\n".join(wrong)


def _as_spoken(golden: Golden) -> str:
    """Return what the server's own text of a value must be."""
    if golden.text is not None:
        return golden.text
    cell = golden.cell
    return cell.decode() if isinstance(cell, bytes) else str(cell)


async def test_all_types_in_one_row_and_many_rows_with_holes(mariadb: MariadbServer, database: str) -> None:
    """NULLs in every place: the bitmap, and values of fixed and of told length, side by side."""
    async with mariadb.session(database) as admin:
        await admin.execute(
            "CREATE TABLE t AS SELECT seq AS n, IF(seq % 2, seq, NULL) a, IF(seq % 3, REPEAT('x', seq % 300), NULL) b,"
            " IF(seq % 5, seq / 7, NULL) c, IF(seq % 7, seq * 1e0, NULL) d, IF(seq % 2, NULL, MAKEDATE(2020, seq)) e,"
            " IF(seq % 11, '2020-01-01' + INTERVAL seq MINUTE, NULL) f, CAST(seq % 100 AS INT) g, NULL AS h, 'k' i"
            " FROM seq_1_to_3000"
        )
    async with wired(login_to(mariadb, database)) as wire:
        found = await rows(wire, "SELECT n, a, b, d, e, g, h, i FROM t ORDER BY n")
        encoded = [
            orjson.loads(text) for text in await objects(wire, "SELECT n, a, b, d, e, g, h, i FROM t ORDER BY n")
        ]
    assert len(found) == 3000
    for n, row in enumerate(found, 1):
        assert row[:4] == (
            n,
            n if n % 2 else None,
            "x" * (n % 300) if n % 3 else None,
            float(n) if n % 7 else None,
        )
        assert (row[4] is None) == bool(n % 2)
        assert row[5:] == (n % 100, None, "k")
        assert tuple(encoded[n - 1].values()) == row


_P = ParameterType


@pytest.mark.parametrize(
    ("type_", "native", "value", "kept"),
    [
        (_P.INTEGER, "BIGINT", -(2**63), -(2**63)),
        (_P.INTEGER, "BIGINT", " 42 ", 42),
        (_P.BIGINT, "BIGINT UNSIGNED", 2**64 - 1, 2**64 - 1),
        (_P.INTEGER, "INT", 3.0, 3),
        (_P.DECIMAL, "DECIMAL(65,30)", "0.000000000000000000000000000001", "0.000000000000000000000000000001"),
        (_P.DECIMAL, "DECIMAL(65,0)", "9" * 65, "9" * 65),
        (_P.DECIMAL, "DECIMAL(12,2)", 1.5, "1.50"),
        (_P.DECIMAL, "DECIMAL(12,2)", "1.5e3", "1500.00"),
        (_P.FLOAT, "DOUBLE", 0.1, 0.1),
        (_P.FLOAT, "DOUBLE", "1.7976931348623157e308", 1.7976931348623157e308),
        (_P.BOOLEAN, "TINYINT(1)", True, 1),
        (_P.BOOLEAN, "TINYINT(1)", "false", 0),
        (_P.DATE, "DATE", "2020-02-29", "2020-02-29"),
        (_P.TIME, "TIME(6)", "-838:59:58.000001", "-838:59:58.000001"),
        (_P.TIME, "TIME", "13:30", "13:30:00"),
        (_P.TIMESTAMP, "DATETIME(6)", "2020-01-31 12:00:00.123456", "2020-01-31T12:00:00.123456"),
        (_P.TIMESTAMP, "DATETIME", "2020-01-31", "2020-01-31T00:00:00"),
        (_P.TIMESTAMPTZ, "TIMESTAMP(3)", "2020-01-31T12:00:00.5+05:30", "2020-01-31T06:30:00.500Z"),
        (_P.TIMESTAMPTZ, "TIMESTAMP", "2020-01-31T12:00:00Z", "2020-01-31T12:00:00Z"),
        (_P.TIMESTAMPTZ, "TIMESTAMP", "2020-01-31T12:00:00-0130", "2020-01-31T13:30:00Z"),
        (_P.UUID, "UUID", "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        (_P.JSON, "JSON", {"a": [1, None]}, b'{"a":[1,null]}'),
        (_P.JSON, "JSON", '{"a": 1.50}', b'{"a": 1.50}'),
        (_P.BYTES, "BLOB", bytes(range(256)), bytes(range(256))),
        (_P.BYTES, "LONGBLOB", b"\xff" * 70_000, b"\xff" * 70_000),
        (_P.TEXT, "TEXT CHARACTER SET utf8mb4", "a'b\"c\\d\0e\n😀 -- ?", "a'b\"c\\d\0e\n😀 -- ?"),
        (_P.TEXT, "TEXT", 12.5, "12.5"),
        (_P.TEXT, "TEXT", True, "true"),
        (None, "TEXT", "x", "x"),
        (None, "BIGINT", 12, 12),
        (None, "TINYINT", True, 1),
        (None, "TINYINT", False, 0),
        (None, "DECIMAL(5,2)", 1.25, "1.25"),
        (None, "TEXT", None, None),
        (_P.DATE, "DATE", None, None),
    ],
)
async def test_a_parameter_is_kept_as_it_was_sent(
    wire: Wire, type_: ParameterType | None, native: str, value: Any, kept: Any
) -> None:
    await wire.script(f"CREATE TABLE t (v {native})")
    done = await answer(wire, "INSERT INTO t VALUES (?)", value, types=[type_])
    assert (done.rows, done.affected) == (None, 1)
    assert await rows(wire, "SELECT v FROM t") == [(kept,)]


@pytest.mark.parametrize("size", [250, 251, 65_535, 65_536, 16_777_215 - 20, 16_777_215, 17 * 1024 * 1024])
async def test_texts_of_every_length_go_there_and_back(wire: Wire, size: int) -> None:
    """Beyond 16 MiB a value takes several packets, there and back."""
    await wire.script("CREATE TABLE t (v LONGTEXT)")
    text = ("0123456789abcdef" * (size // 16 + 1))[:size]
    await answer(wire, "INSERT INTO t VALUES (?)", text, types=[_P.TEXT])
    limits = Limits(bytes=1 << 26)
    for _ in range(2):
        ((number, back, last),) = await rows(wire, "SELECT 7, v, 'end' FROM t", limits=limits)
        assert (number, back == text, last) == (7, True, "end")
    assert wire.alive


async def test_a_parameters_type_decides_what_a_comparison_finds(wire: Wire) -> None:
    """Text is compared as text: a number sent where text was meant would match every word (``'abc' = 0``)."""
    await wire.script("CREATE TABLE t (v VARCHAR(9))")
    await answer(wire, "INSERT INTO t VALUES ('abc'), ('0')")
    assert await rows(wire, "SELECT v FROM t WHERE v = ?", 0) == [("0",)]
    assert await rows(wire, "SELECT v FROM t WHERE v = ?", False) == [("0",)]
    assert len(await rows(wire, "SELECT v FROM t WHERE v = ?", 0, types=[_P.INTEGER])) == 2


async def test_the_type_of_a_column_may_follow_the_parameter(wire: Wire) -> None:
    """The decoder belongs to what an execution answers, not to what prepare said."""
    text, wanted = "SELECT ? AS v, COALESCE(?, 1) AS w", [("a", "b"), (None, "1"), ("é", "2")]
    for pair in wanted:
        (found,) = await rows(wire, text, *pair)
        assert found == pair
    for value, type_ in ((5, _P.INTEGER), ("x", _P.TEXT), (1.5, _P.FLOAT), (6, _P.INTEGER)) * 3:
        prepared = (await rows(wire, "SELECT ? AS v", value, types=[type_]))[0]
        assert prepared == (value,)
        wire.kept.clear()


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (_P.INTEGER, "1; DROP TABLE t"),
        (_P.INTEGER, 1.5),
        (_P.INTEGER, True),
        (_P.INTEGER, 2**64),
        (_P.INTEGER, -(2**63) - 1),
        (_P.INTEGER, "٣"),
        (_P.INTEGER, [1]),
        (_P.DECIMAL, "1.0e"),
        (_P.DECIMAL, "NaN"),
        (_P.DECIMAL, "1" * 66),
        (_P.DECIMAL, "0." + "1" * 31),
        (_P.DECIMAL, True),
        (_P.FLOAT, "Infinity"),
        (_P.FLOAT, 1e400),
        (_P.FLOAT, "1e400"),
        (_P.FLOAT, "x"),
        (_P.BOOLEAN, 2),
        (_P.BOOLEAN, "yes"),
        (_P.BOOLEAN, {}),
        (_P.DATE, "2021-02-29"),
        (_P.DATE, "20200101"),
        (_P.DATE, 20200101),
        (_P.DATE, "0000-00-00"),
        (_P.TIME, "24:60"),
        (_P.TIME, "839:00:00"),
        (_P.TIME, "1:00"),
        (_P.TIMESTAMP, "2020-01-01T25:00"),
        (_P.TIMESTAMP, "2020-01-01T00:00:00+16:00"),
        (_P.TIMESTAMP, "0001-01-01T00:00:00+01:00"),
        (_P.TIMESTAMP, "now()"),
        (_P.TIMESTAMPTZ, "9999-12-31T23:59:59-01:00"),
        (_P.UUID, [1]),
        (_P.BYTES, "abc"),
        (_P.TEXT, b"abc"),
        (_P.TEXT, "\ud800"),
        (_P.TEXT, ["a"]),
        (None, ["a"]),
        (None, {"a": 1}),
        (None, b"a"),
        (None, float("nan")),
    ],
)
async def test_what_does_not_fit_is_refused_before_anything_is_sent(
    wire: Wire, type_: ParameterType | None, value: Any
) -> None:
    with pytest.raises(ParameterInvalid) as caught:
        await answer(wire, "SELECT ?, ?", "first", value, types=[None, type_])
    assert caught.value.parameter == 1
    assert caught.value.outcome == "not_sent"
    assert str(value) not in caught.value.message or len(str(value)) < 3
    assert await rows(wire, "SELECT 1") == [(1,)]


async def test_duplicate_names_are_numbered(wire: Wire) -> None:
    found = await answer(wire, "SELECT 1 AS a, 2 AS `b%b`, 3 AS a")
    assert [column.name for column in found.columns] == ["a", "b%b", "a_2"]
    assert len(found.messages) == 1
    assert await objects(wire, "SELECT 1 AS a, 2 AS `b%b`, 3 AS a") == [b'{"a":1,"b%b":2,"a_2":3}']
