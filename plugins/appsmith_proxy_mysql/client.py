"""One MySQL datasource at one revision: prepared executions, read-only lanes, bounds, checks, structure."""

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
    PermissionRejected,
    PooledClient,
    Prepared,
    Result,
    Room,
    Secret,
    SqlServer,
    Stale,
    Statement,
    StatementInvalid,
    Structure,
)
from appsmith_proxy_mysql import faults, health, structure
from appsmith_proxy_mysql.cuts import Cuts
from appsmith_proxy_mysql.encode import bind
from appsmith_proxy_mysql.facts import leaves_nothing, undoing
from appsmith_proxy_mysql.wire import Answer, Wire
from appsmith_proxy_mysql.words import CALL, WRITES, first_word, may_leave_read_only

CONNECT_SECONDS: Final = 10.0


class MysqlClient(PooledClient[Wire]):
    """Speaks to one server as one account, over at most ``context.max_connections`` connections."""

    def __init__(self, server: SqlServer, secrets: Mapping[str, Secret], context: OpenContext) -> None:
        super().__init__(context, raised=faults.RAISED, translate=faults.translate, leaves_nothing=leaves_nothing)
        self._server = server
        self._secrets = dict(secrets)
        self._context = context
        self._room = Room()
        self._cuts = Cuts()

    async def connect(self, lane: Lane, deadline: float) -> Wire:
        """Connect, log in and pin the session."""
        login = await self._server.login(self._context.network, self._secrets, self._context.options)
        return await Wire.connect(login, lane, self._room, deadline=min(deadline, self.now() + CONNECT_SECONDS))

    def run(self, wire: Wire, request: ExecuteRequest, statement: Statement, *, within: bool) -> Awaitable[Result]:
        """Run a statement; alone and limited in what it changes, in a transaction of its own."""
        limited = request.limits.affected is not None
        if limited and self.may_commit(statement):
            raise StatementInvalid(
                "what a procedure changes can be neither counted nor taken back, so it cannot have a limit of changed rows",
                hint="take the limit off, and let the procedure check what it does",
                outcome=Outcome.NOT_SENT,
            )
        if limited and statement.writes and not within:
            return self._guarded(wire, request, statement)
        return self._perform(wire, request, statement, within=within)

    def may_commit(self, statement: Statement) -> bool:
        """Return whether it calls a procedure."""
        return first_word(statement.text) == CALL

    async def prepare(self, statement: Statement, *, deadline: float) -> Prepared:
        """Have the server check a statement. It reports no types of parameters."""
        async with self.own(deadline=deadline, sent=False) as wire:
            kept = await wire.prepare(statement, timeout=self.left(deadline))  # the reset makes the server forget it
        return Prepared(
            parameter_types=(None,) * len(statement.parameters),
            columns=kept.columns,
            returns_rows=bool(kept.columns),
        )

    async def check(self) -> Health:
        """Connect, and tell the version and what is risky about the account."""
        async with self.own() as wire:
            return await health.check(wire, self._server.tls)

    async def describe(self, path: Sequence[str], page: str | None) -> Structure:
        """Describe tables, columns and keys of the datasource's database, or of another one (``(database,)``)."""
        async with self.own() as wire:
            return await structure.describe(wire, path, page)

    async def _perform(self, wire: Wire, request: ExecuteRequest, statement: Statement, *, within: bool) -> Result:
        """Run a statement: one round trip when it is kept. ``within`` a transaction the connection must live on."""
        kept = wire.find(statement)
        if kept is None:
            _check_read_only(wire, statement)
            try:
                kept = await wire.keep(statement, timeout=self.left(request.deadline))
            except faults.RAISED as error:
                raise faults.translate(error, sent=False) from None
        arguments = bind(request.values, kept.writers_for(statement))
        reads = request.read_only and not within
        try:
            if reads and self._cuts.known(statement):
                answer = await self._cuts.run(wire, kept, arguments, request, timeout=self.left(request.deadline))
            else:
                answer = await wire.run(
                    kept,
                    arguments,
                    limits=request.limits,
                    stop=reads,
                    encode=request.encode,
                    timeout=self.left(request.deadline),
                )
        except faults.RAISED as error:
            may_stay = faults.reported(error) and await self._may_stay(wire, statement)
            translated = faults.translate(error, may_commit=may_stay)
            if faults.wants_preparing(error):
                wire.forget(statement)
                raise Stale(translated) from None
            raise translated from None
        if answer.cut and reads:
            self._cuts.learn(statement, answer)
        return _result(answer)

    async def _guarded(self, wire: Wire, request: ExecuteRequest, statement: Statement) -> Result:
        """Run a write in a transaction of its own, rolled back when it changes too many rows."""
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
        async with self.bracket(wire, read_only=False, deadline=request.deadline):
            result = await self._perform(wire, request, statement, within=True)
            _check_affected(result, request, outcome=Outcome.ROLLED_BACK if undo.certain else Outcome.UNKNOWN)
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


def _check_read_only(wire: Wire, statement: Statement) -> None:
    """Refuse what the server would let through in a read-only session. What is kept there has been looked at."""
    if wire.lane is Lane.READ_ONLY and may_leave_read_only(statement.text):
        raise PermissionRejected("the action runs read-only and the statement may write", outcome=Outcome.NOT_SENT)


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
