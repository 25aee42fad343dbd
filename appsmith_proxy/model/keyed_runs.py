"""What is stored of an execution that came with an ``Idempotency-Key``: that it was begun, and what became of it."""

from dataclasses import dataclass
from datetime import datetime

from appsmith_proxy.errors import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """What became of an execution: status and counts. No value, no row, no text of a datasource's."""

    affected: int | None = None
    """Rows changed; None where the datasource counts none."""
    status: int | None = None
    """Of an API's answer."""
    error_code: str = ""
    """Empty when it succeeded."""
    outcome: Outcome | None = None
    """What became of the work, when it failed at the datasource."""
    constraint: str = ""
    """The violated constraint, if the action has a message of its own for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRun:
    """The first execution under a key. While it is stored, no other runs under the same one."""

    id: str
    """Made from the key and what it belongs to; neither can be read from it."""
    execution_id: str
    overdue_at: datetime
    """Without an end by then, its process is gone and nobody knows what became of it."""
    expires_at: datetime
    """From then on the key is as good as new."""
    end: RunEnd | None = None
    revision: int = 0
