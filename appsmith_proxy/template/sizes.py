"""Write a planned statement for lists of given sizes, where a dialect takes a list as one placeholder for each item.

A size is a power of two: the last item is repeated until the places are full, so that at most twelve texts serve every
list. The plan holds the text for one item each, which the datasource checks when the action is saved::

    WHERE id IN (?)              one item
    WHERE id IN (?, ?, ?, ?)     three or four
    WHERE id IN (SELECT … )      none: a subquery without rows
"""

from collections.abc import Sequence
from typing import Any, Final

from appsmith_proxy.model.plan import PlannedStatement
from appsmith_proxy.sdk import Parameter, Statement

_KEPT: Final = 256
"""Texts kept for one statement, which is more than one list needs and bounds what several can cost."""


def size_of(count: int) -> int:
    """Return how many places a list of so many items gets."""
    return 1 << (count - 1).bit_length() if count else 0


def padded(items: list[Any]) -> list[Any]:
    """Return the items for their places, the last one repeated."""
    return items + items[-1:] * (size_of(len(items)) - len(items))


class Sizes:
    """The texts of one planned statement by the sizes of its lists. Equal sizes, the same statement."""

    __slots__ = ("_made", "_planned")

    def __init__(self, planned: PlannedStatement) -> None:
        self._planned = planned
        self._made: dict[tuple[int, ...], Statement] = {}

    def statement(self, sizes: tuple[int, ...]) -> Statement:
        """Return the statement with so many places for each of its lists, in order."""
        found = self._made.get(sizes)
        if found is None:
            if len(self._made) >= _KEPT:
                del self._made[next(iter(self._made))]
            found = self._made[sizes] = sized(self._planned, sizes)
        return found


def sized(planned: PlannedStatement, sizes: Sequence[int]) -> Statement:
    """Return the statement with so many places for each of its lists, in order."""
    statement = planned.statement
    text: list[str] = []
    parameters: list[Parameter] = []
    at = slot = 0
    for place, size in zip(planned.lists, sizes, strict=True):
        item = statement.text[place.start : place.end]
        text += (statement.text[at : place.start], ", ".join([item] * size) if size else place.empty)
        parameters += (*statement.parameters[slot : place.slot], *(statement.parameters[place.slot],) * size)
        at, slot = place.end, place.slot + 1
    return Statement(
        text="".join((*text, statement.text[at:])),
        parameters=(*parameters, *statement.parameters[slot:]),
        returns_rows=statement.returns_rows,
        writes=statement.writes,
    )
