"""The constant texts that a session is governed with: what is pinned when it begins, how it comes back to that, transactions.

``COM_RESET_CONNECTION`` undoes nearly everything: variables, temporary tables, locks, handlers, transactions, prepared
names. It puts the server's own defaults in place of the pins, and it leaves the default database and the role as they
are. So the pins follow it, in one statement that fails, so that the connection is closed, when one of these two is not
what it was after connecting.
"""

from dataclasses import dataclass
from typing import Final

from appsmith_proxy.sdk import Lane, Statement

START: Final = "START TRANSACTION"
COMMIT: Final = "COMMIT"
ROLLBACK: Final = "ROLLBACK"

SQL_MODE: Final = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
"""A value that does not fit is an error, and a text means what the dialect takes it for: double quotes hold text, a
backslash escapes, ``||`` is OR."""

HOME: Final = Statement(text="SELECT CAST(DATABASE() AS CHAR), CAST(CURRENT_ROLE() AS CHAR)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What ``HOME`` answered after connecting."""

    database: str | None
    role: str | None


def pins(*, mariadb: bool, lane: Lane, ceiling_seconds: int, home: Home | None = None) -> str:
    """Return the statement that pins what answers depend on, and what a session may do.

    Args:
        mariadb: the server is MariaDB, else MySQL: they name some variables differently.
        lane: whether transactions are read-only from here on.
        ceiling_seconds: the server itself ends what takes longer. MySQL does so for reads, and for waits for a table.
        home: after a reset: what must still be so. None after connecting.
    """
    read_only = int(lane is Lane.READ_ONLY)
    own = (
        f"tx_read_only = {read_only}, max_statement_time = {ceiling_seconds}"
        if mariadb
        else f"transaction_read_only = {read_only}, max_execution_time = {ceiling_seconds * 1000}"
    )
    utc = "'+00:00'"
    if home is not None:
        utc = (
            f"IF(CAST(DATABASE() AS CHAR) <=> {_text(home.database)}"
            f" AND CAST(CURRENT_ROLE() AS CHAR) <=> {_text(home.role)}, {utc}, 'the session is elsewhere')"
        )
    return (
        f"SET NAMES utf8mb4, time_zone = {utc}, sql_mode = '{SQL_MODE}', autocommit = 1,"
        f" lock_wait_timeout = {ceiling_seconds}, {own}"
    )


def _text(name: str | None) -> str:
    """Write a name in hexadecimal digits: whatever it holds, nothing of it is read as SQL."""
    return "NULL" if name is None else f"CONVERT(X'{name.encode().hex()}' USING utf8mb4)"
