"""Bringing a session back to how it was after connecting, and the words of transactions.

``COM_RESET_CONNECTION`` undoes nearly everything: variables, temporary tables, locks, handlers, transactions, prepared
names, and with them the prepared statements. It puts the server's own defaults in place of the pins, and leaves the
default database and the role as they are. So the pins follow, in one statement that fails, so that the connection is
closed, when one of these two is not what it was after connecting.
"""

from dataclasses import dataclass
from typing import Final

from appsmith_proxy.sdk import Statement

START: Final = "START TRANSACTION"
START_READ_ONLY: Final = "START TRANSACTION READ ONLY"
COMMIT: Final = "COMMIT"
ROLLBACK: Final = "ROLLBACK"

HOME: Final = Statement(text="SELECT CAST(DATABASE() AS CHAR), CAST(CURRENT_ROLE() AS CHAR)")


@dataclass(frozen=True, slots=True)
class Home:
    """What ``HOME`` answered after connecting."""

    database: str | None
    role: str | None


def after_reset(pins: str, home: Home) -> str:
    """Return the statement that pins a session again, and fails when it is not at home: there is no such time zone."""
    at_home = (
        f"CAST(DATABASE() AS CHAR) <=> {_text(home.database)} AND CAST(CURRENT_ROLE() AS CHAR) <=> {_text(home.role)}"
    )
    return f"{pins}, time_zone = IF({at_home}, '+00:00', 'the session is elsewhere')"


def _text(name: str | None) -> str:
    """Write a name in hexadecimal digits: whatever it holds, nothing of it is read as SQL."""
    return "NULL" if name is None else f"CONVERT(X'{name.encode().hex()}' USING utf8mb4)"
