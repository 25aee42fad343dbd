"""Multiply a read text by its optional blocks and choices: one finished statement for each combination."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import MAX_CHARACTERS, MAX_STATEMENTS, Axis, AxisKind, PlannedStatement, StatementSet
from appsmith_proxy.template.blocks import Block
from appsmith_proxy.template.choosing import ChoicePlace
from appsmith_proxy.template.placed import Placed
from appsmith_proxy.template.statements import Refusal

ALL_UP_TO: Final = 64
"""So many statements are looked at one by one; of more, those that show each position of each axis."""


def axes_of(
    blocks: Sequence[Block], places: Sequence[ChoicePlace], parameters: Mapping[str, DeclaredParameter]
) -> tuple[Axis, ...]:
    """Return the axes of a text: its blocks, then what is chosen, each in the order of the text.

    What is chosen outside of the blocks too is chosen in any case, so it does not bring a block in.
    """
    anyway = {place.name for place in places if _block_around(blocks, place) is None}
    axes = [
        Axis(
            kind=AxisKind.BLOCK,
            names=tuple(name for name in block.names if name not in anyway),
            options=("", block.opener),
        )
        for block in blocks
    ]
    for name in dict.fromkeys(place.name for place in places):
        around = {_block_around(blocks, place) for place in places if place.name == name}
        within = tuple(sorted(block for block in around if block is not None))
        axes.append(
            Axis(
                kind=AxisKind.CHOICE,
                names=(name,),
                options=tuple(str(choice) for choice in parameters[name].choices),
                within=within if len(within) == len(around) else (),
            )
        )
    return tuple(axes)


def undecided(blocks: Sequence[Block], axes: Sequence[Axis]) -> Iterator[Refusal]:
    """Yield a refusal for each block that nothing brings in."""
    for block, axis in zip(blocks, axes, strict=False):
        if not axis.names:
            yield Refusal(
                offset=block.start,
                message="nothing decides whether this optional block is there: what is chosen in it is chosen outside too",
                hint="leave its brackets out, or use another parameter in it",
            )


def too_many(axes: Sequence[Axis], text: str, places: Sequence[ChoicePlace]) -> Refusal | None:
    """Return a refusal when the axes of a text multiply to more than a plan may have: statements, or characters."""
    count = math.prod(len(axis.options) for axis in axes)
    longest = len(text) + sum(max(map(len, place.spellings)) for place in places)
    if count <= MAX_STATEMENTS and count * longest > MAX_CHARACTERS:
        return Refusal(
            offset=0,
            message=f"the optional blocks and choices make {count} statements, too many for a text of this length",
            hint="each block doubles them, each choice multiplies them: make several actions, or the text shorter",
        )
    if count <= MAX_STATEMENTS:
        return None
    return Refusal(
        offset=0,
        message=f"the optional blocks and choices make {count} statements, and an action may have {MAX_STATEMENTS}",
        hint="each block doubles them, each choice multiplies them: make several actions",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier:
    """Makes the statements of one text."""

    placed: Placed
    blocks: Sequence[Block]
    places: Sequence[ChoicePlace]
    axes: tuple[Axis, ...]

    def statements(self) -> StatementSet:
        """Return all of them. Those whose texts are equal are one object."""
        made: dict[str, PlannedStatement] = {}
        statements: list[PlannedStatement] = []
        for positions in itertools.product(*(range(len(axis.options)) for axis in self.axes)):
            planned = self._statement(positions)
            statements.append(made.setdefault(planned.statement.text, planned))
        return StatementSet(statements=tuple(statements), axes=self.axes)

    def _statement(self, positions: Sequence[int]) -> PlannedStatement:
        without = [block for block, position in zip(self.blocks, positions, strict=False) if not position]
        chosen = {
            axis.names[0]: position
            for axis, position in zip(self.axes, positions, strict=True)
            if axis.kind is AxisKind.CHOICE
        }
        return self.placed.statement(
            without=without,
            chosen=[(place.start, place.end, place.spellings[chosen[place.name]]) for place in self.places],
        )


def representatives(statements: StatementSet) -> Iterator[PlannedStatement]:
    """Yield statements that show every position of every axis at least once; all of them when they are few."""
    return (planned for _, planned in combinations(statements))


def combinations(statements: StatementSet) -> Iterator[tuple[tuple[int, ...], PlannedStatement]]:
    """Yield the ``representatives`` with the positions on the axes that each stands for. Equal texts come once."""
    axes = statements.axes
    distinct = {planned.statement.text for planned in statements.statements}
    shown: set[str] = set()
    for positions in _all(axes) if len(distinct) <= ALL_UP_TO else _each(axes):
        planned = statements.statements[index_of(axes, positions)]
        if planned.statement.text not in shown:
            shown.add(planned.statement.text)
            yield positions, planned


def index_of(axes: Sequence[Axis], positions: Sequence[int]) -> int:
    """Return where the statement for these positions stands in its set."""
    index = 0
    for axis, position in zip(axes, positions, strict=True):
        index = index * len(axis.options) + position
    return index


def _all(axes: Sequence[Axis]) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(len(axis.options)) for axis in axes))


def _each(axes: Sequence[Axis]) -> Iterator[tuple[int, ...]]:
    """Yield positions that show each position of each axis, with all blocks in and with none."""
    most = [1 if axis.kind is AxisKind.BLOCK else 0 for axis in axes]
    for base in (most, [0] * len(most)):
        for index, axis in enumerate(axes):
            for position in range(len(axis.options)):
                yield (*base[:index], position, *base[index + 1 :])


def _block_around(blocks: Sequence[Block], place: ChoicePlace) -> int | None:
    return next((index for index, block in enumerate(blocks) if block.holds(place.start)), None)
