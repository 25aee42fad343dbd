"""What the test call tells: the server's version, and what about the account or the connection should worry an operator."""

from collections.abc import Mapping
from typing import Final

from appsmith_proxy.sdk import BadResponse, Health, Outcome, Statement, TlsConfiguration
from appsmith_proxy_mysql.pins import MARIADB, MYSQL
from appsmith_proxy_mysql.wire import Wire

OLDEST: Final[Mapping[str, tuple[int, int]]] = {MARIADB: (10, 6), MYSQL: (8, 0)}

_RIGHTS: Final[Mapping[str, str]] = {
    "SUPER": "the account may do nearly everything on the server (SUPER)",
    "FILE": "the account may read and write files on the server (FILE)",
    "PROCESS": "the account sees the statements of others, values included (PROCESS)",
    "CREATE USER": "the account may create and change accounts (CREATE USER)",
    "SHUTDOWN": "the account may stop the server (SHUTDOWN)",
    "REPLICATION SLAVE": "the account may replicate: it can read the whole server (REPLICATION SLAVE)",
    "SELECT": "the account may read every database of the server",
    "INSERT": "the account may write to every database of the server",
    "UPDATE": "the account may change every database of the server",
    "DELETE": "the account may delete from every database of the server",
    "DROP": "the account may drop every database of the server",
}
"""Rights that are held on the whole server (``ON *.*``)."""
_GRANTS: Final = "the account may give its rights to others (GRANT OPTION)"

_HELD: Final = Statement(
    text="""
SELECT PRIVILEGE_TYPE, IS_GRANTABLE = 'YES' FROM information_schema.USER_PRIVILEGES
WHERE GRANTEE = CONCAT('''', LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER())
                                  - CHAR_LENGTH(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)) - 1),
                       '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')
"""
)
"""A role's rights are not told there."""


async def check(wire: Wire, tls: TlsConfiguration) -> Health:
    """Ask the server about itself and the account.

    Raises:
        BadResponse: the server is older than the driver can serve.
    """
    server = wire.server
    oldest = OLDEST[server.product]
    if server.version < oldest:
        raise BadResponse(
            f"the server is {server.product} {_dotted(server.version)}, the driver needs {_dotted(oldest)} or newer",
            outcome=Outcome.NOT_SENT,
        )
    held = {str(right): bool(grantable) for right, grantable in await wire.fetch(_HELD)}
    warnings = [text for right, text in _RIGHTS.items() if right in held]
    if any(held.values()):
        warnings.append(_GRANTS)
    return Health(server=f"{server.product} {server.text}", warnings=(*warnings, *tls.warnings()))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
