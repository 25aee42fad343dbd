"""One connection on asyncpg's protocol: prepared statements kept, answers bounded, ended cleanly.

This file, ``login.py``, ``meter.py`` and ``faults.py`` are all that knows asyncpg. Its public calls have no limit of bytes
and give no command tag beside rows, so the seams below are private ones: ``Protocol.prepare``, ``bind_execute``,
``close_statement``, ``close_portal``, and ``ConnectionSettings.add_python_codec``. The version is pinned below 0.33, and
``test_seams`` says what each must do.
"""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self

import asyncpg
from asyncpg import connect_utils

from appsmith_proxy.sdk import (
    SETTLE_SECONDS,
    Cell,
    Column,
    Lane,
    Limits,
    Prepared,
    Reported,
    Room,
    SqlLogin,
    Statement,
    Value,
    unique_names,
)
from appsmith_proxy_postgres import faults, typebook
from appsmith_proxy_postgres.bind import Argument, bind
from appsmith_proxy_postgres.derive import Derived, derive
from appsmith_proxy_postgres.login import CLOSE_SECONDS, connect
from appsmith_proxy_postgres.meter import Meter
from appsmith_proxy_postgres.reset import RESET, ROLLBACK
from appsmith_proxy_postgres.typebook import TypeBook, TypeInfo

MAX_KEPT: Final = 200
"""Prepared statements kept on one connection; the one unused for longest goes first."""
OWN_SECONDS: Final = SETTLE_SECONDS
"""What the driver's own statements may take where no caller waits."""

_WITH_TAG: Final = True


@dataclass(slots=True, kw_only=True)
class Kept:
    """One prepared statement of one connection."""

    statement: Statement
    state: Any
    types: tuple[TypeInfo, ...]
    columns: tuple[Column, ...]
    messages: tuple[str, ...]
    attributes: tuple[tuple[str, int], ...]
    """The columns' own names and types."""
    derived: Derived | None = None
    """Its second text, once it was asked for."""
    plain: bool = False
    """It has no second text, or none that the server takes."""
    agreed: Reported | None = None
    """What was reported of it when it was published, and is still true."""

    @property
    def type_names(self) -> tuple[str, ...]:
        """The parameters' types, for messages."""
        return tuple(info.name for info in self.types)

    @property
    def prepared(self) -> Prepared:
        """What the server reported of it."""
        return Prepared(parameter_types=self.type_names, columns=self.columns, returns_rows=bool(self.columns))

    def differences(self, reported: Reported | None) -> tuple[str, ...]:
        """Return what is not as it was when the statement was published. Worked out once for each publication."""
        if reported is None or self.agreed is reported:
            return ()
        names = [parameter.name for parameter in self.statement.parameters]
        found = reported.differences(Reported.of(self.statement.digest, self.prepared), names)
        if not found:
            self.agreed = reported
        return found


class Wire:
    """One connection. Used by one execution at a time; who has it closes it or gives it back to the pool."""

    def __init__(self, connection: Any, meter: Meter, lane: Lane, book: TypeBook) -> None:
        self.lane = lane
        self.scope = ""
        """The scope whose executions may follow without a reset; ``""``: the session is as after connecting."""
        self.idle_since = 0.0
        self.kept: OrderedDict[str, Kept] = OrderedDict()
        self.server: int = connection.get_server_version().major
        """PostgreSQL's major version."""
        self.meter = meter
        """What bounds the answers, and tells what they were like."""
        self._connection = connection
        self._protocol: Any = meter
        self._book = book
        self._names = itertools.count(1)
        self._closing = False

    @classmethod
    async def connect(cls, login: SqlLogin, lane: Lane, book: TypeBook, room: Room, *, deadline: float) -> Self:
        """Connect and log in; see ``login.connect``."""
        connection, meter = await connect(login, lane, deadline=deadline)
        meter.room = room
        return cls(connection, meter, lane, book)

    @property
    def alive(self) -> bool:
        """Whether the connection can carry another statement."""
        meter = self.meter
        return meter.is_connected() and not meter.stopped and not meter._is_cancelling()  # noqa: SLF001  # reason: see the top

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, healthy or failed."""
        is_open: bool = self._protocol.is_in_transaction()
        return is_open

    def find(self, statement: Statement) -> Kept | None:
        """Return the statement as kept here, or None: then ``keep`` it."""
        kept = self.kept.get(statement.digest)
        if kept is not None:
            self.kept.move_to_end(statement.digest)
        return kept

    async def keep(self, statement: Statement, *, timeout: float) -> Kept:  # noqa: ASYNC109  # reason: asyncpg's own timer
        """Prepare a statement and keep it. Locks of the prepare are held until the next round trip."""
        if len(self.kept) >= MAX_KEPT:
            _, oldest = self.kept.popitem(last=False)
            await self._protocol.close_statement(oldest.state, timeout)
        kept = await self.prepare(statement, name=f"k{next(self._names)}", timeout=timeout)
        self.kept[statement.digest] = kept
        return kept

    async def derive(self, kept: Kept, *, timeout: float) -> Kept | None:  # noqa: ASYNC109
        """Return the second text of a kept statement, prepared and kept; None: it has none, or the server refuses it.

        It must have the very columns of the first: when the schema has changed between the two, the first is
        no longer good and ``InvalidCachedStatementError`` is raised.
        """
        if kept.derived is None and self._exact_texts:
            columns = [(name, self._book[oid]) for name, oid in kept.attributes]
            kept.derived = derive(kept.statement, columns, server=self.server)
        if kept.derived is None:
            kept.plain = True
            return None
        statement = kept.derived.statement
        try:
            second = self.find(statement) or await self.keep(statement, timeout=timeout)
        except asyncpg.PostgresError:
            if not self.alive:
                raise
            kept.plain = True
            return None
        if second.attributes[1:] != kept.attributes:
            raise asyncpg.InvalidCachedStatementError("the schema has changed since the statement was prepared")
        return second

    async def forget(self, statement: Statement) -> None:
        """Drop a kept statement that the server no longer takes, and its second text. Their names are not used again."""
        kept = self.kept.pop(statement.digest, None)
        second = self.kept.pop(kept.derived.statement.digest, None) if kept is not None and kept.derived else None
        with suppress(*faults.RAISED):  # the connection's end drops them too
            for gone in (kept, second):
                if gone is not None and self.alive:
                    await self._protocol.close_statement(gone.state, OWN_SECONDS)

    async def prepare(self, statement: Statement, *, name: str = "", timeout: float) -> Kept:  # noqa: ASYNC109
        """Prepare a statement under a name, the unnamed one by default, and learn its types."""
        self.meter.disarm()
        state = await self._protocol.prepare(name, statement.text, timeout, record_class=asyncpg.Record)
        await self._learn(state._init_types())  # noqa: SLF001
        self._register(state._init_types())  # noqa: SLF001  # reason: asyncpg names no type without a codec
        parameters, attributes = state._get_parameters(), state._get_attributes()  # noqa: SLF001
        written, read = {item.oid for item in parameters}, {item.type.oid for item in attributes}
        await self._learn(written | read)
        self._fix_codecs(state, written, read)
        names, repeated = unique_names(item.name for item in attributes)
        infos = [self._book[item.type.oid] for item in attributes]
        return Kept(
            statement=statement,
            state=state,
            types=tuple(self._book[item.oid] for item in parameters),
            columns=self._book.columns(names, infos),
            messages=tuple(
                f'several columns are named "{name}": the second is shown as "{name}_2", and so on' for name in repeated
            ),
            attributes=tuple((item.name, item.type.oid) for item in attributes),
        )

    def send(
        self,
        kept: Kept,
        arguments: Sequence[Argument],
        *,
        limits: Limits,
        stop: bool,
        limit: int = 0,
        encoded: Derived | None = None,
        timeout: float,
    ) -> Awaitable[tuple[Sequence[Sequence[Cell]], bytes | None, bool]]:
        """Execute a prepared statement: one round trip. Await it at once, and ``meter.settle`` whatever comes of it.

        Args:
            kept: the statement.
            encoded: what ``kept`` is the second text of, if it is one: then ``texts`` are the rows.
            arguments: one for each of its parameters.
            limits: of rows and bytes.
            stop: at a limit, end the answer and this connection; else read on and drop rows.
            limit: rows that the server may send, 0 for all. A limit keeps the server from working in parallel.
            timeout: seconds.

        Returns:
            The rows; the command tag (``SELECT 3``, ``INSERT 0 1``), None when the answer was cut; and what nobody needs.
        """
        self.meter.arm(limits.rows, limits.bytes, stop=stop, bounded=limit > 0, encoded=encoded)
        sent: Awaitable[Any] = self._protocol.bind_execute(kept.state, arguments, "", limit, _WITH_TAG, timeout)
        return sent

    def texts(self) -> list[bytes]:
        """Return the rows of the last answer, which the server has encoded."""
        if not self._exact_texts:
            raise asyncpg.InternalClientError("the session's encoding was changed")
        return self.meter.take_texts()

    @property
    def _exact_texts(self) -> bool:
        """Whether each text of the server comes as UTF-8. A database in SQL_ASCII holds any bytes."""
        settings = self._protocol.get_settings()
        server = getattr(settings, "server_encoding", "SQL_ASCII")
        return getattr(settings, "client_encoding", "") == "UTF8" and server != "SQL_ASCII"

    async def fetch(self, statement: Statement, *values: Value) -> Sequence[Sequence[Any]]:
        """Run one of the driver's own statements. Bounded in time; an answer over the meter's bounds is no answer."""
        kept = self.find(statement) or await self.keep(statement, timeout=OWN_SECONDS)
        arguments = bind(values, kept.types)
        self.meter.disarm()
        rows: Sequence[Sequence[Any]] = await self._protocol.bind_execute(
            kept.state, arguments, "", 0, not _WITH_TAG, OWN_SECONDS
        )
        if self.meter.cut:
            raise asyncpg.InternalClientError("the server answers more than was asked for")
        return rows

    async def script(self, text: str, *, timeout: float = OWN_SECONDS) -> None:  # noqa: ASYNC109
        """Run one of the driver's own constant texts, several statements at once: the simple protocol."""
        self.meter.disarm()
        await self._protocol.query(text, timeout)

    async def sync(self, *, timeout: float = OWN_SECONDS) -> None:  # noqa: ASYNC109
        """End the implicit transaction, and with it the locks, of a prepare that no execution follows."""
        self.meter.disarm()
        await self._protocol.close_portal("", timeout)

    async def reset(self) -> None:
        """Bring the session back to how it was after connecting, kept statements apart."""
        if self.in_transaction:
            await self.script(ROLLBACK)
        await self.script(RESET)

    async def close(self) -> None:
        """End the session: cancel what still runs, say goodbye. Bounded in time; never raises but CancelledError.

        Calls beyond the first return at once.
        """
        if self._closing:
            return
        self._closing = True
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if self.meter.stopped:
                    await self._cancel()
                else:
                    await self._protocol._drain_cancels()  # noqa: SLF001
                    while cancels := list(self._connection._cancellations):  # noqa: SLF001
                        await asyncio.wait(cancels)  # closing before would leave their sockets half closed
                    await self._connection.close(timeout=CLOSE_SECONDS)
        except faults.RAISED:
            pass
        finally:
            self.terminate()
        asked = set(self._connection._cancellations)  # noqa: SLF001  # reason: closing has made one for what ran
        _, unanswered = await asyncio.wait([self.meter.lost, *asked], timeout=CLOSE_SECONDS)
        for cancel in unanswered & asked:
            cancel.cancel()

    def terminate(self) -> None:
        """Drop the connection at once."""
        self._connection.terminate()

    async def _cancel(self) -> None:
        """Ask the server to cancel, over a connection of its own to the same address, as the protocol wants it."""
        connection = self._connection
        await connect_utils._cancel(  # noqa: SLF001
            loop=asyncio.get_running_loop(),
            addr=connection._addr,  # noqa: SLF001
            params=connection._params,  # noqa: SLF001
            backend_pid=self._protocol.backend_pid,
            backend_secret=self._protocol.backend_secret,
        )

    async def _learn(self, oids: Iterable[int]) -> None:
        """See that the book knows these types; asyncpg would ask the catalog once for each connection."""
        missing = self._book.missing(oids)
        if missing:
            await self._book.learn(missing, self._look_up)

    def _register(self, oids: Iterable[int], *, decodes: bool = True) -> None:
        """Give asyncpg text codecs for these types. Without a decoder asyncpg can only write them."""
        add = self._protocol.get_settings().add_python_codec
        for oid in oids:
            info = self._book[oid]
            writer, form = (bytes, "binary") if info.family is typebook.BINARY else (str, "text")
            add(oid, info.name, "pg_catalog", [], "scalar", writer, info.decode if decodes else None, form)

    def _fix_codecs(self, state: Any, written: set[int], read: set[int]) -> None:
        """Fix how a statement's parameters are written and its columns are read: not the same way for one type.

        asyncpg fixes the parameters' codecs first, then the columns'. A column that cannot be read stops it between the
        two; then the columns get theirs: where asyncpg's own binary decoder gives just the cell that we want, that one.
        """
        settings = self._protocol.get_settings()
        self._register(written | read, decodes=False)
        if read:
            with suppress(asyncpg.InternalClientError):
                state._init_codecs()  # noqa: SLF001
        self._register(oid for oid in read if not self._book[oid].native)
        for oid in read:
            if self._book[oid].native:
                settings.remove_python_codec(oid, "", "")
        state._init_codecs()  # noqa: SLF001

    async def _look_up(self, oids: Sequence[int]) -> Sequence[Sequence[Any]]:
        return await self.fetch(typebook.LOOKUP, [*oids])
