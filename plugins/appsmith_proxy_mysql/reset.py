"""Bringing a session back to how it was after connecting.

``COM_RESET_CONNECTION`` undoes nearly everything: variables, temporary tables, locks, handlers, transactions, prepared
names, and with them the prepared statements. It puts the server's own defaults in place of the pins, and leaves the
default database and the role as they are. So the pins follow, in one statement that fails, so that the connection is
closed, when one of these two is not what it was after connecting.
"""

from dataclasses import dataclass
from typing import Final

from appsmith_proxy.sdk import Statement

HOME: Final = Statement(text="SELECT CAST(DATABASE() AS CHAR), CAST(CURRENT_ROLE() AS CHAR)")


@dataclass(frozen=True, slots=True)
class Home:
    """What ``HOME`` answered after connecting."""

    database: str | None
    role: str | None


def beginning(pins: str, home: Home) -> str:
    """Return the statement that a session begins with, and again after each reset: the pins, and a look around.

    It fails when the session is not at home: there is no such time zone. Its subselect is what overwrites FOUND_ROWS, which
    no reset does.
    """
    at_home = (
        f"CAST(DATABASE() AS CHAR) <=> {_text(home.database)} AND CAST(CURRENT_ROLE() AS CHAR) <=> {_text(home.role)}"
    )
    zone = f"(SELECT MAX(IF({at_home}, '+00:00', 'the session is elsewhere')) FROM (SELECT 1) AS once)"  # noqa: S608  # reason: hexadecimal digits
    return f"{pins}, time_zone = {zone}"


def _text(name: str | None) -> str:
    """Write a name in hexadecimal digits: whatever it holds, nothing of it is read as SQL."""
    return "NULL" if name is None else f"CONVERT(X'{name.encode().hex()}' USING utf8mb4)"
