"""The table of SQLite's codes: every code of the library has a row."""

import sqlite3

import pytest

from appsmith_proxy.sdk import ConstraintViolated, DatasourceError, ExecutionTimeout, Outcome, PermissionRejected
from appsmith_proxy_sqlite.errors import TABLE, code_of, primary, row_for, translate

# Constants of other families share the prefix: limits, the authorizer's actions and answers, settings.
NO_ERRORS = {
    "SQLITE_OK", "SQLITE_ROW", "SQLITE_DONE", "SQLITE_NOTICE", "SQLITE_WARNING",
    "SQLITE_DENY", "SQLITE_IGNORE", "SQLITE_SELECT", "SQLITE_READ", "SQLITE_FUNCTION", "SQLITE_RECURSIVE", "SQLITE_PRAGMA",
    "SQLITE_ATTACH", "SQLITE_DETACH", "SQLITE_TRANSACTION", "SQLITE_SAVEPOINT", "SQLITE_ANALYZE", "SQLITE_REINDEX",
    "SQLITE_INSERT", "SQLITE_UPDATE", "SQLITE_DELETE",
}  # fmt: skip
FAMILIES = ("SQLITE_LIMIT", "SQLITE_DBCONFIG", "SQLITE_CREATE", "SQLITE_DROP", "SQLITE_ALTER")
OUTSIDE = (*FAMILIES, "SQLITE_OK_", "SQLITE_NOTICE_", "SQLITE_WARNING_")
CODES = [
    name
    for name in dir(sqlite3)
    if name.startswith("SQLITE_") and name not in NO_ERRORS and not name.startswith(OUTSIDE)
]


def test_the_walk_finds_the_library_s_codes() -> None:
    assert {"SQLITE_BUSY_SNAPSHOT", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_TOOBIG"} <= set(CODES)
    assert len(CODES) > 80


@pytest.mark.parametrize("name", CODES)
def test_every_code_has_a_row_of_its_own_or_of_its_primary(name: str) -> None:
    if name == "SQLITE_AUTH_USER":
        return
    assert name in TABLE or primary(name) in TABLE
    kind, message = row_for(name)
    assert issubclass(kind, DatasourceError)
    assert message == message.lower() or "SQLite" in message


def every_class(root: type[BaseException] = sqlite3.Error) -> list[type[BaseException]]:
    return [root, *(found for child in root.__subclasses__() for found in every_class(child))]


@pytest.mark.parametrize("kind", every_class())
def test_every_exception_class_is_translated_without_its_text(kind: type[sqlite3.Error]) -> None:
    error = translate(kind("canary"), outcome=Outcome.ROLLED_BACK)
    assert "canary" not in str(error)
    assert error.native_message == "canary"
    assert error.native_code in TABLE


def test_what_the_guard_denied_is_told_in_its_words() -> None:
    error = translate(sqlite3.DatabaseError("not authorized"), denied="ATTACH")
    assert isinstance(error, PermissionRejected)
    assert error.message == "ATTACH is not allowed in a datasource"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("UNIQUE constraint failed: t.a, t.b", "t.a, t.b"),
        ("NOT NULL constraint failed: t.a", "t.a"),
        ("CHECK constraint failed: positive", "positive"),
        ("CHECK constraint failed: price > 0", ""),
        ("FOREIGN KEY constraint failed", ""),
        ("raised by a trigger", ""),
    ],
)
def test_a_constraint_s_name_is_read_only_where_it_is_one(text: str, name: str) -> None:
    raised = sqlite3.IntegrityError(text)
    raised.sqlite_errorname = "SQLITE_CONSTRAINT_CHECK"
    error = translate(raised)
    assert isinstance(error, ConstraintViolated)
    assert error.constraint == name


def test_codes_that_the_library_makes_up_itself() -> None:
    assert code_of(sqlite3.DataError("query string is too large")) == "SQLITE_TOOBIG"
    assert code_of(sqlite3.ProgrammingError("two statements")) == "SQLITE_ERROR"
    assert row_for("SQLITE_BUSY_SNAPSHOT")[0] is ExecutionTimeout
