"""The trail in memory: the last records, in order. Lost when the process ends."""

from collections import deque
from typing import Final

from appsmith_proxy.audit.contract import AuditRecord, ImmediateSink

CAPACITY: Final = 10_000


class RingSink(ImmediateSink):
    """Keep the last records in memory."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        if capacity < 1:
            raise ValueError("a ring keeps at least one record")
        self._records: deque[AuditRecord] = deque(maxlen=capacity)

    def record_now(self, record: AuditRecord) -> None:
        """Keep one record; the oldest makes room."""
        self._records.append(record)

    def records(self) -> tuple[AuditRecord, ...]:
        """Return what is kept, oldest first."""
        return tuple(self._records)

    def of(self, execution_id: str) -> tuple[AuditRecord, ...]:
        """Return what is kept of one execution, oldest first."""
        return tuple(record for record in self._records if record.execution_id == execution_id)
