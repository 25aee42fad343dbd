"""Who is asking."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller is in a workspace. A closed list until roles are data."""

    ADMINISTRATOR = "administrator"
    DEVELOPER = "developer"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """The person behind a caller, as trusted bindings see it. What is None is not known and fails a binding."""

    id: str | None = None
    email: str | None = None
    name: str | None = None
    groups: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated caller. ``workspace_id`` None means every workspace (an instance-wide token)."""

    id: str
    """Of the token."""
    role: Role
    workspace_id: str | None
    user: User
