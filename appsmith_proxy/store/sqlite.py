"""The embedded store: one SQLite file in WAL mode, shared by the processes of one machine.

One connection, used in turn: reads are answered by ``CachedStore``, and a writer's half-done work is never seen. A
transaction that is given up, by an error or a cancelled task, is rolled back before the next turn begins.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import aiosqlite

from appsmith_proxy.errors import StoreError
from appsmith_proxy.store import refusals
from appsmith_proxy.store import sqlite_rows as rows
from appsmith_proxy.store.codec import decode
from appsmith_proxy.store.contract import FEED_KEPT, PAGE, Change, Changes, ConfigStore, R
from appsmith_proxy.store.sqlite_file import claim
from appsmith_proxy.store.sqlite_schema import Rows, Run, migrate, schema_version

BUSY_SECONDS: Final = 5.0
"""How long a writer waits for another process to finish."""

_PRAGMAS: Final = (
    "PRAGMA synchronous = FULL",  # an acknowledged commit survives power loss too
    "PRAGMA secure_delete = ON",  # a replaced sealed secret does not linger in free pages
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)

_TROUBLES: Final[Mapping[str, tuple[str, str]]] = {
    "SQLITE_BUSY": ("is held by another process for too long", "end the process that holds it, then try again"),
    "SQLITE_LOCKED": ("is held by another process for too long", "end the process that holds it, then try again"),
    "SQLITE_FULL": ("cannot be written: the disk is full", "make room, then try again"),
    "SQLITE_READONLY": ("cannot be written", "check the permissions of the file, its folder and the disk"),
    "SQLITE_CANTOPEN": ("cannot be opened", "check the permissions of the file and its folder"),
    "SQLITE_IOERR": ("cannot be read or written: the disk reports an error", "check the disk"),
    "SQLITE_CORRUPT": ("is damaged", "restore it from a backup"),
    "SQLITE_NOTADB": ("is not a store of this proxy, or is damaged", "name another file, or restore it from a backup"),
}
"""SQLite's error → what is said, what to do. Its own words are for the log."""


class SqliteStore(ConfigStore):
    """Keep records in a SQLite file."""

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS, feed_kept: int = FEED_KEPT) -> None:
        self._path = path.absolute()
        self._busy_seconds = busy_seconds
        self._feed_kept = feed_kept
        self._connection: aiosqlite.Connection | None = None
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Open the file, creating or migrating it under a lock."""
        logging.getLogger("aiosqlite").setLevel(logging.INFO)  # at DEBUG it writes down every value
        claim(self._path)
        async with self._turn:
            if self._connection is None:
                self._connection = await self._connect()

    async def close(self) -> None:
        """Close the file when the present turn is over."""
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                await connection.close()

    async def get(self, kind: type[R], record_id: str) -> R | None:
        """Return a record, or None."""
        async with self._reading() as run:
            row = await rows.one(run, kind, record_id)
        return None if row is None else decode(kind, *row)

    async def find(
        self, kind: type[R], *, where: Mapping[str, str] | None = None, after: str = "", limit: int = PAGE
    ) -> tuple[R, ...]:
        """Return matching records in id order."""
        async with self._reading() as run:
            found = await rows.matching(run, kind, where, after=after, limit=limit)
        return tuple(decode(kind, *row) for row in found)

    async def commit(self, *changes: Change) -> int:
        """Do all changes in one transaction, which takes the file's write lock at once."""
        async with self._writing() as run:
            return await rows.apply_all(run, changes, feed_kept=self._feed_kept)

    async def changes(self, after: int) -> Changes:
        """Return what changed after an epoch."""
        async with self._reading() as run:
            return await rows.changes(run, after)

    async def get_meta(self, key: str) -> bytes | None:
        """Return the bytes stored under a key."""
        async with self._reading() as run:
            return await rows.meta(run, key)

    async def put_meta(self, key: str, value: bytes, *, expected: bytes | None) -> None:
        """Store bytes if the present ones are as expected."""
        async with self._writing() as run:
            await rows.put_meta(run, key, value, expected=expected)

    async def meta_keys(self) -> tuple[str, ...]:
        """Return the keys that have bytes."""
        async with self._reading() as run:
            return await rows.meta_keys(run)

    async def _connect(self) -> aiosqlite.Connection:
        with self._plain_words():
            # mode=rw: SQLite itself never creates the file, whose owner and mode have just been checked.
            db = await aiosqlite.connect(
                f"{self._path.as_uri()}?mode=rw", uri=True, timeout=self._busy_seconds, isolation_level=None
            )
            try:
                await self._prepare(db)
            except BaseException:
                await db.close()
                raise
        return db

    async def _prepare(self, db: aiosqlite.Connection) -> None:
        run = _runner(db)
        fresh = await schema_version(run, self._path) == 0  # first of all: a file that is not ours stays as it is
        await self._switch_to_wal(run)
        for pragma in _PRAGMAS:
            await run(pragma)
        if not fresh and await run("PRAGMA quick_check(1)") != [("ok",)]:
            raise StoreError(f"the store {self._path} is damaged", hint="restore it from a backup")
        async with _transaction(db, "EXCLUSIVE"):
            await migrate(run, self._path)

    async def _switch_to_wal(self, run: Run) -> None:
        # Two processes that do this at once can fail without waiting: SQLite's own patience does not cover it.
        patience = time.monotonic() + self._busy_seconds
        while True:
            try:
                ((mode,),) = await run("PRAGMA journal_mode = WAL")
                break
            except aiosqlite.OperationalError as exc:
                if _trouble(exc) != "SQLITE_BUSY" or time.monotonic() > patience:
                    raise
            await asyncio.sleep(0.02)
        if mode != "wal":
            raise StoreError(
                f"the store {self._path} cannot keep a write-ahead log where it is", hint="put it on a local disk"
            )

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Run]:
        async with self._turn:
            with self._plain_words():
                yield _runner(self._opened())

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Run]:
        async with self._reading() as run, _transaction(self._opened(), "IMMEDIATE"):
            yield run

    def _opened(self) -> aiosqlite.Connection:
        if self._connection is None:
            raise refusals.not_open()
        return self._connection

    @contextmanager
    def _plain_words(self) -> Iterator[None]:
        try:
            yield
        except aiosqlite.Error as exc:
            what, hint = _TROUBLES.get(_trouble(exc), ("cannot be used", "the log says more"))
            raise StoreError(f"the store {self._path} {what}", hint=hint) from exc


@asynccontextmanager
async def _transaction(db: aiosqlite.Connection, lock: str) -> AsyncIterator[None]:
    run = _runner(db)
    try:
        await run(f"BEGIN {lock}")
        yield
        await run("COMMIT")
    except BaseException:
        # Queued behind whatever the connection still does, so it comes before the next turn's first statement, even
        # when this task is cancelled once more. Nothing happens where no transaction began.
        await db.rollback()
        raise


def _runner(db: aiosqlite.Connection) -> Run:
    async def run(sql: str, *values: object) -> Rows:
        return [tuple(row) for row in await db.execute_fetchall(sql, values)]

    return run


def _trouble(error: aiosqlite.Error) -> str:
    """Return the primary error's name: ``SQLITE_BUSY`` for ``SQLITE_BUSY_SNAPSHOT``."""
    return "_".join(str(getattr(error, "sqlite_errorname", "")).split("_")[:2])
