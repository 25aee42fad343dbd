"""A real mongod as a datasource: its configuration, its user, and its documents."""

from typing import Any

from appsmith_proxy_mongodb.driver import MongodbDriver
from tests.servers.mongod import MongodServer

DRIVER = MongodbDriver()


def configuration(
    server: MongodServer, database: str, *, host: str = "", port: int = 0, **fields: Any
) -> dict[str, Any]:
    """Return the plain fields of a datasource on a database of the server."""
    here = ",".join(f"{server.host}:{each}" for each in server.ports)
    plain: dict[str, Any] = {
        "hosts": f"{host}:{port}" if port else here,
        "database": database,
        "replicaSet": server.replica_set,
    }
    if server.password:
        plain |= {"username": server.user}
    else:
        plain |= {"authMechanism": "none"}
    return {name: value for name, value in (plain | fields).items() if value not in ("", None)}


def secrets(server: MongodServer) -> dict[str, str]:
    """Return the secrets that go with it."""
    return {"password": server.password} if server.password else {}
