"""Checking an action before it is kept: the compiler always, and the datasource itself where it can be reached."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
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
from appsmith_proxy.gateway.edge import driver_edge
from appsmith_proxy.gateway.leases import Leases
from appsmith_proxy.model.plan import Plan, PlannedStatement, Source, StatementSet, Transform
from appsmith_proxy.model.records import ActionCopy, Datasource, Reported
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import Capability, Driver, Prepared, SupportsPrepare
from appsmith_proxy.template import compile_action, representatives

CHECK_SECONDS: Final = 5.0
"""How long saving waits for a datasource; after that the action is saved unchecked."""

LONG: Final = 8_192
"""Bytes. Longer texts are compiled in a thread: no other call waits for them."""

REMEMBERED: Final = 500
"""How many compiled copies are kept: lists show the same ones again and again."""

REFUSALS: Final = (StatementInvalid, PlanStale, ParameterInvalid)
"""What a datasource says of a statement that will never run. Everything else says that it could not be asked."""

_TYPED: Final = frozenset({Transform.NONE, Transform.LIST, Transform.ITEMS})
"""Ways to bind that depend on a type; the others always send text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found: a plan unless there are problems."""

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

    def __init__(self, registry: Registry, leases: Leases) -> None:
        self._registry = registry
        self._leases = leases
        self._compiled: dict[bytes, Check] = {}

    async def compile(self, datasource: Datasource, copy: ActionCopy) -> Check:
        """Compile without asking the datasource. What was compiled lately is remembered; what is long has a thread."""
        try:
            driver = self._registry.driver(datasource.kind)
        except IncompatibleDriver as error:
            return Check(plan=None, problems=(Problem("datasourceId", error.message, hint=error.hint),))
        key = _key(datasource.kind, copy)
        check = self._compiled.pop(key, None)
        if check is None:
            check = await asyncio.to_thread(_compile, driver, copy) if len(key) > LONG else _compile(driver, copy)
        self._compiled[key] = check
        if len(self._compiled) > REMEMBERED:
            del self._compiled[next(iter(self._compiled))]
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
        if Capability.PREPARE not in self._registry.driver(datasource.kind).capabilities:
            return compiled
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                reported, untyped = await self._prepare(datasource, plan)
        except REFUSALS as error:
            return Check(plan=None, problems=(_refusal(error),))
        except TimeoutError:
            return _unchecked(compiled, "did not answer in time")
        except ProxyError as error:
            return _unchecked(compiled, f"could not be asked ({error.code})")
        return Check(plan=plan, warnings=(*compiled.warnings, *untyped), checked=True, reported=reported)

    async def _prepare(self, datasource: Datasource, plan: Plan) -> tuple[tuple[Reported, ...], tuple[str, ...]]:
        """Let the datasource prepare each statement; return what it reported, and a warning for each binding that nobody
        gives a type."""
        reported: dict[str, Reported] = {}
        untyped: dict[str, None] = {}
        lease = await self._leases.borrow(datasource)
        try:
            client = lease.client
            assert isinstance(client, SupportsPrepare)  # noqa: S101  # reason: the kit proves what PREPARE declares
            deadline = asyncio.get_running_loop().time() + CHECK_SECONDS
            for step in plan.steps:
                if isinstance(step.payload, StatementSet):
                    for planned in representatives(step.payload):
                        with driver_edge("preparing", lease.secrets):
                            prepared = await client.prepare(planned.statement, deadline=deadline)
                            reported[planned.statement.digest] = _reported(planned, prepared)
                            untyped.update(dict.fromkeys(_untyped(planned, prepared)))
        finally:
            lease.release()
        return tuple(reported.values()), tuple(
            f"the datasource reports no type for {{{{ {name} }}}}, so its values are sent as text: declare its type"
            for name in untyped
        )


def _compile(driver: Driver, copy: ActionCopy) -> Check:
    compiled = compile_action(
        driver, copy.configuration, copy.parameters, read_only=copy.read_only, allow_ddl=copy.allow_ddl
    )
    warnings = compiled.plan.warnings if compiled.plan is not None else ()
    return Check(plan=compiled.plan, problems=compiled.problems, warnings=warnings)


def _reported(planned: PlannedStatement, prepared: Prepared) -> Reported:
    return Reported(
        statement=planned.statement.digest,
        parameter_types=prepared.parameter_types,
        columns=tuple((column.name, column.native_type) for column in prepared.columns),
    )


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


def _refusal(error: DatasourceError) -> Problem:
    words = error.native_message or error.message
    return Problem("configuration.body", f"the datasource refuses the statement: {words}", hint=error.hint)
