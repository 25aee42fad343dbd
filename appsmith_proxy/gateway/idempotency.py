"""At most once: an execution that came with an ``Idempotency-Key`` is not run again under the same one.

::

    claim ── stored before anything runs; of two who claim at once, in any process, one is refused
      ├─ first             ─▶ run ─▶ what became of it is stored; what never reached the datasource frees the key
      └─ another was first
           ├─ it has ended ─▶ its outcome again: status and counts, never rows
           ├─ it runs      ─▶ StillRunning: ask again in a moment
           └─ it is lost   ─▶ OutcomeUnknown: it may have taken effect, so it is not run again before the key expires

A key belongs to one caller, one action and one copy of it (draft or published), not to a version: a repeat after
publishing is still a repeat.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, final

from appsmith_proxy.errors import (
    Conflict,
    DatasourceError,
    InternalError,
    NotFound,
    Outcome,
    OutcomeUnknown,
    Overloaded,
    ProxyError,
    RequestError,
    StaleRevision,
    StillRunning,
    all_errors,
    describe,
)
from appsmith_proxy.gateway.detached import Detached
from appsmith_proxy.gateway.encode import data_types
from appsmith_proxy.gateway.execution import ExecuteCall, Execution, HttpAnswer
from appsmith_proxy.gateway.runnables import Runnable
from appsmith_proxy.gateway.shown import user_message
from appsmith_proxy.model.keyed_runs import KeyedRun, RunEnd
from appsmith_proxy.sdk import Result, replace
from appsmith_proxy.store.contract import PAGE, ConfigStore, Delete, Put

DEFAULT_SECONDS: Final = 86_400.0
SLACK_SECONDS: Final = 120.0
"""Beyond its timeout an execution may wait for a place, open connections and be stored; by then it is over or lost."""

SWEEP_SECONDS: Final = 60.0
SWEPT_PAGES: Final = 10
"""How much of the store one sweep reads, in pages, and for what was claimed since the last one ``SWEPT_FOR_EACH`` times as
much: however many keys are used, not many more are kept than have not expired."""
SWEPT_FOR_EACH: Final = 3

ONLY_READS: Final = "the Idempotency-Key was ignored: this action only reads"
NOTHING_STAYS: Final = "the Idempotency-Key was ignored: nothing of a dry run stays"

_CLAIMS: Final = 3
"""Who loses a race for a key that became free at the same moment tries so often."""

_log: Final = logging.getLogger("appsmith_proxy.gateway")

Work: TypeAlias = Callable[[], Awaitable[Execution]]
NotRun: TypeAlias = Callable[[ProxyError | None], Awaitable[None]]
"""Told when the work is not run: with the refusal, or with None when an earlier outcome is answered."""


@final
class Idempotency:
    """Remembers in the store what was run under a key. ``finish`` waits for what it still has to store.

    Args:
        store: shared by every process that serves these actions.
        seconds: how long an outcome is remembered.
        clock: wall time, in seconds since 1970 UTC; processes that share a store agree about it within a minute.
    """

    def __init__(
        self, store: ConfigStore, *, seconds: float = DEFAULT_SECONDS, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._seconds = seconds
        self._clock = clock
        self._writes = Detached()
        self._swept = ""
        self._claimed = 0
        """Since the last sweep."""

    async def run(
        self,
        call: ExecuteCall,
        runnable: Runnable,
        execution_id: str,
        work: Work,
        not_run: NotRun,
        *,
        editor: bool,
    ) -> Execution:
        """Run the work, or answer what became of it the first time.

        Raises:
            StillRunning, OutcomeUnknown: the first execution has not ended.
            StoreError: the store cannot be asked, so nothing was run.
        """
        ignored = ONLY_READS if not runnable.plan.writes else NOTHING_STAYS if call.dry_run else ""
        if ignored:
            execution = await work()
            return replace(execution, messages=(*execution.messages, ignored))
        try:
            run, ours = await self._claim(call, runnable, execution_id)
            first = None if ours else self._first(run, runnable, execution_id, editor=editor)
        except ProxyError as error:
            await not_run(error)
            raise
        if first is not None:
            await not_run(None)
            return first
        return await self._follow(run, runnable, work)

    async def sweep(self) -> None:
        """Remove what has expired, a bounded part of the store at a time; the next call goes on from there.

        Raises:
            StoreError: the store cannot be asked.
        """
        pages, self._claimed = SWEPT_PAGES + SWEPT_FOR_EACH * self._claimed // PAGE, 0
        for _ in range(pages):
            page = await self._store.find(KeyedRun, after=self._swept)
            expired = [run for run in page if self._now() >= run.expires_at]
            if expired:
                with suppress(StaleRevision, NotFound):  # another process sweeps too, or a key was claimed anew
                    await self._store.commit(*(Delete(KeyedRun, run.id, run.revision) for run in expired))
            self._swept = page[-1].id if page else ""
            if not page:
                return

    async def keep_swept(self) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001  # reason: whatever fails, the next round tries again
                _log.warning("expired Idempotency-Keys cannot be removed: %s", type(error).__name__)

    async def finish(self) -> None:
        """Wait until everything is stored."""
        await self._writes.finish()

    async def _claim(self, call: ExecuteCall, runnable: Runnable, execution_id: str) -> tuple[KeyedRun, bool]:
        """Return the first execution under the key, and whether it is this one."""
        now = self._now()
        overdue = now + timedelta(seconds=runnable.timeout + SLACK_SECONDS)
        run = KeyedRun(
            id=_key_id(call, runnable),
            execution_id=execution_id,
            overdue_at=overdue,
            expires_at=max(now + timedelta(seconds=self._seconds), overdue),
        )
        revision = 0
        for _ in range(_CLAIMS):
            try:
                await self._store.commit(Put(run, expected=revision))
            except (StaleRevision, NotFound):
                found = await self._store.get(KeyedRun, run.id)
            else:
                self._claimed += 1
                return replace(run, revision=revision + 1), True
            if found is not None and now < found.expires_at:
                return found, False
            revision = 0 if found is None else found.revision
        raise StillRunning("others claim this Idempotency-Key at the same time", hint="send the same call again")

    def _first(self, run: KeyedRun, runnable: Runnable, execution_id: str, *, editor: bool) -> Execution:
        """Return what became of the first execution, as this one's answer."""
        if run.end is not None:
            return _again(run, run.end, runnable, execution_id, editor=editor)
        if self._now() < run.overdue_at:
            raise StillRunning(
                "an execution with this Idempotency-Key is still running", hint="send the same call again in a moment"
            )
        raise OutcomeUnknown(
            f"what became of execution {run.execution_id}, the first with this Idempotency-Key, is not known",
            hint="look whether it took effect; if it did not, send the call with another key",
        )

    async def _follow(self, run: KeyedRun, runnable: Runnable, work: Work) -> Execution:
        """Run the work and store what became of it."""
        try:
            execution = await work()
        except (Overloaded, InternalError):  # ours, so it was not sent: what a driver does wrong is another's
            await self._store_end(run, None)
            raise
        except BaseException:
            now = self._now()
            await self._store_end(run, replace(run, overdue_at=now))
            raise
        await self._store_end(run, None if _never_sent(execution) else replace(run, end=_end(execution, runnable)))
        return execution

    async def _store_end(self, run: KeyedRun, ended: KeyedRun | None) -> None:
        await self._writes.run(self._put_end(run, ended))

    async def _put_end(self, run: KeyedRun, ended: KeyedRun | None) -> None:
        change = Delete(KeyedRun, run.id, run.revision) if ended is None else Put(ended, expected=run.revision)
        try:
            await self._store.commit(change)
        except ProxyError as error:
            # The work is done; a repeat will hear that its outcome is not known, which is true.
            _log.error("the outcome of execution %s was not stored for its key: %s", run.execution_id, describe(error))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _key_id(call: ExecuteCall, runnable: Runnable) -> str:
    """Return under which id a run is stored. Each part with its length, so that no two lists of parts are one text."""
    action = runnable.action
    copy = "published" if runnable.copy is action.published else "draft"
    parts = (action.workspace_id, call.principal.id, action.id, copy, call.idempotency_key or "")
    digest = hashlib.sha256()
    for part in map(str.encode, parts):
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return digest.hexdigest()


def _never_sent(execution: Execution) -> bool:
    error = execution.error
    return isinstance(error, RequestError) or (isinstance(error, DatasourceError) and error.outcome is Outcome.NOT_SENT)


def _end(execution: Execution, runnable: Runnable) -> RunEnd:
    """Return what is stored of an answer: no value, no row, no text."""
    error = execution.error
    status = execution.http.status if execution.http is not None else None
    if error is None:
        return RunEnd(affected=execution.affected, status=status)
    constraint = getattr(error, "constraint", "")
    return RunEnd(
        status=status,
        error_code=next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _BY_CODE),
        outcome=error.outcome if isinstance(error, DatasourceError) else Outcome.UNKNOWN,
        constraint=constraint if constraint in runnable.copy.user_messages else "",
    )


def _again(run: KeyedRun, end: RunEnd, runnable: Runnable, execution_id: str, *, editor: bool) -> Execution:
    """Return the first outcome as an answer: everything but the rows."""
    told = (
        f"execution {run.execution_id} ran with this Idempotency-Key; it was not run again, and its rows are not kept"
    )
    if end.error_code:
        return Execution(
            id=execution_id,
            editor=editor,
            error=_error(end, told),
            user_message=user_message(runnable, end.error_code, end.constraint),
        )
    if end.status is not None:
        http = HttpAnswer(status=end.status, reason="", headers=(), binary=False)
        return Execution(id=execution_id, editor=editor, http=http, messages=(told,))
    body = b"[]" if end.affected is None else b'[{"affectedRows":%d}]' % end.affected
    return Execution(
        id=execution_id,
        body=body,
        affected=end.affected,
        editor=editor,
        messages=(told,),
        data_types=data_types(Result(), body),
    )


def _error(end: RunEnd, told: str) -> ProxyError:
    """Return an error of the stored code. A code that another release knows is told as a conflict."""
    kind = _BY_CODE.get(end.error_code, Conflict)
    if issubclass(kind, DatasourceError):
        status = "" if end.status is None else str(end.status)
        return kind(told, outcome=end.outcome or Outcome.UNKNOWN, native_code=status)
    return kind(told)


_BY_CODE: Final = {kind.__name__: kind for kind in all_errors()}
