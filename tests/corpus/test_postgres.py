"""The injection corpus through every binding context of the PostgreSQL driver."""

from collections.abc import Collection
from typing import Any

import pytest

import appsmith_proxy_postgres
from appsmith_proxy.testing import InjectionHarness, InjectionSuite, SqlInjection
from appsmith_proxy.testing.injection_sql import CANARY
from appsmith_proxy_postgres import PostgresDriver
from tests.servers.constants import own_texts
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_encoded import ENCODED

_SETUP = ";\n".join(
    (
        *CANARY,
        "CREATE TABLE corpus_planted (id integer PRIMARY KEY, note text NOT NULL, copy text)",
        "CREATE INDEX corpus_note ON corpus_planted USING hash (note)",
        "CREATE TABLE corpus_written (note text, copy text)",
    )
)


class PostgresInjection(SqlInjection):
    """One database of the worker's server, planted once."""

    driver_type = PostgresDriver
    tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname"
    json_text = "CAST({{%s}} AS jsonb) ->> 'text'"
    default_escape = "\\"
    server: PostgresServer
    _database = "postgres"

    def configuration(self) -> dict[str, Any]:
        return self.server.configuration(self._database)

    def secrets(self) -> dict[str, str]:
        return {"password": self.server.password}

    async def prepare(self) -> None:
        self._database = await self.server.shared_database("corpus", _SETUP)
        async with self.server.session(self._database) as admin:
            # The statements are wanted, and not the values: they would make a large log.
            await admin.execute(f'ALTER DATABASE "{self._database}" SET log_parameter_max_length = 0')
            if not await admin.fetchval("SELECT count(*) FROM corpus_planted"):
                await admin.executemany(
                    "INSERT INTO corpus_planted (note, id) VALUES ($1, $2)", list(self.planted().items())
                )
        await self.clear()
        await self.server.log_statements(self._database)

    async def rows(self, text: str) -> list[list[Any]]:
        async with self.server.session(self._database) as admin:
            return [list(row) for row in await admin.fetch(text)]

    async def sent(self) -> Collection[str]:
        """Return what was executed; of a statement whose rows the server encodes the one that it was made from."""
        texts = {entry.text for entry in self.server.logged(self._database)}
        return {found[1] if (found := ENCODED.fullmatch(text)) else text for text in texts}

    def own(self) -> Collection[str]:
        return own_texts(appsmith_proxy_postgres)


class TestPostgresInjection(InjectionSuite):
    harness_type = PostgresInjection

    @pytest.fixture
    def harness(self, postgres: PostgresServer) -> InjectionHarness:
        harness = PostgresInjection()
        harness.server = postgres
        return harness
