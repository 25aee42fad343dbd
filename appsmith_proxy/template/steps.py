"""What the steps of an action must be: only earlier ones' results by name, a driver with transactions, and not too many."""

from collections.abc import Iterator, Sequence

from appsmith_proxy.errors import Problem
from appsmith_proxy.model.plan import MAX_STATEMENTS, Source, StatementSet, Step
from appsmith_proxy.sdk import Capability, Driver
from appsmith_proxy.template.names import AFFECTED, source_of, step_result
from appsmith_proxy.template.tokenizer import find_holes, position


def unknown_results(text: str, earlier: Sequence[Step], path: str) -> Iterator[Problem]:
    """Yield a problem for each binding in a step's text that names a result no earlier step gives."""
    payloads = {step.name: step.payload for step in earlier}
    for hole in find_holes(text):
        if source_of(hole.name, in_steps=True) is not Source.STEP:
            continue
        name, column = step_result(hole.name)
        payload = payloads.get(name)
        if not isinstance(payload, StatementSet):
            message, hint = "no earlier step has this name", f"earlier steps: {', '.join(payloads) or 'none'}"
        elif not column:
            message, hint = "a result is a column of a step", f"{{{{steps.{name}.id}}}}"
        elif column == AFFECTED or payload.statements[0].statement.returns_rows:
            continue
        else:
            message, hint = f"the step {name} returns no rows", f"add RETURNING, or use {{{{steps.{name}.affected}}}}"
        yield Problem(path, message, *position(text, hole.start), hint=hint)


def step_problems(steps: Sequence[Step], driver: Driver) -> Iterator[Problem]:
    """Yield what is wrong with the steps together."""
    count = statement_count(steps)
    if count > MAX_STATEMENTS:
        yield Problem(
            "configuration.steps",
            f"the steps have {count} statements together or more, and an action may have {MAX_STATEMENTS}",
            hint="each optional block doubles a step's statements: make several actions",
        )
    has_rows = any(payload.statements[0].rows is not None for payload in _sets(steps))
    if (has_rows or len(steps) > 1) and Capability.TRANSACTIONS not in driver.capabilities:
        yield Problem("configuration", f"{driver.title} has no transactions, so neither rows nor steps can be bound")


def statement_count(steps: Sequence[Step]) -> int:
    """Return how many statements the steps have together."""
    return sum(len(payload.statements) for payload in _sets(steps))


def _sets(steps: Sequence[Step]) -> Iterator[StatementSet]:
    return (step.payload for step in steps if isinstance(step.payload, StatementSet))
