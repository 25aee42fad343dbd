"""The injection corpus through every binding context of the MySQL driver."""

from collections.abc import Collection
from typing import Any

import pytest

from appsmith_proxy.testing import InjectionHarness, InjectionSuite, SqlInjection
from appsmith_proxy.testing.injection_sql import CANARY
from appsmith_proxy_mysql import MysqlDriver
from tests.servers.mariadb import MariadbServer

_EXACT = "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
_SETUP = ";\n".join(
    (
        *CANARY,
        f"CREATE TABLE corpus_planted (id integer PRIMARY KEY, note longtext {_EXACT} NOT NULL, copy longtext {_EXACT})",
        "CREATE INDEX corpus_note ON corpus_planted (note(100))",
        f"CREATE TABLE corpus_written (note longtext {_EXACT}, copy longtext {_EXACT})",
    )
)


class MysqlInjection(SqlInjection):
    """One database of the worker's server, planted once."""

    driver_type = MysqlDriver
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = database() ORDER BY table_name"
    json_text = "JSON_VALUE({{%s}}, '$.text')"
    default_escape = "\\"
    server: MariadbServer
    _database = "mysql"
    _own: set[int]

    def configuration(self) -> dict[str, Any]:
        return self.server.configuration(self._database)

    def secrets(self) -> dict[str, str]:
        return {"password": self.server.password}

    async def prepare(self) -> None:
        self._own = set()
        self._database = await self.server.shared_database("corpus", _SETUP)
        if not (await self.rows("SELECT count(*) FROM corpus_planted"))[0][0]:
            rows = ", ".join(f"({number}, X'{text.encode().hex()}')" for text, number in self.planted().items())
            await self.rows(f"INSERT INTO corpus_planted (id, note) VALUES {rows}")
        await self.clear()
        await self.server.log_statements()

    async def rows(self, text: str) -> list[list[Any]]:
        async with self.server.session(self._database) as admin:
            self._own.add(admin.connection.thread_id())
            return [list(row) for row in await admin.rows(text)]

    async def sent(self) -> Collection[str]:
        """Return what was prepared, and what was sent as text, which none of an action's may be."""
        driver = [entry for entry in self.server.logged() if entry.thread not in self._own]
        return {entry.text for entry in driver if entry.command in ("Prepare", "Query")}

    def logged(self, text: str) -> str:
        """The server leaves out the white space at a text's end."""
        return text.rstrip()


class TestMysqlInjection(InjectionSuite):
    harness_type = MysqlInjection

    @pytest.fixture
    def harness(self, mariadb: MariadbServer) -> InjectionHarness:
        harness = MysqlInjection()
        harness.server = mariadb
        return harness
