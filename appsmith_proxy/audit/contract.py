"""What the audit trail records, and the contract of what keeps it. Metadata by construction: no field holds a value."""

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TypeAlias

from appsmith_proxy.errors import Outcome, ProxyError
from appsmith_proxy.model.principal import Role
from appsmith_proxy.sdk import Noun


class Copy(StrEnum):
    """Which copy of an action ran."""

    DRAFT = "draft"
    PUBLISHED = "published"


class Intent(Noun, frozen=True):
    """Somebody is about to execute something. Recorded before anything else happens."""

    execution_id: str
    at: float
    """Wall clock, seconds since 1970 UTC."""
    principal_id: str
    """Of the token."""
    role: Role
    workspace_id: str
    action_id: str
    datasource_id: str
    copy: Copy


class OutcomeRecord(Noun, frozen=True):
    """What became of an execution. The accounting too: rows and bytes that were answered."""

    execution_id: str
    duration_ms: float
    rows: int
    bytes: int
    error_code: type[ProxyError] | None = None
    """The class, whose name is the code: there is no place for a text."""
    outcome: Outcome | None = None
    """What became of the work, when it failed at the datasource."""


class Unverified(Noun, frozen=True):
    """A published action was asked for whose stored copy is not what was published. Nothing of it ran."""

    execution_id: str
    """Of the call that asked."""
    at: float
    """Wall clock, seconds since 1970 UTC."""
    principal_id: str
    """Of the token."""
    workspace_id: str
    action_id: str


AuditRecord: TypeAlias = Intent | OutcomeRecord | Unverified


class AuditSink(ABC):
    """Keeps records. Returns when the record is kept; raises, or outlasts the trail's deadline, when it is not."""

    @abstractmethod
    async def record(self, record: AuditRecord) -> None:
        """Keep one record."""

    async def close(self) -> None:  # noqa: B027 - most sinks hold nothing that must be closed
        """Release what the sink holds. May be called twice."""


class ImmediateSink(AuditSink):
    """A sink in memory: it keeps a record at once, without waiting for anything."""

    @abstractmethod
    def record_now(self, record: AuditRecord) -> None:
        """Keep one record, without I/O."""

    async def record(self, record: AuditRecord) -> None:
        """Keep one record."""
        self.record_now(record)
