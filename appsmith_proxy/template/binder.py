"""Bind a caller's values to a plan: the plan's own statement, and the values beside it.

The hot path of every execution, so what a plan says is worked out once, when it is compiled. Every problem is reported
at once, by name; a value is never quoted.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, final

from appsmith_proxy.model.plan import (
    JsonTemplate,
    Plan,
    PlannedStatement,
    RowsPlace,
    Slot,
    StatementSet,
    Step,
    TextTemplate,
)
from appsmith_proxy.sdk import Document, HttpRequest, Noun, Statement, Value
from appsmith_proxy.template.coercion import Given
from appsmith_proxy.template.readers import Trouble, Trusted, failure, reader
from appsmith_proxy.template.requests import document, http_renderer
from appsmith_proxy.template.rows import Batches
from appsmith_proxy.template.selecting import Selector
from appsmith_proxy.template.sizes import Sizes, padded, size_of
from appsmith_proxy.template.writers import Writer, writer


class Bound(Noun, frozen=True):
    """What goes to the driver. ``values`` belong to a statement's placeholders, and are empty for other payloads."""

    payload: Statement | HttpRequest | Document
    values: tuple[Value, ...]
    batches: "tuple[Bound, ...] | None" = None
    """Of rows: the statements that hold them, all to be run in one transaction. The payload is then that of one row."""


def bind(plan: Plan, values: Mapping[str, Value], trusted: Trusted, *, family: bool = False) -> Bound:
    """Bind values to a plan.

    Args:
        plan: as ``compile_action`` made it.
        values: by binding name; a missing name is absent. What it holds under trusted names is ignored.
        trusted: fills in the trusted names.
        family: the call came in the family's form, where an undeclared binding that is absent is ``""``.

    Raises:
        InvalidRequest: values are missing; ``details`` names every problem.
        ParameterInvalid: values do not fit; ``details`` names every problem.
    """
    return binder_of(plan).bind(values, trusted, family=family)


def binder_of(plan: Plan) -> "Binder":
    """Return what binds values to a plan of one statement or request, for who does it many times: see ``bind``."""
    return plan.binder if isinstance(plan.binder, Binder) else Binder(plan)


class Binder:
    """What a plan says, made ready for values. Stateless between executions."""

    __slots__ = ("_readers", "_render", "_set")

    def __init__(self, plan: Plan) -> None:
        payload = plan.steps[0].payload
        self._set = _Set(plan, payload) if isinstance(payload, StatementSet) and payload.axes else None
        if self._set is not None:
            return
        slots = tuple(dict.fromkeys(_slots(plan)))
        names = tuple(dict.fromkeys(slot.name for slot in slots))
        at = {name: index for index, name in enumerate(names)}
        self._readers = tuple(reader(name, plan, slots) for name in names)
        self._render = _renderer(plan, at)

    def bind(self, values: Mapping[str, Value], trusted: Trusted, *, family: bool) -> Bound:
        """See ``bind``."""
        if self._set is not None:
            return self._set.bind(values, trusted, family=family)
        read: list[Given] = []
        try:
            for read_one in self._readers:
                read.append(read_one(values, trusted, family))  # noqa: PERF401  # reason: a comprehension is one call more
        except Trouble:
            raise failure(self.troubles(values, trusted, family=family)) from None
        return self._render(read)

    def troubles(self, values: Mapping[str, Value], trusted: Trusted, *, family: bool) -> list[Trouble]:
        """Return everything that is wrong with the values, past the first trouble."""
        if self._set is not None:
            return self._set.troubles(values, trusted, family=family)
        troubles: list[Trouble] = []
        for read_one in self._readers:
            try:
                read_one(values, trusted, family)
            except Trouble as trouble:
                troubles.append(trouble)
        return troubles


@final
class _Set:
    """The statements of a step that blocks and choices multiply, each made ready when it is first asked for."""

    __slots__ = ("_binders", "_payload", "_plan", "_selector")

    def __init__(self, plan: Plan, payload: StatementSet) -> None:
        self._plan = plan
        self._payload = payload
        self._selector = Selector(payload, plan.parameters)
        self._binders: dict[int, Binder] = {}

    def bind(self, values: Mapping[str, Value], trusted: Trusted, *, family: bool) -> Bound:
        index, troubles = self._selector.select(values)
        binder = self._binder(index)
        if troubles:
            raise failure([*troubles, *binder.troubles(values, trusted, family=family)])
        return binder.bind(values, trusted, family=family)

    def troubles(self, values: Mapping[str, Value], trusted: Trusted, *, family: bool) -> list[Trouble]:
        index, troubles = self._selector.select(values)
        return [*troubles, *self._binder(index).troubles(values, trusted, family=family)]

    def _binder(self, index: int) -> Binder:
        binder = self._binders.get(index)
        if binder is None:
            alone = Step(payload=StatementSet(statements=(self._payload.statements[index],)))
            binder = self._binders[index] = Binder(replace(self._plan, steps=(alone,), binder=None))
        return binder


_Render: TypeAlias = Callable[[list[Given]], Bound]


def _renderer(plan: Plan, at: Mapping[str, int]) -> _Render:
    """Return what makes the payload of the values read. Until steps come, a plan has one."""
    payload = plan.steps[0].payload
    if isinstance(payload, StatementSet):
        return _statement_renderer(plan, payload, at)
    if "method" in payload.fields:
        render = http_renderer(payload, at)
        return lambda read: Bound(render(read), ())
    names = tuple(at)
    return lambda read: Bound(document(payload, dict(zip(names, read, strict=True)), plan.parameters), ())


def _statement_renderer(plan: Plan, payload: StatementSet, at: Mapping[str, int]) -> _Render:
    planned = payload.statements[0]
    statement = planned.statement
    writers = tuple((at[slot.name], writer(slot, plan.parameters.get(slot.name))) for slot in planned.slots)
    if planned.rows is not None:
        return _rows_renderer(planned, planned.rows, writers)
    if planned.lists:
        return _sized_renderer(planned, writers)
    if all(write is None for _, write in writers):
        order = tuple(index for index, _ in writers)
        if order == tuple(range(len(at))):
            return lambda read: Bound(statement, tuple(read))  # type: ignore[arg-type]  # reason: decimals are values here
        return lambda read: Bound(statement, tuple([read[index] for index in order]))  # type: ignore[misc]  # reason: decimals are values here

    def render(read: list[Given]) -> Bound:
        values: list[Any] = []
        problems: list[Trouble] = []
        for index, write in writers:
            try:
                values.append(read[index] if write is None else write(read[index]))
            except Trouble as trouble:
                problems.append(trouble)
        if problems:
            raise failure(problems)
        return Bound(statement, tuple(values))

    return render


def _sized_renderer(planned: PlannedStatement, writers: tuple[tuple[int, Writer | None], ...]) -> _Render:
    """Return what makes the statement for the sizes of the lists at hand, and puts their items one by one."""
    sizes = Sizes(planned)
    lists = frozenset(place.slot for place in planned.lists)

    def render(read: list[Given]) -> Bound:
        values: list[Any] = []
        counts: list[int] = []
        problems: list[Trouble] = []
        for slot, (index, write) in enumerate(writers):
            try:
                value: Any = read[index] if write is None else write(read[index])
            except Trouble as trouble:
                problems.append(trouble)
                continue
            if slot in lists:
                counts.append(size_of(len(value)))
                values += padded(value)
            else:
                values.append(value)
        if problems:
            raise failure(problems)
        return Bound(sizes.statement(tuple(counts)), tuple(values))

    return render


def _rows_renderer(
    planned: PlannedStatement, place: RowsPlace, writers: tuple[tuple[int, Writer | None], ...]
) -> _Render:
    """Return what makes the statements for the rows at hand."""
    batches = Batches(planned)
    end = place.first + len(place.columns)
    of_rows = planned.slots[place.first]
    rows_at = writers[place.first][0]

    def render(read: list[Given]) -> Bound:
        rows: Any = read[rows_at]
        problems: list[Trouble] = []
        if not rows and not of_rows.empty_list_ok:
            problems.append(Trouble(of_rows.name, "expected rows", "declare allowEmpty if no rows are meant"))
        others: list[Any] = []
        for slot, (index, write) in enumerate(writers):
            if place.first <= slot < end:
                continue
            try:
                others.append(read[index] if write is None else write(read[index]))
            except Trouble as trouble:
                problems.append(trouble)
        if problems:
            raise failure(problems)
        before, after = others[: place.first], others[place.first :]
        made: list[Bound] = []
        for statement, batch in batches.split(rows or ()):
            cells: list[Any] = [row[column] for row in batch for column in place.columns]
            made.append(Bound(statement, (*before, *cells, *after)))
        return Bound(planned.statement, (), tuple(made))

    return render


def _slots(plan: Plan) -> list[Slot]:
    """Return every slot of a plan, in order."""
    found: list[Slot] = []

    def search(node: Any) -> None:
        if isinstance(node, Slot):
            found.append(node)
        elif isinstance(node, TextTemplate | JsonTemplate):
            search(node.pieces)
        elif isinstance(node, list | tuple):
            for item in node:
                search(item)

    for step in plan.steps:
        if isinstance(step.payload, StatementSet):
            for planned in step.payload.statements:
                found += planned.slots
        else:
            search(tuple(step.payload.fields.values()))
    return found
