"""The ladder of one execution, rung by rung; what is more than a few lines stands in the module named.

::

    find       the action's copy: published, unless the caller may edit      runnables     NotFound
    authorize  execute on the action and on its datasource                                 NotFound: no existence oracle
    record     the intent, metadata only                                                   AuditUnavailable: nothing runs unrecorded
    (once)     with an Idempotency-Key: claim it, or answer its first outcome   idempotency   StillRunning, OutcomeUnknown
    admit      a slot of the datasource, a bounded wait; the deadline starts    limits     Overloaded
    bind       the plan's statement + values, trusted names, coercion           template
    lease      the open Client, or open it once                                 leases
    run        client.execute under the deadline; one safe retry                running, transactions
    (stale?)   are the columns those that were published?                       staleness  PlanStale
    encode     exact values, limits, the truncation flag                        outcomes, encode
    record     the outcome: duration, rows, bytes, error code. Never a value

Up to ``admit`` a failure is a failed request and raises; from ``bind`` on it is a failed query and is answered.
"""

import asyncio
import logging
import time
from functools import partial
from typing import Final, final

from appsmith_proxy.access.policy import Permission, allowed, rights
from appsmith_proxy.audit.contract import Copy, Intent, OutcomeRecord, Unverified
from appsmith_proxy.audit.trail import Trail
from appsmith_proxy.errors import (
    AuditUnavailable,
    DatasourceError,
    InternalError,
    NotFound,
    Outcome,
    Overloaded,
    PlanUnverified,
    ProxyError,
)
from appsmith_proxy.gateway.detached import Detached
from appsmith_proxy.gateway.encode import data_types
from appsmith_proxy.gateway.execution import ExecuteCall, Execution, HttpAnswer
from appsmith_proxy.gateway.idempotency import Idempotency
from appsmith_proxy.gateway.leases import Leases
from appsmith_proxy.gateway.limits import Gate
from appsmith_proxy.gateway.outcomes import NO_ANSWER, encoded, http_answer, http_failure, record_of, row_count
from appsmith_proxy.gateway.runnables import MISSING, Runnable, Runnables
from appsmith_proxy.gateway.running import Running
from appsmith_proxy.gateway.shown import name_parameter, shown_request, user_message
from appsmith_proxy.gateway.staleness import Staleness
from appsmith_proxy.gateway.transactions import Transaction, check_dry_run
from appsmith_proxy.model.ids import Ids
from appsmith_proxy.model.records import ENVIRONMENT, Action
from appsmith_proxy.model.trusted import TRUSTED_NAMES, TrustedContext
from appsmith_proxy.sdk import ExecuteRequest, Reported, Value
from appsmith_proxy.store.cache import CachedStore
from appsmith_proxy.template import Bound

_log: Final = logging.getLogger("appsmith_proxy.gateway")


@final
class Executor:
    """Runs actions. Owns the writes that outlive their caller; ``close`` waits for them."""

    def __init__(
        self, cache: CachedStore, runnables: Runnables, leases: Leases, trail: Trail, idempotency: Idempotency
    ) -> None:
        self._cache = cache
        self._runnables = runnables
        self._trail = trail
        self._idempotency = idempotency
        self._ids = Ids()
        self._running = Running(leases)
        self._staleness = Staleness(leases)
        self._writes = Detached()

    async def execute(self, call: ExecuteCall) -> Execution:
        """Run one action for one caller.

        Cancelling the caller ends a read at the datasource; a write runs to its deadline (people navigate away after
        Save), unless the action says ``cancelOnDisconnect``.

        Raises:
            NotFound, Overloaded, AuditUnavailable, PlanUnverified, StoreStale, StillRunning, OutcomeUnknown: the request
                failed. A failed query is answered.
        """
        # find
        if call.view_mode:
            runnable = self._runnables.peek(call.action_id, published=True) or await self._find(call)
        else:
            runnable = self._peek_as_editor(call) or await self._find(call)
        # authorize
        principal, action = call.principal, runnable.action
        may = rights(principal, action.workspace_id)
        if Permission.ACTION_EXECUTE not in may or Permission.DATASOURCE_EXECUTE not in may:
            raise NotFound(MISSING)
        editor = Permission.ACTION_MANAGE in may
        if call.dry_run:
            check_dry_run(runnable, editor=editor)
        # record
        now = time.time()
        execution_id = self._ids.next(now)
        intent = Intent(
            execution_id=execution_id,
            at=now,
            principal_id=principal.id,
            role=principal.role,
            workspace_id=action.workspace_id,
            action_id=action.id,
            datasource_id=runnable.datasource.id,
            copy=Copy.PUBLISHED if runnable.scope or runnable.copy is action.published else Copy.DRAFT,
        )
        if not self._trail.try_record(intent):
            await self._trail.record(intent)
        # once, or admit at once
        if call.idempotency_key is None:
            work = self._admitted(call, runnable, execution_id, editor=editor)
        else:
            work = self._once(call, runnable, execution_id, editor=editor)
        if not runnable.plan.writes or runnable.copy.cancel_on_disconnect:
            return await work
        return await self._writes.run(work)

    async def close(self) -> None:
        """Wait for writes whose callers went away; each ends at its own deadline. Call before closing the leases."""
        await self._writes.finish()
        await self._idempotency.finish()

    # find

    def _peek_as_editor(self, call: ExecuteCall) -> Runnable | None:
        action = self._cache.peek(Action, call.action_id)
        if action is None:
            return None
        return self._runnables.peek(action.id, published=_wants_published(call, action))

    async def _find(self, call: ExecuteCall) -> Runnable:
        action = await self._cache.get(Action, call.action_id)
        if action is None or not allowed(call.principal, Permission.ACTION_EXECUTE, action.workspace_id):
            raise NotFound(MISSING)
        try:
            return await self._runnables.find(action, published=_wants_published(call, action))
        except PlanUnverified:
            now = time.time()
            await self._trail.record(_unverified(call, action, self._ids.next(now), now))
            raise

    # once

    async def _once(self, call: ExecuteCall, runnable: Runnable, execution_id: str, *, editor: bool) -> Execution:
        started = time.perf_counter()

        async def not_run(error: ProxyError | None) -> None:
            await self._record(record_of(execution_id, started, error=error, outcome=Outcome.NOT_SENT))

        work = partial(self._admitted, call, runnable, execution_id, editor=editor)
        return await self._idempotency.run(call, runnable, execution_id, work, not_run, editor=editor)

    # admit … encode, and what becomes of their failures

    async def _admitted(self, call: ExecuteCall, runnable: Runnable, execution_id: str, *, editor: bool) -> Execution:
        gate, plan = runnable.gate, runnable.plan
        started = time.perf_counter()
        if not gate.try_enter():
            await self._wait_for_a_place(gate, execution_id, started)
        try:
            deadline = asyncio.get_running_loop().time() + runnable.timeout
            bound: Bound | None = None
            reported: Reported | None = None
            result = NO_ANSWER
            body, columns = b"null", b"[]"
            http: HttpAnswer | None = None
            error: ProxyError | None = None
            try:
                # What has a scope asks nothing of who calls.
                trusted = _nobody if runnable.scope else partial(_trusted, call, runnable)
                numbers = call.numbers or runnable.copy.numbers
                if runnable.binder is None or call.dry_run:
                    transaction = Transaction(call, runnable, trusted)
                    try:
                        result = await self._running.run_transaction(runnable, transaction, deadline)
                    finally:
                        bound = transaction.bound
                    reported = runnable.published.of(bound.payload) if bound else None
                else:
                    if call.large:
                        bound = await asyncio.to_thread(runnable.binder.bind, call.params, trusted, family=call.family)
                    else:
                        bound = runnable.binder.bind(call.params, trusted, family=call.family)
                    reported = runnable.published.of(bound.payload)
                    request = ExecuteRequest(
                        payload=bound.payload,
                        values=bound.values,
                        read_only=plan.read_only,
                        limits=runnable.limits,
                        deadline=deadline,
                        scope=runnable.scope,
                        reported=reported,
                        encode=numbers != "number",  # a driver's own encoding writes decimals as strings
                    )
                    result = await self._running.run(runnable, request)
                if bound and reported and not plan.writes and runnable.published.looks_new(reported, result.columns):
                    await self._staleness.check(runnable, bound, result, deadline)
                if result.body is not None:
                    http, error = http_answer(result.body), http_failure(result.body)
                body, columns = encoded(runnable.encoder, result, numbers, editor=editor)
            except InternalError as failure:
                await self._record(record_of(execution_id, started, error=failure))
                raise
            except ProxyError as failure:
                error = await self._staleness.reason(runnable, bound, failure, deadline)
                name_parameter(error, bound)
            except asyncio.CancelledError:
                await self._record(record_of(execution_id, started, outcome=Outcome.UNKNOWN))
                raise
            duration_ms = (time.perf_counter() - started) * 1000
            record = OutcomeRecord(
                execution_id=execution_id,
                duration_ms=duration_ms,
                rows=row_count(result),
                bytes=len(body),
                error_code=type(error) if error else None,
                outcome=error.outcome if isinstance(error, DatasourceError) else None,
            )
            try:
                if not self._trail.try_record(record):
                    await self._trail.record(record)
            except AuditUnavailable:
                _not_on_the_trail(record)
            return Execution(
                id=execution_id,
                body=body,
                columns=columns,
                affected=result.affected,
                truncated=result.truncated,
                messages=result.messages,
                http=http,
                request=shown_request(bound, call.params, plan) if editor and bound is not None else None,
                editor=editor,
                error=error,
                user_message=user_message(runnable, error.code, getattr(error, "constraint", "")) if error else None,
                data_types=data_types(result, body),
                duration_ms=duration_ms,
            )
        finally:
            gate.leave()

    async def _wait_for_a_place(self, gate: Gate, execution_id: str, started: float) -> None:
        try:
            await gate.enter()
        except Overloaded as error:
            await self._record(record_of(execution_id, started, error=error, outcome=Outcome.NOT_SENT))
            raise
        except asyncio.CancelledError:
            await self._record(record_of(execution_id, started, outcome=Outcome.NOT_SENT))
            raise

    # record

    async def _record(self, outcome: OutcomeRecord) -> None:
        try:
            await self._trail.record(outcome)
        except AuditUnavailable:
            _not_on_the_trail(outcome)


def _not_on_the_trail(outcome: OutcomeRecord) -> None:
    # The work is done and its intent is on record; refusing the answer now would only hide what happened.
    _log.error("the outcome of execution %s is not on the audit trail", outcome.execution_id)


def _wants_published(call: ExecuteCall, action: Action) -> bool:
    return call.view_mode or not allowed(call.principal, Permission.ACTION_MANAGE, action.workspace_id)


def _unverified(call: ExecuteCall, action: Action, execution_id: str, now: float) -> Unverified:
    return Unverified(
        execution_id=execution_id,
        at=now,
        principal_id=call.principal.id,
        workspace_id=action.workspace_id,
        action_id=action.id,
    )


def _trusted(call: ExecuteCall, runnable: Runnable, name: str) -> Value | None:
    context = TrustedContext(
        principal=call.principal, workspace_id=runnable.action.workspace_id, environment=ENVIRONMENT
    )
    value: Value | None = TRUSTED_NAMES[name](context)
    return value


def _nobody(name: str) -> None:
    """Know no trusted name: a plan that asks for one fails."""
