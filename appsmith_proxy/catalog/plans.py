"""Plans as editors see them: what the compiler makes of an action before it is saved."""

from collections.abc import Mapping
from typing import Any, final

from appsmith_proxy.access.policy import Permission
from appsmith_proxy.catalog.checking import Checker
from appsmith_proxy.catalog.records import Records
from appsmith_proxy.catalog.views import ExplainedPlan
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.model.records import ActionCopy, Datasource
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.template import ExplainedStep, explain


@final
class Plans:
    """The verbs of plans."""

    def __init__(self, records: Records, checker: Checker, registry: Registry) -> None:
        self._records = records
        self._checker = checker
        self._registry = registry

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
            steps = explain(check.plan, self._registry.driver(datasource.kind), copy.configuration)
        return ExplainedPlan(
            plan=check.plan,
            steps=steps,
            problems=check.problems,
            warnings=check.warnings,
            checked=check.checked,
            reported={reported.statement: reported for reported in check.reported},
        )
