"""Explain a plan to its author: which statements an action can send, and where in the author's text each part comes from.

::

    configuration ──compile_action──▶ Plan ──explain──▶ steps: statements, slots, blocks, choosers, with line and column
                                                          ▲
    a place in a finished statement ──origin_of──▶ the place in the author's text
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from appsmith_proxy.model.plan import (
    Axis,
    AxisKind,
    FieldSet,
    JsonTemplate,
    Plan,
    PlannedStatement,
    Slot,
    StatementSet,
    TextTemplate,
)
from appsmith_proxy.sdk import ActionField, Dialect, Driver, Place, rows_in_force
from appsmith_proxy.template.blocks import Block, find_blocks
from appsmith_proxy.template.lexer import Kind, lex
from appsmith_proxy.template.tokenizer import Hole, find_holes, position, texts_of
from appsmith_proxy.template.variants import combinations


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place in the author's text."""

    path: str
    """Of the field: ``configuration.body``."""
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedSlot:
    """Where a value goes."""

    slot: Slot
    place: Place
    spot: Spot | None
    """None where the author's text does not say it by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedAxis:
    """An optional block or a choice, and where it stands."""

    axis: Axis
    spot: Spot | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedStatement:
    """One text that can be sent, and when it is."""

    planned: PlannedStatement
    blocks: tuple[int, ...]
    """The blocks that are in, by their number."""
    choices: Mapping[str, str]
    """The binding that chooses → what it chose."""
    slots: tuple[ExplainedSlot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedStep:
    """A step of a plan."""

    name: str
    count: int = 0
    """How many statements it has; not all are shown when there are very many."""
    blocks: tuple[ExplainedAxis, ...] = ()
    choosers: tuple[ExplainedAxis, ...] = ()
    statements: tuple[ExplainedStatement, ...] = ()
    slots: tuple[ExplainedSlot, ...] = ()
    """Of a step that is no SQL."""


def explain(plan: Plan, driver: Driver, configuration: Mapping[str, Any]) -> tuple[ExplainedStep, ...]:
    """Return the steps of a plan as their author can read them.

    Args:
        plan: what the configuration compiled to.
        driver: that it was compiled for.
        configuration: the action's, as the author wrote it.
    """
    steps: list[ExplainedStep] = []
    sources = sql_texts(driver, configuration)
    for index, step in enumerate(plan.steps):
        if isinstance(step.payload, FieldSet):
            steps.append(ExplainedStep(name=step.name, slots=tuple(_field_slots(step.payload, configuration))))
        elif driver.dialect is not None:
            source = _Source(path=sources[index][0], text=sources[index][1], dialect=driver.dialect)
            steps.append(source.explain(step.name, step.payload))
    return tuple(steps)


def sql_texts(driver: Driver, configuration: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return (path, text) of each SQL text of a configuration, in the order of the plan's steps."""
    found: list[tuple[str, str]] = []
    for row in rows_in_force(driver.actions, configuration):
        value = configuration.get(row.name)
        if not isinstance(row, ActionField) or row.place is not Place.SQL or not value:
            continue
        path = f"configuration.{row.name}"
        if isinstance(value, str):
            found.append((path, value))
        else:
            found += [(f"{path}[{index}].body", str(step["body"])) for index, step in enumerate(value)]
    return tuple(found)


def described(axes: Sequence[Axis], positions: Sequence[int]) -> str:
    """Return in words which statement of a set this is; ``""`` when there is but one."""
    words = []
    for axis, at in zip(axes, positions, strict=True):
        names = ", ".join(f"{{{{{name}}}}}" for name in axis.names)
        if axis.kind is AxisKind.BLOCK:
            words.append(f"{'with' if at else 'without'} {names}")
        elif not axis.within or any(positions[block] for block in axis.within):
            words.append(f"{names} = {axis.options[at]}")
    return "; ".join(words)


def origin_of(source: str, finished: str, offset: int) -> tuple[int, int] | None:
    """Return the line and column of the author's text that a place in a finished statement comes from.

    Words are aligned with words; what the compiler wrote itself belongs to what stands before it. None where that would
    take long, or nothing stands before it.
    """
    ours, theirs = list(_WORD.finditer(source)), list(_WORD.finditer(finished))
    at = sum(word.start() <= offset for word in theirs) - 1
    found = _aligned_word([word[0] for word in ours], [word[0] for word in theirs], at)
    return None if found is None else position(source, ours[found].start())


_WORD: Final = re.compile(r"\w+|[^\w\s]")
_MOST_PAIRS: Final = 20_000
"""Of equal words, one of each text. Aligning looks at each of them, and often more than once."""


def _aligned_word(ours: Sequence[str], theirs: Sequence[str], at: int) -> int | None:
    """Return which of our words one of theirs comes from: the same from either end, and between by what is alike."""
    shorter = min(len(ours), len(theirs))
    before = next((index for index in range(shorter) if ours[index] != theirs[index]), shorter)
    if at < before:
        return at if at >= 0 else None
    after = next(
        (index for index in range(shorter - before) if ours[-1 - index] != theirs[-1 - index]), shorter - before
    )
    if at >= len(theirs) - after:
        return at - len(theirs) + len(ours)
    inner, others = ours[before : len(ours) - after], theirs[before : len(theirs) - after]
    counts = Counter(inner)
    if sum(counts[word] for word in others) > _MOST_PAIRS:
        return None
    found = before - 1
    for block in SequenceMatcher(None, inner, others, autojunk=False).get_matching_blocks():
        if block.size and block.b <= at - before:
            found = before + block.a + min(at - before - block.b, block.size - 1)
    return found if found >= 0 else None


_SHOWN_SLOTS: Final = 2_000
"""Of one step: nobody reads more of them, and each is an object in the answer."""


@dataclass(slots=True, kw_only=True)
class _Source:
    """One SQL text, read for where things stand in it."""

    path: str
    text: str
    dialect: Dialect
    blocks: tuple[Block, ...] = ()
    holes: tuple[Hole, ...] = ()
    """Those that are read, in order."""

    def __post_init__(self) -> None:
        blocked = find_blocks(self.text, self.dialect)
        holes = find_holes(blocked.text)
        lexemes = lex(blocked.text, holes, self.dialect)
        comments = {hole.start for lexeme in lexemes if lexeme.kind is Kind.COMMENT for hole in lexeme.holes}
        self.blocks = blocked.blocks
        self.holes = tuple(hole for hole in holes if hole.start not in comments)

    def explain(self, name: str, payload: StatementSet) -> ExplainedStep:
        """Return the step."""
        blocks = [axis for axis in payload.axes if axis.kind is AxisKind.BLOCK]
        choosers = [axis for axis in payload.axes if axis.kind is AxisKind.CHOICE]
        first = {hole.name: hole.start for hole in reversed(self.holes)}
        return ExplainedStep(
            name=name,
            count=len({planned.statement.text for planned in payload.statements}),
            blocks=tuple(
                ExplainedAxis(axis=axis, spot=self._spot(block.start))
                for axis, block in zip(blocks, self.blocks, strict=True)
            ),
            choosers=tuple(ExplainedAxis(axis=axis, spot=self._spot(first[axis.names[0]])) for axis in choosers),
            statements=tuple(
                self._statement(payload.axes, positions, planned) for positions, planned in _shown(payload)
            ),
        )

    def _statement(
        self, axes: Sequence[Axis], positions: Sequence[int], planned: PlannedStatement
    ) -> ExplainedStatement:
        included = tuple(index for index, _ in enumerate(self.blocks) if positions[index])
        without = [block for index, block in enumerate(self.blocks) if not positions[index]]
        choices = {
            axis.names[0]: axis.options[at]
            for axis, at in zip(axes, positions, strict=True)
            if axis.kind is AxisKind.CHOICE and (not axis.within or any(positions[block] for block in axis.within))
        }
        choosers = {axis.names[0] for axis in axes if axis.kind is AxisKind.CHOICE}
        holes = [
            hole
            for hole in self.holes
            if hole.name not in choosers and not any(block.holds(hole.start) for block in without)
        ]
        places = _aligned(planned.slots, holes)
        return ExplainedStatement(
            planned=planned,
            blocks=included,
            choices=choices,
            slots=tuple(
                ExplainedSlot(slot=slot, place=Place.SQL, spot=None if hole is None else self._spot(hole.start))
                for slot, hole in zip(planned.slots, places, strict=True)
            ),
        )

    def _spot(self, offset: int) -> Spot:
        return _spot(self.path, self.text, offset)


def _shown(payload: StatementSet) -> Iterator[tuple[tuple[int, ...], PlannedStatement]]:
    """Yield the combinations that are shown: the first, and more while they have not too many slots together."""
    slots = 0
    for positions, planned in combinations(payload):
        if slots > _SHOWN_SLOTS:
            return
        slots += len(planned.slots)
        yield positions, planned


def _field_slots(fields: FieldSet, configuration: Mapping[str, Any]) -> Iterator[ExplainedSlot]:
    """Yield the slots of the fields of a request or document."""
    for name, template in fields.fields.items():
        found = list(_slots(template))
        texts = [(text, hole) for text in texts_of(configuration.get(name)) for hole in find_holes(text)]
        by_hole = {id(hole): text for text, hole in texts}
        holes = _aligned([slot for slot, _ in found], [hole for _, hole in texts])
        for (slot, place), hole in zip(found, holes, strict=True):
            spot = None if hole is None else _spot(f"configuration.{name}", by_hole[id(hole)], hole.start)
            yield ExplainedSlot(slot=slot, place=place, spot=spot)


def _slots(node: Any, place: Place = Place.JSON) -> Iterator[tuple[Slot, Place]]:
    match node:
        case Slot():
            yield node, place
        case TextTemplate():
            yield from _slots(node.pieces, node.place)
        case JsonTemplate():
            yield from _slots(node.pieces)
        case tuple():
            for item in node:
                yield from _slots(item, place)


def _aligned(slots: Sequence[Slot], holes: Sequence[Hole]) -> list[Hole | None]:
    """Return for each slot the binding that it comes from: in order, and one binding may have several slots."""
    found: list[Hole | None] = []
    at = 0
    for slot in slots:
        ahead = next((index for index in range(at, len(holes)) if holes[index].name == slot.name), None)
        if ahead is not None:
            at = ahead + 1
            found.append(holes[ahead])
        else:
            found.append(next((hole for hole in reversed(holes[:at]) if hole.name == slot.name), None))
    return found


def _spot(path: str, text: str, offset: int) -> Spot:
    line, column = position(text, offset)
    return Spot(path=path, line=line, column=column)
