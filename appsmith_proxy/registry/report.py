"""What became of each plugin: the report that operators and editors read. Reasons are our own sentences."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What became of a plugin, or of one driver of it."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    """Sound, but its name or kind is taken by a plugin that came first."""
    QUARANTINED = "quarantined"
    """Found but not usable: it cannot be imported, raised, or does not fit the contract."""
    INCOMPATIBLE = "incompatible"
    """Written for another version of the contract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEntry:
    """One plugin with the drivers that share a status; a plugin whose drivers fared differently has several."""

    name: str
    """The entry point's name."""
    status: Status
    reason: str = ""
    """Why it is not active: class names and our sentences, never a plugin's own text."""
    distribution: str = ""
    version: str = ""
    kinds: tuple[str, ...] = ()
    """The kinds this entry speaks of, as far as they are known."""
