"""The SQLite driver passes every mandatory suite, on a real file."""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from appsmith_proxy.sdk import ColumnType, Driver, ParameterType, Value
from appsmith_proxy.testing import Conformance
from appsmith_proxy.testing.harness import Call, Harness, Part, StateChange, ValueCase, statement
from appsmith_proxy_sqlite.driver import SqliteDriver

_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)"

_STEPS_PER_SECOND = 4_000_000
"""About what SQLite counts on a machine of today. It has no function that sleeps, so being slow is being busy."""


class SqliteHarness(Harness):
    """A folder with one file, new for each test."""

    driver_type: ClassVar[type[Driver]] = SqliteDriver
    absent: ClassVar[Mapping[Part, str]] = {
        Part.ENDPOINT: "the datasource is a file; nothing is dialled",
        Part.LOG: "SQLite keeps no log of statements",
        Part.SECRETS: "a file has no password: the operator's folder decides",
        Part.SECRET_ECHO: "there are no secrets",
    }

    def __init__(self) -> None:
        self._folder = Path("/nonexistent")

    def configuration(self) -> dict[str, Any]:
        return {"file": "kit.db"}

    def options(self) -> Mapping[str, Any]:
        return {"folder": str(self._folder)}

    async def prepare(self) -> None:
        self._folder = Path(tempfile.mkdtemp())
        connection = sqlite3.connect(self._folder / "kit.db")
        connection.execute("CREATE TABLE kit_rows (id INTEGER PRIMARY KEY, note TEXT NOT NULL)")
        connection.close()

    async def release(self) -> None:
        shutil.rmtree(self._folder)

    def echo(self, text: str, *, place: str = "value") -> Call:
        return statement("SELECT ?1 AS echo", ParameterType.TEXT, values=(text,))

    def value_cases(self) -> Sequence[ValueCase]:
        return [
            *(_bound(f"{type_} {value!r}", type_, value, expected) for type_, value, expected in _BOUND),
            *(_stored(text, expected) for text, expected in _STORED),
        ]

    def many_rows(self, count: int) -> Call:
        return statement(f"{_NUMBERS} SELECT n FROM numbers WHERE n <= ?1", ParameterType.INTEGER, values=(count,))

    def large(self, size: int) -> Call:
        text = f"{_NUMBERS} SELECT printf('%.1000c', 'x') FROM numbers"
        return statement(text, ParameterType.INTEGER, values=(size // 1000 + 1,))

    def slow(self, seconds: float) -> Call:
        steps = int(seconds * _STEPS_PER_SECOND)
        return statement(f"{_NUMBERS} SELECT count(*) FROM numbers", ParameterType.INTEGER, values=(steps,))

    async def activity(self) -> int:
        """Return how many threads beside this one use the processor: SQLite runs where it is called."""
        before = _processor_ticks()
        await asyncio.sleep(0.1)
        return sum(ticks > before.get(thread, ticks) for thread, ticks in _processor_ticks().items())

    def write(self, rows: int = 1) -> Call:
        marks = ", ".join(f"(?{number})" for number in range(1, rows + 1))
        types = (ParameterType.TEXT,) * rows
        return statement(f"INSERT INTO kit_rows (note) VALUES {marks}", *types, values=("note",) * rows, writes=True)

    def count(self) -> Call:
        return statement("SELECT count(*) FROM kit_rows")

    def sneaky_writes(self) -> Sequence[Call]:
        return (
            statement("/* SELECT */ INSERT INTO kit_rows (note) VALUES ('x') RETURNING id"),
            statement("WITH x AS (SELECT 1) INSERT INTO kit_rows (note) SELECT 'x' FROM x", writes=True),
            statement("CREATE TABLE kit_more (id INTEGER)"),
            statement("PRAGMA user_version = 7"),
            statement("VACUUM"),
        )

    def state_changes(self) -> Sequence[StateChange]:
        return (
            StateChange(
                name="temporary table",
                change=statement("CREATE TEMP TABLE kit_state AS SELECT 1 AS x", writes=True),
                probe=statement("SELECT count(*) FROM kit_state"),
            ),
            StateChange(
                name="setting",
                change=statement("PRAGMA case_sensitive_like = 1", writes=True),
                probe=statement("SELECT 'a' LIKE 'A'"),
            ),
            StateChange(
                name="last id",
                change=statement("INSERT INTO kit_rows (id, note) VALUES (4711, 'x')", writes=True),
                probe=statement("SELECT last_insert_rowid()", writes=True),
            ),
            StateChange(
                name="count of changes",
                change=statement("INSERT INTO kit_rows (note) VALUES ('x'), ('y')", writes=True),
                probe=statement("SELECT changes(), total_changes()", writes=True),
            ),
            StateChange(
                name="attached file",
                change=statement("ATTACH ':memory:' AS kit_other", writes=True),
                probe=statement("SELECT count(*) FROM kit_other.sqlite_schema"),
            ),
            StateChange(name="transaction", change=statement("BEGIN", writes=True), probe=statement("SELECT 1")),
        )

    def refused(self) -> Call:
        return statement("SELEC kit_marker")

    def misfit(self) -> tuple[Call, int]:
        types = (ParameterType.TEXT, ParameterType.INTEGER)
        return statement("SELECT ?1, ?2", *types, values=("fits", "kit_marker is no number")), 1

    def duplicates(self) -> Call:
        return statement("SELECT 1 AS a, 2 AS b, 3 AS a")


class TestSqlite(Conformance):
    """The whole kit, against a file."""

    harness_type = SqliteHarness


_BOUND: Sequence[tuple[ParameterType | None, Value, Any]] = (
    (None, None, None),
    (None, "text", "text"),
    (None, 12, "12"),
    (None, True, "true"),
    (ParameterType.TEXT, "", ""),
    (ParameterType.TEXT, "1e3", "1e3"),
    (ParameterType.INTEGER, None, None),
    (ParameterType.INTEGER, 2**53 + 1, 2**53 + 1),
    (ParameterType.BIGINT, "9223372036854775807", 2**63 - 1),
    (ParameterType.BIGINT, -(2**63), -(2**63)),
    (ParameterType.FLOAT, 0.1, 0.1),
    (ParameterType.FLOAT, "1e308", 1e308),
    (ParameterType.DECIMAL, "12.50", 12.5),
    (ParameterType.BOOLEAN, True, 1),
    (ParameterType.BOOLEAN, "false", 0),
    (ParameterType.BYTES, b"\x00\xff", b"\x00\xff"),
    (ParameterType.JSON, {"a": [1, None]}, '{"a":[1,null]}'),
    (ParameterType.TIMESTAMPTZ, "2024-02-29T23:59:59.123456Z", "2024-02-29T23:59:59.123456Z"),
)

_STORED: Sequence[tuple[str, Any]] = (
    ("9223372036854775807", 2**63 - 1),
    ("-9223372036854775808", -(2**63)),
    ("1.0", 1.0),
    ("1e999", float("inf")),
    ("-1e999", float("-inf")),
    ("5e-324", 5e-324),
    ("'1.50'", "1.50"),
    ("'a' || char(0) || 'b'", "a\0b"),
    ("x'00ff'", b"\x00\xff"),
    ("x''", b""),
    ("CAST(x'ff' AS TEXT)", b"\xff"),
    ("NULL", None),
    ("1 = 1", 1),
    ("""json('{"a": 1.50}')""", '{"a":1.50}'),
    ("date('2024-02-29')", "2024-02-29"),
)


def _bound(name: str, type_: ParameterType | None, value: Value, expected: Any) -> ValueCase:
    """Return the case of a value that goes there and comes back."""
    call = statement("SELECT ?1", type_, values=(value,))
    return ValueCase(name=name, call=call, expected=expected, type=ColumnType.ANY)


def _stored(text: str, expected: Any) -> ValueCase:
    return ValueCase(name=text, call=statement(f"SELECT {text} AS x"), expected=expected, type=ColumnType.ANY)


def _processor_ticks() -> dict[str, int]:
    """Return the processor time of each thread but the main one (proc(5), ``utime`` and ``stime``)."""
    ticks: dict[str, int] = {}
    for thread in Path("/proc/self/task").iterdir():
        if thread.name == str(os.getpid()):
            continue
        try:
            fields = (thread / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        ticks[thread.name] = int(fields[11]) + int(fields[12])
    return ticks
