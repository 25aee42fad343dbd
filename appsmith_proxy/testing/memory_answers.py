"""What the memory driver's server answers, as the contract wants it: results within their limits, errors of the tree."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from appsmith_proxy.sdk import (
    BadResponse,
    Cell,
    Column,
    ColumnType,
    ConstraintViolated,
    DatasourceError,
    Limits,
    Outcome,
    ParameterInvalid,
    PermissionRejected,
    ResourceExhausted,
    Result,
    StatementInvalid,
    unique_names,
)
from appsmith_proxy.testing.memory_server import Answer

_ERRORS: Final[Mapping[str, type[DatasourceError]]] = {
    "SQLITE_AUTH": PermissionRejected,
    "SQLITE_READONLY": PermissionRejected,
    "SQLITE_CONSTRAINT": ConstraintViolated,
    "SQLITE_ERROR": StatementInvalid,
    "SQLITE_FULL": ResourceExhausted,
    "SQLITE_MISMATCH": ParameterInvalid,
    "SQLITE_NOMEM": ResourceExhausted,
    "SQLITE_TOOBIG": ResourceExhausted,
}
"""SQLite's result code, without its extension (``SQLITE_CONSTRAINT_UNIQUE``), → ours."""

_TYPED_ALIAS: Final = re.compile(r"(.*) \[(\w+)\]", re.DOTALL)
_FAILURES: Final[Mapping[str, type[DatasourceError]]] = {
    error.__name__: error for error in DatasourceError.__subclasses__()
}


def result_of(answer: Answer, limits: Limits) -> Result:
    """Shape an answer within the limits: rows, in whole rows, and bytes; say when there was more."""
    if answer.names is None:
        return Result(affected=answer.affected)
    columns, repeated = columns_of(answer.names)
    kept: list[tuple[Cell, ...]] = []
    size = 0
    for row in answer.rows[: limits.rows]:
        size += sum(len(cell) if isinstance(cell, str | bytes) else 8 for cell in row)
        if size > limits.bytes:
            break
        kept.append(tuple(_cell(column, cell) for column, cell in zip(columns, row, strict=True)))
    return Result(
        columns=columns,
        rows=kept,
        truncated=len(kept) < len(answer.rows),
        messages=tuple(f"column {name} occurs more than once; the later ones are numbered" for name in repeated),
    )


def columns_of(names: Sequence[str]) -> tuple[tuple[Column, ...], list[str]]:
    """Return columns of unique names, typed as the names say, and the names that occurred more than once."""
    parts = [_TYPED_ALIAS.fullmatch(name) for name in names]
    plain, repeated = unique_names(
        part[1] if part and part[2] in list(ColumnType) else name for part, name in zip(parts, names, strict=True)
    )
    types = [ColumnType(part[2]) if part and part[2] in list(ColumnType) else ColumnType.ANY for part in parts]
    return tuple(Column(name, type_, type_.value) for name, type_ in zip(plain, types, strict=True)), repeated


def scripted(code: str) -> Exception:
    """Return the failure that a statement asked for; a code that is none of ours crashes the driver."""
    error = _FAILURES.get(code)
    return RuntimeError(code) if error is None else error("the statement asked for this", native_code=code)


def translated(error: sqlite3.Error) -> DatasourceError:
    """Return SQLite's error as one of ours. Its own words go where only editors see them."""
    name: str = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    kind = next((ours for prefix, ours in _ERRORS.items() if name.startswith(prefix)), BadResponse)
    text = str(error)
    return kind(
        "SQLite refused the statement",
        outcome=Outcome.ROLLED_BACK,
        native_code=name,
        native_message=text,
        constraint=text.rpartition(": ")[2] if kind is ConstraintViolated else "",
    )


def _cell(column: Column, cell: Cell) -> Cell:
    """Return the cell as its column's type wants it. SQLite has no boolean and no decimal."""
    if cell is None:
        return None
    match column.type:
        case ColumnType.BOOLEAN:
            return bool(cell)
        case ColumnType.DECIMAL:
            return str(cell)
        case ColumnType.FLOAT:
            return float(cell)
        case _:
            return cell
