"""One connection: true prepared statements kept, answers bounded, ended cleanly.

What goes over it are the commands of the protocol alone: PREPARE, EXECUTE, FETCH, CLOSE and RESET for statements, QUERY for
the driver's own constant texts. A statement's text and its values never meet on our side.
"""

import asyncio
import struct
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Self

from appsmith_proxy.sdk import (
    SETTLE_SECONDS,
    Cell,
    Column,
    DatasourceError,
    EncodedRows,
    Lane,
    Limits,
    Outcome,
    Room,
    SqlLogin,
    Statement,
    StatementInvalid,
    Value,
)
from appsmith_proxy_mysql import faults, pins, protocol
from appsmith_proxy_mysql.decode import Shape
from appsmith_proxy_mysql.encode import Argument, bind, writers_of
from appsmith_proxy_mysql.login import LoggedIn, connect
from appsmith_proxy_mysql.protocol import CURSOR, LAST_ROW_SENT, OPEN_TRANSACTION, Malformed, framed
from appsmith_proxy_mysql.replies import Acknowledged, Kept, PreparedReply
from appsmith_proxy_mysql.reset import HOME, Home, beginning
from appsmith_proxy_mysql.rows import FetchReply, RowsReply

MAX_KEPT: Final = 200
"""Prepared statements kept on one connection; the one unused for longest goes first."""
OWN_SECONDS: Final = SETTLE_SECONDS
"""What the driver's own statements may take where no caller waits."""
OWN_LIMITS: Final = Limits(rows=100_000, bytes=32 * 1024 * 1024)
"""Far beyond what the driver's own statements answer: a server that sends more has gone wrong."""
CLOSE_SECONDS: Final = 2.0
"""How long a cancel, and a goodbye, may take."""
BATCH: Final = 1_000
"""Rows fetched from a cursor at a time."""

_execute: Final = struct.Struct("<IBI").pack
_fetch: Final = struct.Struct("<II").pack
_id: Final = struct.Struct("<I").pack
_ONCE: Final = 1
_NO_CURSOR: Final = 0
_READ_ONLY_CURSOR: Final = 1
_TYPES_FOLLOW: Final = b"\x01"


class Answer(NamedTuple):
    """What one execution brought."""

    rows: Sequence[Sequence[Cell]] | EncodedRows | None
    """None: the statement returned no rows."""
    columns: tuple[Column, ...]
    messages: tuple[str, ...]
    affected: int
    cut: bool
    """A limit was reached; the rows before it are here."""
    rows_cut: bool
    """It was the limit of rows."""


class Wire:
    """One connection. Used by one execution at a time; who has it closes it or gives it back to the pool."""

    def __init__(self, logged_in: LoggedIn, login: SqlLogin, lane: Lane) -> None:
        self.lane = lane
        self.scope = ""
        """The scope whose executions may follow without a reset; ``""``: the session is as after connecting."""
        self.idle_since = 0.0
        self.select_limit = 0
        """How many rows the server sends of one read, when it was told so; 0: all."""
        self.encrypted = login.context is not None
        self.server = logged_in.server
        self.thread_id = logged_in.thread_id
        self.kept: OrderedDict[str, Kept] = OrderedDict()
        self._login = login
        self._packets = logged_in.packets
        self._features = logged_in.features
        self._beginning = pins.pins(self.server, lane, ceiling_seconds=login.ceiling_seconds)
        self._status = 0
        self._closing = False

    @classmethod
    async def connect(cls, login: SqlLogin, lane: Lane, room: Room, *, deadline: float) -> Self:
        """Connect, log in and pin the session; see ``login.connect``."""
        wire = cls(await connect(login, room, deadline=deadline), login, lane)
        try:
            async with asyncio.timeout_at(deadline):
                ((database, role),) = await wire.fetch(HOME)
                wire._beginning = beginning(wire._beginning, Home(database, role))
                await wire.script(wire._beginning)
        except faults.RAISED as error:
            wire.terminate()
            raise faults.translate_connect(error) from None
        except BaseException:
            wire.terminate()
            raise
        return wire

    @staticmethod
    async def kill(login: SqlLogin, thread_id: int) -> None:
        """End what another connection's session is at, over a connection of its own."""
        until = asyncio.get_running_loop().time() + CLOSE_SECONDS
        logged_in = await connect(login, Room(), deadline=until)
        wire = Wire(logged_in, login, Lane.READ_WRITE)
        try:
            await wire.script(f"KILL QUERY {thread_id:d}", timeout=CLOSE_SECONDS)
            await wire.close()
        finally:
            wire.terminate()

    @property
    def alive(self) -> bool:
        """Whether the connection can carry another statement."""
        return self._packets.alive

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._status & OPEN_TRANSACTION)

    def find(self, statement: Statement) -> Kept | None:
        """Return the statement as kept here, or None: then ``keep`` it."""
        kept = self.kept.get(statement.digest)
        if kept is not None:
            self.kept.move_to_end(statement.digest)
        return kept

    async def keep(self, statement: Statement, *, timeout: float) -> Kept:  # noqa: ASYNC109  # reason: one timer, no task
        """Prepare a statement and keep it; the one unused for longest is closed when there are too many."""
        before = b""
        if len(self.kept) >= MAX_KEPT:
            _, oldest = self.kept.popitem(last=False)
            before = _close(oldest)
        kept = await self._prepare(statement, timeout=timeout, before=before)
        self.kept[statement.digest] = kept
        return kept

    def forget(self, statement: Statement) -> None:
        """Drop a kept statement that the server no longer takes."""
        kept = self.kept.pop(statement.digest, None)
        if kept is not None:
            self.discard(kept)

    async def prepare(self, statement: Statement, *, timeout: float) -> Kept:  # noqa: ASYNC109
        """Prepare a statement that is not kept; the caller discards it."""
        return await self._prepare(statement, timeout=timeout)

    def discard(self, kept: Kept) -> None:
        """Close a prepared statement at the server. There is no answer to wait for."""
        self._packets.tell(_close(kept))

    async def run(
        self,
        kept: Kept,
        arguments: Sequence[Argument],
        *,
        limits: Limits,
        stop: bool,
        encode: bool = False,
        cursor: bool = False,
        timeout: float,  # noqa: ASYNC109
    ) -> Answer:
        """Execute a prepared statement: one round trip.

        Args:
            kept: the statement.
            arguments: one for each of its parameters.
            limits: of rows and bytes.
            stop: at a limit, end the answer and this connection; else read on and drop rows.
            encode: give each row as a JSON object, else as a tuple of cells.
            cursor: have the server hold the rows and fetch them in batches up to the limits; the connection lives on.
                The server makes all of them first.
            timeout: seconds.
        """
        reply = RowsReply(kept, self._features, rows=limits.rows, size=limits.bytes, stop=stop, encode=encode)
        flags = _READ_ONLY_CURSOR if cursor else _NO_CURSOR
        until = asyncio.get_running_loop().time() + timeout if cursor else 0.0
        await self._packets.ask(_execution(kept, arguments, flags), reply, timeout=timeout)
        self._status = reply.status
        if reply.status & CURSOR:
            return await self._fetched(kept, limits, encode=encode, until=until)
        if not reply.returns_rows:
            return Answer(None, (), (), reply.affected, cut=False, rows_cut=False)
        rows = EncodedRows(reply.rows) if encode else reply.rows
        shape = kept.shape
        return Answer(rows, shape.columns, shape.messages, reply.affected, reply.cut, reply.rows_cut)

    async def fetch(self, statement: Statement, *values: Value) -> Sequence[Sequence[Any]]:
        """Run one of the driver's own statements. Bounded in time; an answer over the bounds is no answer."""
        kept = self.find(statement) or await self.keep(statement, timeout=OWN_SECONDS)
        arguments = bind(values, kept.writers_for(statement))
        answer = await self.run(kept, arguments, limits=OWN_LIMITS, stop=True, encode=False, timeout=OWN_SECONDS)
        if answer.cut or isinstance(answer.rows, EncodedRows):
            raise Malformed("the server answers more than was asked for")
        return answer.rows or ()

    async def limit_reads(self, rows: int) -> None:
        """Have the server end its reads after so many rows, until the next reset. A LIMIT of a statement's own wins."""
        if self.select_limit != rows:
            await self.script(f"SET sql_select_limit = {rows:d}")
            self.select_limit = rows

    async def script(self, text: str, *, timeout: float = OWN_SECONDS) -> None:  # noqa: ASYNC109
        """Run one of the driver's own constant texts, which returns no rows."""
        await self._acknowledged(protocol.COM_QUERY + text.encode(), timeout=timeout)

    async def reset(self) -> None:
        """Bring the session back to how it was after connecting. The server forgets the prepared statements too."""
        self.kept.clear()
        self.select_limit = 0
        await self._acknowledged(protocol.COM_RESET_CONNECTION, timeout=OWN_SECONDS)
        await self.script(self._beginning)

    async def close(self) -> None:
        """End the session: say goodbye, or cancel what still runs. Bounded in time; never raises but CancelledError.

        Calls beyond the first return at once.
        """
        if self._closing:
            return
        self._closing = True
        packets = self._packets
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if not packets.alive and not packets.stopped:
                    packets.interrupt()  # somebody is waiting for an answer that is of no use any more
                if packets.interrupted:
                    await self.kill(self._login, self.thread_id)
                elif packets.alive:
                    packets.tell(framed(protocol.COM_QUIT))
                    packets.transport.close()
                    await asyncio.shield(packets.lost)
        except (*faults.RAISED, DatasourceError):
            pass
        finally:
            self.terminate()
        await asyncio.wait([packets.lost], timeout=CLOSE_SECONDS)

    def terminate(self) -> None:
        """Drop the connection at once."""
        self._packets.abort()

    async def _prepare(self, statement: Statement, *, timeout: float, before: bytes = b"") -> Kept:  # noqa: ASYNC109
        reply = PreparedReply(self._features)
        await self._packets.ask(
            protocol.COM_STMT_PREPARE + statement.text.encode(), reply, timeout=timeout, before=before
        )
        kept = Kept(
            statement=statement,
            id=reply.id,
            parameter_count=reply.parameter_count,
            writers=writers_of(statement.parameters),
            shape=Shape(reply.definitions),
        )
        if kept.parameter_count != len(statement.parameters):
            self.discard(kept)
            raise StatementInvalid(
                "the server finds another number of bindings in the statement than its plan has",
                outcome=Outcome.NOT_SENT,
            )
        return kept

    async def _fetched(self, kept: Kept, limits: Limits, *, encode: bool, until: float) -> Answer:
        """Fetch from the cursor that the execution has opened, and close it."""
        rows: list[Any] = []
        left, size = limits.rows, limits.bytes
        clock = asyncio.get_running_loop().time
        while True:
            batch = min(BATCH, left + 1)
            reply = FetchReply(kept, self._features, rows=left, size=size, encode=encode)
            command = protocol.COM_STMT_FETCH + _fetch(kept.id, batch)
            await self._packets.ask(command, reply, timeout=max(0.0, until - clock()))
            rows += reply.rows
            left, size = reply.left
            self._status = reply.status
            if reply.cut or reply.status & LAST_ROW_SENT or not reply.rows:
                break
        if not reply.status & LAST_ROW_SENT:
            await self._acknowledged(protocol.COM_STMT_RESET + _id(kept.id), timeout=max(0.0, until - clock()))
        shown = EncodedRows(rows) if encode else rows
        return Answer(shown, kept.shape.columns, kept.shape.messages, 0, reply.cut, reply.rows_cut)

    async def _acknowledged(self, payload: bytes, *, timeout: float) -> None:  # noqa: ASYNC109
        reply = Acknowledged()
        await self._packets.ask(payload, reply, timeout=timeout)
        self._status = reply.done.status


def _close(kept: Kept) -> bytes:
    return framed(protocol.COM_STMT_CLOSE + _id(kept.id))


def _execution(kept: Kept, arguments: Sequence[Argument], flags: int) -> bytes:
    head = protocol.COM_STMT_EXECUTE + _execute(kept.id, flags, _ONCE)
    if not arguments:
        return head
    nulls = 0
    types: list[bytes] = []
    parts: list[bytes] = []
    for index, (type_, data) in enumerate(arguments):
        types.append(type_)
        if data is None:
            nulls |= 1 << index
        else:
            parts.append(data)
    bitmap = nulls.to_bytes((len(arguments) + 7) // 8, "little")
    return b"".join((head, bitmap, _TYPES_FOLLOW, *types, *parts))
