"""What the test call tells: the server's version, and what about the user or the connection should worry an operator."""

from collections.abc import Iterator
from typing import Any, Final

from appsmith_proxy.sdk import Health
from appsmith_proxy_mongodb.fields import NO_LOGIN, Configuration
from appsmith_proxy_mongodb.link import Link

_RIGHTS: Final = {
    "root": "the user has the role root: it may do anything on the server",
    "__system": "the user has the role __system: it may do anything on the server",
    "dbAdminAnyDatabase": "the user may change the structure of every database",
    "userAdminAnyDatabase": "the user may create users, and so may do anything on the server",
    "userAdmin": "the user may create users of a database, and give itself any right on it",
    "readWriteAnyDatabase": "the user may write to every database",
    "readAnyDatabase": "the user may read every database",
    "clusterAdmin": "the user may administer the cluster",
    "restore": "the user may restore backups: it can write the whole server",
    "backup": "the user may make backups: it can read the whole server",
    "dbOwner": "the user owns its database: it may drop it",
}
_OWN: Final = frozenset({"admin", "config", "local"})


async def check(link: Link, session: Any, configuration: Configuration) -> Health:
    """Ask the server about itself and the user, and whether the database can be seen."""
    build = await link.client.admin.command("buildInfo", session=session)
    await link.client[configuration.database].command("listCollections", nameOnly=True, authorizedCollections=True)
    status = await link.client.admin.command("connectionStatus", session=session)
    roles = {str(role.get("role")) for role in status.get("authInfo", {}).get("authenticatedUserRoles", ())}
    return Health(
        server=f"MongoDB {build.get('version', '')}".strip(), warnings=tuple(_warnings(roles, link, configuration))
    )


def _warnings(roles: set[str], link: Link, configuration: Configuration) -> Iterator[str]:
    yield from (text for role, text in _RIGHTS.items() if role in roles)
    yield from configuration.tls.warnings()
    if configuration.mechanism == NO_LOGIN and not configuration.tls.loopback:
        yield "the server asks for no user: whoever reaches it may do anything"
    if configuration.database in _OWN:
        yield "the database is one of the server's own"
    if not link.has_transactions:
        yield "the server is not part of a replica set: maxAffectedRows cannot be kept for operations that change many"
