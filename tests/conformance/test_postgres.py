"""The PostgreSQL driver passes every mandatory suite, against a real server."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from appsmith_proxy.sdk import ParameterType
from appsmith_proxy.testing import Call, Conformance, Harness, Part, StateChange, ValueCase, statement
from appsmith_proxy_postgres import PostgresDriver
from tests.conformance import postgres_state, postgres_values, postgres_writes
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_client import EagerDriver

_SETUP = (
    postgres_values.SETUP
    + postgres_state.SETUP
    + postgres_writes.SETUP
    + """
DO $$ BEGIN CREATE ROLE kit_role; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT ALL ON ALL TABLES IN SCHEMA public TO kit_role;
"""
)


class PostgresHarness(Harness):
    """One database of the worker's server, its tables emptied for each test."""

    driver_type = PostgresDriver
    absent: ClassVar[Mapping[Part, str]] = {
        Part.SECRET_ECHO: "after the login the server never mentions the password again",
    }
    name = "conformance"
    server: PostgresServer
    database = "postgres"

    def configuration(self) -> dict[str, Any]:
        return self.server.configuration(self.database)

    async def prepare(self) -> None:
        self.database = await self.server.shared_database("conformance", _SETUP)
        async with self.server.session(self.database) as admin:
            await admin.execute("TRUNCATE kit_rows, kit_child, kit_trapped RESTART IDENTITY")
        await self.server.log_statements(self.database)

    def echo(self, text: str, *, place: str = "value") -> Call:
        return statement("SELECT $1::text AS echo", ParameterType.TEXT, values=(text,))

    def refuses(self, text: str, *, place: str) -> bool:
        return "\0" in text or super().refuses(text, place=place)

    def value_cases(self) -> Sequence[ValueCase]:
        return [
            *(
                ValueCase(name=text, call=statement(f"SELECT {text} AS x"), expected=cell, type=column)
                for text, column, cell in postgres_values.STORED
            ),
            *(
                ValueCase(
                    name=f"{text} from {value!r}",
                    call=statement(f"SELECT {text} AS x", declared, values=(value,)),
                    expected=cell,
                    type=column,
                )
                for text, declared, value, column, cell in postgres_values.BOUND
            ),
        ]

    def endpoint(self) -> tuple[str, int]:
        return self.server.host, self.server.port

    def configuration_at(self, host: str, port: int) -> dict[str, Any]:
        return self.server.configuration(self.database, host=host, port=port)

    def many_rows(self, count: int) -> Call:
        return statement("SELECT n FROM generate_series(1, $1::int8) n", ParameterType.BIGINT, values=(count,))

    def large(self, size: int) -> Call:
        return statement(
            "SELECT repeat('x', 1000) FROM generate_series(1, $1::int8)",
            ParameterType.BIGINT,
            values=(size // 1000 + 1,),
        )

    def slow(self, seconds: float) -> Call:
        return statement("SELECT pg_sleep($1::float8)", ParameterType.FLOAT, values=(seconds,))

    async def activity(self) -> int:
        async with self.server.session() as admin:
            return int(
                await admin.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND state = 'active' AND query LIKE '%pg_sleep%'",
                    self.database,
                )
            )

    def write(self, rows: int = 1) -> Call:
        marks = ", ".join(f"(${n}::text)" for n in range(1, rows + 1))
        types = (ParameterType.TEXT,) * rows
        return statement(f"INSERT INTO kit_rows (note) VALUES {marks}", *types, values=("note",) * rows, writes=True)

    def count(self) -> Call:
        return statement("SELECT count(*) FROM kit_rows")

    def sneaky_writes(self) -> Sequence[Call]:
        return [statement(text) for text in postgres_writes.WRITES[:15]]

    async def statement_log(self) -> Sequence[str]:
        return [entry.text for entry in self.server.logged(self.database)]

    def state_changes(self) -> Sequence[StateChange]:
        return [
            StateChange(name=name, change=statement(change), probe=statement(probe))
            for name, change, probe in postgres_state.STATES
        ]

    def refused(self) -> Call:
        return statement("SELEC kit_marker")

    def misfit(self) -> tuple[Call, int]:
        call = statement(
            "SELECT $1::text, $2::int4",
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


class TestPostgres(Conformance):
    """The whole kit, without TLS, so that the relay can cut where it likes."""

    harness_type = PostgresHarness

    @pytest.fixture
    def harness(self, postgres: PostgresServer) -> Harness:
        harness = self.harness_type()
        harness.server = postgres
        return harness


class EagerHarness(PostgresHarness):
    """The same where the server encodes whatever it can."""

    driver_type = EagerDriver


class TestPostgresEncoded(TestPostgres):
    """The whole kit once more: an answer that the server has encoded is the same answer."""

    harness_type = EagerHarness
