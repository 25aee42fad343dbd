"""The world behind the memory driver: named databases in this process that can be slow, refuse, fail and be watched.

It plays the part of a remote server, so tests own it: they fill it, look at what it was asked, and tell it to misbehave.
SQLite (the standard library's, in memory) does the SQL. Beyond SQLite's own functions there are two:

=================  =================================================================================================
``sleep(seconds)``  the statement takes that long without blocking the event loop; its effects appear at the end
``fail(code)``      the statement fails with the driver error of that name; any other word crashes the driver
=================  =================================================================================================

No transaction stays open over an ``await``: a statement that sleeps is tried, rolled back, waited for and then run
for real. So one connection serves everybody, and a cancelled statement has left nothing behind.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from appsmith_proxy.sdk import DatasourceError

_DENIED: Final = frozenset(
    {
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_DETACH,
        sqlite3.SQLITE_SAVEPOINT,
        sqlite3.SQLITE_CREATE_TEMP_INDEX,
        sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_CREATE_TEMP_VIEW,
    }
)
"""What would leave the process or stay with the shared connection."""

_ALLOWED_PRAGMAS: Final = frozenset({"query_only", "table_xinfo", "foreign_key_list"})
"""``query_only`` is set before each statement, so setting it changes nothing for the next one."""

_DENIED_FUNCTIONS: Final = frozenset({"changes", "total_changes", "last_insert_rowid", "load_extension"})
"""What would show one caller the traces of another."""

_STEPS_BETWEEN_LOOKS: Final = 10_000


class LoginRefused(Exception):
    """The server does not accept the password, and says so as rudely as real ones do: its text quotes it."""


class ScriptedFailure(Exception):
    """A statement called ``fail(code)``; the only argument is the code."""


class TooManyChanges(Exception):
    """More rows changed than allowed; everything was rolled back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server says to a statement."""

    names: tuple[str, ...] | None
    """None when the statement returns no rows."""
    rows: list[tuple[Any, ...]]
    affected: int


class MemoryServer:
    """Named databases, made when first asked for. Close it at the end of the test."""

    def __init__(self, *, password: str = "") -> None:
        self.password = password
        """What ``connect`` must be given; ``""`` lets everybody in."""
        self.log: deque[str] = deque(maxlen=10_000)
        """The texts of the statements that arrived, in order."""
        self.script: deque[Exception] = deque()
        """Raised one at a time, in order, by the statements that arrive next, before they run."""
        self.open_seconds = 0.0
        """How long a login takes."""
        self.running = 0
        """Statements that run now."""
        self.logins = 0
        self.clients = 0
        """Clients that are open now."""
        self._databases: dict[str, sqlite3.Connection] = {}
        self._pause = 0.0
        self._failure = ""

    async def connect(self, password: str) -> None:
        """Log in, once for each Client.

        Raises:
            LoginRefused: the password is wrong.
        """
        await asyncio.sleep(self.open_seconds)
        if self.password and password != self.password:
            raise LoginRefused(f"login failed: {password!r} is not the password")
        self.logins += 1

    def fill(self, script: str, *, database: str = "main") -> None:
        """Run statements separated by semicolons, as the owner of the database: for fixtures."""
        self._connection(database).executescript(script)

    async def run(
        self,
        text: str,
        values: Sequence[Any] = (),
        *,
        database: str = "main",
        read_only: bool = False,
        rows: int = 1_000_000,
        affected: int | None = None,
        deadline: float,
    ) -> Answer:
        """Run one statement in a transaction of its own.

        Args:
            text: the statement, with ``?`` placeholders.
            values: one for each placeholder.
            database: its name.
            read_only: refuse to write.
            rows: stop reading after so many.
            affected: roll back when more rows change.
            deadline: on the event loop's clock.

        Raises:
            sqlite3.Error: SQLite refuses.
            ScriptedFailure: the statement called ``fail``.
            TooManyChanges: ``affected`` was exceeded.
            TimeoutError: the deadline passed; nothing stayed.
        """
        self.log.append(text)
        if self.script:
            raise self.script.popleft()
        connection = self._connection(database)
        self.running += 1
        try:
            async with asyncio.timeout_at(deadline):
                answer = self._attempt(connection, text, values, read_only, rows, affected, deadline)
                if answer is None:
                    await asyncio.sleep(self._pause)
                    answer = self._attempt(connection, text, values, read_only, rows, affected, deadline, rested=True)
        finally:
            self.running -= 1
        assert answer is not None  # reason: a rested attempt always answers
        return answer

    def close(self) -> None:
        """Forget every database. May be called twice."""
        for connection in self._databases.values():
            connection.close()
        self._databases.clear()

    def _attempt(
        self,
        connection: sqlite3.Connection,
        text: str,
        values: Sequence[Any],
        read_only: bool,  # noqa: FBT001  # reason: private, one caller
        rows: int,
        affected: int | None,
        deadline: float,
        *,
        rested: bool = False,
    ) -> Answer | None:
        """Run the statement without a break, and commit. None: it wants to sleep first, and was rolled back."""
        clock = asyncio.get_running_loop().time
        self._pause, self._failure = 0.0, ""
        connection.execute(f"PRAGMA query_only = {int(read_only)}")
        connection.set_progress_handler(lambda: clock() > deadline, _STEPS_BETWEEN_LOOKS)
        connection.execute("BEGIN")
        try:
            answer = _answer(connection, text, values, rows)
            if self._pause and not rested:
                return None
            if affected is not None and answer.affected > affected:
                raise TooManyChanges
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._failure:
                raise ScriptedFailure(self._failure) from None
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise TimeoutError from None
            raise
        else:
            return answer
        finally:
            connection.set_progress_handler(None, 0)
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _connection(self, database: str) -> sqlite3.Connection:
        found = self._databases.get(database)
        if found is None:
            found = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            found.execute("PRAGMA foreign_keys = ON")
            found.create_function("sleep", 1, self._sleep)
            found.create_function("fail", 1, self._fail)
            found.set_authorizer(_authorize)
            self._databases[database] = found
        return found

    def _sleep(self, seconds: float) -> float:
        self._pause = max(self._pause, float(seconds))
        return self._pause

    def _fail(self, code: str) -> None:
        self._failure = str(code)
        raise DatasourceError("asked for")  # reason: SQLite needs any exception; _attempt makes it the right one


def _answer(connection: sqlite3.Connection, text: str, values: Sequence[Any], rows: int) -> Answer:
    before = connection.total_changes
    cursor = connection.execute(text, values)
    try:
        names = None if cursor.description is None else tuple(column[0] for column in cursor.description)
        found = cursor.fetchmany(rows) if names is not None else []
        if connection.total_changes != before:
            deque(cursor, maxlen=0)  # a RETURNING must be read to its end before rowcount is known
        return Answer(names=names, rows=found, affected=max(cursor.rowcount, 0))
    finally:
        cursor.close()


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    denied = (
        action in _DENIED
        or (action == sqlite3.SQLITE_PRAGMA and first not in _ALLOWED_PRAGMAS)
        or (action == sqlite3.SQLITE_FUNCTION and second in _DENIED_FUNCTIONS)
    )
    return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK
