"""What an action needs to run, found once and kept until the store's feed says that something of it changed."""

import asyncio
from dataclasses import dataclass, field
from typing import Final, final

from appsmith_proxy.errors import InternalError, NotFound
from appsmith_proxy.gateway.compiling import compile_copy, is_long
from appsmith_proxy.gateway.encode import Encoder
from appsmith_proxy.gateway.limits import AdmissionLimits, Gate
from appsmith_proxy.gateway.plan_seals import PlanSeals, check_plan, put_back
from appsmith_proxy.gateway.published import Published
from appsmith_proxy.model.plan import Plan
from appsmith_proxy.model.records import Action, ActionCopy, Datasource, PlanSeal
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import Driver, Limits
from appsmith_proxy.store.cache import CachedStore
from appsmith_proxy.template import Binder, binder_of

MISSING: Final = "no such action"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """One copy of an action with its plan, its datasource and its bounds."""

    action: Action
    copy: ActionCopy
    plan: Plan
    datasource: Datasource
    driver: Driver
    gate: Gate
    limits: Limits
    timeout: float
    """Seconds."""
    scope: str
    """Non-empty for published copies: see ``ExecuteRequest.scope``."""
    published: Published = field(default_factory=Published)
    """What the datasource reported when it was published; of drafts nothing."""
    encoder: Encoder = field(default_factory=Encoder)
    binder: Binder | None = None
    """None: bound step by step, in a transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionLimits:
    """The bounds that the operator sets for every execution."""

    rows: int = 50_000
    bytes: int = 5 * 1024 * 1024
    max_timeout_ms: int = 60_000
    admission: AdmissionLimits = field(default_factory=AdmissionLimits)


@final
class Runnables:
    """Finds runnables. What it keeps is checked against the cached records each time that any of those has changed."""

    def __init__(self, cache: CachedStore, registry: Registry, seals: PlanSeals, limits: ExecutionLimits) -> None:
        self._cache = cache
        self._registry = registry
        self._seals = seals
        self._limits = limits
        self._kept: dict[tuple[str, bool], Runnable] = {}
        self._current: dict[tuple[str, bool], Runnable] = {}
        """Those of them whose records are the current ones, under ``_version`` of the cache."""
        self._version = -1
        self._gates: dict[str, Gate] = {}
        self._long = asyncio.Lock()

    def peek(self, action_id: str, *, published: bool) -> Runnable | None:
        """Return the kept runnable if both its records are still the current ones; no I/O.

        Raises:
            StoreStale: the feed is too old to trust what is cached.
        """
        version = self._cache.version()
        if version != self._version:
            self._current.clear()
            self._version = version
        key = (action_id, published)
        return self._current.get(key) or self._check(key)

    async def find(self, action: Action, *, published: bool) -> Runnable:
        """Build the runnable of an action's published copy, or of its draft.

        Raises:
            NotFound: there is no such copy, or its datasource is gone.
            PlanUnverified: the published copy is not what was published.
            InternalError: the stored copy does not compile any more.
        """
        copy = action.published if published else action.draft
        if copy is None:
            raise NotFound(MISSING)
        datasource = await self._cache.get(Datasource, copy.datasource_id)
        if datasource is None or datasource.workspace_id != action.workspace_id:
            raise NotFound(MISSING)
        if not is_long(copy):
            return await self._build(action, copy, datasource, published=published)
        async with self._long:  # of many first calls, one compiles
            kept = self._kept.get((action.id, published))
            if kept is not None and kept.action is action and kept.datasource is datasource:
                return kept
            return await self._build(action, copy, datasource, published=published)

    def forget(self, action_id: str) -> None:
        """Drop what is kept of an action, or of all (``""``); the feed says that it changed."""
        self._current.clear()
        if not action_id:
            self._kept.clear()
        self._kept.pop((action_id, True), None)
        self._kept.pop((action_id, False), None)

    def _check(self, key: tuple[str, bool]) -> Runnable | None:
        """Return what is kept if both its records are still the current ones."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self._cache.peek(Action, kept.action.id) is not kept.action:
            return None
        if self._cache.peek(Datasource, kept.datasource.id) is not kept.datasource:
            return None
        self._current[key] = kept
        return kept

    async def _build(self, action: Action, copy: ActionCopy, datasource: Datasource, *, published: bool) -> Runnable:
        seal = await self._checked(action, copy, datasource) if published else None
        driver = self._registry.driver(datasource.kind)
        compiled = await compile_copy(driver, copy)
        if compiled.plan is None:
            raise InternalError(
                "the action was saved by another version and does not compile any more",
                hint="an editor must open and save it again",
            )
        plan = compiled.plan
        if seal is not None:
            check_plan(plan, seal)
        runnable = Runnable(
            action=action,
            copy=copy,
            plan=plan,
            datasource=datasource,
            driver=driver,
            gate=self._gates.setdefault(datasource.id, Gate(self._limits.admission)),
            limits=Limits(
                rows=self._limits.rows,
                bytes=self._limits.bytes,
                affected=copy.max_affected_rows if plan.writes else None,
            ),
            timeout=min(copy.timeout_ms, self._limits.max_timeout_ms) / 1000,
            published=Published(seal.reported if seal is not None else ()),
            binder=None if plan.in_transaction else binder_of(plan),
            scope=f"{action.id}:{action.revision}" if published and not _uses_trusted_names(plan) else "",
        )
        self._kept[action.id, published] = runnable
        return runnable

    async def _checked(self, action: Action, copy: ActionCopy, datasource: Datasource) -> PlanSeal:
        """Return the seal of a published copy, which is the newest that this process knows: or was when it was read."""
        seal = self._seals.check(action, copy, datasource)
        if self._seals.is_older(action):
            current = await self._cache.get(Action, action.id)
            if current is None or self._seals.is_older(current):
                raise put_back()
        return seal


def _uses_trusted_names(plan: Plan) -> bool:
    # A session that one caller's identity went into must not be shared without a reset.
    return len(plan.client_names) != len(plan.bindings)
