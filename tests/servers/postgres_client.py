"""The PostgreSQL driver in a test's hands: Clients on the real server, requests in one line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.sdk import NO_LIMITS, ExecuteRequest, Limits, OpenContext, Parameter, Result, Secret, Statement
from appsmith_proxy_postgres import PostgresDriver
from appsmith_proxy_postgres.client import PostgresClient
from tests.servers.postgres import PostgresServer


class EagerDriver(PostgresDriver):
    """Has the server encode each answer that it can, from a statement's first execution on."""

    encode_rows: ClassVar = 0


@asynccontextmanager
async def opened(
    server: PostgresServer,
    database: str = "postgres",
    *,
    password: str | None = None,
    secrets: dict[str, str] | None = None,
    max_connections: int = 4,
    idle_seconds: float = 300.0,
    options: dict[str, Any] | None = None,
    driver: type[PostgresDriver] = PostgresDriver,
    **fields: Any,
) -> AsyncIterator[PostgresClient]:
    """Lend a Client for the superuser, or as ``fields`` say, and close it."""
    sealed = {"password": server.password if password is None else password, **(secrets or {})}
    client = await driver().open(
        server.configuration(database, **fields),
        {name: Secret(value) for name, value in sealed.items() if value},
        OpenContext(
            network=Guard(allow_loopback=True),
            max_connections=max_connections,
            idle_seconds=idle_seconds,
            options=options or {},
        ),
    )
    assert isinstance(client, PostgresClient)
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
    encode: bool = True,
) -> ExecuteRequest:
    """Return one execution of a statement with undeclared parameters."""
    return ExecuteRequest(
        payload=Statement(
            text=text,
            parameters=tuple(Parameter(name=f"p{index}", type=None) for index in range(len(values))),
            writes=writes,
        ),
        values=values,
        read_only=read_only,
        limits=limits,
        deadline=asyncio.get_running_loop().time() + seconds,
        scope=scope,
        encode=encode,
    )


async def fetch(client: PostgresClient, text: str, *values: Any, **bounds: Any) -> list[tuple[Any, ...]]:
    """Execute and return the rows."""
    return rows(await client.execute(request(text, *values, **bounds)))


def rows(result: Result) -> list[tuple[Any, ...]]:
    """Return a result's rows as tuples."""
    assert isinstance(result.rows, list)
    return [tuple(row) for row in result.rows]
