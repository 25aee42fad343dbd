"""What a session is pinned to when it begins and after each reset: what the forms of values and texts depend on.

The statements are the driver's own constants; only the ceiling, a whole number of the operator's, is written into one.
"""

from dataclasses import dataclass
from typing import Final

from appsmith_proxy.sdk import Lane

SQL_MODE: Final = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
"""Backslashes escape in literals, double quotes are literals, ``||`` is OR: what ``dialect.py`` reads. A value that does
not fit a column is an error, never cut."""

_PINS: Final = (
    "NAMES utf8mb4",
    "time_zone = '+00:00'",
    f"sql_mode = '{SQL_MODE}'",
    "autocommit = 1",
    "sql_auto_is_null = 0",
    "completion_type = 'NO_CHAIN'",
)
MARIADB: Final = "MariaDB"
MYSQL: Final = "MySQL"
_MARIADB_OFFSET: Final = "5.5.5-"
"""What MariaDB before 11 puts before its version, for clients that count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """Who answers."""

    product: str
    """``MySQL`` or ``MariaDB``."""
    version: tuple[int, ...]
    text: str
    """As the server says it."""


def server_info(text: str) -> ServerInfo:
    """Read a server's version."""
    told = text.removeprefix(_MARIADB_OFFSET)
    product = MARIADB if "mariadb" in told.lower() or told != text else MYSQL
    numbers: list[int] = []
    for part in told.partition("-")[0].split(".")[:3]:
        if not part.isdecimal() or len(part) > 6:
            break
        numbers.append(int(part))
    return ServerInfo(product=product, version=tuple(numbers), text=told)


def pins(server: ServerInfo, lane: Lane, *, ceiling_seconds: int) -> str:
    """Return the one statement that pins a session."""
    read_only = int(lane is Lane.READ_ONLY)
    if server.product == MARIADB:
        own = (f"max_statement_time = {int(ceiling_seconds)}", f"tx_read_only = {read_only}")
    else:
        own = (f"max_execution_time = {int(ceiling_seconds) * 1000}", f"transaction_read_only = {read_only}")
    return "SET " + ", ".join((*_PINS, *own))
