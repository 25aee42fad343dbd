"""What a cell must be, by its column's type: the table of ``sdk.results.Cell`` as a check."""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from appsmith_proxy.sdk import Cell, ColumnType, EncodedRows, Result

_PYTHON: Final[Mapping[ColumnType, Sequence[type]]] = {
    ColumnType.INTEGER: (int,),
    ColumnType.FLOAT: (float,),
    ColumnType.BOOLEAN: (bool,),
    ColumnType.BYTES: (bytes,),
    ColumnType.JSON: (str, bytes),
    ColumnType.ANY: (int, float, str, bytes, bool),
}
"""The exact Python types of cells that are not None. What is not named here is str."""


def broken_rules(result: Result) -> list[str]:
    """Return which rules of the contract a result breaks, in words. Never a value."""
    names = [column.name for column in result.columns]
    broken = [] if len(names) == len(set(names)) else ["two columns have one name: use sdk.unique_names"]
    rows = result.rows
    if rows is None:
        if result.body is None and result.affected is None:
            broken.append("there are no rows, no body and no count of affected rows")
        return broken
    if not result.columns:
        broken.append("rows without columns")
    texts = rows.texts if isinstance(rows, EncodedRows) else None
    if texts is not None:
        broken += [f"encoded row {n} has other names" for n, t in enumerate(texts) if list(orjson.loads(t)) != names]
        return broken
    for number, row in enumerate(rows if isinstance(rows, Sequence) else ()):
        if len(row) != len(names):
            broken.append(f"row {number} has {len(row)} cells for {len(names)} columns")
            continue
        for column, cell in zip(result.columns, row, strict=True):
            if not fits(column.type, cell):
                broken.append(f"row {number}: a {type(cell).__name__} in column {column.name} of type {column.type}")
    return broken


def fits(column: ColumnType, cell: Cell) -> bool:
    """Return whether a cell is of the exact Python type that its column's type demands."""
    if cell is None:
        return True
    if type(cell) not in _PYTHON.get(column, (str,)):
        return False
    if column is ColumnType.JSON:
        try:
            orjson.loads(cell)
        except orjson.JSONDecodeError:
            return False
    return True


def same(expected: Cell, found: Cell) -> bool:
    """Return whether two cells are equal in type and value, NaN included and 0.0 apart from -0.0."""
    return type(expected) is type(found) and repr(expected) == repr(found)
