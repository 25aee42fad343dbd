"""What is answered about plans: an action before it is saved, as its author can read it."""

from typing import Self

from pydantic import Field

from appsmith_proxy.catalog.views import ExplainedPlan, PlanReport, PlanState
from appsmith_proxy.errors import Problem
from appsmith_proxy.sdk import Reported
from appsmith_proxy.template.explaining import (
    ExplainedAxis,
    ExplainedSlot,
    ExplainedStatement,
    ExplainedStep,
    Spot,
)
from appsmith_proxy.web.answers import BindingAnswer
from appsmith_proxy.web.answers_execution import ProblemAnswer
from appsmith_proxy.web.models import Shown


class SpotAnswer(Shown):
    """A place in the author's text."""

    path: str
    line: int
    column: int

    @classmethod
    def of(cls, spot: Spot) -> Self:
        """Show a place."""
        return cls(path=spot.path, line=spot.line, column=spot.column)


class SlotAnswer(Shown):
    """Where a value goes: one placeholder, or one place in a request."""

    name: str
    source: str = Field(description="trusted: the server; client: the caller; step: an earlier step")
    type: str | None = Field(
        description="declared, or what the place takes; null: what the datasource reports, else text"
    )
    transform: str = Field(description="what is done to the value before it is bound")
    place: str
    spot: SpotAnswer | None

    @classmethod
    def of(cls, explained: ExplainedSlot) -> Self:
        """Show a slot."""
        slot = explained.slot
        return cls(
            name=slot.name,
            source=slot.source.value,
            type=None if slot.type is None else slot.type.value,
            transform=slot.transform.value,
            place=explained.place.value,
            spot=None if explained.spot is None else SpotAnswer.of(explained.spot),
        )


class BlockAnswer(Shown):
    """An optional block: a part that drops out when none of its bindings is given."""

    opener: str
    names: list[str]
    spot: SpotAnswer | None

    @classmethod
    def of(cls, explained: ExplainedAxis) -> Self:
        """Show a block."""
        return cls(
            opener=explained.axis.options[-1],
            names=list(explained.axis.names),
            spot=None if explained.spot is None else SpotAnswer.of(explained.spot),
        )


class ChooserAnswer(Shown):
    """A name or keyword that the caller chooses among those that the action allows."""

    name: str
    options: list[str]
    blocks: list[int] = Field(description="the optional blocks it stands in; without any of them there is no choice")
    spot: SpotAnswer | None

    @classmethod
    def of(cls, explained: ExplainedAxis) -> Self:
        """Show a chooser."""
        return cls(
            name=explained.axis.names[0],
            options=list(explained.axis.options),
            blocks=list(explained.axis.within),
            spot=None if explained.spot is None else SpotAnswer.of(explained.spot),
        )


class ReportedColumnAnswer(Shown):
    """A column as the datasource's prepare reported it."""

    name: str
    native_type: str


class ReportedAnswer(Shown):
    """What the datasource's prepare said of a statement."""

    parameter_types: list[str | None] = Field(description="of each placeholder; null where it reports none")
    columns: list[ReportedColumnAnswer]

    @classmethod
    def of(cls, reported: Reported) -> Self:
        """Show what was reported."""
        return cls(
            parameter_types=list(reported.parameter_types),
            columns=[ReportedColumnAnswer(name=name, native_type=kind) for name, kind in reported.columns],
        )


class StatementAnswer(Shown):
    """One text that the action can send, and when."""

    text: str
    digest: str
    blocks: list[int] = Field(description="the optional blocks that are in, by their number")
    choices: dict[str, str]
    slots: list[SlotAnswer]
    returns_rows: bool
    writes: bool
    reported: ReportedAnswer | None = Field(description="null: the datasource was not asked, or refused it")

    @classmethod
    def of(cls, explained: ExplainedStatement, reported: Reported | None) -> Self:
        """Show a statement."""
        statement = explained.planned.statement
        return cls(
            text=statement.text,
            digest=statement.digest,
            blocks=list(explained.blocks),
            choices=dict(explained.choices),
            slots=[SlotAnswer.of(slot) for slot in explained.slots],
            returns_rows=statement.returns_rows,
            writes=statement.writes,
            reported=None if reported is None else ReportedAnswer.of(reported),
        )


class StepAnswer(Shown):
    """A step of a plan: one statement or request, in all its forms."""

    name: str
    statement_count: int = Field(description="of all forms; more than 64 are not all shown")
    blocks: list[BlockAnswer]
    choosers: list[ChooserAnswer]
    statements: list[StatementAnswer]
    slots: list[SlotAnswer] = Field(description="of a request that is no statement")

    @classmethod
    def of(cls, step: ExplainedStep, plan: ExplainedPlan) -> Self:
        """Show a step."""
        return cls(
            name=step.name,
            statement_count=step.count,
            blocks=[BlockAnswer.of(block) for block in step.blocks],
            choosers=[ChooserAnswer.of(chooser) for chooser in step.choosers],
            statements=[
                StatementAnswer.of(explained, plan.reported.get(explained.planned.statement.digest))
                for explained in step.statements
            ],
            slots=[SlotAnswer.of(slot) for slot in step.slots],
        )


class PlanAnswer(Shown):
    """What the compiler makes of an action."""

    compiles: bool = Field(description="there is a plan; problems of the datasource may remain")
    checked: bool = Field(description="the datasource itself accepted every statement that is shown")
    compiler: int | None
    digest: str | None
    writes: bool | None
    read_only: bool | None
    bindings: list[BindingAnswer]
    steps: list[StepAnswer]
    problems: list[ProblemAnswer]
    warnings: list[str]

    @classmethod
    def of(cls, explained: ExplainedPlan) -> Self:
        """Show a plan."""
        plan = explained.plan
        return cls(
            compiles=plan is not None,
            checked=explained.checked,
            compiler=None if plan is None else plan.compiler,
            digest=None if plan is None else plan.digest,
            writes=None if plan is None else plan.writes,
            read_only=None if plan is None else plan.read_only,
            bindings=[BindingAnswer(name=row.name, source=row.source.value) for row in (plan.bindings if plan else ())],
            steps=[StepAnswer.of(step, explained) for step in explained.steps],
            problems=[problem_answer(problem) for problem in explained.problems],
            warnings=list(explained.warnings),
        )


class PlanReportAnswer(Shown):
    """What became of one published plan."""

    action_id: str
    application_id: str
    name: str
    state: PlanState
    found: list[str] = Field(description="what is not as it should be")
    advice: str


class PlanChecksAnswer(Shown):
    """What became of the published plans of a workspace."""

    ok: bool = Field(description="all of them would run as they were published")
    plans: list[PlanReportAnswer]

    @classmethod
    def of(cls, reports: tuple[PlanReport, ...]) -> Self:
        """Show reports."""
        return cls(
            ok=all(report.state is PlanState.OK for report in reports),
            plans=[
                PlanReportAnswer(
                    action_id=report.action_id,
                    application_id=report.application_id,
                    name=report.name,
                    state=report.state,
                    found=list(report.found),
                    advice=report.advice,
                )
                for report in reports
            ],
        )


def problem_answer(problem: Problem) -> ProblemAnswer:
    """Show a problem."""
    return ProblemAnswer(
        path=problem.path,
        message=problem.message,
        line=problem.line,
        column=problem.column,
        hint=problem.hint or None,
    )
