"""What SQL may do inside SQLite, whatever its text says: the authorizer and the limits of every connection.

The compiler decides which classes of statements exist; this is the layer below it, which asks nobody about texts. See
https://sqlite.org/c3ref/set_authorizer.html and https://sqlite.org/security.html.
"""

import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

_READS: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)

_WRITES: Final = frozenset(
    {
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_ANALYZE,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_CREATE_VIEW,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_DROP_VIEW,
        sqlite3.SQLITE_DROP_VTABLE,
        sqlite3.SQLITE_REINDEX,
    }
)
"""Beyond reading. Not in it, so refused everywhere: ATTACH, DETACH, PRAGMA, transactions and savepoints (the driver's
own), virtual tables (their modules may read files), and temporary objects, which would outlive the execution on a
pooled connection."""

_NAMES: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_ATTACH: "ATTACH",
    sqlite3.SQLITE_DETACH: "DETACH",
    sqlite3.SQLITE_PRAGMA: "PRAGMA",
    sqlite3.SQLITE_TRANSACTION: "transaction control",
    sqlite3.SQLITE_SAVEPOINT: "transaction control",
    sqlite3.SQLITE_CREATE_VTABLE: "CREATE VIRTUAL TABLE",
    sqlite3.SQLITE_CREATE_TEMP_INDEX: "temporary objects",
    sqlite3.SQLITE_CREATE_TEMP_TABLE: "temporary objects",
    sqlite3.SQLITE_CREATE_TEMP_TRIGGER: "temporary objects",
    sqlite3.SQLITE_CREATE_TEMP_VIEW: "temporary objects",
}

DENIED_FUNCTIONS: Final = frozenset({"edit", "fts3_tokenizer", "load_extension", "readfile", "sqlite_log", "writefile"})
"""Functions that load code, touch files or write to the process's log."""

_STATE_FUNCTIONS: Final = frozenset({"changes", "last_insert_rowid", "total_changes"})
"""Functions that show what an earlier execution left on the connection. Triggers see only their own."""

_DENIED_TABLES: Final = frozenset(
    {
        "bytecode",
        "completion",
        "dbstat",
        "fsdir",
        "fts3tokenize",
        "sqlite_dbpage",
        "sqlite_stmt",
        "tables_used",
        "zipfile",
    }
)
"""Built-in virtual tables that show raw pages, other statements or files."""

_OWN_PRAGMAS: Final = frozenset({"foreign_key_list", "index_info", "index_list", "table_list", "table_xinfo"})
"""What the driver's own constant statements read to describe the schema."""

_INNER_PRAGMAS: Final = frozenset({"data_version", "page_size"})
_RTREE_TABLES: Final = ("_node", "_parent", "_rowid")
_CHANGES: Final = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})

_LIMITS: Final[Mapping[int, int]] = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
    sqlite3.SQLITE_LIMIT_LENGTH: 64 * 1024 * 1024,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1024 * 1024,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 32_766,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 250_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 500,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 100,
}
"""Upper bounds (https://sqlite.org/limits.html): a pattern or a value must not outrun the interrupt, which SQLite
looks at between steps only."""


class Guard:
    """The authorizer of one connection. It remembers what it denied last, because SQLite's own words do not say."""

    def __init__(self, *, read_only: bool) -> None:
        self._allowed = _READS if read_only else _READS | _WRITES
        self._own = False
        self.denied = ""
        """What the last refused statement wanted, in our words; ``""`` when nothing was denied."""

    def install(self, raw: sqlite3.Connection) -> None:
        """Set limits and authorizer. From then on every statement of the connection is checked when it is prepared."""
        for limit, bound in _LIMITS.items():
            raw.setlimit(limit, bound)
        if sys.version_info >= (3, 12):
            # Not reachable before: no writing to shadow tables or the schema table by any trick.
            raw.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)  # noqa: FBT003  # reason: positional only
        raw.set_authorizer(self)

    @contextmanager
    def own(self) -> Iterator[None]:
        """Let the driver's own constant statements pass: transactions, and reading the schema."""
        self._own = True
        try:
            yield
        finally:
            self._own = False

    def __call__(
        self, action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
    ) -> int:
        denied = self._denial(action, first or "", second or "", trigger)
        if denied is None:
            return sqlite3.SQLITE_OK
        self.denied = denied
        return sqlite3.SQLITE_DENY

    def _denial(self, action: int, first: str, second: str, trigger: str | None) -> str | None:
        """Return what must not be done, in our words, or None."""
        if self._own and (action == sqlite3.SQLITE_TRANSACTION or first in _OWN_PRAGMAS):
            return None
        if action not in self._allowed and not _is_inner(action, first, second):
            return _NAMES.get(action, "writing" if action in _WRITES else "this")
        name = second.lower()
        if action == sqlite3.SQLITE_FUNCTION and not self._own:
            if name in DENIED_FUNCTIONS or (name in _STATE_FUNCTIONS and trigger is None):
                return f"the function {name}"
        elif action == sqlite3.SQLITE_READ and first.lower() in _DENIED_TABLES:
            return f"the table {first.lower()}"
        return None


def _is_inner(action: int, first: str, second: str) -> bool:
    """Return True for what SQLite's own virtual tables (json_each, fts5, rtree) ask for while they are only read.

    Declaring their columns looks like an update of the schema table; full text reads two numbers; an R-tree prepares
    statements on the tables behind it. Where this lets a write pass, the file is still open read-only.
    """
    if action == sqlite3.SQLITE_PRAGMA:
        return first in _INNER_PRAGMAS and not second
    return action in _CHANGES and (first == "sqlite_master" or first.endswith(_RTREE_TABLES))
