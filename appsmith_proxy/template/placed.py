"""The bindings of a text, placed: what replaces which offsets, a slot for each, and the statements that come of them.

A placeholder is numbered last, when it is known which blocks are in; until then its slot's index stands between marks.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from appsmith_proxy.model.plan import ListPlace, PlannedStatement, RowsPlace, Slot
from appsmith_proxy.sdk import Dialect, Parameter, Placeholder, Statement
from appsmith_proxy.template.blocks import Block
from appsmith_proxy.template.lexer import MASK
from appsmith_proxy.template.splicing import Edit, Splicing
from appsmith_proxy.template.statements import Nature


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRows:
    """Rows of VALUES: where they replace the text, what is written for one, and where its columns come from."""

    start: int
    text: str
    first: int
    """The slot of the first column."""
    columns: tuple[int, ...]
    """Which field each takes."""


@dataclass(slots=True, kw_only=True)
class Placed:
    """What has been placed in one text so far."""

    splicing: Splicing
    end: int
    """The offset behind the statement: a semicolon after it is not sent."""
    dialect: Dialect
    nature: Nature
    slots: list[Slot] = field(default_factory=list)
    bound: list[Parameter] = field(default_factory=list)
    """What the driver is told of each slot."""
    lists: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Where an item of a list replaces the text → its slot, and what is written for one item."""
    rows: PlacedRows | None = None

    def add(self, slot: Slot, parameter: Parameter) -> str:
        """Add a slot and return what stands for its placeholder until that has a number."""
        self.slots.append(slot)
        self.bound.append(parameter)
        return f"{MASK}{len(self.slots) - 1}{MASK}"

    def statement(self, *, without: Iterable[Block] = (), chosen: Iterable[Edit] = ()) -> PlannedStatement:
        """Return the statement with every edit made, some blocks left out, and the chosen names and keywords in.

        Placeholders are numbered as they stand in the finished text. A blank stays for a block, so that what stood on
        both sides of it does not become one word, number or comment.
        """
        also = (*((block.start, min(block.end, self.end), " ") for block in without), *chosen)
        marked, _ = self.splicing.spliced(self.end, also=also)
        numbers = self._in_order([int(slot) for slot in _MARK.findall(marked)])
        places = {slot: _written(self.dialect.placeholder, at) for at, slot in enumerate(numbers, 1)}

        def write(replacement: str) -> str:
            return _MARK.sub(lambda mark: places[int(mark[1])], replacement)

        text, begins = self.splicing.spliced(self.end, also=also, write=write)
        return PlannedStatement(
            statement=Statement(
                text=text,
                parameters=tuple(self.bound[index] for index in numbers),
                returns_rows=self.nature.returns_rows,
                writes=self.nature.writes,
            ),
            slots=tuple(self.slots[index] for index in numbers),
            lists=tuple(
                ListPlace(
                    slot=numbers.index(slot),
                    start=begins[start],
                    end=begins[start] + len(_MARK.sub("?", item)),
                    empty=self.dialect.empty_list,
                )
                for start, (slot, item) in self.lists.items()
                if start in begins and slot in numbers
            ),
            rows=None
            if self.rows is None
            else RowsPlace(
                first=numbers.index(self.rows.first),
                columns=self.rows.columns,
                start=begins[self.rows.start],
                end=begins[self.rows.start] + len(write(self.rows.text)),
            ),
        )

    def _in_order(self, slots: list[int]) -> list[int]:
        """Return the slots in the order of their placeholders: that of the text; where they are numbered, rows come last."""
        if self.rows is None or self.dialect.placeholder is Placeholder.QUESTION:
            return slots
        of_rows = range(self.rows.first, self.rows.first + len(self.rows.columns))
        return [*(slot for slot in slots if slot not in of_rows), *of_rows]


_MARK: Final = re.compile(f"{MASK}([0-9]+){MASK}")
"""A placeholder before it is numbered: the index of its slot. No author's text holds the character."""


def _written(placeholder: Placeholder, number: int) -> str:
    match placeholder:
        case Placeholder.DOLLAR:
            return f"${number}"
        case Placeholder.NUMBERED:
            return f"?{number}"
        case _:
            return "?"
