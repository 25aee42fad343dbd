"""The MySQL driver passes every mandatory suite, against a real MariaDB."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from appsmith_proxy.sdk import ParameterType
from appsmith_proxy.testing import Call, Conformance, Harness, Part, StateChange, ValueCase, statement
from appsmith_proxy_mysql import MysqlDriver
from tests.conformance import mysql_state, mysql_values, mysql_writes
from tests.servers.mariadb import MariadbServer

SETUP = mysql_writes.SETUP + mysql_values.SETUP + mysql_state.SETUP


class MysqlHarness(Harness):
    """One database of the worker's server, its tables emptied for each test."""

    driver_type = MysqlDriver
    absent: ClassVar[Mapping[Part, str]] = {
        Part.SECRET_ECHO: "after the login the server never mentions the password again",
    }
    name = "conformance"
    server: MariadbServer
    database = "mysql"

    def configuration(self) -> dict[str, Any]:
        return self.server.configuration(self.database)

    async def prepare(self) -> None:
        self.database = await self.server.shared_database("conformance", SETUP)
        async with self.server.session(self.database) as admin:
            await admin.execute("SET foreign_key_checks = 0")
            for table in ("kit_rows", "kit_child", "kit_trapped", "kit_loose"):
                await admin.execute(f"TRUNCATE {table}")
        await self.server.log_statements()

    def echo(self, text: str, *, place: str = "value") -> Call:
        return statement("SELECT ? AS echo", ParameterType.TEXT, values=(text,))

    def value_cases(self) -> Sequence[ValueCase]:
        return [
            *(
                ValueCase(
                    name=f"{written[:60]} in {declared}",
                    call=statement(f"SELECT c{number} AS x FROM kit_values"),
                    expected=cell,
                    type=column,
                )
                for number, (declared, written, column, cell) in enumerate(mysql_values.STORED)
            ),
            *(
                ValueCase(
                    name=f"{text} from {value!r}",
                    call=statement(f"SELECT {text} AS x", declared, values=(value,)),
                    expected=cell,
                    type=column,
                )
                for text, declared, value, column, cell in mysql_values.BOUND
            ),
        ]

    def endpoint(self) -> tuple[str, int]:
        return self.server.host, self.server.port

    def configuration_at(self, host: str, port: int) -> dict[str, Any]:
        return self.server.configuration(self.database, host=host, port=port)

    def many_rows(self, count: int) -> Call:
        return statement("SELECT n FROM kit_numbers WHERE n <= ? ORDER BY n", ParameterType.BIGINT, values=(count,))

    def large(self, size: int) -> Call:
        return statement(
            "SELECT REPEAT('x', 1000) FROM kit_numbers WHERE n <= ?", ParameterType.BIGINT, values=(size // 1000 + 1,)
        )

    def slow(self, seconds: float) -> Call:
        return statement("SELECT SLEEP(?)", ParameterType.FLOAT, values=(seconds,))

    async def activity(self) -> int:
        async with self.server.session() as admin:
            found: int = await admin.value(
                "SELECT COUNT(*) FROM information_schema.PROCESSLIST"
                f" WHERE DB = '{self.database}' AND COMMAND <> 'Sleep' AND INFO LIKE '%SLEEP(%'"
            )
            return found

    def write(self, rows: int = 1) -> Call:
        marks = ", ".join(("(?)",) * rows)
        types = (ParameterType.TEXT,) * rows
        return statement(f"INSERT INTO kit_rows (note) VALUES {marks}", *types, values=("note",) * rows, writes=True)

    def count(self) -> Call:
        return statement("SELECT COUNT(*) FROM kit_rows")

    def sneaky_writes(self) -> Sequence[Call]:
        return [statement(text) for text in mysql_writes.WRITES]

    async def statement_log(self) -> Sequence[str]:
        """Without executions, which the server writes down with their values: their text is the prepared one's."""
        return [entry.text for entry in self.server.logged() if entry.command in ("Prepare", "Query")]

    def state_changes(self) -> Sequence[StateChange]:
        return [
            StateChange(name=name, change=statement(change), probe=statement(probe))
            for name, change, probe in mysql_state.STATES
        ]

    def refused(self) -> Call:
        return statement("SELEC kit_marker")

    def misfit(self) -> tuple[Call, int]:
        call = statement(
            "SELECT ?, ?",
            *(ParameterType.TEXT, ParameterType.INTEGER),
            values=("fits", "kit_marker is no number"),
        )
        return call, 1

    def duplicates(self) -> Call:
        return statement("SELECT 1 AS a, 2 AS b, 3 AS a")

    def secrets(self) -> dict[str, str]:
        return {"password": self.server.password}

    def wrong_secrets(self) -> dict[str, str]:
        return {"password": "not the sentinel/0815+ß"}


class TestMysql(Conformance):
    """The whole kit, without TLS, so that the relay can cut where it likes."""

    harness_type = MysqlHarness

    @pytest.fixture
    def harness(self, mariadb: MariadbServer) -> Harness:
        harness = self.harness_type()
        harness.server = mariadb
        return harness
