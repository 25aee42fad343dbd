"""Checking an action before it is kept: the compiler always, and the datasource itself where it can be reached."""

import asyncio
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
from appsmith_proxy.model.plan import Plan, StatementSet
from appsmith_proxy.model.records import ActionCopy, Datasource
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import Capability, Driver, SupportsPrepare
from appsmith_proxy.template import compile_action

CHECK_SECONDS: Final = 5.0
"""How long saving waits for a datasource; after that the action is saved unchecked."""

LONG: Final = 8_192
"""Bytes. Longer texts are compiled in a thread: no other call waits for them."""

REMEMBERED: Final = 500
"""How many compiled copies are kept: lists show the same ones again and again."""

REFUSALS: Final = (StatementInvalid, PlanStale, ParameterInvalid)
"""What a datasource says of a statement that will never run. Everything else says that it could not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found: a plan unless there are problems."""

    plan: Plan | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    checked: bool = False
    """The datasource itself accepted every statement."""


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
                await self._prepare(datasource, plan)
        except REFUSALS as error:
            return Check(plan=None, problems=(_refusal(error),))
        except TimeoutError:
            return _unchecked(compiled, "did not answer in time")
        except ProxyError as error:
            return _unchecked(compiled, f"could not be asked ({error.code})")
        return Check(plan=plan, warnings=compiled.warnings, checked=True)

    async def _prepare(self, datasource: Datasource, plan: Plan) -> None:
        lease = await self._leases.borrow(datasource)
        try:
            client = lease.client
            assert isinstance(client, SupportsPrepare)  # noqa: S101  # reason: the kit proves what PREPARE declares
            deadline = asyncio.get_running_loop().time() + CHECK_SECONDS
            for step in plan.steps:
                if isinstance(step.payload, StatementSet):
                    for planned in step.payload.statements:
                        with driver_edge("preparing", lease.secrets):
                            await client.prepare(planned.statement, deadline=deadline)
        finally:
            lease.release()


def _compile(driver: Driver, copy: ActionCopy) -> Check:
    compiled = compile_action(
        driver, copy.configuration, copy.parameters, read_only=copy.read_only, allow_ddl=copy.allow_ddl
    )
    warnings = compiled.plan.warnings if compiled.plan is not None else ()
    return Check(plan=compiled.plan, problems=compiled.problems, warnings=warnings)


def _key(kind: str, copy: ActionCopy) -> bytes:
    """Return everything that compiling depends on."""
    return repr((kind, copy.configuration, copy.parameters, copy.read_only, copy.allow_ddl)).encode("utf-8", "replace")


def _unchecked(compiled: Check, why: str) -> Check:
    warning = f"the datasource {why}, so the statement was not checked by it"
    return Check(plan=compiled.plan, warnings=(*compiled.warnings, warning))


def _refusal(error: DatasourceError) -> Problem:
    words = error.native_message or error.message
    return Problem("configuration.body", f"the datasource refuses the statement: {words}", hint=error.hint)
