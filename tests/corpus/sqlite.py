"""The SQLite driver and its file, as the injection suite needs them."""

import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any, ClassVar, Final

from appsmith_proxy.sdk import Driver
from appsmith_proxy.testing import SqlInjection
from appsmith_proxy.testing.corpus import Seed
from appsmith_proxy.testing.injection_sql import CANARY
from appsmith_proxy_sqlite.driver import SqliteDriver
from tests.corpus.sqlite_log import Connections, TracedSqliteDriver, shape

_SETUP = (
    *CANARY,
    "CREATE TABLE corpus_planted (id INTEGER PRIMARY KEY, note TEXT NOT NULL, copy TEXT)",
    "CREATE INDEX corpus_note ON corpus_planted (note)",
    "CREATE TABLE corpus_written (note TEXT, copy TEXT)",
)


class SqliteInjection(SqlInjection):
    """A file of its own for each context. With ``connections`` it knows what SQLite ran."""

    driver_type: ClassVar[type[Driver]] = SqliteDriver
    tables = "SELECT name FROM sqlite_schema ORDER BY name"
    json_text = "json_extract({{%s}}, '$.text')"
    connections: Connections | None = None
    _folder: Path
    _shapes: set[str]

    def driver(self) -> Driver:
        self._shapes = set()
        return TracedSqliteDriver(self.connections, self._shapes) if self.connections else super().driver()

    def configuration(self) -> dict[str, Any]:
        return {"file": "corpus.db"}

    def options(self) -> Mapping[str, Any]:
        return {"folder": str(self._folder)}

    async def prepare(self) -> None:
        self._folder = Path(tempfile.mkdtemp())
        self._connection = sqlite3.connect(self._folder / "corpus.db", isolation_level=None)
        for text in _SETUP:
            self._connection.execute(text)
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT INTO corpus_planted (note, id) VALUES (?, ?)", self.planted().items())

    async def release(self) -> None:
        self._connection.close()
        shutil.rmtree(self._folder)

    async def rows(self, text: str) -> list[list[Any]]:
        return [list(row) for row in self._connection.execute(text)]

    async def sent(self) -> Collection[str] | None:
        return frozenset(self._shapes) if self.connections else None

    def logged(self, text: str) -> str:
        return shape(text)

    @staticmethod
    def folded(text: str) -> str:
        """SQLite's LIKE reads up to a NUL, takes ASCII letters without their case, and two noncharacters for U+FFFD."""
        return text.partition("\0")[0].translate(_READ_AS)

    @classmethod
    def is_plain_pattern(cls, seed: Seed) -> bool:
        return super().is_plain_pattern(seed) and "\0" not in seed.value

    @classmethod
    def is_json_text(cls, seed: Seed) -> bool:
        """SQLite's JSON functions read up to a NUL."""
        return super().is_json_text(seed) and "\0" not in seed.value


_READ_AS: Final = {**{ord(letter): letter.lower() for letter in ascii_uppercase}, 0xFFFE: "\ufffd", 0xFFFF: "\ufffd"}
