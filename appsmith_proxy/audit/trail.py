"""The trail: a record counts when at least one sink kept it; when none did, the work is refused."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from appsmith_proxy.audit.contract import AuditRecord, AuditSink, ImmediateSink
from appsmith_proxy.errors import AuditUnavailable

DEADLINE_SECONDS: Final = 1.0
"""How long a sink may take; one that hangs has failed."""

_log = logging.getLogger(__name__)


class Trail:
    """Give each record to every sink."""

    def __init__(self, sinks: Sequence[AuditSink], *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._immediate = tuple(sink for sink in sinks if isinstance(sink, ImmediateSink))
        self._waiting = tuple(sink for sink in sinks if not isinstance(sink, ImmediateSink))
        self._deadline_seconds = deadline_seconds

    async def record(self, record: AuditRecord) -> None:
        """Record; return when every sink has answered or run out of time. Raises ``AuditUnavailable`` if none kept it.

        For an intent that means: do not execute. With sinks in memory only, this never waits.
        """
        if self.try_record(record):
            return
        kept = [await self._offer(sink, record) for sink in self._immediate]  # these do not wait
        kept += await asyncio.gather(*(self._offer(sink, record) for sink in self._waiting))
        if not any(kept):
            raise _unavailable()

    def try_record(self, record: AuditRecord) -> bool:
        """Record without waiting, when every sink is in memory; False: nothing was done, call ``record``.

        Raises:
            AuditUnavailable: no sink kept it.
        """
        if self._waiting:
            return False
        kept = False
        for sink in self._immediate:
            try:
                sink.record_now(record)
                kept = True
            except Exception as exc:  # noqa: BLE001 - a sink may fail in any way; another one may keep the record
                _failed(sink, exc)
        if not kept:
            raise _unavailable()
        return True

    async def close(self) -> None:
        """Close every sink. May be called twice."""
        for sink in (*self._immediate, *self._waiting):
            await sink.close()

    async def _offer(self, sink: AuditSink, record: AuditRecord) -> bool:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await sink.record(record)
        except Exception as exc:  # noqa: BLE001 - as above; a deadline that passed is a TimeoutError
            _failed(sink, exc)
            return False
        return True


def _unavailable() -> AuditUnavailable:
    return AuditUnavailable(
        "no audit sink accepted the record, so the work was refused",
        hint="try again in a moment; if it lasts, the operator finds the cause in the log",
    )


def _failed(sink: AuditSink, error: Exception) -> None:
    _log.error("audit sink %s failed: %s", type(sink).__name__, type(error).__name__)
