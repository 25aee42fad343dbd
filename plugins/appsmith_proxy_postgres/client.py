"""One PostgreSQL datasource at one revision: prepared executions, read-only lanes, bounds, checks, structure."""

import re
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final

from appsmith_proxy.sdk import (
    AffectedLimitExceeded,
    EncodedRows,
    ExecuteRequest,
    Health,
    Lane,
    OpenContext,
    Outcome,
    PlanStale,
    PooledClient,
    Prepared,
    Reported,
    Result,
    Room,
    Secret,
    SqlServer,
    Stale,
    Statement,
    Structure,
)
from appsmith_proxy_postgres import faults, health, structure
from appsmith_proxy_postgres.bind import bind
from appsmith_proxy_postgres.encoding import ENCODE_ROWS, Encoding
from appsmith_proxy_postgres.facts import leaves_nothing
from appsmith_proxy_postgres.typebook import TypeBook
from appsmith_proxy_postgres.wire import Kept, Wire

CONNECT_SECONDS: Final = 10.0
_MAX_LONG: Final = 4096

_CALL: Final = re.compile(r"\s*call\b", re.IGNORECASE)
_WITH: Final = re.compile(r"\bwith\b", re.IGNORECASE)
_COUNTED: Final = frozenset({b"INSERT", b"UPDATE", b"DELETE", b"MERGE"})
_CHANGED: Final = Statement(
    text="SELECT COALESCE(pg_catalog.sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::pg_catalog.int8"
    " FROM pg_catalog.pg_stat_xact_user_tables"
)
"""Rows changed so far, in this transaction and in earlier ones that are not reported yet: its growth is the only count of
what the parts of a WITH change."""


class PostgresClient(PooledClient[Wire]):
    """Speaks to one database as one role, over at most ``context.max_connections`` connections."""

    def __init__(
        self,
        server: SqlServer,
        secrets: Mapping[str, Secret],
        context: OpenContext,
        *,
        encode_rows: int = ENCODE_ROWS,
    ) -> None:
        super().__init__(context, raised=faults.RAISED, translate=faults.translate, leaves_nothing=leaves_nothing)
        self._server = server
        self._secrets = dict(secrets)
        self._context = context
        self._book = TypeBook()
        self._room = Room()
        self._encoding = Encoding(rows=encode_rows)
        self._long: set[str] = set()
        """Digests of reads that once had too many rows: from then on the server is told the limit."""

    async def connect(self, lane: Lane, deadline: float) -> Wire:
        """Connect and log in."""
        until = min(deadline, self.now() + CONNECT_SECONDS)
        login = await self._server.login(self._context.network, self._secrets, self._context.options)
        return await Wire.connect(login, lane, self._book, self._room, deadline=until)

    def run(self, wire: Wire, request: ExecuteRequest, statement: Statement, *, within: bool) -> Awaitable[Result]:
        """Run a statement; alone and guarded, in a transaction of its own."""
        if statement.writes and not within and _needs_transaction(request):
            return self._guarded(wire, request, statement)
        return self._perform(wire, request, statement, within=within)

    def may_commit(self, statement: Statement) -> bool:
        """Return whether it calls a procedure."""
        return _CALL.match(statement.text) is not None

    async def prepare(self, statement: Statement, *, deadline: float) -> Prepared:
        """Have the server check a statement; no lock and no name stays."""
        async with self.own(deadline=deadline, sent=False) as wire:
            kept = await wire.prepare(statement, timeout=self.left(deadline))
            await wire.sync(timeout=self.left(deadline))
        return kept.prepared

    async def check(self) -> Health:
        """Connect, and tell the version and what is risky about the role."""
        async with self.own() as wire:
            return await health.check(wire, self._server.tls)

    async def describe(self, path: Sequence[str], page: str | None) -> Structure:
        """Describe schemas, tables, columns and keys."""
        async with self.own() as wire:
            return await structure.describe(wire, path, page)

    async def _perform(self, wire: Wire, request: ExecuteRequest, statement: Statement, *, within: bool) -> Result:
        """Run a statement: one round trip when it is kept. ``within`` a transaction the connection must live on."""
        kept = wire.find(statement)
        if kept is None or (kept.agreed is not request.reported and kept.differences(request.reported)):
            kept = await self._keep(wire, request, statement)
        arguments = bind(request.values, kept.types)
        limits, meter = request.limits, wire.meter
        second = None
        if request.encode and not within and self._encoding.pays(statement):
            second = await self._second(wire, kept, request)
        try:
            rows, tag, _ = await wire.send(
                second or kept,
                arguments,
                limits=limits,
                stop=request.read_only and not within,
                limit=limits.rows + 1 if statement.digest in self._long else 0,
                encoded=kept.derived if second is not None else None,
                timeout=self.left(request.deadline),
            )
            texts = wire.texts() if second is not None else None
        except faults.RAISED as error:
            raise await self._failed(error, wire, kept, encoded=second is not None) from None
        finally:
            meter.settle()
        if meter.rows_cut and request.read_only and len(self._long) < _MAX_LONG:
            self._long.add(statement.digest)
        self._encoding.learn(statement, rows=len(rows if texts is None else texts), size=meter.counted)
        affected = _affected(tag or b"")
        if not kept.columns:
            return Result(affected=affected or 0)
        return Result(
            columns=kept.columns,
            rows=rows if texts is None else EncodedRows(texts),
            affected=affected,
            truncated=meter.cut,
            messages=kept.messages,
        )

    async def _keep(self, wire: Wire, request: ExecuteRequest, statement: Statement) -> Kept:
        """Prepare a statement and keep it, and hold it to what was published. An older one of it is forgotten."""
        await wire.forget(statement)
        try:
            kept = await wire.keep(statement, timeout=self.left(request.deadline))
        except faults.RAISED as error:
            raise faults.translate(error, sent=False) from None
        _check_reported(kept, request.reported)
        return kept

    async def _failed(self, error: Exception, wire: Wire, kept: Kept, *, encoded: bool) -> Exception:
        """Return what to raise for what an execution raised; a statement that may be out of date is forgotten."""
        wire.meter.settle()  # before anything else is asked on the connection
        may_commit = self.may_commit(kept.statement)
        translated = faults.translate(error, may_commit=may_commit, expected=kept.type_names)
        about_text, outdated = faults.is_about_text(error), faults.wants_preparing(error)
        if about_text or outdated:
            await wire.forget(kept.statement)
        return Stale(translated) if outdated or (about_text and encoded) else translated

    async def _second(self, wire: Wire, kept: Kept, request: ExecuteRequest) -> Kept | None:
        """Return the statement's second text, of which the server encodes the rows; None: the answer comes plain."""
        try:
            return await self._encoding.second(wire, kept, timeout=self.left(request.deadline))
        except faults.RAISED as error:
            translated = faults.translate(error, sent=False)
            if faults.wants_preparing(error):
                await wire.forget(kept.statement)
                raise Stale(translated) from None
            raise translated from None

    async def _guarded(self, wire: Wire, request: ExecuteRequest, statement: Statement) -> Result:
        """Run a statement in a transaction of its own: READ ONLY, or rolled back when it changes too many rows."""
        limit = request.limits.affected
        hidden = limit is not None and _WITH.search(statement.text) is not None
        async with self.bracket(wire, read_only=request.read_only, deadline=request.deadline):
            before = await self._changed(wire) if hidden else 0
            result = await self._perform(wire, request, statement, within=True)
            changed = await self._changed(wire) - before if hidden else result.affected or 0
            if limit is not None and changed > limit:
                raise AffectedLimitExceeded(
                    f"the statement changes more than {limit} rows, so nothing was changed",
                    hint="make its condition narrower, or raise the action's limit",
                    outcome=Outcome.ROLLED_BACK,
                )
        return result

    async def _changed(self, wire: Wire) -> int:
        try:
            ((changed,),) = await wire.fetch(_CHANGED)
        except faults.RAISED as error:
            raise faults.translate(error) from None
        return int(changed)


def _check_reported(kept: Kept, reported: Reported | None) -> None:
    """Refuse a statement whose parameters or columns are not of the types with which it was published."""
    found = kept.differences(reported)
    if found:
        raise PlanStale(
            f"the database's schema has changed since this was published: {'; '.join(found)}",
            hint="look at the statement, and publish its application again",
            outcome=Outcome.NOT_SENT,
        )


def _needs_transaction(request: ExecuteRequest) -> bool:
    """A procedure may commit and begin anew, out of a read-only session; out of a READ ONLY transaction it may not."""
    return request.read_only or request.limits.affected is not None


def _affected(tag: bytes) -> int | None:
    """Return how many rows a command has changed, by its tag; None: it is none that changes rows."""
    verb, _, rest = tag.partition(b" ")
    return int(rest.rpartition(b" ")[2]) if verb in _COUNTED else None
