"""Bind the steps of a plan one by one: a later step takes results of earlier ones, which nobody knows before."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, final

from appsmith_proxy.model.plan import Plan, StatementSet
from appsmith_proxy.sdk import Value
from appsmith_proxy.template.binder import Binder, Bound
from appsmith_proxy.template.names import STEPS, step_result
from appsmith_proxy.template.readers import PENDING, Trusted, failure

Results: TypeAlias = Callable[[str, str], Any]
"""(step, column) → what an earlier step answered; ``NO_RESULT`` when it did not."""


@final
class Stepwise:
    """Binds a plan that has several steps. Stateless between executions."""

    __slots__ = ("_binders",)

    def __init__(self, plan: Plan) -> None:
        self._binders = tuple(Binder(replace(plan, steps=(step,), binder=None)) for step in plan.steps)

    def check(self, values: Mapping[str, Value], trusted: Trusted, *, family: bool) -> None:
        """Look at everything the caller sent, before anything runs.

        Raises:
            InvalidRequest, ParameterInvalid: as ``bind``; ``details`` names every problem of every step.
        """
        look_up = _looking_up(trusted, lambda step, column: PENDING)
        troubles = [trouble for binder in self._binders for trouble in binder.troubles(values, look_up, family=family)]
        if troubles:
            raise failure(troubles)

    def bind(
        self, step: int, values: Mapping[str, Value], trusted: Trusted, results: Results, *, family: bool
    ) -> Bound:
        """Bind one step. ``results`` answers (step, column) of earlier ones: ``NO_RESULT`` when there is none."""
        return self._binders[step].bind(values, _looking_up(trusted, results), family=family)


def stepwise(plan: Plan) -> Stepwise:
    """Return what binds a plan step by step, also one of a single step."""
    assert isinstance(plan.steps[0].payload, StatementSet)  # noqa: S101  # reason: only statements have transactions
    return plan.binder if isinstance(plan.binder, Stepwise) else Stepwise(plan)


def _looking_up(trusted: Trusted, results: Results) -> Trusted:
    def look_up(name: str) -> Any:
        return results(*step_result(name)) if name.startswith(STEPS) else trusted(name)

    return look_up
