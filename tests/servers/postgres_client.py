"""The PostgreSQL driver in a test's hands: Clients on the real server, requests in one line."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from appsmith_proxy.sdk import Client, ExecuteRequest, Lane, OpenContext, Secret
from appsmith_proxy_postgres import PostgresDriver
from appsmith_proxy_postgres.client import PostgresClient
from appsmith_proxy_postgres.wire import Wire
from tests.servers.postgres import PostgresServer
from tests.servers.sql_client import lent, request_of, rows


class EagerDriver(PostgresDriver):
    """Has the server encode each answer that it can, from a statement's first execution on."""

    encode_rows: ClassVar = 0


class OlderDriver(EagerDriver):
    """Has it encode them with what PostgreSQL 14 has."""

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        """Build a Client that takes each server for that old."""
        return _OlderClient(self.server(configuration), secrets, context, encode_rows=self.encode_rows)


class _OlderClient(PostgresClient):
    async def connect(self, lane: Lane, deadline: float) -> Wire:
        wire = await super().connect(lane, deadline)
        wire.server = 14
        return wire


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


__all__ = ["EagerDriver", "OlderDriver", "fetch", "opened", "request", "rows"]
