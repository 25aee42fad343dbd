"""What the editors' verbs answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from appsmith_proxy.errors import Problem, ProxyError
from appsmith_proxy.model.plan import Binding, Plan
from appsmith_proxy.model.records import Action, Application
from appsmith_proxy.sdk import Reported
from appsmith_proxy.template import ExplainedStep

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A part of a list in id order. ``next`` is the ``after`` of the following page, None at the end."""

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDetails:
    """An action as an editor sees it, with what the compiler found in its draft."""

    action: Action
    bindings: tuple[Binding, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedAction:
    """One action of a publication."""

    id: str
    name: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """What was published."""

    application: Application
    actions: tuple[PublishedAction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedPlan:
    """What the compiler makes of an action that is not saved, and what its datasource says of it. For editors."""

    plan: Plan | None
    """None when the action does not compile."""
    steps: tuple[ExplainedStep, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    checked: bool = False
    reported: Mapping[str, Reported] = field(default_factory=dict)
    """By the digest of the statement."""


class PlanState(StrEnum):
    """Whether a published plan would run as it was published."""

    OK = "ok"
    STALE = "stale"
    """The datasource reports other types or columns than when it was published."""
    REFUSED = "refused"
    """The compiler or the datasource does not take it any more."""
    UNVERIFIED = "unverified"
    """What is stored is not what was published."""
    UNREACHABLE = "unreachable"
    """The datasource could not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What became of one published plan. For editors."""

    action_id: str
    application_id: str
    name: str
    state: PlanState
    found: tuple[str, ...] = ()
    """What is not as it should be."""
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """Whether a datasource can be used; for editors."""

    success: bool
    server: str = ""
    warnings: tuple[str, ...] = ()
    error: ProxyError | None = None
    chain: tuple[str, ...] = ()
    """The certificates the server presented, when TLS failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSummary:
    """What a viewer's front end may know of a published action."""

    id: str
    name: str
    timeout_ms: int
    confirm_before_execute: bool
    client_names: tuple[str, ...]
    """``jsonPathKeys``: the bindings that the caller fills in; trusted names are not among them."""
