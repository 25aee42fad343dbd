"""One SQLite file as a Client: reads on read-only connections side by side, writes one after the other.

::

    read           run ─▶ fetch in batches ─▶ finish
    write          BEGIN IMMEDIATE ─▶ run ─▶ fetch ─▶ count ─▶ COMMIT       (anything wrong: ROLLBACK)
    transaction    BEGIN [IMMEDIATE] ─▶ one of these for each statement ─▶ COMMIT
"""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import aiosqlite

from appsmith_proxy.sdk import (
    AffectedLimitExceeded,
    Client,
    Column,
    DatasourceError,
    ExecuteRequest,
    Health,
    Limits,
    Outcome,
    PermissionRejected,
    Prepared,
    Result,
    Session,
    Statement,
    StatementInvalid,
    Structure,
    replace,
)
from appsmith_proxy_sqlite.connection import Connection, Lane
from appsmith_proxy_sqlite.files import DatabaseFile
from appsmith_proxy_sqlite.pool import Pool
from appsmith_proxy_sqlite.structure import describe_main
from appsmith_proxy_sqlite.values import Native, native_values, result_columns, subquery_columns, weight

_CHECK_SECONDS: Final = 10.0
_LARGEST_BATCH: Final = 512
_EXPLAIN: Final = re.compile(r"\s*EXPLAIN\b", re.IGNORECASE)


class SqliteClient(Client):
    """One file. Opens connections when they are needed."""

    def __init__(
        self, file: DatabaseFile, *, read_only: bool, foreign_keys: bool, max_connections: int, idle_seconds: float
    ) -> None:
        self._file = file
        self._read_only = read_only

        async def open_connection(lane: Lane) -> Connection:
            return await Connection.open(file, lane, foreign_keys=foreign_keys)

        self._pool = Pool(open_connection, size=max_connections, idle_seconds=idle_seconds)

    async def check(self) -> Health:
        """Open the file and read its schema: a file that is no database fails here."""
        deadline = _in(_CHECK_SECONDS)
        async with self._pool.lease(Lane.READ, deadline=deadline) as connection:
            await connection.own("SELECT count(*) FROM sqlite_schema", deadline=deadline)
        loose = await asyncio.to_thread(self._file.others_may_write)
        warnings = ("every user of the machine may write the file",) if loose else ()
        return Health(server=f"SQLite {sqlite3.sqlite_version}", warnings=warnings)

    async def execute(self, request: ExecuteRequest) -> Result:
        """Run one statement. A write runs in a transaction of its own."""
        statement = _statement(request)
        values = native_values(statement.parameters, request.values)
        writes = statement.writes and not request.read_only
        async with self._pool.lease(self._lane(writes=writes), deadline=request.deadline) as connection:
            work = _write if writes else _read
            return await work(connection, statement, values, request)

    async def prepare(self, statement: Statement, *, deadline: float) -> Prepared:
        """Let SQLite compile the statement: EXPLAIN does that and runs nothing of it. It reports no parameter types.

        The columns of a read are those of the statement as a subquery that is asked for no row; SQLite stops before
        its first step. Where the text cannot stand in parentheses, and for writes, they stay unknown.
        """
        explains = _EXPLAIN.match(statement.text)
        unknown = (None,) * len(statement.parameters)
        columns: tuple[Column, ...] = ()
        async with self._pool.lease(self._lane(writes=statement.writes), deadline=deadline) as connection:
            text = statement.text if explains else f"EXPLAIN {statement.text}"
            await connection.run_patiently(text, unknown, deadline=deadline)
            await connection.finish()
            if not explains and not statement.writes:
                with suppress(StatementInvalid):
                    asked = f"SELECT * FROM (\n{statement.text}\n) LIMIT 0"  # noqa: S608  # reason: see the docstring
                    cursor = await connection.run_patiently(asked, unknown, deadline=deadline)
                    columns = subquery_columns([column[0] for column in cursor.description])
        return Prepared(parameter_types=unknown, columns=columns, returns_rows=statement.returns_rows)

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> AsyncIterator[Session]:
        """Lend one transaction, committed when the block ends well. While it writes, nobody else does."""
        async with self._pool.lease(self._lane(writes=not read_only), deadline=deadline) as connection:
            await connection.own("BEGIN" if read_only else "BEGIN IMMEDIATE", deadline=deadline)
            session = _Transaction(connection, read_only=read_only)
            yield session
            session.check()
            await _commit(connection, deadline)

    async def describe(self, path: Sequence[str], page: str | None) -> Structure:
        """Describe the tables and views of the file. There is one schema, ``main``."""
        if tuple(path) not in ((), ("main",)):
            return Structure(tables=())
        deadline = _in(_CHECK_SECONDS)
        async with self._pool.lease(Lane.READ, deadline=deadline) as connection:
            return await describe_main(connection, page, deadline=deadline)

    async def close(self) -> None:
        """Interrupt what runs and close every connection."""
        await self._pool.close()

    def _lane(self, *, writes: bool) -> Lane:
        if writes and self._read_only:
            raise PermissionRejected("the datasource is read-only", outcome=Outcome.NOT_SENT)
        return Lane.WRITE if writes else Lane.READ


class _Transaction:
    """One open transaction, as the executor sees it. A failed statement ends it: SQLite may have rolled back all of it,
    and what came next would be committed by itself."""

    def __init__(self, connection: Connection, *, read_only: bool) -> None:
        self._connection = connection
        self._work = _read if read_only else _change
        self._failed = False

    async def execute(self, request: ExecuteRequest) -> Result:
        """Run one statement inside the transaction."""
        self.check()
        self._failed = True
        statement = _statement(request)
        values = native_values(statement.parameters, request.values)
        with self._connection.until(request.deadline):
            result = await self._work(self._connection, statement, values, request)
            await self._connection.finish()
        self._failed = False
        return result

    def check(self) -> None:
        """Refuse to go on after a failure.

        Raises:
            StatementInvalid: a statement of this transaction has failed.
        """
        if self._failed:
            raise StatementInvalid(
                "an earlier statement of the transaction failed, so all of it is rolled back",
                outcome=Outcome.ROLLED_BACK,
            )


async def _read(
    connection: Connection, statement: Statement, values: Sequence[Native], request: ExecuteRequest
) -> Result:
    cursor = await connection.run_patiently(statement.text, values, deadline=request.deadline)
    return await _answer(connection, cursor, request.limits)


async def _write(
    connection: Connection, statement: Statement, values: Sequence[Native], request: ExecuteRequest
) -> Result:
    await connection.own("BEGIN IMMEDIATE", deadline=request.deadline)
    result = await _change(connection, statement, values, request)
    await _commit(connection, request.deadline)
    return result


async def _change(
    connection: Connection, statement: Statement, values: Sequence[Native], request: ExecuteRequest
) -> Result:
    """Run a statement of a transaction that may write, and count what it changes."""
    deadline, limit = request.deadline, request.limits.affected
    before = connection.total_changes
    cursor = await connection.run(statement.text, values, deadline=deadline)
    answer = await _answer(connection, cursor, request.limits)
    await connection.finish()
    if not statement.writes:
        return answer
    affected = await _affected(connection, before, deadline)
    if limit is not None and affected > limit:
        raise AffectedLimitExceeded(
            f"the statement would change more than {limit} rows, so nothing was changed", outcome=Outcome.ROLLED_BACK
        )
    return replace(answer, affected=affected)


async def _answer(connection: Connection, cursor: aiosqlite.Cursor, limits: Limits) -> Result:
    """Read the rows up to the limits, in batches that grow with what is left of them."""
    if not cursor.description:
        return Result(affected=0)
    columns, messages = result_columns([column[0] for column in cursor.description])
    rows: list[tuple[Any, ...]] = []
    # Fewer rows than asked for are the last: with two, an answer of one row takes one turn.
    size, batch, more = 0, 2, True
    while more:
        asked = min(batch, limits.rows - len(rows) + 1)
        found = await connection.fetch(asked)
        more = len(found) == asked
        for row in found:
            size += weight(row)
            if len(rows) == limits.rows or size > limits.bytes:
                return Result(columns=columns, rows=rows, truncated=True, messages=messages)
            rows.append(row)
        # Never much more in memory than the limit allows: rows may be large.
        batch = min(2 * batch, _LARGEST_BATCH, 2 + (limits.bytes - size) * len(rows) // max(size, 1))
    return Result(columns=columns, rows=rows, messages=messages)


async def _affected(connection: Connection, before: int, deadline: float) -> int:
    """Return how many rows the statement itself changed; triggers and cascades are not counted."""
    if connection.total_changes == before:
        return 0  # changes() would still tell of an earlier statement
    ((count,),) = await connection.own("SELECT changes()", deadline=deadline)
    return int(count)


async def _commit(connection: Connection, deadline: float) -> None:
    try:
        await connection.own("COMMIT", deadline=deadline)
    except DatasourceError as error:
        if not connection.in_transaction:
            error.outcome = Outcome.UNKNOWN
        raise


def _statement(request: ExecuteRequest) -> Statement:
    if not isinstance(request.payload, Statement):
        raise StatementInvalid("only SQL statements can run here", outcome=Outcome.NOT_SENT)
    return request.payload


def _in(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds
