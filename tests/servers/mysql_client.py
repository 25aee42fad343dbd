"""The MySQL driver in a test's hands: Clients on the real server, requests in one line."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.sdk import (
    NO_LIMITS,
    ExecuteRequest,
    Limits,
    OpenContext,
    Parameter,
    ParameterType,
    Result,
    Secret,
    Statement,
)
from appsmith_proxy_mysql import MysqlDriver
from appsmith_proxy_mysql.client import MysqlClient
from tests.servers.mariadb import MariadbServer

_TYPES: Final[Mapping[type, ParameterType]] = {
    int: ParameterType.BIGINT,
    float: ParameterType.FLOAT,
    bytes: ParameterType.BYTES,
    str: ParameterType.TEXT,
}


@asynccontextmanager
async def opened(
    server: MariadbServer,
    database: str = "mysql",
    *,
    password: str | None = None,
    secrets: dict[str, str] | None = None,
    max_connections: int = 4,
    options: dict[str, Any] | None = None,
    **fields: Any,
) -> AsyncIterator[MysqlClient]:
    """Lend a Client for the administrator, or as ``fields`` say, and close it."""
    sealed = {"password": server.password if password is None else password, **(secrets or {})}
    client = await MysqlDriver().open(
        server.configuration(database, **fields),
        {name: Secret(value) for name, value in sealed.items() if value},
        OpenContext(network=Guard(allow_loopback=True), max_connections=max_connections, options=options or {}),
    )
    assert isinstance(client, MysqlClient)
    try:
        yield client
    finally:
        await client.close()


def request(
    text: str,
    *values: Any,
    writes: bool = False,
    read_only: bool = False,
    limits: Limits = NO_LIMITS,
    seconds: float = 10.0,
    scope: str = "",
    encode: bool = False,
) -> ExecuteRequest:
    """Return one execution of a statement whose parameters are declared as what the values are."""
    return ExecuteRequest(
        payload=Statement(
            text=text,
            parameters=tuple(
                Parameter(name=f"p{index}", type=_TYPES.get(type(value))) for index, value in enumerate(values)
            ),
            writes=writes,
        ),
        values=values,
        read_only=read_only,
        limits=limits,
        deadline=asyncio.get_running_loop().time() + seconds,
        scope=scope,
        encode=encode,
    )


async def fetch(client: MysqlClient, text: str, *values: Any, **bounds: Any) -> list[tuple[Any, ...]]:
    """Execute and return the rows."""
    return rows(await client.execute(request(text, *values, **bounds)))


def rows(result: Result) -> list[tuple[Any, ...]]:
    """Return a result's rows as tuples."""
    assert isinstance(result.rows, list)
    return [tuple(row) for row in result.rows]
