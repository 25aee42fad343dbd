"""Checking an action before it is kept: the compiler always, and the datasource itself where it can be reached."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, final

from appsmith_proxy.errors import (
    DatasourceError,
    IncompatibleDriver,
    ParameterInvalid,
    PlanStale,
    Problem,
    ProxyError,
    StatementInvalid,
)
from appsmith_proxy.gateway.compiling import compile_copy
from appsmith_proxy.gateway.edge import driver_edge
from appsmith_proxy.gateway.leases import Leases
from appsmith_proxy.model.plan import Plan, PlannedStatement, Source, StatementSet, Transform
from appsmith_proxy.model.records import ActionCopy, Datasource
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import Capability, Prepared, Reported, SupportsPrepare
from appsmith_proxy.template import Compiled, combinations, described, origin_of, sql_texts

CHECK_SECONDS: Final = 5.0
"""How long saving waits for a datasource; after that the action is saved unchecked."""

REMEMBERED: Final = 500
"""How many compiled copies are kept: lists show the same ones again and again."""

REMEMBERED_BYTES: Final = 50_000_000
"""How much they may take together, roughly: one may have thousands of statements."""

_STATEMENT_BYTES: Final = 1_500
"""What a planned statement takes beside its text."""

SHOWN_REFUSALS: Final = 20
"""Of one action: what is wrong with one statement is often wrong with all of them."""

REFUSALS: Final = (StatementInvalid, PlanStale, ParameterInvalid)
"""What a datasource says of a statement that will never run. Everything else says that it could not be asked."""

_TYPED: Final = frozenset({Transform.NONE, Transform.LIST, Transform.ITEMS})
"""Ways to bind that depend on a type; the others always send text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found. Without problems there is a plan; with problems that the datasource has there is one too."""

    plan: Plan | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    checked: bool = False
    """The datasource itself accepted every statement."""
    reported: tuple[Reported, ...] = ()
    """What it said of those that it was shown."""


@final
class Checker:
    """Compiles copies and asks datasources."""

    def __init__(self, registry: Registry, leases: Leases, *, remembered_bytes: int = REMEMBERED_BYTES) -> None:
        self._registry = registry
        self._leases = leases
        self._compiled: dict[bytes, Check] = {}
        self._bytes = 0
        self._most_bytes = remembered_bytes

    async def compile(self, datasource: Datasource, copy: ActionCopy) -> Check:
        """Compile without asking the datasource. What was compiled lately is remembered."""
        try:
            driver = self._registry.driver(datasource.kind)
        except IncompatibleDriver as error:
            return Check(plan=None, problems=(Problem("datasourceId", error.message, hint=error.hint),))
        key = _key(datasource.kind, copy)
        check = self._forget(key)
        if check is None:
            check = _compiled(await compile_copy(driver, copy))
        self._forget(key)  # another may have remembered it meanwhile
        self._compiled[key] = check
        self._bytes += _bytes(key, check.plan)
        while len(self._compiled) > REMEMBERED or self._bytes > self._most_bytes:
            self._forget(next(iter(self._compiled)))
        return check

    async def check(self, datasource: Datasource, copy: ActionCopy) -> Check:
        """Compile, then let the datasource prepare each statement.

        A statement that the datasource refuses is a problem, with its own words; a datasource that cannot be asked
        is a warning.
        """
        compiled = await self.compile(datasource, copy)
        plan = compiled.plan
        if plan is None:
            return compiled
        driver = self._registry.driver(datasource.kind)
        if Capability.PREPARE not in driver.capabilities or driver.dialect is None:
            return compiled
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                found = await self._prepare(datasource, plan, sql_texts(driver, copy.configuration))
        except TimeoutError:
            return _unchecked(compiled, "did not answer in time")
        except ProxyError as error:
            return _unchecked(compiled, f"could not be asked ({error.code})")
        return Check(
            plan=plan,
            problems=tuple(dict.fromkeys(found.problems))[:SHOWN_REFUSALS],
            warnings=(*compiled.warnings, *map(_say_untyped, found.untyped)),
            checked=not found.problems,
            reported=tuple(found.reported.values()),
        )

    def _forget(self, key: bytes) -> Check | None:
        check = self._compiled.pop(key, None)
        if check is not None:
            self._bytes -= _bytes(key, check.plan)
        return check

    async def _prepare(self, datasource: Datasource, plan: Plan, texts: Sequence[tuple[str, str]]) -> "_Found":
        """Let the datasource prepare what shows each block and each choice of each step."""
        found = _Found()
        lease = await self._leases.borrow(datasource)
        try:
            client = lease.client
            assert isinstance(client, SupportsPrepare)  # noqa: S101  # reason: the kit proves what PREPARE declares
            deadline = asyncio.get_running_loop().time() + CHECK_SECONDS
            for step, (path, text) in zip(plan.steps, texts, strict=True):
                if not isinstance(step.payload, StatementSet):
                    continue
                for positions, planned in combinations(step.payload):
                    try:
                        with driver_edge("preparing", lease.secrets):
                            prepared = await client.prepare(planned.statement, deadline=deadline)
                            found.take(planned, prepared)
                    except REFUSALS as error:
                        which = described(step.payload.axes, positions)
                        found.problems.append(_refusal(error, planned, path, text, which))
        finally:
            lease.release()
        return found


@dataclass(slots=True, kw_only=True)
class _Found:
    """What a datasource said of the statements of a plan."""

    reported: dict[str, Reported] = field(default_factory=dict)
    untyped: dict[str, None] = field(default_factory=dict)
    """Names of bindings that nobody gives a type."""
    problems: list[Problem] = field(default_factory=list)

    def take(self, planned: PlannedStatement, prepared: Prepared) -> None:
        self.untyped.update(dict.fromkeys(_untyped(planned, prepared)))
        digest = planned.statement.digest
        self.reported[digest] = Reported.of(digest, prepared)


def _compiled(compiled: Compiled) -> Check:
    warnings = compiled.plan.warnings if compiled.plan is not None else ()
    return Check(plan=compiled.plan, problems=compiled.problems, warnings=warnings)


def _bytes(key: bytes, plan: Plan | None) -> int:
    """Return roughly what a compiled copy takes in memory."""
    sets = [step.payload for step in plan.steps if isinstance(step.payload, StatementSet)] if plan is not None else []
    return len(key) + sum(len(one.statement.text) + _STATEMENT_BYTES for each in sets for one in each.statements)


def _untyped(planned: PlannedStatement, prepared: Prepared) -> Iterator[str]:
    """Yield the bindings whose type neither the author nor the datasource says. What is text in any case needs none."""
    for slot, reported in zip(planned.slots, prepared.parameter_types, strict=True):
        if reported is None and slot.type is None and slot.source is Source.CLIENT and slot.transform in _TYPED:
            yield slot.name


def _key(kind: str, copy: ActionCopy) -> bytes:
    """Return everything that compiling depends on."""
    return repr((kind, copy.configuration, copy.parameters, copy.read_only, copy.allow_ddl)).encode("utf-8", "replace")


def _unchecked(compiled: Check, why: str) -> Check:
    warning = f"the datasource {why}, so the statement was not checked by it"
    return Check(plan=compiled.plan, warnings=(*compiled.warnings, warning))


def _say_untyped(name: str) -> str:
    return f"the datasource reports no type for {{{{ {name} }}}}, so its values are sent as text: declare its type"


def _refusal(error: DatasourceError, planned: PlannedStatement, path: str, text: str, which: str) -> Problem:
    words = error.native_message or error.message
    at = None if error.position is None else origin_of(text, planned.statement.text, error.position)
    line, column = at or (None, None)
    when = f" {which}" if which else ""
    return Problem(
        path, f"the datasource refuses the statement{when}: {words}", line=line, column=column, hint=error.hint
    )
