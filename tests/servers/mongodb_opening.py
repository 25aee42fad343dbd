"""Opening Clients of the MongoDB driver as the proxy does, and asking them things."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.sdk import Document, ExecuteRequest, Limits, Network, OpenContext, Secret
from appsmith_proxy_mongodb.client import MongodbClient
from tests.servers import mongodb_datasource
from tests.servers.mongod import MongodServer


class Opener:
    """Opens Clients, and closes them at the end."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack: Final = stack

    async def __call__(
        self,
        server: MongodServer,
        database: str = "things",
        *,
        network: Network | None = None,
        secrets: dict[str, str] | None = None,
        max_connections: int = 4,
        options: dict[str, Any] | None = None,
        **fields: Any,
    ) -> MongodbClient:
        """Return a Client of a database of the server; ``fields`` override the configuration."""
        driver = mongodb_datasource.DRIVER
        plain = mongodb_datasource.configuration(server, database, **fields)
        given = mongodb_datasource.secrets(server) if "authMechanism" not in fields else {}
        given |= secrets or {}
        assert driver.validate(plain, frozenset(given)) == []
        client = await driver.open(
            plain,
            {name: Secret(value) for name, value in given.items()},
            OpenContext(
                network=network or Guard(allow_loopback=True),
                max_connections=max_connections,
                options=options or {},
            ),
        )
        assert isinstance(client, MongodbClient)
        self._stack.push_async_callback(client.close)
        return client


@asynccontextmanager
async def opening() -> AsyncIterator[Opener]:
    """Lend an opener."""
    async with AsyncExitStack() as stack:
        yield Opener(stack)


def request(seconds: float = 10, *, limits: Limits | None = None, **fields: Any) -> ExecuteRequest:
    """Return an execution of the fields of an action, JSON parts as trees."""
    read_only = bool(fields.pop("read_only", False))
    return ExecuteRequest(
        payload=Document(fields={"operation": "find", "collection": "things"} | fields),
        deadline=asyncio.get_running_loop().time() + seconds,
        limits=limits or Limits(),
        read_only=read_only,
    )
