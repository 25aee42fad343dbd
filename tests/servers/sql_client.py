"""A driver of a SQL server in a test's hands: a Client on the real server, a request in one line, its rows as tuples."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.sdk import (
    NO_LIMITS,
    Client,
    Driver,
    ExecuteRequest,
    Limits,
    OpenContext,
    Parameter,
    ParameterType,
    Result,
    Secret,
    Statement,
)
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer

C = TypeVar("C", bound=Client)


@asynccontextmanager
async def lent(
    client_type: type[C],
    driver: Driver,
    server: MariadbServer | PostgresServer,
    database: str,
    *,
    password: str | None = None,
    secrets: dict[str, str] | None = None,
    max_connections: int = 4,
    idle_seconds: float = 300.0,
    options: dict[str, Any] | None = None,
    **fields: Any,
) -> AsyncIterator[C]:
    """Lend a Client for the administrator, or as ``fields`` say, and close it."""
    sealed = {"password": server.password if password is None else password, **(secrets or {})}
    client = await driver.open(
        server.configuration(database, **fields),
        {name: Secret(value) for name, value in sealed.items() if value},
        OpenContext(
            network=Guard(allow_loopback=True),
            max_connections=max_connections,
            idle_seconds=idle_seconds,
            options=options or {},
        ),
    )
    assert isinstance(client, client_type)
    try:
        yield client
    finally:
        await client.close()


def request_of(
    text: str,
    values: Sequence[Any],
    types: Sequence[ParameterType | None],
    *,
    writes: bool = False,
    read_only: bool = False,
    limits: Limits = NO_LIMITS,
    seconds: float = 10.0,
    scope: str = "",
    encode: bool = True,
) -> ExecuteRequest:
    """Return one execution of a statement whose parameters are declared as ``types``."""
    return ExecuteRequest(
        payload=Statement(
            text=text,
            parameters=tuple(Parameter(name=f"p{index}", type=type_) for index, type_ in enumerate(types)),
            writes=writes,
        ),
        values=tuple(values),
        read_only=read_only,
        limits=limits,
        deadline=asyncio.get_running_loop().time() + seconds,
        scope=scope,
        encode=encode,
    )


def rows(result: Result) -> list[tuple[Any, ...]]:
    """Return a result's rows as tuples."""
    assert isinstance(result.rows, list)
    return [tuple(row) for row in result.rows]
