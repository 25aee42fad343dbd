"""Bind a list of objects to ``INSERT … VALUES {{rows}}``: each object a row, in batches of a power of two.

::

    INSERT INTO t (a, b) VALUES ($1, $2)                        one row, as the plan holds it
    INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)              two; 1,000 rows are 7 × 128 + 64 + 32 + 8
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import PlannedStatement
from appsmith_proxy.sdk import ParameterType, Statement
from appsmith_proxy.template.coercion import Given, Misfit
from appsmith_proxy.template.parameters import Rules

LARGEST_BATCH: Final = 128
MAX_PLACEHOLDERS: Final = 30_000
"""In one statement: fewer than any of the databases takes."""

Row = tuple[Given, ...]

_NUMBERED: Final = re.compile(r"(?<=[$?])[0-9]+")


@final
class RowRules:
    """A declared list of objects made ready for values."""

    def __init__(self, declared: DeclaredParameter) -> None:
        self.declared = declared
        self._fields = tuple((field.name, field, Rules.of(field)) for field in declared.fields)
        self._names = frozenset(field.name for field in declared.fields)

    def is_absent(self, value: Given) -> bool:
        """Return whether a given value counts as none."""
        return value == ""

    def check(self, value: Given) -> Any:
        """Return the rows, each with the fields in the order of the declaration.

        Raises:
            Misfit: they are not what is declared; says which row and column.
        """
        if not isinstance(value, list):
            raise Misfit("a list of objects")
        if len(value) > self.declared.max_items:
            raise Misfit(f"at most {self.declared.max_items} items")
        return [self._row(number, item) for number, item in enumerate(value, 1)]

    def _row(self, number: int, item: Given) -> Row:
        if not isinstance(item, dict):
            raise Misfit(f"an object as row {number}")
        unknown = next((name for name in item if name not in self._names), None)
        if unknown is not None:
            raise Misfit(f"no other columns than the declared ones in row {number}", f"declared: {self._listed()}")
        return tuple(self._cell(number, name, field, rules, item) for name, field, rules in self._fields)

    def _cell(self, number: int, name: str, field: DeclaredParameter, rules: Rules, item: dict[str, Any]) -> Given:
        value: Given = item.get(name, "")
        if name not in item or rules.is_absent(value):
            if field.has_default:
                return rules.check(field.default)
            if field.required:
                raise Misfit(f"a value for {name} in row {number}")
            return None
        try:
            return rules.check(value)
        except Misfit as misfit:
            raise Misfit(f"{misfit.expected} for {name} in row {number}", misfit.hint) from None

    def _listed(self) -> str:
        return ", ".join(name for name, _, _ in self._fields)


def rules_of(declared: DeclaredParameter) -> "Rules | RowRules":
    """Return the rules of a declaration that has no problems."""
    return RowRules(declared) if declared.type is ParameterType.OBJECT else Rules.of(declared)


@final
class Batches:
    """The statements of one planned statement by how many rows they hold. Equal counts, the same statement."""

    __slots__ = ("_made", "_planned", "_sizes")

    def __init__(self, planned: PlannedStatement) -> None:
        assert planned.rows is not None  # noqa: S101  # reason: the caller has looked
        self._planned = planned
        self._made: dict[int, Statement] = {}
        most = min(LARGEST_BATCH, MAX_PLACEHOLDERS // len(planned.rows.columns))
        self._sizes = [1 << bit for bit in range(most.bit_length() - 1, -1, -1)]

    def split(self, rows: Sequence[Row]) -> Iterator[tuple[Statement, Sequence[Row]]]:
        """Yield the statements that hold all rows, with theirs, largest first."""
        at = 0
        for size in self._sizes:
            while len(rows) - at >= size:
                yield self._statement(size), rows[at : at + size]
                at += size

    def _statement(self, size: int) -> Statement:
        found = self._made.get(size)
        if found is None:
            found = self._made[size] = for_rows(self._planned, size)
        return found


def for_rows(planned: PlannedStatement, count: int) -> Statement:
    """Return the statement for so many rows. Numbered placeholders of the rows come behind all others."""
    statement, place = planned.statement, planned.rows
    assert place is not None  # noqa: S101  # reason: the caller has looked
    one = statement.text[place.start : place.end]
    width = len(place.columns)

    def row(number: int) -> str:
        return _NUMBERED.sub(lambda mark: str(int(mark[0]) + number * width), one)

    end = place.first + width
    parameters = statement.parameters
    return Statement(
        text=statement.text[: place.start]
        + ", ".join(row(number) for number in range(count))
        + statement.text[place.end :],
        parameters=(*parameters[: place.first], *parameters[place.first : end] * count, *parameters[end:]),
        returns_rows=statement.returns_rows,
        writes=statement.writes,
    )
