"""Plans as editors see them: what an action compiles to before it is saved, and whether what is published still holds."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, final

from appsmith_proxy.access.policy import Permission
from appsmith_proxy.catalog.checking import Check, Checker
from appsmith_proxy.catalog.records import Records
from appsmith_proxy.catalog.views import ExplainedPlan, PlanReport, PlanState
from appsmith_proxy.errors import PlanUnverified
from appsmith_proxy.gateway.plan_seals import PlanSeals, check_plan, put_back
from appsmith_proxy.model.plan import Plan, StatementSet
from appsmith_proxy.model.principal import Principal, Role, User
from appsmith_proxy.model.records import Action, ActionCopy, Datasource, PlanSeal, Workspace
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import Capability
from appsmith_proxy.template import ExplainedStep, explain

OPERATOR: Final = Principal(id="operator", role=Role.ADMINISTRATOR, workspace_id=None, user=User())
"""Who has the encryption password and the store may look at everything."""

_PUBLISH: Final = "publish its application again"
_LOOK: Final = f"look at its draft, and {_PUBLISH}"


@final
class Plans:
    """The verbs of plans."""

    def __init__(self, records: Records, checker: Checker, registry: Registry, seals: PlanSeals) -> None:
        self._records = records
        self._checker = checker
        self._registry = registry
        self._seals = seals

    async def compile(self, principal: Principal, values: Mapping[str, Any]) -> ExplainedPlan:
        """Explain an action without saving it. What is wrong with it is in the answer, not raised.

        Raises:
            NotFound: no such datasource, or the caller may not write actions on it.
        """
        datasource = await self._records.read(principal, Datasource, values["datasource_id"], Permission.ACTION_MANAGE)
        copy = ActionCopy(name="", **values)
        check = await self._checker.check(datasource, copy)
        steps: tuple[ExplainedStep, ...] = ()
        if check.plan is not None:
            driver = self._registry.driver(datasource.kind)
            steps = await asyncio.to_thread(explain, check.plan, driver, copy.configuration)
        return ExplainedPlan(
            plan=check.plan,
            steps=steps,
            problems=check.problems,
            warnings=check.warnings,
            checked=check.checked,
            reported={reported.statement: reported for reported in check.reported},
        )

    async def check(self, principal: Principal, workspace_id: str) -> tuple[PlanReport, ...]:
        """Look at every published plan of a workspace: its seal, its statements, and their types as they are now.

        Raises:
            NotFound: no such workspace, or the caller may not write actions in it.
        """
        workspace = await self._records.read(principal, Workspace, workspace_id, Permission.ACTION_MANAGE)
        actions = await self._records.all(Action, where={"workspace_id": workspace.id})
        down: set[str] = set()
        return tuple(
            [await self._report(principal, action, action.published, down) for action in actions if action.published]
        )

    async def workspaces(self) -> tuple[Workspace, ...]:
        """Return every workspace, for the operator."""
        return await self._records.all(Workspace, where={})

    async def _report(self, principal: Principal, action: Action, copy: ActionCopy, down: set[str]) -> PlanReport:
        """Return what became of one plan. ``down`` are datasources that cannot be asked: they are asked once."""

        def report(state: PlanState, *found: str, advice: str = "") -> PlanReport:
            return PlanReport(
                action_id=action.id,
                application_id=action.application_id,
                name=copy.name,
                state=state,
                found=found,
                advice=advice,
            )

        datasource = await self._records.read(principal, Datasource, copy.datasource_id, Permission.DATASOURCE_EXECUTE)
        try:
            seal = self._seals.check(action, copy, datasource)
            if self._seals.is_older(action):
                raise put_back()
        except PlanUnverified as error:
            return report(PlanState.UNVERIFIED, error.message, advice=error.hint)
        asked = datasource.id not in down
        check = await (self._checker.check if asked else self._checker.compile)(datasource, copy)
        if check.problems or check.plan is None:
            return report(PlanState.REFUSED, *(problem.message for problem in check.problems), advice=_LOOK)
        try:
            check_plan(check.plan, seal)
        except PlanUnverified as error:
            return report(PlanState.UNVERIFIED, error.message, advice=error.hint)
        if not check.checked and Capability.PREPARE in self._registry.driver(datasource.kind).capabilities:
            down.add(datasource.id)
            return report(PlanState.UNREACHABLE, *check.warnings, advice="try again when the datasource answers")
        found = tuple(_differences(check, check.plan, seal))
        return report(PlanState.STALE, *found, advice=_LOOK) if found else report(PlanState.OK)


async def check_and_report(plans: Plans, workspace_id: str | None, say: Callable[[str], None]) -> bool:
    """Check the plans of one workspace, or of all, for the operator, telling each; return whether all are well."""
    ids = [workspace_id] if workspace_id else [workspace.id for workspace in await plans.workspaces()]
    well = True
    for each in ids:
        for report in await plans.check(OPERATOR, each):
            well = well and report.state is PlanState.OK
            say(f"{report.action_id}  {report.state:<11}  {report.name}")
            for found in report.found:
                say(f"    {found}")
            if report.advice:
                say(f"    {report.advice}")
    return well


def _differences(check: Check, plan: Plan, seal: PlanSeal) -> Iterator[str]:
    """Yield what the datasource reports otherwise than when the plan was published, each once."""
    before = {reported.statement: reported for reported in seal.reported}
    now = {reported.statement: reported for reported in check.reported}
    told: dict[str, None] = {}
    for step in plan.steps:
        if not isinstance(step.payload, StatementSet):
            continue
        for planned in step.payload.statements:
            digest = planned.statement.digest
            if digest in before and digest in now:
                names = [parameter.name for parameter in planned.statement.parameters]
                told.update(dict.fromkeys(before[digest].differences(now[digest], names)))
    yield from told
