"""The PostgreSQL driver in a test's hands: Clients on the real server, requests in one line."""

from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from appsmith_proxy.sdk import ExecuteRequest
from appsmith_proxy_postgres import PostgresDriver
from appsmith_proxy_postgres.client import PostgresClient
from tests.servers.postgres import PostgresServer
from tests.servers.sql_client import lent, request_of, rows


class EagerDriver(PostgresDriver):
    """Has the server encode each answer that it can, from a statement's first execution on."""

    encode_rows: ClassVar = 0


def opened(
    server: PostgresServer,
    database: str = "postgres",
    *,
    driver: type[PostgresDriver] = PostgresDriver,
    **options: Any,
) -> AbstractAsyncContextManager[PostgresClient]:
    """Lend a Client for the superuser, or as ``options`` (see ``lent``) say, and close it."""
    return lent(PostgresClient, driver(), server, database, **options)


def request(text: str, *values: Any, **bounds: Any) -> ExecuteRequest:
    """Return one execution of a statement with undeclared parameters."""
    return request_of(text, values, [None] * len(values), **bounds)


async def fetch(client: PostgresClient, text: str, *values: Any, **bounds: Any) -> list[tuple[Any, ...]]:
    """Execute and return the rows."""
    return rows(await client.execute(request(text, *values, **bounds)))


__all__ = ["EagerDriver", "fetch", "opened", "request", "rows"]
