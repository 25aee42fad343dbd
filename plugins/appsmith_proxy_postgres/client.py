"""One PostgreSQL datasource at one revision: prepared executions, read-only lanes, bounds, checks, structure."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Final

from appsmith_proxy.sdk import (
    AffectedLimitExceeded,
    Client,
    DatasourceError,
    ExecuteRequest,
    ExecutionTimeout,
    Facts,
    Health,
    Lane,
    OpenContext,
    Outcome,
    PlanStale,
    Pool,
    Prepared,
    Reported,
    Result,
    Room,
    Secret,
    Session,
    Statement,
    StatementInvalid,
    Structure,
)
from appsmith_proxy_postgres import faults, health, structure
from appsmith_proxy_postgres.bind import bind
from appsmith_proxy_postgres.encoding import ENCODE_ROWS, Encoding
from appsmith_proxy_postgres.facts import leaves_nothing
from appsmith_proxy_postgres.fields import DEFAULT_CEILING, Configuration
from appsmith_proxy_postgres.login import Login
from appsmith_proxy_postgres.reset import BEGIN, BEGIN_READ_ONLY, COMMIT, ROLLBACK
from appsmith_proxy_postgres.typebook import TypeBook
from appsmith_proxy_postgres.wire import Answer, Kept, Wire

OWN_WORK_SECONDS: Final = 15.0
"""Deadline of checks and descriptions, for which the contract has none."""
CONNECT_SECONDS: Final = 10.0
_MAX_LONG: Final = 4096

_CALL: Final = re.compile(r"\s*call\b", re.IGNORECASE)
_WITH: Final = re.compile(r"\bwith\b", re.IGNORECASE)
_COUNTED: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_CHANGED: Final = Statement(
    text="SELECT COALESCE(pg_catalog.sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::pg_catalog.int8"
    " FROM pg_catalog.pg_stat_xact_user_tables"
)
"""Rows changed so far, in this transaction and in earlier ones that are not reported yet: its growth is the only count of
what the parts of a WITH change."""


class PostgresClient(Client):
    """Speaks to one database as one role, over at most ``context.max_connections`` connections."""

    def __init__(
        self,
        configuration: Configuration,
        secrets: Mapping[str, Secret],
        context: OpenContext,
        *,
        encode_rows: int = ENCODE_ROWS,
    ) -> None:
        self.pool = Pool(
            self._connect, size=context.max_connections, idle_seconds=context.idle_seconds, raised=faults.RAISED
        )
        self._configuration = configuration
        self._secrets = dict(secrets)
        self._network = context.network
        self._ceiling_seconds = int(context.options.get("ceilingSeconds", DEFAULT_CEILING))
        self._book = TypeBook()
        self._room = Room()
        self._facts = Facts(leaves_nothing)
        self._encoding = Encoding(rows=encode_rows)
        self._long: set[str] = set()
        """Digests of reads that once had too many rows: from then on the server is told the limit."""
        self._now = asyncio.get_running_loop().time

    async def execute(self, request: ExecuteRequest) -> Result:
        """Run one prepared statement on a connection of the lane that the request asks for."""
        statement = _statement(request)
        self._left(request.deadline)
        lane = Lane.READ_ONLY if request.read_only else Lane.READ_WRITE
        wire = self.pool.take(lane, request.scope)
        if wire is None:
            wire = await self.pool.acquire(lane, request.scope, deadline=request.deadline)
        scope = ""
        attempt = self._guarded if _needs_transaction(request, statement) else self._perform
        try:
            try:
                result = await attempt(wire, request, statement)
            except _Stale:  # the first text decides, whichever it was that failed
                result = await _last(attempt(wire, replace(request, encode=False), statement))
            if wire.in_transaction:
                raise StatementInvalid("the statement opens a transaction", outcome=Outcome.ROLLED_BACK)
            scope = request.scope
        finally:
            self._give_back(wire, statement, scope=scope)
        return result

    async def prepare(self, statement: Statement, *, deadline: float) -> Prepared:
        """Have the server check a statement; no lock and no name stays."""
        wire = await self.pool.acquire(Lane.READ_WRITE, "", deadline=deadline)
        try:
            kept = await wire.prepare(statement, timeout=self._left(deadline))
            await wire.sync(timeout=self._left(deadline))
        except faults.RAISED as error:
            raise faults.translate(error, sent=False) from None
        finally:
            self.pool.release(wire)
        return kept.prepared

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> AsyncIterator[Session]:
        """Lend one transaction, committed when the block ends well."""
        async with self._own_wire(Lane.READ_ONLY if read_only else Lane.READ_WRITE, deadline) as wire:
            await self._script(wire, BEGIN_READ_ONLY if read_only else BEGIN, sent=False, deadline=deadline)
            yield _Transaction(self, wire)
            await self._script(wire, COMMIT, sent=True, deadline=deadline)
            # else the reset that follows rolls back

    async def check(self) -> Health:
        """Connect, and tell the version and what is risky about the role."""
        async with self._own_wire() as wire:
            return await health.check(wire, self._configuration.tls)

    async def describe(self, path: Sequence[str], page: str | None) -> Structure:
        """Describe schemas, tables, columns and keys."""
        async with self._own_wire() as wire:
            return await structure.describe(wire, path, page)

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close()

    async def perform_within(self, wire: Wire, request: ExecuteRequest) -> Result:
        """Run one statement of a transaction that is open on the connection."""
        return await _last(self._perform(wire, request, _statement(request), within=True))

    async def _perform(
        self, wire: Wire, request: ExecuteRequest, statement: Statement, *, within: bool = False
    ) -> Result:
        """Run a statement: one round trip when it is kept. ``within`` a transaction the connection must live on."""
        kept = wire.find(statement)
        if kept is not None and kept.differences(request.reported):
            await wire.forget(statement)  # it may be older than what was published; a fresh one decides
            kept = None
        if kept is None:
            try:
                kept = await wire.keep(statement, timeout=self._left(request.deadline))
            except faults.RAISED as error:
                raise faults.translate(error, sent=False) from None
            _check_reported(kept, request.reported)
        arguments = bind(request.values, kept.types)
        limits = request.limits
        second = None if within else await self._second(wire, kept, request)
        try:
            answer = await wire.run(
                second or kept,
                arguments,
                limits=limits,
                stop=request.read_only and not within,
                limit=limits.rows + 1 if statement.digest in self._long else 0,
                encoded=kept.derived if second is not None else None,
                timeout=self._left(request.deadline),
            )
        except faults.RAISED as error:
            may_commit = _CALL.match(statement.text) is not None
            translated = faults.translate(error, may_commit=may_commit, expected=kept.type_names)
            about_text = faults.is_about_text(error)
            if about_text or faults.wants_preparing(error):
                await wire.forget(statement)
            if faults.wants_preparing(error) or (about_text and second is not None):
                raise _Stale(translated) from None
            raise translated from None
        if answer.cut and wire.rows_cut and request.read_only and len(self._long) < _MAX_LONG:
            self._long.add(statement.digest)
        self._encoding.learn(statement, answer)
        return _result(kept, answer)

    async def _second(self, wire: Wire, kept: Kept, request: ExecuteRequest) -> Kept | None:
        """Return the statement's second text, of which the server encodes the rows; None: the answer comes plain."""
        if not request.encode or not self._encoding.pays(kept.statement):
            return None
        try:
            return await self._encoding.second(wire, kept, timeout=self._left(request.deadline))
        except faults.RAISED as error:
            translated = faults.translate(error, sent=False)
            if faults.wants_preparing(error):
                await wire.forget(kept.statement)
                raise _Stale(translated) from None
            raise translated from None

    async def _guarded(self, wire: Wire, request: ExecuteRequest, statement: Statement) -> Result:
        """Run a statement in a transaction of its own: READ ONLY, or rolled back when it changes too many rows."""
        deadline = request.deadline
        await self._script(wire, BEGIN_READ_ONLY if request.read_only else BEGIN, sent=False, deadline=deadline)
        limit = request.limits.affected
        hidden = limit is not None and _WITH.search(statement.text) is not None
        try:
            before = await self._changed(wire) if hidden else 0
            result = await self._perform(wire, request, statement, within=True)
            changed = await self._changed(wire) - before if hidden else result.affected or 0
            if limit is not None and changed > limit:
                raise AffectedLimitExceeded(
                    f"the statement changes more than {limit} rows, so nothing was changed",
                    hint="make its condition narrower, or raise the action's limit",
                    outcome=Outcome.ROLLED_BACK,
                )
        except (DatasourceError, _Stale):
            with suppress(*faults.RAISED):  # else the reset does it, or the connection's end
                if wire.alive:
                    await wire.script(ROLLBACK)
            raise
        await self._script(wire, COMMIT, sent=True, deadline=deadline)
        return result

    async def _changed(self, wire: Wire) -> int:
        try:
            ((changed,),) = await wire.fetch(_CHANGED)
        except faults.RAISED as error:
            raise faults.translate(error) from None
        return int(changed)

    async def _script(self, wire: Wire, text: str, *, sent: bool, deadline: float) -> None:
        left = self._left(deadline, Outcome.ROLLED_BACK if sent else Outcome.NOT_SENT)
        try:
            await wire.script(text, timeout=left)
        except faults.RAISED as error:
            raise faults.translate(error, sent=sent) from None

    @asynccontextmanager
    async def _own_wire(self, lane: Lane = Lane.READ_WRITE, deadline: float | None = None) -> AsyncIterator[Wire]:
        """Lend a connection for the driver's own statements, errors translated."""
        wire = await self.pool.acquire(lane, "", deadline=deadline or self._now() + OWN_WORK_SECONDS)
        try:
            yield wire
        except faults.RAISED as error:
            raise faults.translate(error) from None
        finally:
            self.pool.release(wire)

    def _give_back(self, wire: Wire, statement: Statement, *, scope: str) -> None:
        """Return the connection; facts decide whether it must be reset first, and are read off the caller's path."""
        if not scope:
            self.pool.release(wire)
        elif self._facts.claim(statement, now := self._now()):
            self.pool.release(wire, afterwards=partial(self._facts.read, statement=statement, now=now))
        else:
            self.pool.release(wire, harmless_scope=scope if self._facts.harmless(statement, now) else "")

    async def _connect(self, lane: Lane, deadline: float) -> Wire:
        configuration = self._configuration
        until = min(deadline, self._now() + CONNECT_SECONDS)
        target = await self._network.resolve(configuration.host, configuration.port)
        context = self._network.tls(target, configuration.tls.options(self._secrets.get("tlsKey")))
        login = Login(
            target=target,
            context=context,
            verified=configuration.tls.verified,
            database=configuration.database,
            username=configuration.username,
            password=self._secrets.get("password"),
            ceiling_seconds=self._ceiling_seconds,
        )
        return await Wire.connect(login, lane, self._book, self._room, deadline=until)

    def _left(self, deadline: float, outcome: Outcome = Outcome.NOT_SENT) -> float:
        """Return how many seconds are left, when there are any; else ``outcome`` is what became of the work."""
        left = deadline - self._now()
        if left <= 0:
            raise ExecutionTimeout("the deadline passed before the statement was sent", outcome=outcome)
        return left


class _Transaction:
    """One open transaction, as the executor sees it."""

    def __init__(self, client: PostgresClient, wire: Wire) -> None:
        self._client = client
        self._wire = wire

    async def execute(self, request: ExecuteRequest) -> Result:
        """Run one statement inside the transaction."""
        return await self._client.perform_within(self._wire, request)


class _Stale(Exception):
    """The server asks for the statement to be prepared again; it has done nothing."""

    def __init__(self, error: DatasourceError) -> None:
        super().__init__()
        self.error = error


async def _last(attempt: Awaitable[Result]) -> Result:
    """Run a statement that is not tried again."""
    try:
        return await attempt
    except _Stale as stale:
        raise stale.error from None


def _statement(request: ExecuteRequest) -> Statement:
    if not isinstance(request.payload, Statement):
        raise StatementInvalid("the PostgreSQL driver runs statements only", outcome=Outcome.NOT_SENT)
    return request.payload


def _check_reported(kept: Kept, reported: Reported | None) -> None:
    """Refuse a statement whose parameters or columns are not of the types with which it was published."""
    found = kept.differences(reported)
    if found:
        raise PlanStale(
            f"the database's schema has changed since this was published: {'; '.join(found)}",
            hint="look at the statement, and publish its application again",
            outcome=Outcome.NOT_SENT,
        )


def _needs_transaction(request: ExecuteRequest, statement: Statement) -> bool:
    """A procedure may commit and begin anew, out of a read-only session; out of a READ ONLY transaction it may not."""
    return statement.writes and (request.read_only or request.limits.affected is not None)


def _result(kept: Kept, answer: Answer) -> Result:
    verb, _, rest = answer.tag.partition(" ")
    counted = verb in _COUNTED
    affected = int(rest.rpartition(" ")[2]) if counted else None
    if not kept.columns:
        return Result(affected=affected or 0)
    return Result(
        columns=kept.columns,
        rows=answer.rows,
        affected=affected,
        truncated=answer.cut,
        messages=kept.messages,
    )
