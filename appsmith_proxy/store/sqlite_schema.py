"""The SQLite store's schema: its migrations, in order. The file's ``user_version`` says how many of them have run."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from appsmith_proxy.errors import StoreError
from appsmith_proxy.store.sqlite_file import not_ours

Rows: TypeAlias = list[tuple[Any, ...]]

Run: TypeAlias = Callable[..., Awaitable[Rows]]
"""``run(sql, *values)`` runs one statement and returns its rows."""

APPLICATION_ID: Final = 0x41535058
"""``ASPX`` in the file's header: this SQLite file is a store of ours, and nobody else's database."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE record (
            collection TEXT NOT NULL,
            id TEXT NOT NULL,
            revision INTEGER NOT NULL,
            unique_key TEXT NOT NULL,
            document BLOB NOT NULL,
            PRIMARY KEY (collection, id),
            UNIQUE (collection, unique_key)
        )""",
        """CREATE TABLE record_index (
            collection TEXT NOT NULL,
            field TEXT NOT NULL,
            value TEXT NOT NULL,
            id TEXT NOT NULL,
            PRIMARY KEY (collection, field, value, id)
        ) WITHOUT ROWID""",
        "CREATE INDEX record_index_by_id ON record_index (collection, id)",
        """CREATE TABLE feed (
            epoch INTEGER NOT NULL,
            collection TEXT NOT NULL,
            id TEXT NOT NULL,
            PRIMARY KEY (epoch, collection, id)
        ) WITHOUT ROWID""",
        "CREATE TABLE head (epoch INTEGER NOT NULL)",
        "INSERT INTO head (epoch) VALUES (0)",
        "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    ),
)
"""Statements of each step. A step that was released is never edited: what follows is a new step."""


async def schema_version(run: Run, path: Path) -> int:
    """Return how many migrations have run; refuse a file that is not ours, or newer than we are."""
    ((application, version, tables),) = await run(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    )
    if application != APPLICATION_ID and (application, version, tables) != (0, 0, 0):
        raise not_ours(path)
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the store {path} has schema {version}, this release knows {len(MIGRATIONS)}",
            hint="run the release that migrated it, or a newer one",
        )
    return int(version)


async def migrate(run: Run, path: Path) -> None:
    """Run the steps that have not run. Inside an exclusive transaction: another process may have just done the same."""
    version = await schema_version(run, path)
    for step in MIGRATIONS[version:]:
        for statement in step:
            await run(statement)
    if version < len(MIGRATIONS):
        await run(f"PRAGMA application_id = {APPLICATION_ID}")
        await run(f"PRAGMA user_version = {len(MIGRATIONS)}")
