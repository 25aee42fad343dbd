"""One guarded connection to one file, and the thread it lives on. One execution uses it at a time.

SQLite blocks, so aiosqlite gives each connection a thread. Cancelling an ``await`` does not stop that thread: only an
interrupt does, and only while SQLite is between two steps. So whoever must stop interrupts again and again until the
thread is through, and waits for it: ``until`` at the deadline, ``discard`` for good.
"""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any, Final, TypeVar, cast

import aiosqlite

from appsmith_proxy.sdk import (
    ConnectFailed,
    Disconnected,
    ExecutionTimeout,
    Outcome,
    ResourceExhausted,
    StatementInvalid,
)
from appsmith_proxy_sqlite.errors import primary, translate
from appsmith_proxy_sqlite.files import DatabaseFile, file_uri
from appsmith_proxy_sqlite.guard import Guard
from appsmith_proxy_sqlite.values import Native, read_text

_PATIENCE: Final = 0.02
"""Seconds that SQLite itself waits for a lock. Longer waits are ours: they can be cancelled and know the deadline."""
_RETRY: Final = 0.02
_RING_AGAIN: Final = 0.02

_CHUNK: Final = 64
"""Rows that aiosqlite's own iteration would fetch at once; not used."""

_OWN_ROWS: Final = 100_000
"""Bound of what one of the driver's own statements may read."""

HEAP_BYTES: Final = 256 * 1024 * 1024
"""What SQLite may hold in this process, all connections together: it knows no smaller unit. A statement that wants more
fails; without a bound it would take the whole proxy down, long before any limit of its answer is reached."""

_LOCKED: Final = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})

_T = TypeVar("_T")


class Lane(StrEnum):
    """What a connection is for."""

    READ = "read"
    """Opened read-only; any number at a time."""
    WRITE = "write"
    """One at a time: SQLite has one writer."""


class Connection:
    """A guarded connection. ``clean`` is False while, and after, something left it in a state nobody should borrow."""

    def __init__(
        self, connection: aiosqlite.Connection, raw: sqlite3.Connection, guard: Guard, thread: threading.Thread
    ) -> None:
        self.clean = True
        self.idle_since = 0.0
        self._connection = connection
        self._raw = raw
        self._guard = guard
        self._thread = thread
        self._cursor: aiosqlite.Cursor | None = None
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, file: DatabaseFile, lane: Lane, *, foreign_keys: bool) -> "Connection":
        """Open the file on a thread of its own.

        Raises:
            DatasourceError: the file may not be opened, or cannot.
        """
        # aiosqlite writes statements and values to its debug log: nothing of them may be kept.
        logging.getLogger("aiosqlite").setLevel(logging.WARNING)
        guard = Guard(read_only=lane is Lane.READ)
        threads: list[threading.Thread] = []
        opened: list[sqlite3.Connection] = []

        def connect() -> sqlite3.Connection:
            threads.append(threading.current_thread())
            opened.append(_connect(file, guard, read_only=lane is Lane.READ, foreign_keys=foreign_keys))
            return opened[0]

        connection = aiosqlite.Connection(connect, _CHUNK)
        try:
            await connection
        except BaseException as error:
            for thread in threads:
                thread.join()  # aiosqlite has told it to end
            if isinstance(error, sqlite3.Error):
                raise translate(error, outcome=Outcome.NOT_SENT) from None
            raise
        return cls(connection, opened[0], guard, threads[0])

    async def run(self, text: str, values: Sequence[Native], *, deadline: float) -> aiosqlite.Cursor:
        """Start a statement. One at a time: ``finish`` it.

        Raises:
            DatasourceError: SQLite refuses, or the deadline passed.
        """
        if asyncio.get_running_loop().time() >= deadline:
            outcome = Outcome.ROLLED_BACK if self.in_transaction else Outcome.NOT_SENT
            raise ExecutionTimeout("the deadline passed", outcome=outcome)
        self._guard.denied = ""
        self._cursor = await self._hop(self._connection.execute(text, values))
        return self._cursor

    async def run_patiently(self, text: str, values: Sequence[Native], *, deadline: float) -> aiosqlite.Cursor:
        """Start a statement as ``run`` does, waiting for locks until the deadline.

        Not for a statement inside a transaction: SQLite may have rolled back the whole of it.
        """
        locked: ExecutionTimeout | None = None
        while True:
            try:
                return await self.run(text, values, deadline=deadline)
            except ExecutionTimeout as error:
                if primary(error.native_code) not in _LOCKED:
                    # At the deadline it is the lock that is worth telling.
                    raise locked or error from None
                locked = error
            await asyncio.sleep(_RETRY)

    async def fetch(self, count: int) -> list[tuple[Any, ...]]:
        """Return the next rows of the statement that runs, at most so many; none at the end.

        Raises:
            DatasourceError: SQLite failed, or the deadline passed.
        """
        assert self._cursor is not None  # noqa: S101  # reason: only between run and finish
        # Without a row factory rows are tuples; the library's annotation has another factory in mind.
        return cast("list[tuple[Any, ...]]", await self._hop(self._cursor.fetchmany(count)))

    async def finish(self) -> None:
        """Close the statement: its locks end here."""
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            await self._hop(cursor.close())

    async def own(self, text: str, values: Sequence[Native] = (), *, deadline: float) -> list[tuple[Any, ...]]:
        """Run one of the driver's own constant statements and return its rows.

        Raises:
            DatasourceError: SQLite refuses, or the deadline passed.
        """
        with self._guard.own():
            await self.run_patiently(text, values, deadline=deadline)
            rows = await self.fetch(_OWN_ROWS)
            await self.finish()
        return rows

    async def settle(self) -> None:
        """Bring the connection to rest after work that ended well or was refused: then it is clean.

        Raises:
            DatasourceError: it cannot be brought to rest; it stays unclean.
        """
        await self.finish()
        if self._raw.in_transaction:
            with self._guard.own():
                await self._hop(self._connection.rollback())
        self.clean = True

    @property
    def total_changes(self) -> int:
        """Rows that were changed on this connection, ever, triggers included."""
        return self._raw.total_changes

    @property
    def in_transaction(self) -> bool:
        """True between BEGIN and COMMIT or ROLLBACK; the end of the connection ends it too."""
        return self._closing is None and self._raw.in_transaction

    @contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """Interrupt what runs in the block once the deadline has passed."""
        loop = asyncio.get_running_loop()
        bell: asyncio.TimerHandle

        def ring() -> None:
            nonlocal bell
            self._interrupt()
            # An interrupt that finds nothing running has no effect: the next step may just be on its way.
            bell = loop.call_later(_RING_AGAIN, ring)

        bell = loop.call_at(deadline, ring)
        try:
            yield
        finally:
            bell.cancel()

    async def discard(self) -> None:
        """Stop whatever runs, roll back, close, and wait until the thread has ended. May be called again."""
        self.clean = False
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        while not self._closing.done():
            self._interrupt()
            await asyncio.wait({self._closing}, timeout=_RING_AGAIN)
        self._closing.result()

    async def _close(self) -> None:
        if self._cursor is not None:
            # An open cursor would keep the file and its locks alive behind a closed connection.
            with suppress(sqlite3.Error):
                await self._cursor.close()
        with suppress(sqlite3.Error):  # an interrupted rollback: the file's journal rolls back
            await self._connection.close()
        # Its last act was to answer us: it is ending now, and nobody need find it alive.
        self._thread.join()

    async def _hop(self, work: Awaitable[_T]) -> _T:
        """Wait for one call on the connection's thread."""
        try:
            return await work
        except sqlite3.Error as error:
            denied, self._guard.denied = self._guard.denied, ""
            if self._closing is None:
                raise translate(error, denied=denied, outcome=Outcome.ROLLED_BACK) from None
        except MemoryError:  # the library's word for SQLITE_NOMEM
            if self._closing is None:
                raise ResourceExhausted(
                    "the statement needs more memory than there is for it",
                    hint="let it sort, join or return less",
                    outcome=Outcome.ROLLED_BACK,
                    native_code="SQLITE_NOMEM",
                ) from None
        except ValueError:  # aiosqlite: the connection is closed; sqlite3: a NUL or a surrogate in the text
            if self._closing is None:
                raise StatementInvalid(
                    "the statement is not text that SQLite takes", outcome=Outcome.NOT_SENT
                ) from None
        raise Disconnected("the client was closed while the statement ran", outcome=Outcome.UNKNOWN)

    def _interrupt(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # closed meanwhile
            self._raw.interrupt()


def connection_pragmas(*, read_only: bool, foreign_keys: bool) -> tuple[str, ...]:
    """Return the settings of a connection, made before the guard is installed."""
    return (
        f"PRAGMA hard_heap_limit = {HEAP_BYTES}",
        "PRAGMA trusted_schema = OFF",  # views and triggers of a stranger's file call harmless functions only
        "PRAGMA cell_size_check = ON",
        "PRAGMA temp_store = MEMORY",  # rows that are sorted are not spilled to temporary files
        f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        f"PRAGMA query_only = {'ON' if read_only else 'OFF'}",
    )


def _connect(file: DatabaseFile, guard: Guard, *, read_only: bool, foreign_keys: bool) -> sqlite3.Connection:
    """Open the file, on the connection's own thread."""
    path, before = file.inspect()
    raw = sqlite3.connect(
        file_uri(path, read_only=read_only),
        uri=True,
        timeout=_PATIENCE,
        isolation_level=None,  # transactions are begun and ended by us, never by the library's reading of a text
        cached_statements=0,  # a cached statement would not be shown to the guard again
    )
    try:
        for pragma in connection_pragmas(read_only=read_only, foreign_keys=foreign_keys):
            raw.execute(pragma).close()
        guard.install(raw)
        raw.text_factory = read_text
        # SQLite opens the file itself, by name. Was it still the file that was looked at?
        if file.inspect() != (path, before):
            raise ConnectFailed("the file was exchanged while it was opened", outcome=Outcome.NOT_SENT)
    except BaseException:
        raw.close()
        raise
    return raw
