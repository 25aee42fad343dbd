"""Texts to cells and values to texts: pure, and against the server with whatever a random generator thinks of."""

import random
from typing import Any

import orjson
import pytest

from appsmith_proxy.sdk import Column, ColumnType, ParameterInvalid, Value
from appsmith_proxy_postgres import forms
from appsmith_proxy_postgres.bind import bind
from appsmith_proxy_postgres.client import PostgresClient
from appsmith_proxy_postgres.typebook import TypeBook, TypeInfo
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_client import fetch

_BOOK = TypeBook()
INT4, TEXT, BOOL, JSON, BYTEA, DATE, NUMERIC = (_BOOK[oid] for oid in (23, 25, 16, 114, 17, 1082, 1700))
INT4S, TEXTS, JSONS, BYTEAS = (_BOOK[oid] for oid in (1007, 1009, 199, 1001))


@pytest.mark.parametrize(
    ("info", "value", "argument"),
    [
        (INT4, 12, "12"),
        (INT4, "0x1F", "0x1F"),
        (INT4, 12.0, "12"),
        (INT4, None, None),
        (TEXT, True, "true"),
        (TEXT, 1.5, "1.5"),
        (NUMERIC, 1e21, "1e+21"),
        (JSON, [1, "2"], '[1,"2"]'),
        (JSON, "[1]", "[1]"),
        (DATE, "2020-01-01", "2020-01-01"),
        (BYTEA, b"\x00", b"\x00"),
        (INT4S, [1, None, "2"], '{"1",NULL,"2"}'),
        (TEXTS, ['a"b', "c\\", "NULL", ""], '{"a\\"b","c\\\\","NULL",""}'),
        (TEXTS, [], "{}"),
        (TEXTS, "{a}", "{a}"),
        (JSONS, [[1], {"a": None}], '{"[1]","{\\"a\\":null}"}'),
        (BYTEAS, [b"\xff"], '{"\\\\xff"}'),
    ],
)
def test_bind(info: TypeInfo, value: Value, argument: object) -> None:
    assert bind((value,), (info,)) == [argument]


@pytest.mark.parametrize(
    ("info", "value"),
    [
        (INT4, 1.5),
        (INT4, True),
        (INT4, [1]),
        (INT4, float("nan")),
        (BOOL, 1),
        (DATE, 20200101),
        (TEXT, {"a": 1}),
        (TEXT, [1]),
        (TEXT, b"x"),
        (BYTEA, "x"),
        (INT4S, 1),
        (INT4S, {"a": 1}),
        (INT4S, [[1]]),
        (TEXTS, [{"a": 1}]),
        (INT4S, [1.5]),
        (INT4S, [True]),
    ],
)
def test_misfits_name_their_place(info: TypeInfo, value: Value) -> None:
    with pytest.raises(ParameterInvalid) as caught:
        bind(("fits", value), (TEXT, info))
    assert caught.value.parameter == 1
    assert caught.value.expected == info.name


@pytest.mark.parametrize(
    ("decode", "text", "cell"),
    [
        (forms.timestamp, "2020-01-31 12:00:00", "2020-01-31T12:00:00"),
        (forms.timestamp, "infinity", "infinity"),
        (forms.timestamp, "0044-03-15 00:00:00 BC", "0044-03-15 00:00:00 BC"),
        (forms.timestamp, "294276-12-31 23:59:59", "294276-12-31 23:59:59"),
        (forms.timestamptz, "2020-01-31 12:00:00.123456+00", "2020-01-31T12:00:00.123456Z"),
        (forms.timestamptz, "-infinity", "-infinity"),
        (forms.timestamptz, "0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00+00 BC"),
        (forms.timetz, "12:00:00+00", "12:00:00Z"),
        (forms.timetz, "12:00:00-03", "12:00:00-03"),
        (forms.json_number, "1.50", "1.50"),
        (forms.json_number, "-1e-30", "-1e-30"),
        (forms.json_number, "NaN", '"NaN"'),
        (forms.json_number, "-Infinity", '"-Infinity"'),
    ],
)
def test_forms(decode: Any, text: str, cell: str) -> None:
    assert decode(text) == cell


async def test_arrays_of_anything_come_back(client: PostgresClient) -> None:
    """There as a literal of ours, back as JSON of ours; between them the server's own reading and writing."""
    chance = random.Random(4711)
    alphabet = "ab \"\\{},()'NUL\n\t;ž🐎"
    for _ in range(200):
        items = [
            None if chance.random() < 0.1 else "".join(chance.choices(alphabet, k=chance.randint(0, 6)))
            for _ in range(chance.randint(0, 5))
        ]
        ((found, direct),) = await fetch(client, "SELECT $1::text[], to_json($1::text[])::text", items)
        assert orjson.loads(found) == items == orjson.loads(direct)


async def test_composites_of_anything_come_back(
    postgres: PostgresServer, database: str, client: PostgresClient
) -> None:
    async with postgres.session(database) as admin:
        await admin.execute("CREATE TYPE pair AS (a text, b text[])")
    chance = random.Random(4712)
    alphabet = "ab \"\\{},()'\n;ž"
    for _ in range(100):
        first = "".join(chance.choices(alphabet, k=chance.randint(0, 5)))
        items = ["".join(chance.choices(alphabet, k=chance.randint(0, 4))) for _ in range(chance.randint(0, 3))]
        text = "SELECT ROW($1::text, $2::text[])::pair, ARRAY[ROW($1::text, $2::text[])::pair]"
        ((found, listed),) = await fetch(client, text, first, items)
        assert orjson.loads(found) == {"a": first, "b": items}
        assert orjson.loads(listed) == [{"a": first, "b": items}]


def test_the_same_columns_are_the_very_same_tuple_on_every_connection() -> None:
    book = TypeBook()
    columns = book.columns(["id", "name"], [book[20], book[25]])
    assert columns == (Column("id", ColumnType.INTEGER, "int8"), Column("name", ColumnType.TEXT, "text"))
    assert book.columns(["id", "name"], [book[20], book[25]]) is columns
    assert book.columns(["id", "note"], [book[20], book[25]]) is not columns


def test_a_quote_that_is_never_closed_is_looked_through_once() -> None:
    array = '{"' + '\\"' * 200_000
    assert len(forms.json_array(forms.json_string, plain=False, delimiter=",")(array)) > 200_000
