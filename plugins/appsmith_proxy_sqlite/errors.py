"""SQLite's error codes into ours, by a table (https://sqlite.org/rescode.html)."""

import re
import sqlite3
from collections.abc import Mapping
from typing import Final

from appsmith_proxy.sdk import (
    BadResponse,
    ConnectFailed,
    ConstraintViolated,
    DatasourceError,
    Disconnected,
    ExecutionTimeout,
    Outcome,
    ParameterInvalid,
    PermissionRejected,
    ResourceExhausted,
    StatementInvalid,
)

_Row = tuple[type[DatasourceError], str]

TABLE: Final[Mapping[str, _Row]] = {
    "SQLITE_ABORT": (Disconnected, "the statement was aborted"),
    "SQLITE_AUTH": (PermissionRejected, "the statement wants something that is not allowed here"),
    "SQLITE_BUSY": (ExecutionTimeout, "somebody else kept the file locked until the deadline"),
    "SQLITE_CANTOPEN": (ConnectFailed, "the file cannot be opened"),
    "SQLITE_CONSTRAINT": (ConstraintViolated, "a constraint of the database refused the change"),
    "SQLITE_CORRUPT": (BadResponse, "the database file is damaged"),
    "SQLITE_EMPTY": (BadResponse, "the database file is empty"),
    "SQLITE_ERROR": (StatementInvalid, "the statement is not accepted"),
    "SQLITE_FORMAT": (BadResponse, "the database file cannot be read"),
    "SQLITE_FULL": (ResourceExhausted, "the disk or the database is full"),
    "SQLITE_INTERNAL": (BadResponse, "SQLite failed"),
    "SQLITE_INTERRUPT": (ExecutionTimeout, "the deadline passed"),
    "SQLITE_IOERR": (Disconnected, "the file cannot be read or written"),
    "SQLITE_IOERR_NOMEM": (ResourceExhausted, "SQLite is out of memory"),
    "SQLITE_LOCKED": (ExecutionTimeout, "a table stayed locked until the deadline"),
    "SQLITE_MISMATCH": (ParameterInvalid, "a value does not fit the type of its column"),
    "SQLITE_MISUSE": (StatementInvalid, "the statement cannot be run like this"),
    "SQLITE_NOLFS": (ResourceExhausted, "the file is too large for this machine"),
    "SQLITE_NOMEM": (ResourceExhausted, "SQLite is out of memory"),
    "SQLITE_NOTADB": (ConnectFailed, "the file is not an SQLite database"),
    "SQLITE_NOTFOUND": (BadResponse, "SQLite failed"),
    "SQLITE_PERM": (PermissionRejected, "the file's permissions do not allow this"),
    "SQLITE_PROTOCOL": (ResourceExhausted, "the file's locks are contended"),
    "SQLITE_RANGE": (StatementInvalid, "a placeholder is out of range"),
    "SQLITE_READONLY": (PermissionRejected, "the execution or the file is read-only"),
    "SQLITE_SCHEMA": (Disconnected, "the schema changed while the statement ran"),
    "SQLITE_TOOBIG": (ResourceExhausted, "a text, a blob or the statement is too big"),
}
"""SQLite's name → (class, sentence). An extended code without a row of its own has the row of its primary code."""

_HINTS: Final[Mapping[str, str]] = {
    "SQLITE_CANTOPEN": "the proxy's user needs the right to read the file and, unless it is read-only, to write its folder",
    "SQLITE_READONLY_RECOVERY": "a writer was killed; the next execution that writes repairs the file",
    "SQLITE_READONLY_ROLLBACK": "a writer was killed; the next execution that writes repairs the file",
    "SQLITE_MISMATCH": "declare the parameter's type",
}

_CONSTRAINT: Final = re.compile(r"[A-Z ]+ constraint failed: ([\w.]+(?:, [\w.]+)*)")


def translate(error: sqlite3.Error, *, denied: str = "", outcome: Outcome = Outcome.UNKNOWN) -> DatasourceError:
    """Return our error for one of SQLite's.

    Args:
        error: what the library raised.
        denied: what the authorizer refused, when it did.
        outcome: what became of the work; when the file could not even be opened, it was not sent.
    """
    name = code_of(error)
    native = str(error)
    if denied:
        message = f"{denied} is not allowed in a datasource"
        return PermissionRejected(message, outcome=outcome, native_code="SQLITE_AUTH", native_message=native)
    kind, message = row_for(name)
    constraint = _CONSTRAINT.fullmatch(native) if kind is ConstraintViolated else None
    return kind(
        message,
        hint=_HINTS.get(name) or _HINTS.get(primary(name), ""),
        outcome=Outcome.NOT_SENT if kind is ConnectFailed else outcome,
        native_code=name,
        native_message=native,
        constraint=constraint[1] if constraint else "",
    )


def code_of(error: sqlite3.Error) -> str:
    """Return SQLite's name of an error, or the nearest one for what the Python library itself refuses."""
    name: object = getattr(error, "sqlite_errorname", None)
    if isinstance(name, str):
        return name
    return "SQLITE_TOOBIG" if isinstance(error, sqlite3.DataError) else "SQLITE_ERROR"


def row_for(name: str) -> _Row:
    """Return the table's row for a primary or extended code."""
    return TABLE.get(name) or TABLE.get(primary(name)) or TABLE["SQLITE_INTERNAL"]


def primary(name: str) -> str:
    """Return the primary code of an extended one: ``SQLITE_BUSY`` for ``SQLITE_BUSY_SNAPSHOT``."""
    return "_".join(name.split("_")[:2])
