"""The memory driver's harness: the shortest complete example of one."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from appsmith_proxy.sdk import ColumnType, Driver, ParameterType, Value
from appsmith_proxy.testing.harness import Call, Harness, Part, StateChange, ValueCase, statement
from appsmith_proxy.testing.memory import MemoryDriver, MemoryServer

_FIXTURE = "CREATE TABLE kit_rows (id INTEGER PRIMARY KEY, note TEXT NOT NULL)"


class MemoryHarness(Harness):
    """A server in this process, new for each test."""

    driver_type: ClassVar[type[Driver]] = MemoryDriver
    absent: ClassVar[Mapping[Part, str]] = {
        Part.ENDPOINT: "the server is an object in this process; nothing is dialled",
        Part.SECRET_ECHO: "after the login the server never mentions the password again",
    }

    def __init__(self) -> None:
        self.server = MemoryServer(password="kit sentinel/4711+äöü")

    def driver(self) -> Driver:
        return self.driver_type(self.server)  # type: ignore[call-arg]  # reason: every subclass of MemoryDriver takes it

    def configuration(self) -> dict[str, Any]:
        return {"database": "main"}

    async def prepare(self) -> None:
        self.server.fill(_FIXTURE)

    async def release(self) -> None:
        self.server.close()

    def echo(self, text: str, *, place: str = "value") -> Call:
        return statement("SELECT ? AS echo", ParameterType.TEXT, values=(text,))

    def value_cases(self) -> Sequence[ValueCase]:
        return [
            *(_bound(f"{type_} {value!r}", type_, value, expected) for type_, value, expected in _BOUND),
            *(_stored(f"{type_} {text}", text, type_, expected) for type_, text, expected in _STORED),
        ]

    def many_rows(self, count: int) -> Call:
        return statement(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
            " SELECT n FROM numbers WHERE n <= ?",
            *(ParameterType.INTEGER, ParameterType.INTEGER),
            values=(count, count),
        )

    def large(self, size: int) -> Call:
        return statement(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
            " SELECT printf('%.1000c', 'x') FROM numbers",
            ParameterType.INTEGER,
            values=(size // 1000 + 1,),
        )

    def slow(self, seconds: float) -> Call:
        return statement("SELECT sleep(?)", ParameterType.FLOAT, values=(seconds,))

    async def activity(self) -> int:
        return self.server.running

    def write(self, rows: int = 1) -> Call:
        marks = ", ".join(["(?)"] * rows)
        types = (ParameterType.TEXT,) * rows
        return statement(f"INSERT INTO kit_rows (note) VALUES {marks}", *types, values=("note",) * rows, writes=True)

    def count(self) -> Call:
        return statement("SELECT count(*) FROM kit_rows")

    def sneaky_writes(self) -> Sequence[Call]:
        return (
            statement("/* SELECT */ INSERT INTO kit_rows (note) VALUES ('x') RETURNING id"),
            statement("WITH x AS (SELECT 1) INSERT INTO kit_rows (note) SELECT 'x' FROM x"),
            statement("CREATE TABLE kit_more (id INTEGER)"),
        )

    async def statement_log(self) -> Sequence[str]:
        return tuple(self.server.log)

    def state_changes(self) -> Sequence[StateChange]:
        return (
            StateChange(
                name="temporary table",
                change=statement("CREATE TEMP TABLE kit_state AS SELECT 1 AS x"),
                probe=statement("SELECT count(*) FROM kit_state"),
            ),
            StateChange(
                name="setting",
                change=statement("PRAGMA case_sensitive_like = 1"),
                probe=statement("SELECT 'a' LIKE 'A'"),
            ),
            StateChange(
                name="last id",
                change=statement("INSERT INTO kit_rows (id, note) VALUES (4711, 'x')", writes=True),
                probe=statement("SELECT last_insert_rowid()"),
            ),
            StateChange(
                name="transaction",
                change=statement("BEGIN"),
                probe=statement("SELECT 1"),
            ),
        )

    def refused(self) -> Call:
        return statement("SELEC kit_marker")

    def misfit(self) -> tuple[Call, int]:
        call = statement(
            "SELECT ?, ?", ParameterType.TEXT, ParameterType.INTEGER, values=("fits", "kit_marker is no number")
        )
        return call, 1

    def duplicates(self) -> Call:
        return statement("SELECT 1 AS a, 2 AS b, 3 AS a")

    def secrets(self) -> dict[str, str]:
        return {"password": self.server.password}

    def wrong_secrets(self) -> dict[str, str]:
        return {"password": "not the sentinel/0815+ß"}


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
    (ParameterType.BOOLEAN, True, 1),
    (ParameterType.BOOLEAN, "false", 0),
    (ParameterType.DECIMAL, "12345678901234567890.10", "12345678901234567890.10"),
    (ParameterType.BYTES, b"\x00\xff", b"\x00\xff"),
    (ParameterType.JSON, {"a": [1, None]}, '{"a":[1,null]}'),
    (ParameterType.TIMESTAMPTZ, "2024-02-29T23:59:59.123456Z", "2024-02-29T23:59:59.123456Z"),
)

_STORED: Sequence[tuple[ColumnType, str, Any]] = (
    (ColumnType.INTEGER, "9223372036854775807", 2**63 - 1),
    (ColumnType.DECIMAL, "'1.50'", "1.50"),
    (ColumnType.FLOAT, "1e999", float("inf")),
    (ColumnType.FLOAT, "-0.0", -0.0),
    (ColumnType.BOOLEAN, "1", True),
    (ColumnType.BOOLEAN, "NULL", None),
    (ColumnType.BYTES, "x'00ff'", b"\x00\xff"),
    (ColumnType.JSON, """'{"a": 1.50}'""", '{"a": 1.50}'),
    (ColumnType.TIMESTAMP, "'2024-02-29T12:00:00'", "2024-02-29T12:00:00"),
    (ColumnType.UUID, "'00000000-0000-0000-0000-000000000000'", "00000000-0000-0000-0000-000000000000"),
)


def _bound(name: str, type_: ParameterType | None, value: Value, expected: Any) -> ValueCase:
    """Return the case of a value that goes there and comes back; SQLite itself knows no column types."""
    return ValueCase(
        name=name, call=statement("SELECT ?", type_, values=(value,)), expected=expected, type=ColumnType.ANY
    )


def _stored(name: str, text: str, type_: ColumnType, expected: Any) -> ValueCase:
    return ValueCase(name=name, call=statement(f'SELECT {text} AS "x [{type_}]"'), expected=expected, type=type_)
