"""What is stored: workspaces, applications, datasources, actions, tokens. Frozen; a change makes a new revision.

Ids are those of ``ids``; names are unique where they live, and how long they may be is the API's to say (``web.models``).
``revision`` is the store's: 0 before the first commit, one more with each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.principal import Role, User
from appsmith_proxy.sdk import Reported

ENVIRONMENT: Final = "production"
"""The one environment until there are more."""

DEFAULT_TIMEOUT_MS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Owner of datasources and people."""

    id: str
    name: str
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A set of actions that is published together."""

    id: str
    workspace_id: str
    name: str
    published_at: datetime | None = None
    """With its time zone; None: never."""
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecret:
    """A sealed field. The bytes are opaque to everything but the vault."""

    sealed: bytes
    generation: int
    """Counts how often this field was sealed; part of what the seal is bound to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasource:
    """A stored, named configuration of a kind, in a workspace."""

    id: str
    workspace_id: str
    name: str
    kind: str
    """Of its driver. It never changes."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """Plain fields only."""
    secrets: Mapping[str, SealedSecret] = field(default_factory=dict)
    """By field name, ``field.key`` for entries of a secret map."""
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSeal:
    """What was published, proven: the copy that has it is what was published, where it was, by this instance."""

    version: int
    """Counts how often the action was published."""
    compiler: int
    """The compiler's version that made the plan."""
    digest: str
    """Of the plan."""
    reported: tuple[Reported, ...] = ()
    """Of the statements that the datasource checked; empty when it could not be asked."""
    mac: bytes = b""
    """Over all of this, the copy, and where both belong; see ``gateway.plan_seals``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCopy:
    """What runs: the draft's or the published copy's content. The plan is compiled from it, never stored by value."""

    datasource_id: str
    name: str
    configuration: Mapping[str, Any]
    """By the driver's ``ActionField`` rows: ``{body}`` for SQL, ``{method, path, query, headers, body, bodyType}`` for REST."""
    parameters: tuple[DeclaredParameter, ...] = ()
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    """From admission until the datasource has answered; the operator may allow less."""
    read_only: bool | None = None
    """None: the default of the plan (true when it only reads)."""
    allow_ddl: bool = False
    """An editor's flag for DDL and EXPLAIN; excludes ``read_only``."""
    max_affected_rows: int | None = None
    """A write that changes more is rolled back; None: it may change any number."""
    numbers: str = "string"
    """``string | number``: how decimals are written."""
    confirm_before_execute: bool = False
    """Front ends ask a person first; the proxy runs what it is sent."""
    cancel_on_disconnect: bool = False
    """A write ends when its caller leaves, as reads always do; without it a write runs to its end."""
    user_messages: Mapping[str, str] = field(default_factory=dict)
    """Error code or constraint name → what a viewer is told."""
    checked: bool = False
    """The datasource itself accepted the statement when this copy was saved."""
    seal: PlanSeal | None = None
    """Of a published copy; without one it is not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A stored statement or request with bindings: the editors' draft, and the viewers' published copy."""

    id: str
    workspace_id: str
    application_id: str
    draft: ActionCopy
    published: ActionCopy | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An API token. The token itself is shown once; its SHA-256 is stored."""

    id: str
    sha256: str
    """In hexadecimal digits."""
    role: Role
    workspace_id: str | None
    """None: every workspace."""
    user: User
    created_at: datetime
    expires_at: datetime
    """From then on it is refused. With its time zone, like ``created_at``."""
    revision: int = 0
