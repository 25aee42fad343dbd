"""The ladder of one execution, one method a rung.

::

    find       the action's copy: published, unless the caller may edit      NotFound
    authorize  execute on the action and on its datasource                  NotFound: no existence oracle
    record     the intent, metadata only                                    AuditUnavailable: nothing runs unrecorded
    (once)     with an Idempotency-Key: claim it, or answer the first time's outcome    StillRunning, OutcomeUnknown
    admit      a slot of the datasource, a bounded wait; the deadline starts Overloaded
    bind       the plan's statement + values, trusted names, coercion
    lease      the open Client, or open it once
    run        client.execute under the deadline; one safe retry
    encode     exact values, limits, the truncation flag
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
    BadResponse,
    CapabilityNotSupported,
    ContractBroken,
    DatasourceError,
    Disconnected,
    DriverCrashed,
    ExecutionTimeout,
    Forbidden,
    InternalError,
    NotFound,
    Outcome,
    Overloaded,
    ParameterInvalid,
    PlanStale,
    PlanUnverified,
    ProxyError,
    describe,
)
from appsmith_proxy.gateway.deadlines import Deadlines
from appsmith_proxy.gateway.detached import Detached
from appsmith_proxy.gateway.edge import is_cancelled
from appsmith_proxy.gateway.encode import data_types
from appsmith_proxy.gateway.execution import ExecuteCall, Execution, HttpAnswer
from appsmith_proxy.gateway.idempotency import Idempotency
from appsmith_proxy.gateway.leases import Leases
from appsmith_proxy.gateway.limits import Gate
from appsmith_proxy.gateway.runnables import MISSING, Runnable, Runnables
from appsmith_proxy.gateway.shown import name_parameter, redact, shown_request, user_message
from appsmith_proxy.gateway.staleness import staleness, suspicious
from appsmith_proxy.gateway.transactions import Transaction
from appsmith_proxy.model.ids import Ids
from appsmith_proxy.model.records import ENVIRONMENT, Action
from appsmith_proxy.model.trusted import TRUSTED_NAMES, TrustedContext
from appsmith_proxy.sdk import Body, BodyKind, Capability, EncodedRows, ExecuteRequest, Result, Statement, Value
from appsmith_proxy.store.cache import CachedStore
from appsmith_proxy.template import Bound, bind

GRACE_SECONDS: Final = 1.0
"""A driver keeps the deadline itself; this much later the executor ends an execution that does not."""

HTTP_FAILURE: Final = 400

_log: Final = logging.getLogger("appsmith_proxy.gateway")


@final
class Executor:
    """Runs actions. Owns the writes that outlive their caller; ``close`` waits for them."""

    def __init__(
        self, cache: CachedStore, runnables: Runnables, leases: Leases, trail: Trail, idempotency: Idempotency
    ) -> None:
        self._cache = cache
        self._runnables = runnables
        self._leases = leases
        self._trail = trail
        self._idempotency = idempotency
        self._ids = Ids()
        self._deadlines = Deadlines()
        self._writes = Detached()

    async def execute(self, call: ExecuteCall) -> Execution:
        """Run one action for one caller.

        Cancelling the caller ends a read at the datasource; a write runs to its deadline (people navigate away after
        Save), unless the action says ``cancelOnDisconnect``.

        Raises:
            NotFound, Overloaded, AuditUnavailable, PlanUnverified, StoreStale, StillRunning, OutcomeUnknown: the request
                failed. A failed query is answered.
        """
        runnable = self._find_now(call) or await self._find(call)
        editor = self._authorize(call, runnable)
        if call.dry_run:
            _check_dry_run(runnable, editor=editor)
        execution_id = self._ids.next()
        intent = self._intent(call, runnable, execution_id)
        if not self._trail.try_record(intent):
            await self._trail.record(intent)
        once = self._admitted if call.idempotency_key is None else self._once
        if not runnable.plan.writes or runnable.copy.cancel_on_disconnect:
            return await once(call, runnable, execution_id, editor=editor)
        return await self._writes.run(once(call, runnable, execution_id, editor=editor))

    async def close(self) -> None:
        """Wait for writes whose callers went away; each ends at its own deadline. Call before closing the leases."""
        await self._writes.finish()
        await self._idempotency.finish()

    # find

    def _find_now(self, call: ExecuteCall) -> Runnable | None:
        published = call.view_mode
        if not published:
            action = self._cache.peek(Action, call.action_id)
            if action is None:
                return None
            published = _wants_published(call, action)
        return self._runnables.peek(call.action_id, published=published)

    async def _find(self, call: ExecuteCall) -> Runnable:
        action = await self._cache.get(Action, call.action_id)
        if action is None or not allowed(call.principal, Permission.ACTION_EXECUTE, action.workspace_id):
            raise NotFound(MISSING)
        try:
            return await self._runnables.find(action, published=_wants_published(call, action))
        except PlanUnverified:
            await self._trail.record(_unverified(call, action, self._ids.next()))
            raise

    # authorize

    def _authorize(self, call: ExecuteCall, runnable: Runnable) -> bool:
        """Return whether the caller is an editor of the action too."""
        may = rights(call.principal, runnable.action.workspace_id)
        if Permission.ACTION_EXECUTE not in may or Permission.DATASOURCE_EXECUTE not in may:
            raise NotFound(MISSING)
        return Permission.ACTION_MANAGE in may

    # record

    def _intent(self, call: ExecuteCall, runnable: Runnable, execution_id: str) -> Intent:
        return Intent(
            execution_id=execution_id,
            at=time.time(),
            principal_id=call.principal.id,
            role=call.principal.role,
            workspace_id=runnable.action.workspace_id,
            action_id=runnable.action.id,
            datasource_id=runnable.datasource.id,
            copy=Copy.PUBLISHED if runnable.scope or runnable.copy is runnable.action.published else Copy.DRAFT,
        )

    # once

    async def _once(self, call: ExecuteCall, runnable: Runnable, execution_id: str, *, editor: bool) -> Execution:
        started = time.perf_counter()

        async def not_run(error: ProxyError | None) -> None:
            await self._record(_outcome(execution_id, started, error=error, outcome=Outcome.NOT_SENT))

        work = partial(self._admitted, call, runnable, execution_id, editor=editor)
        return await self._idempotency.run(call, runnable, execution_id, work, not_run, editor=editor)

    # admit

    async def _admitted(self, call: ExecuteCall, runnable: Runnable, execution_id: str, *, editor: bool) -> Execution:
        gate = runnable.gate
        started = time.perf_counter()
        if not gate.try_enter():
            await self._wait_for_a_place(gate, execution_id, started)
        try:
            deadline = asyncio.get_running_loop().time() + runnable.timeout
            return await self._query(call, runnable, execution_id, started, deadline, editor=editor)
        finally:
            gate.leave()

    async def _wait_for_a_place(self, gate: Gate, execution_id: str, started: float) -> None:
        try:
            await gate.enter()
        except Overloaded as error:
            await self._record(_outcome(execution_id, started, error=error, outcome=Outcome.NOT_SENT))
            raise
        except asyncio.CancelledError:
            await self._record(_outcome(execution_id, started, outcome=Outcome.NOT_SENT))
            raise

    # bind … encode, and what becomes of their failures

    async def _query(
        self,
        call: ExecuteCall,
        runnable: Runnable,
        execution_id: str,
        started: float,
        deadline: float,
        *,
        editor: bool,
    ) -> Execution:
        bound: Bound | None = None
        result: Result | None = None
        body, columns = b"null", b"[]"
        error: ProxyError | None = None
        try:
            if call.dry_run or runnable.plan.in_transaction:
                transaction = Transaction(call, runnable, partial(_trusted, call, runnable))
                try:
                    result = await self._run_transaction(runnable, transaction, deadline)
                finally:
                    bound = transaction.bound
            else:
                bound = self._bind(call, runnable)
                result = await self._run(call, runnable, bound, deadline)
            if not runnable.plan.writes:
                await self._check_columns(runnable, bound, result, deadline)
            body, columns = _encoded(call, runnable, result, editor=editor)
        except InternalError as failure:
            await self._record(_outcome(execution_id, started, error=failure))
            raise
        except ProxyError as failure:
            error = await self._reason(runnable, bound, failure, deadline)
        except asyncio.CancelledError:
            await self._record(_outcome(execution_id, started, outcome=Outcome.UNKNOWN))
            raise
        if isinstance(error, ParameterInvalid):
            name_parameter(error, bound)
        if error is None and result is not None and result.body is not None:
            error = _http_failure(result.body)
        await self._record(_outcome(execution_id, started, result=result, size=len(body), error=error))
        return Execution(
            id=execution_id,
            body=body,
            columns=columns,
            affected=result.affected if result else None,
            truncated=result.truncated if result else False,
            messages=result.messages if result else (),
            http=_http_answer(result.body) if result and result.body else None,
            request=shown_request(bound, call.params, runnable.plan) if editor and bound is not None else None,
            editor=editor,
            error=error,
            user_message=user_message(runnable, error.code, getattr(error, "constraint", "")) if error else None,
            data_types=data_types(result, body) if result else (),
            duration_ms=(time.perf_counter() - started) * 1000,
        )

    def _bind(self, call: ExecuteCall, runnable: Runnable) -> Bound:
        return bind(runnable.plan, call.params, partial(_trusted, call, runnable), family=call.family)

    # lease

    async def _run(self, call: ExecuteCall, runnable: Runnable, bound: Bound, deadline: float) -> Result:
        request = ExecuteRequest(
            payload=bound.payload,
            values=bound.values,
            read_only=runnable.plan.read_only,
            limits=runnable.limits,
            deadline=deadline,
            scope=runnable.scope,
            reported=runnable.published.of(bound.payload),
            encode=_numbers(call, runnable) != "number",  # a driver's own encoding writes decimals as strings
        )
        try:
            with self._deadlines.at(deadline + GRACE_SECONDS):
                try:
                    return await self._run_once(runnable, request)
                except Disconnected as error:
                    # Safe to repeat: nothing was sent, or it only read and no row has gone out.
                    if error.outcome is not Outcome.NOT_SENT and not request.read_only:
                        raise
                return await self._run_once(runnable, request)
        except TimeoutError:
            raise _too_late(runnable, Outcome.UNKNOWN) from None
        except ExecutionTimeout as error:
            raise _too_late(runnable, error.outcome) from error

    async def _run_transaction(self, runnable: Runnable, transaction: Transaction, deadline: float) -> Result:
        transaction.check()
        try:
            with self._deadlines.at(deadline + GRACE_SECONDS):
                try:
                    return await self._run_steps(runnable, transaction, deadline)
                except Disconnected as error:
                    if transaction.begun or error.outcome is not Outcome.NOT_SENT:
                        raise
                return await self._run_steps(runnable, transaction, deadline)
        except TimeoutError:
            raise _too_late(runnable, Outcome.UNKNOWN) from None
        except ExecutionTimeout as error:
            raise _too_late(runnable, error.outcome) from error

    async def _run_steps(self, runnable: Runnable, transaction: Transaction, deadline: float) -> Result:
        lease = await self._leases.borrow(runnable.datasource)
        try:
            return await transaction.run(lease, deadline)
        finally:
            lease.release()

    # run

    async def _run_once(self, runnable: Runnable, request: ExecuteRequest) -> Result:
        lease = self._leases.borrow_open(runnable.datasource)
        if lease is None:
            lease = await self._leases.borrow(runnable.datasource)
        try:
            result = await lease.client.execute(request)
        except DatasourceError as error:
            redact(error, lease.secrets)
            raise
        except ProxyError as error:
            raise ContractBroken(f"the driver raised {error.code}, which is not a DatasourceError") from error
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            raise _crashed(error) from None
        except (Exception, SystemExit) as error:  # noqa: BLE001  # reason: the one place where a driver's failure is caught
            raise _crashed(error) from None
        finally:
            lease.release()
        if not isinstance(result, Result):
            raise ContractBroken("the driver's answer is no Result")
        if _row_count(result) > request.limits.rows:
            raise ContractBroken("the driver answered more rows than the limit")
        return result

    # is what was published still true?

    async def _check_columns(self, runnable: Runnable, bound: Bound | None, result: Result, deadline: float) -> None:
        """Refuse rows of other columns than those that were published.

        Raises:
            PlanStale: the schema has changed.
        """
        reported = runnable.published.of(bound.payload) if bound is not None else None
        if reported is None or not runnable.published.looks_new(reported, result.columns):
            return
        try:
            stale = await self._staleness(runnable, bound, deadline)
        except (ProxyError, TimeoutError):
            return  # nothing is known, and the rows are the datasource's own
        if stale is not None:
            raise stale
        runnable.published.remember(reported, result.columns)

    async def _reason(self, runnable: Runnable, bound: Bound | None, error: ProxyError, deadline: float) -> ProxyError:
        """Return why an execution failed: because the schema has changed, or as it says itself."""
        if not suspicious(error):
            return error
        try:
            return await self._staleness(runnable, bound, deadline) or error
        except (ProxyError, TimeoutError):
            return error

    async def _staleness(self, runnable: Runnable, bound: Bound | None, deadline: float) -> PlanStale | None:
        if bound is None or not isinstance(bound.payload, Statement):
            return None
        reported = runnable.published.of(bound.payload)
        if reported is None:
            return None
        return await staleness(self._leases, runnable.datasource, bound.payload, reported, deadline)

    # record

    async def _record(self, outcome: OutcomeRecord) -> None:
        try:
            if not self._trail.try_record(outcome):
                await self._trail.record(outcome)
        except AuditUnavailable:
            # The work is done and its intent is on record; refusing the answer now would only hide what happened.
            _log.error("the outcome of execution %s is not on the audit trail", outcome.execution_id)


def _wants_published(call: ExecuteCall, action: Action) -> bool:
    return call.view_mode or not allowed(call.principal, Permission.ACTION_MANAGE, action.workspace_id)


def _unverified(call: ExecuteCall, action: Action, execution_id: str) -> Unverified:
    return Unverified(
        execution_id=execution_id,
        at=time.time(),
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


def _check_dry_run(runnable: Runnable, *, editor: bool) -> None:
    if not editor:
        raise Forbidden("a dry run is for editors", hint="leave mode out")
    if Capability.TRANSACTIONS not in runnable.driver.capabilities:
        raise CapabilityNotSupported(
            f"{runnable.driver.title} has no transactions, so nothing could be rolled back", hint="leave mode out"
        )


def _crashed(error: BaseException) -> DriverCrashed:
    _log.error("driver crashed: %s", describe(error))
    return DriverCrashed("the driver crashed; the log names the place")


def _numbers(call: ExecuteCall, runnable: Runnable) -> str:
    """Return how decimals are written: as the call says, else as the action says."""
    return call.numbers or runnable.copy.numbers


def _encoded(call: ExecuteCall, runnable: Runnable, result: Result, *, editor: bool) -> tuple[bytes, bytes]:
    """Return body and columns as JSON text."""
    encoder = runnable.encoder
    try:
        body = encoder.encode(result, numbers=_numbers(call, runnable))
        return body, encoder.encode_columns(result, editor=editor) if result.columns else b"[]"
    except ProxyError:
        raise
    except Exception as error:  # noqa: BLE001  # reason: what a driver answers may be anything
        _log.error("a driver's answer cannot be encoded: %s", describe(error))
        raise ContractBroken("the driver's answer is not what its columns promise") from None


def _too_late(runnable: Runnable, outcome: Outcome) -> ExecutionTimeout:
    return ExecutionTimeout(
        f"{runnable.copy.name} timed out in {round(runnable.timeout * 1000)} milliseconds",
        hint="make the statement faster, or raise the action's timeoutMs",
        outcome=outcome,
    )


def _outcome(
    execution_id: str,
    started: float,
    *,
    result: Result | None = None,
    size: int = 0,
    error: ProxyError | None = None,
    outcome: Outcome | None = None,
) -> OutcomeRecord:
    return OutcomeRecord(
        execution_id=execution_id,
        duration_ms=(time.perf_counter() - started) * 1000,
        rows=_row_count(result),
        bytes=size,
        error_code=type(error) if error is not None else None,
        outcome=error.outcome if isinstance(error, DatasourceError) else outcome,
    )


def _row_count(result: Result | None) -> int:
    if result is None or result.rows is None:
        return 0
    return len(result.rows.texts) if isinstance(result.rows, EncodedRows) else len(result.rows)


def _http_answer(body: Body) -> HttpAnswer:
    # Client libraries give subclasses of str, which are not what they seem to whoever encodes them.
    headers = tuple((str(name), str(value)) for name, value in body.headers)
    return HttpAnswer(status=body.status, reason=str(body.reason), headers=headers, binary=body.kind is BodyKind.BINARY)


def _http_failure(body: Body) -> BadResponse | None:
    if body.status < HTTP_FAILURE:
        return None
    return BadResponse(
        f"the API answered {body.status}",
        hint="the body of the answer says why",
        native_code=str(body.status),
    )
