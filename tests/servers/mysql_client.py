"""The MySQL driver in a test's hands: Clients on the real server, requests in one line."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from appsmith_proxy.sdk import ExecuteRequest, ParameterType
from appsmith_proxy_mysql import MysqlDriver
from appsmith_proxy_mysql.client import MysqlClient
from tests.servers.mariadb import MariadbServer
from tests.servers.sql_client import lent, request_of, rows

_TYPES: Final[Mapping[type, ParameterType]] = {
    int: ParameterType.BIGINT,
    float: ParameterType.FLOAT,
    bytes: ParameterType.BYTES,
    str: ParameterType.TEXT,
}


def opened(server: MariadbServer, database: str = "mysql", **options: Any) -> AbstractAsyncContextManager[MysqlClient]:
    """Lend a Client for the administrator, or as ``options`` (see ``lent``) say, and close it."""
    return lent(MysqlClient, MysqlDriver(), server, database, **options)


def request(text: str, *values: Any, encode: bool = False, **bounds: Any) -> ExecuteRequest:
    """Return one execution of a statement whose parameters are declared as what the values are."""
    return request_of(text, values, [_TYPES.get(type(value)) for value in values], encode=encode, **bounds)


async def fetch(client: MysqlClient, text: str, *values: Any, **bounds: Any) -> list[tuple[Any, ...]]:
    """Execute and return the rows."""
    return rows(await client.execute(request(text, *values, **bounds)))


__all__ = ["fetch", "opened", "request", "rows"]
