"""One connection on asyncpg's protocol: dialled to a checked address, prepared statements kept, answers bounded.

This file, ``meter.py`` and ``faults.py`` are all that knows asyncpg. Its public ``connect`` reads the environment, password
and service files, and its public ``fetch`` has neither a limit of bytes nor a status; so the seams below are private ones:
``Protocol.prepare``, ``bind_execute``, ``close_statement``, ``close_portal``, ``ConnectionSettings.add_python_codec`` and two
functions of ``connect_utils``. The version is pinned below 0.33, and ``test_postgres_seams`` says what each must do.
"""

import asyncio
import itertools
import ssl
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Self

import asyncpg
from asyncpg import connect_utils

from appsmith_proxy.sdk import (
    Cell,
    Column,
    ConnectFailed,
    CredentialsRejected,
    DatasourceError,
    Limits,
    Outcome,
    Secret,
    Statement,
    Target,
    Value,
    unique_names,
)
from appsmith_proxy_postgres import faults, typebook
from appsmith_proxy_postgres.bind import Argument, bind
from appsmith_proxy_postgres.meter import Meter
from appsmith_proxy_postgres.typebook import TypeBook, TypeInfo

MAX_KEPT: Final = 200
"""Prepared statements kept on one connection; the one unused for longest goes first."""
CLOSE_SECONDS: Final = 2.0
OWN_SECONDS: Final = 5.0
"""What the driver's own statements may take where no caller waits."""

_WITH_TAG: Final = True

PINS: Final[Mapping[str, str]] = {
    # What the text forms of values depend on. As startup parameters, so that RESET ALL restores them.
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "application_name": "appsmith_proxy",
    "idle_in_transaction_session_timeout": "60s",
}


class Lane(Enum):
    """What a connection may do, from its startup parameters."""

    READ_WRITE = "off"
    READ_ONLY = "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where and as whom to connect. Everything is explicit: nothing comes from the environment or a file."""

    target: Target
    context: ssl.SSLContext | None
    verified: bool
    """The server's identity is checked, so even a password in clear text is safe."""
    database: str
    username: str
    password: Secret | None
    ceiling_seconds: int
    """The server cancels whatever takes longer, should our own cancel not reach it."""


@dataclass(slots=True, kw_only=True)
class Kept:
    """One prepared statement of one connection."""

    statement: Statement
    state: Any
    types: tuple[TypeInfo, ...]
    columns: tuple[Column, ...]
    messages: tuple[str, ...]

    @property
    def type_names(self) -> tuple[str, ...]:
        """The parameters' types, for messages."""
        return tuple(info.name for info in self.types)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one execution brought."""

    rows: Sequence[Sequence[Cell]]
    tag: str
    """The command tag: ``SELECT 3``, ``INSERT 0 1``. ``""`` when the answer was cut."""
    cut: bool


class Wire:
    """One connection. Used by one execution at a time; who has it closes it or gives it back to the pool."""

    def __init__(self, connection: Any, meter: Meter, lane: Lane, book: TypeBook, *, encrypted: bool) -> None:
        self.lane = lane
        self.encrypted = encrypted
        self.scope = ""
        """The scope whose executions may follow without a reset; ``""``: the session is as after connecting."""
        self.idle_since = 0.0
        self.kept: OrderedDict[str, Kept] = OrderedDict()
        self._connection = connection
        self._protocol: Any = meter
        self._meter = meter
        self._book = book
        self._names = itertools.count(1)
        self._closing = False

    @classmethod
    async def connect(cls, login: Login, lane: Lane, book: TypeBook, *, deadline: float) -> Self:
        """Connect and log in, trying one checked address after the other.

        Raises:
            DatasourceError: no address gave a session in time; nothing was sent but the login.
        """
        loop = asyncio.get_running_loop()
        failure = ConnectFailed("the host has no address", outcome=Outcome.NOT_SENT)
        left = len(login.target.addresses)
        for address in login.target.addresses:
            now = loop.time()
            try:
                async with asyncio.timeout_at(now + (deadline - now) / left):
                    return await cls._dial(login, address, lane, book)
            except (DatasourceError, *faults.RAISED) as error:
                translated = faults.translate_connect(error)
                if not isinstance(translated, ConnectFailed):  # a server has answered: another try may lock the role
                    raise translated from None
                failure = translated
            left -= 1
        raise failure

    @classmethod
    async def _dial(cls, login: Login, address: str, lane: Lane, book: TypeBook) -> Self:
        loop = asyncio.get_running_loop()
        settings = {
            **PINS,
            "statement_timeout": f"{login.ceiling_seconds}s",
            "default_transaction_read_only": lane.value,
        }
        parameters = connect_utils._ConnectionParameters(  # noqa: SLF001  # reason: see the top of this file
            user=login.username,
            password=login.password.reveal() if login.password is not None else "",
            database=login.database,
            ssl=login.context,
            sslmode=connect_utils.SSLMode.disable if login.context is None else connect_utils.SSLMode.require,
            ssl_negotiation=connect_utils.SSLNegotiation.postgres,
            server_settings=settings,
            target_session_attrs=connect_utils.SessionAttribute.any,
            krbsrvname=None,
            gsslib=None,
        )
        place = (address, login.target.port)
        ready: asyncio.Future[Any] = loop.create_future()

        def protocol() -> Meter:
            meter = Meter(place, ready, parameters, asyncpg.Record, loop)
            meter.clear_text_allowed = login.verified
            return meter

        transport: Any = None
        try:
            if login.context is None:
                transport, meter = await loop.create_connection(protocol, *place)
            else:
                transport, meter = await connect_utils._create_ssl_connection(  # noqa: SLF001
                    protocol, *place, loop=loop, ssl_context=login.context
                )
            try:
                await ready
            except asyncpg.PostgresError:
                if meter.clear_text_refused:
                    raise CredentialsRejected(
                        "the server asks for the password in clear text, and its identity is not verified",
                        hint="use scram-sha-256 at the server, or a tlsMode that verifies it",
                        outcome=Outcome.NOT_SENT,
                    ) from None
                raise
        except BaseException:
            if ready.done() and not ready.cancelled():
                ready.exception()  # seen: nobody else will ask
            ready.cancel()
            if transport is not None:
                transport.abort()
            raise
        configuration = connect_utils._ClientConfiguration(  # noqa: SLF001
            command_timeout=CLOSE_SECONDS,
            statement_cache_size=0,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
        )
        connection = asyncpg.Connection(meter, transport, loop, place, configuration, parameters)
        meter.set_connection(connection)
        wire = cls(connection, meter, lane, book, encrypted=login.context is not None)
        if wire.setting("default_transaction_read_only") != lane.value:
            wire.terminate()
            raise ConnectFailed(
                "the server, or a pooler before it, ignores the session's startup parameters",
                hint="connect to the server directly, or to a pooler that passes startup parameters on",
                outcome=Outcome.NOT_SENT,
            )
        return wire

    @property
    def alive(self) -> bool:
        """Whether the connection can carry another statement."""
        meter = self._meter
        return meter.is_connected() and not meter.stopped and not meter._is_cancelling()  # noqa: SLF001

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, healthy or failed."""
        return bool(self._protocol.is_in_transaction())

    @property
    def rows_cut(self) -> bool:
        """Whether the last answer was cut because it had too many rows."""
        return self._meter.rows_cut

    def setting(self, name: str) -> str:
        """Return a setting as the server reported it when it changed last; ``""`` when it does not report it."""
        return getattr(self._protocol.get_settings(), name, "")

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

    def forget(self, statement: Statement) -> None:
        """Drop a kept statement that the server no longer takes. Its name is not used again."""
        self.kept.pop(statement.digest, None)

    async def prepare(self, statement: Statement, *, name: str = "", timeout: float) -> Kept:  # noqa: ASYNC109
        """Prepare a statement under a name, the unnamed one by default, and learn its types."""
        self._meter.disarm()
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
            columns=tuple(Column(name, info.column, info.name) for name, info in zip(names, infos, strict=True)),
            messages=tuple(
                f'several columns are named "{name}": the second is shown as "{name}_2", and so on' for name in repeated
            ),
        )

    async def run(
        self,
        kept: Kept,
        arguments: Sequence[Argument],
        *,
        limits: Limits,
        stop: bool,
        limit: int = 0,
        timeout: float,  # noqa: ASYNC109
    ) -> Answer:
        """Execute a prepared statement: one round trip.

        Args:
            kept: the statement.
            arguments: one for each of its parameters.
            limits: of rows and bytes.
            stop: at a limit, end the answer and this connection; else read on and drop rows.
            limit: rows that the server may send, 0 for all. A limit keeps the server from working in parallel.
            timeout: seconds.
        """
        self._meter.arm(rows=limits.rows, size=limits.bytes, stop=stop, bounded=limit > 0)
        rows, tag, _ = await self._protocol.bind_execute(kept.state, arguments, "", limit, _WITH_TAG, timeout)
        return Answer(rows, tag.decode() if tag else "", self._meter.cut)

    async def fetch(self, statement: Statement, *values: Value) -> Sequence[Sequence[Any]]:
        """Run one of the driver's own statements, bounded in time, not in rows."""
        kept = self.find(statement) or await self.keep(statement, timeout=OWN_SECONDS)
        arguments = bind(values, kept.types)
        self._meter.disarm()
        rows: Sequence[Sequence[Any]] = await self._protocol.bind_execute(
            kept.state, arguments, "", 0, not _WITH_TAG, OWN_SECONDS
        )
        return rows

    async def script(self, text: str, *, timeout: float = OWN_SECONDS) -> None:  # noqa: ASYNC109
        """Run one of the driver's own constant texts, several statements at once: the simple protocol."""
        self._meter.disarm()
        await self._protocol.query(text, timeout)

    async def sync(self, *, timeout: float = OWN_SECONDS) -> None:  # noqa: ASYNC109
        """End the implicit transaction, and with it the locks, of a prepare that no execution follows."""
        self._meter.disarm()
        await self._protocol.close_portal("", timeout)

    async def close(self) -> None:
        """End the session: cancel what still runs, say goodbye. Bounded in time; never raises but CancelledError.

        Calls beyond the first return at once.
        """
        if self._closing:
            return
        self._closing = True
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._meter.stopped:
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
        await asyncio.wait([self._meter.lost], timeout=CLOSE_SECONDS)

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
