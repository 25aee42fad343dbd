"""One MySQL datasource at one revision: prepared executions, read-only lanes, bounds, checks, structure."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

from appsmith_proxy.sdk import (
    AffectedLimitExceeded,
    Client,
    DatasourceError,
    EncodedRows,
    ExecuteRequest,
    ExecutionTimeout,
    Facts,
    Health,
    Lane,
    OpenContext,
    Outcome,
    PermissionRejected,
    Pool,
    Prepared,
    Result,
    Room,
    Secret,
    Session,
    Statement,
    StatementInvalid,
    Structure,
)
from appsmith_proxy_mysql import faults, health, structure
from appsmith_proxy_mysql.cuts import Cuts
from appsmith_proxy_mysql.encode import bind
from appsmith_proxy_mysql.facts import leaves_nothing, undoing
from appsmith_proxy_mysql.fields import DEFAULT_CEILING, Configuration
from appsmith_proxy_mysql.login import Login
from appsmith_proxy_mysql.reset import COMMIT, ROLLBACK, START, START_READ_ONLY
from appsmith_proxy_mysql.wire import Answer, Wire
from appsmith_proxy_mysql.words import CALL, WRITES, first_word, may_leave_read_only

OWN_WORK_SECONDS: Final = 15.0
"""Deadline of checks and descriptions, for which the contract has none."""
CONNECT_SECONDS: Final = 10.0


class MysqlClient(Client):
    """Speaks to one server as one account, over at most ``context.max_connections`` connections."""

    def __init__(self, configuration: Configuration, secrets: Mapping[str, Secret], context: OpenContext) -> None:
        self.pool = Pool(
            self._connect, size=context.max_connections, idle_seconds=context.idle_seconds, raised=faults.RAISED
        )
        self._configuration = configuration
        self._secrets = dict(secrets)
        self._network = context.network
        self._ceiling_seconds = int(context.options.get("ceilingSeconds", DEFAULT_CEILING))
        self._room = Room()
        self._facts = Facts(leaves_nothing)
        self._cuts = Cuts()
        self._now = asyncio.get_running_loop().time

    async def execute(self, request: ExecuteRequest) -> Result:
        """Run one prepared statement on a connection of the lane that the request asks for."""
        statement = _statement(request)
        self._left(request.deadline)
        lane = Lane.READ_ONLY if request.read_only else Lane.READ_WRITE
        _check_kind(request, statement, lane)
        wire = self.pool.take(lane, request.scope)
        if wire is None:
            wire = await self.pool.acquire(lane, request.scope, deadline=request.deadline)
        scope = ""
        attempt = self._perform if request.limits.affected is None or not statement.writes else self._guarded
        try:
            try:
                result = await attempt(wire, request, statement)
            except _Stale:
                result = await _last(attempt(wire, request, statement))
            if wire.in_transaction:
                called = first_word(statement.text) == CALL
                outcome = Outcome.UNKNOWN if called else Outcome.ROLLED_BACK
                raise StatementInvalid("the statement leaves a transaction open", outcome=outcome)
            scope = request.scope
        finally:
            self._give_back(wire, statement, scope=scope)
        return result

    async def prepare(self, statement: Statement, *, deadline: float) -> Prepared:
        """Have the server check a statement. It reports no types of parameters."""
        wire = await self.pool.acquire(Lane.READ_WRITE, "", deadline=deadline)
        try:
            kept = await wire.prepare(statement, timeout=self._left(deadline))  # the reset makes the server forget it
        except faults.RAISED as error:
            raise faults.translate(error, sent=False) from None
        finally:
            self.pool.release(wire)
        return Prepared(
            parameter_types=(None,) * len(statement.parameters),
            columns=kept.columns,
            returns_rows=bool(kept.columns),
        )

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> AsyncIterator[Session]:
        """Lend one transaction, committed when the block ends well."""
        async with self._own_wire(Lane.READ_ONLY if read_only else Lane.READ_WRITE, deadline) as wire:
            await self._script(wire, START_READ_ONLY if read_only else START, sent=False, deadline=deadline)
            yield _Transaction(self, wire)
            await self._script(wire, COMMIT, sent=True, deadline=deadline)
            # else the reset that follows rolls back

    async def check(self) -> Health:
        """Connect, and tell the version and what is risky about the account."""
        async with self._own_wire() as wire:
            return await health.check(wire, self._configuration.tls)

    async def describe(self, path: Sequence[str], page: str | None) -> Structure:
        """Describe tables, columns and keys of the datasource's database, or of another one (``(database,)``)."""
        async with self._own_wire() as wire:
            return await structure.describe(wire, path, page)

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close()

    async def perform_within(self, wire: Wire, request: ExecuteRequest) -> Result:
        """Run one statement of a transaction that is open on the connection."""
        statement = _statement(request)
        _check_kind(request, statement, wire.lane)
        result = await _last(self._perform(wire, request, statement, within=True))
        if wire.alive and not wire.in_transaction:
            raise StatementInvalid(
                "the statement has ended the transaction: what came before it is done", outcome=Outcome.UNKNOWN
            )
        return result

    async def _perform(
        self, wire: Wire, request: ExecuteRequest, statement: Statement, *, within: bool = False
    ) -> Result:
        """Run a statement: one round trip when it is kept. ``within`` a transaction the connection must live on."""
        kept = wire.find(statement)
        if kept is None:
            try:
                kept = await wire.keep(statement, timeout=self._left(request.deadline))
            except faults.RAISED as error:
                raise faults.translate(error, sent=False) from None
        arguments = bind(request.values, statement.parameters)
        reads = request.read_only and not within
        try:
            if reads and self._cuts.known(statement):
                answer = await self._cuts.run(wire, kept, arguments, request, timeout=self._left(request.deadline))
            else:
                answer = await wire.run(
                    kept,
                    arguments,
                    limits=request.limits,
                    stop=reads,
                    encode=request.encode,
                    timeout=self._left(request.deadline),
                )
        except faults.RAISED as error:
            may_stay = faults.reported(error) and await self._may_stay(wire, statement)
            translated = faults.translate(error, may_commit=may_stay)
            if faults.wants_preparing(error):
                wire.forget(statement)
                raise _Stale(translated) from None
            raise translated from None
        if answer.cut and reads:
            self._cuts.learn(statement, answer)
        return _result(answer)

    async def _guarded(self, wire: Wire, request: ExecuteRequest, statement: Statement) -> Result:
        """Run a write in a transaction of its own, rolled back when it changes too many rows."""
        deadline = request.deadline
        try:
            undo = await undoing(wire, statement)
        except faults.RAISED as error:
            raise faults.translate(error, sent=False) from None
        if undo.named:
            raise StatementInvalid(
                "a limit of changed rows needs tables with transactions, and one of these has none",
                hint="use a table of the InnoDB engine, or take the limit off",
                outcome=Outcome.NOT_SENT,
            )
        await self._script(wire, START, sent=False, deadline=deadline)
        try:
            result = await self._perform(wire, request, statement, within=True)
            _check_affected(result, request, outcome=Outcome.ROLLED_BACK if undo.certain else Outcome.UNKNOWN)
        except (DatasourceError, _Stale):
            with suppress(*faults.RAISED):  # else the reset does it, or the connection's end
                if wire.alive:
                    await wire.script(ROLLBACK)
            raise
        await self._script(wire, COMMIT, sent=True, deadline=deadline)
        return result

    async def _may_stay(self, wire: Wire, statement: Statement) -> bool:
        """Return whether a part of what a statement did may stay, though the server has reported an error."""
        first = first_word(statement.text)
        if not statement.writes:
            return False
        if first not in WRITES or not wire.alive:
            return True
        try:
            return not (await undoing(wire, statement)).certain
        except faults.RAISED:
            return True

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
        target = await self._network.resolve(configuration.host, configuration.port)
        login = Login(
            target=target,
            context=self._network.tls(target, configuration.tls.options(self._secrets.get("tlsKey"))),
            verified=configuration.tls.verified,
            database=configuration.database,
            username=configuration.username,
            password=self._secrets.get("password"),
            ceiling_seconds=self._ceiling_seconds,
        )
        until = min(deadline, self._now() + CONNECT_SECONDS)
        return await Wire.connect(login, lane, self._room, deadline=until)

    def _left(self, deadline: float, outcome: Outcome = Outcome.NOT_SENT) -> float:
        """Return how many seconds are left, when there are any; else ``outcome`` is what became of the work."""
        left = deadline - self._now()
        if left <= 0:
            raise ExecutionTimeout("the deadline passed before the statement was sent", outcome=outcome)
        return left


class _Transaction:
    """One open transaction, as the executor sees it."""

    def __init__(self, client: MysqlClient, wire: Wire) -> None:
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
        raise StatementInvalid("the MySQL driver runs statements only", outcome=Outcome.NOT_SENT)
    return request.payload


def _check_kind(request: ExecuteRequest, statement: Statement, lane: Lane) -> None:
    """Refuse what the server would let through, though it keeps a read-only session and a limit else."""
    if lane is Lane.READ_ONLY and may_leave_read_only(statement.text):
        raise PermissionRejected("the action runs read-only and the statement may write", outcome=Outcome.NOT_SENT)
    if request.limits.affected is not None and first_word(statement.text) == CALL:
        raise StatementInvalid(
            "what a procedure changes can be neither counted nor taken back, so it cannot have a limit of changed rows",
            hint="take the limit off, and let the procedure check what it does",
            outcome=Outcome.NOT_SENT,
        )


def _check_affected(result: Result, request: ExecuteRequest, *, outcome: Outcome) -> None:
    limit = request.limits.affected
    changed = _row_count(result) if result.affected is None else result.affected  # one row for each, RETURNING
    if limit is not None and (result.truncated or changed > limit):
        raise AffectedLimitExceeded(
            f"the statement changes more than {limit} rows, so nothing was changed",
            hint="make its condition narrower, or raise the action's limit",
            outcome=outcome,
        )


def _row_count(result: Result) -> int:
    return len(result.rows.texts) if isinstance(result.rows, EncodedRows) else len(result.rows or ())


def _result(answer: Answer) -> Result:
    if answer.rows is None:
        return Result(affected=answer.affected)
    return Result(columns=answer.columns, rows=answer.rows, truncated=answer.cut, messages=answer.messages)
