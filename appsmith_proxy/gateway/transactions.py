"""Several statements in one transaction: the steps of an action, and dry runs, which are rolled back.

::

    begin ── bind step 1 ── execute ── bind step 2 with its results ── execute ── … ── commit │ roll back
                                                                          failure: all of it is rolled back
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar, final

from appsmith_proxy.errors import (
    AffectedLimitExceeded,
    BadResponse,
    CapabilityNotSupported,
    DatasourceError,
    Forbidden,
    Outcome,
)
from appsmith_proxy.gateway.edge import driver_edge
from appsmith_proxy.gateway.execution import ExecuteCall
from appsmith_proxy.gateway.leases import Lease
from appsmith_proxy.gateway.runnables import Runnable
from appsmith_proxy.model.plan import StatementSet, Step
from appsmith_proxy.sdk import (
    Capability,
    ColumnType,
    ExecuteRequest,
    Result,
    Session,
    SupportsTransactions,
    Value,
    replace,
)
from appsmith_proxy.template import AFFECTED, NO_RESULT, Bound, stepwise

DRY_RUN: Final = "this was a dry run: everything was rolled back"

T = TypeVar("T")
Lookup: TypeAlias = Callable[[str], Value | None]


@final
class Transaction:
    """One execution of a plan's steps, in one transaction on one connection."""

    def __init__(self, call: ExecuteCall, runnable: Runnable, trusted: Lookup) -> None:
        self.bound: Bound | None = None
        """The step that was bound last: the one that failed, when one did."""
        self.begun = False
        """The transaction has been opened: from then on it is not safe to try again."""
        self._call = call
        self._runnable = runnable
        self._trusted = trusted
        self._binder = stepwise(runnable.plan)
        self._results: dict[str, Result] = {}
        self._affected = 0
        self._worked = False
        """A statement has run."""

    def check(self) -> None:
        """Look at everything the caller sent, before a connection is taken.

        Raises:
            InvalidRequest, ParameterInvalid: values are missing, or do not fit.
        """
        self._binder.check(self._call.params, self._trusted, family=self._call.family)

    async def aside(self, work: Callable[[], T]) -> T:
        """Do what many values make long in a thread: no other call waits for it."""
        return await asyncio.to_thread(work) if self._call.large else work()

    async def run(self, lease: Lease, deadline: float) -> Result:
        """Run every step, and commit unless this is a dry run.

        Raises:
            DatasourceError: nothing stayed, unless its ``outcome`` says that the commit's answer was lost.
            ParameterInvalid: a step's result does not fit where a later one takes it; nothing stayed.
        """
        client, plan = lease.client, self._runnable.plan
        assert isinstance(client, SupportsTransactions)  # noqa: S101  # reason: the kit proves what TRANSACTIONS declares
        result = Result()
        ended = False
        undo = DatasourceError(DRY_RUN)  # an error, so that every driver rolls back
        try:
            with driver_edge("running a transaction", lease.secrets):
                async with client.transaction(read_only=plan.read_only, deadline=deadline) as session:
                    self.begun = True
                    for index, step in enumerate(plan.steps):
                        result = await self._step(session, index, step, deadline)
                    ended = True
                    if self._call.dry_run:
                        raise undo
        except DatasourceError as error:
            if error is undo:
                return replace(result, messages=(*result.messages, DRY_RUN))
            if self._worked and error.outcome is Outcome.NOT_SENT:
                error.outcome = Outcome.UNKNOWN  # that is what became of this statement, not of those before it
            if self.begun and not ended and error.outcome is Outcome.UNKNOWN and not self._may_commit():
                error.outcome = Outcome.ROLLED_BACK  # no commit was sent
            raise
        return result

    async def _step(self, session: Session, index: int, step: Step, deadline: float) -> Result:
        runnable = self._runnable
        call = self._call
        self.bound = bound = await self.aside(
            partial(self._binder.bind, index, call.params, self._trusted, self._result, family=call.family)
        )
        last = index == len(runnable.plan.steps) - 1
        if bound.batches is None:
            result = await self._execute(session, bound, deadline, last=last)
        else:
            changed = 0
            for batch in bound.batches:
                self.bound = batch
                changed += (await self._execute(session, batch, deadline, last=last)).affected or 0
            result = Result(affected=changed)
        self._results[step.name] = result
        self._affected += result.affected or 0
        limit = runnable.limits.affected
        if limit is not None and self._affected > limit:
            raise AffectedLimitExceeded(
                f"the steps change more than {limit} rows together, so nothing was changed",
                hint="make their conditions narrower, or raise the action's limit",
                outcome=Outcome.ROLLED_BACK,
            )
        return result

    async def _execute(self, session: Session, bound: Bound, deadline: float, *, last: bool) -> Result:
        runnable = self._runnable
        result = await session.execute(
            ExecuteRequest(
                payload=bound.payload,
                values=bound.values,
                read_only=runnable.plan.read_only,
                limits=replace(runnable.limits, affected=None),
                deadline=deadline,
                reported=runnable.published.of(bound.payload),
                encode=last and (self._call.numbers or runnable.copy.numbers) != "number",
            )
        )
        if not isinstance(result, Result):
            raise BadResponse("the driver's answer is no Result")
        self._worked = True
        return result

    def _result(self, step: str, column: str) -> Any:
        """Return what an earlier step answered in the first row of a column, as a value of the column's type."""
        result = self._results[step]
        if column == AFFECTED:
            return result.affected or 0
        names = [each.name for each in result.columns]
        rows = result.rows
        if not isinstance(rows, Sequence) or not rows or column not in names:
            return NO_RESULT
        at = names.index(column)
        cell = rows[0][at]
        if cell is None or result.columns[at].type is not ColumnType.DECIMAL or not _NUMBER.fullmatch(cell):
            return cell
        return Decimal(cell)

    def _may_commit(self) -> bool:
        """Return whether a step may have committed by itself: a procedure, in some databases a change of the schema."""
        return any(
            not _PLAIN.match(planned.statement.text)
            for step in self._runnable.plan.steps
            if isinstance(step.payload, StatementSet)
            for planned in step.payload.statements[:1]
        )


def check_dry_run(runnable: Runnable, *, editor: bool) -> None:
    """Refuse a dry run that nobody may have, or that could not be rolled back.

    Raises:
        Forbidden, CapabilityNotSupported: as it says.
    """
    if not editor:
        raise Forbidden("a dry run is for editors", hint="leave mode out")
    if runnable.copy.allow_ddl:
        raise CapabilityNotSupported(
            "an action with allowDdl has no dry run: some databases commit a change of the schema at once",
            hint="leave mode out",
        )
    if Capability.TRANSACTIONS not in runnable.driver.capabilities:
        raise CapabilityNotSupported(
            f"{runnable.driver.title} has no transactions, so nothing could be rolled back", hint="leave mode out"
        )


_PLAIN: Final = re.compile(
    r"(?:[\s(]|--[^\n]*\n|#[^\n]*\n|/\*(?:[^*]|\*(?!/))*+\*/)*+(?:select|insert|update|delete|replace|merge|with|values|table)\b",
    re.IGNORECASE,
)
"""How statements begin that never commit."""
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
