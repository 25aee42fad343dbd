"""A Client whose executions each borrow a connection of a pool: what the Clients of SQL servers have in common.

A driver adds how a connection is made (``connect``) and how one statement is run on it (``run``); what it promises beside
that (``check``, ``describe``, ``prepare``) it does on a connection that it borrows with ``own``::

    execute ──▶ Pool ──▶ run ──▶ given back: reset, or kept as it is on catalog facts
                 │        └─ Stale ──▶ run once more
    transaction ─┴─▶ begin ── run ── run … ── commit ──▶ reset

Deadlines are kept, sessions reset, errors translated and transactions ended here; a prepared statement, its values and its
answer are the driver's.
"""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from appsmith_proxy.errors import DatasourceError, ExecutionTimeout, Outcome, StatementInvalid
from appsmith_proxy.sdk.driver import Client, OpenContext, Session
from appsmith_proxy.sdk.facts import Facts
from appsmith_proxy.sdk.nouns import replace
from appsmith_proxy.sdk.pool import SETTLE_SECONDS, Lane, Pool, Pooled
from appsmith_proxy.sdk.results import Result
from appsmith_proxy.sdk.statements import ExecuteRequest, Statement

OWN_WORK_SECONDS: Final = 15.0
"""Deadline of checks and descriptions, for which the contract has none."""


class PooledWire(Pooled, Protocol):
    """One connection to a SQL server, as a ``PooledClient`` sees it."""

    async def script(self, text: str, *, timeout: float = SETTLE_SECONDS) -> None:  # noqa: ASYNC109  # reason: the wire's own timer
        """Run one of the driver's own constant texts, which returns no rows, within so many seconds."""
        ...


W = TypeVar("W", bound=PooledWire)


class Translate(Protocol):
    """A driver's table of errors."""

    def __call__(self, error: BaseException, *, sent: bool = True) -> DatasourceError:
        """Return the contract's error for what was raised on a connection.

        Args:
            error: one of what ``PooledClient`` was told may be ``raised``, or a ``DatasourceError``, which stays itself.
            sent: whether the statement itself may have reached the server; if not, the outcome is ``NOT_SENT``.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionWords:
    """How a server's transactions begin and end: constant texts, by default those of standard SQL."""

    begin: str = "START TRANSACTION"
    begin_read_only: str = "START TRANSACTION READ ONLY"
    commit: str = "COMMIT"
    rollback: str = "ROLLBACK"


STANDARD_WORDS: Final = TransactionWords()


class Stale(Exception):
    """Raised by ``run``: a kept statement must be prepared again; the server has done nothing, and ``run`` is called once more.

    Args:
        error: what the caller is told when that does not help either.
    """

    def __init__(self, error: DatasourceError) -> None:
        super().__init__()
        self.error = error


class PooledClient(Client, Generic[W]):
    """One datasource over at most ``context.max_connections`` connections, which ``close`` closes. Make it inside the event loop.

    Args:
        context: as ``Driver.open`` was given it.
        raised: what a connection raises when the server reports an error or is lost. All else is a defect.
        translate: says what these mean.
        leaves_nothing: asks the catalog whether a statement leaves nothing in its session (see ``Facts``); without it a
            session is reset after each execution.
        words: how transactions begin and end.
    """

    def __init__(
        self,
        context: OpenContext,
        *,
        raised: tuple[type[Exception], ...],
        translate: Translate,
        leaves_nothing: Callable[[W, Statement], Awaitable[bool]] | None = None,
        words: TransactionWords = STANDARD_WORDS,
    ) -> None:
        self.pool: Pool[W] = Pool(
            self.connect, size=context.max_connections, idle_seconds=context.idle_seconds, raised=raised
        )
        self.now = asyncio.get_running_loop().time
        """The clock of deadlines."""
        self._words = words
        self._raised = raised
        self._translate = translate
        self._facts: Facts[W] = Facts(leaves_nothing or _in_doubt)

    # What a driver fills in

    @abstractmethod
    async def connect(self, lane: Lane, deadline: float) -> W:
        """Make a connection whose session is as it will be after each reset; the pool closes it.

        Args:
            lane: what the connection may do, all its life. In a read-only one the server itself refuses whatever writes.
            deadline: on the event loop's clock.

        Raises:
            DatasourceError: there is none in time, or it is refused; nothing was sent.
        """

    @abstractmethod
    def run(self, wire: W, request: ExecuteRequest, statement: Statement, *, within: bool) -> Awaitable[Result]:
        """Run one statement with ``request.values`` on a borrowed connection, within the request's deadline and limits.

        Args:
            wire: the connection, of the lane that ``request.read_only`` asks for. One that is not ``alive`` afterwards is
                closed.
            request: the execution.
            statement: its payload.
            within: a transaction is open on the connection, and must be afterwards: a limit that bites must not cost the
                connection. Otherwise the statement is alone, and a driver that counts what a write changes, or must keep it
                from committing, puts it in a transaction of its own (``bracket``).

        Raises:
            Stale: prepare again.
            DatasourceError: and nothing else; ``outcome`` is honest.
        """

    def may_commit(self, statement: Statement) -> bool:
        """Return whether a part of what a statement does may stay though it fails: it calls a procedure that can commit."""
        return False

    # What the proxy calls

    async def execute(self, request: ExecuteRequest) -> Result:
        """Run one statement on a connection of the lane that the request asks for."""
        statement = request.payload
        if not isinstance(statement, Statement):
            raise _no_statement()
        lane = Lane.READ_ONLY if request.read_only else Lane.READ_WRITE
        wire = self.pool.take(lane, request.scope)
        if wire is None:
            self.left(request.deadline)
            wire = await self.pool.acquire(lane, request.scope, deadline=request.deadline)
        scope = ""
        try:
            try:
                result = await self.run(wire, request, statement, within=False)
            except Stale:  # the author's own text decides, were it a rewritten one that the server has refused
                result = await _last(self.run(wire, replace(request, encode=False), statement, within=False))
            if wire.in_transaction:
                outcome = Outcome.UNKNOWN if self.may_commit(statement) else Outcome.ROLLED_BACK
                raise StatementInvalid("the statement leaves a transaction open", outcome=outcome)
            scope = request.scope
        finally:
            self._give_back(wire, statement, scope)
        return result

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> AsyncIterator[Session]:
        """Lend one transaction, committed when the block ends well."""
        async with self.own(Lane.READ_ONLY if read_only else Lane.READ_WRITE, deadline=deadline) as wire:
            await self._begin(wire, read_only=read_only, deadline=deadline)
            yield _Transaction(self, wire)
            await self._script(wire, self._words.commit, sent=True, deadline=deadline)
            # else the reset that follows rolls back

    async def close(self) -> None:
        """Close every connection; what still runs on one is cancelled. Idempotent."""
        await self.pool.close()

    # What a driver uses

    @asynccontextmanager
    async def own(
        self, lane: Lane = Lane.READ_WRITE, *, deadline: float | None = None, sent: bool = True
    ) -> AsyncIterator[W]:
        """Lend a connection for the driver's own work, errors translated; it is reset, or closed, afterwards.

        Args:
            lane: of the connection.
            deadline: for getting it; ``OWN_WORK_SECONDS`` from now by default.
            sent: as ``translate`` has it; False for what only prepares.

        Raises:
            DatasourceError: there is none, or what the block raised.
        """
        wire = await self.pool.acquire(lane, "", deadline=deadline or self.now() + OWN_WORK_SECONDS)
        try:
            yield wire
        except self._raised as error:
            raise self._translate(error, sent=sent) from None
        finally:
            self.pool.release(wire)

    @asynccontextmanager
    async def bracket(self, wire: W, *, read_only: bool, deadline: float) -> AsyncIterator[None]:
        """Put a transaction around a block: committed when it ends well, rolled back when it raises an error of the contract.

        Raises:
            DatasourceError: it could not begin, and nothing was sent; or what the block raised; or it was not committed.
        """
        await self._begin(wire, read_only=read_only, deadline=deadline)
        try:
            yield
        except (DatasourceError, Stale):
            with suppress(*self._raised):  # else the reset does it, or the connection's end
                if wire.alive:
                    await wire.script(self._words.rollback)
            raise
        await self._script(wire, self._words.commit, sent=True, deadline=deadline)

    def left(self, deadline: float, outcome: Outcome = Outcome.NOT_SENT) -> float:
        """Return how many seconds are left.

        Raises:
            ExecutionTimeout: none; ``outcome`` is what became of the work.
        """
        left = deadline - self.now()
        if left <= 0:
            raise ExecutionTimeout("the deadline passed before the statement was sent", outcome=outcome)
        return left

    async def run_within(self, wire: W, request: ExecuteRequest) -> Result:
        """Run one statement of a transaction that is open on the connection."""
        if not isinstance(request.payload, Statement):
            raise _no_statement()
        result = await _last(self.run(wire, request, request.payload, within=True))
        if wire.alive and not wire.in_transaction:
            raise StatementInvalid(
                "the statement has ended the transaction: what came before it is done", outcome=Outcome.UNKNOWN
            )
        return result

    async def _begin(self, wire: W, *, read_only: bool, deadline: float) -> None:
        words = self._words
        await self._script(wire, words.begin_read_only if read_only else words.begin, sent=False, deadline=deadline)

    async def _script(self, wire: W, text: str, *, sent: bool, deadline: float) -> None:
        left = self.left(deadline, Outcome.ROLLED_BACK if sent else Outcome.NOT_SENT)
        try:
            await wire.script(text, timeout=left)
        except self._raised as error:
            raise self._translate(error, sent=sent) from None

    def _give_back(self, wire: W, statement: Statement, scope: str) -> None:
        """Return the connection; facts decide whether it must be reset first, and are read off the caller's path."""
        now = self.now()
        harmless = self._facts.harmless(statement, now) if scope else False
        if harmless:
            self.pool.release(wire, harmless_scope=scope)
        elif harmless is None:
            self.pool.release(wire, afterwards=partial(self._facts.read, statement=statement, now=now))
        else:
            self.pool.release(wire)


class _Transaction(Generic[W]):
    """One open transaction, as the executor sees it."""

    def __init__(self, client: PooledClient[W], wire: W) -> None:
        self._client = client
        self._wire = wire

    async def execute(self, request: ExecuteRequest) -> Result:
        """Run one statement inside the transaction."""
        return await self._client.run_within(self._wire, request)


async def _last(attempt: Awaitable[Result]) -> Result:
    """Run a statement that is not tried again."""
    try:
        return await attempt
    except Stale as stale:
        raise stale.error from None


async def _in_doubt(_wire: object, _statement: Statement) -> bool:
    return False


def _no_statement() -> StatementInvalid:
    return StatementInvalid("the driver runs statements only", outcome=Outcome.NOT_SENT)
