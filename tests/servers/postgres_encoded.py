"""Both ways to an answer of PostgreSQL, side by side: as cells, and as JSON texts of the server's own."""

import json
import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from appsmith_proxy.gateway.encode import Encoder
from appsmith_proxy.sdk import EncodedRows, Result
from appsmith_proxy_postgres import PostgresDriver
from appsmith_proxy_postgres.client import PostgresClient
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_client import EagerDriver, opened, request

ENCODED: Final = re.compile(
    r"SELECT pg_catalog\.concat\(.*\) AS json, .*\nFROM \(SELECT \* FROM \(\n(.*)\n\) AS o OFFSET 0\) AS o\n.*",
    re.DOTALL,
)
"""What the driver derives from a plan's statement, which is its group, and the statement's columns."""


@asynccontextmanager
async def eager(
    server: PostgresServer, database: str, *, driver: type[PostgresDriver] = EagerDriver, **fields: Any
) -> AsyncIterator[PostgresClient]:
    """Lend a Client that has each answer encoded, if it can be."""
    async with opened(server, database, driver=driver, **fields) as client:
        yield client


def shown(result: Result) -> str:
    """Return an answer as a caller reads it: types, the sign of a zero, names that are repeated and their order included."""
    text = Encoder().encode(result, numbers="string").decode()
    body = json.loads(text, parse_float=_float, object_pairs_hook=list)
    return repr((result.columns, body, result.truncated, result.messages))


def is_encoded(result: Result) -> bool:
    """Return whether the server has encoded an answer."""
    return isinstance(result.rows, EncodedRows)


async def same_both_ways(client: PostgresClient, text: str, *values: Any, **bounds: Any) -> bool:
    """Execute a statement both ways and compare; return whether the server has encoded one of the answers."""
    plain = await client.execute(request(text, *values, encode=False, **bounds))
    encoded = await client.execute(request(text, *values, **bounds))
    assert not is_encoded(plain)
    assert shown(plain) == shown(encoded), text
    return is_encoded(encoded)


def _float(text: str) -> float | str:
    """Two ways to write one float are the same; a number of JSON that no float holds is its digits."""
    value = float(text)
    return value if math.isfinite(value) else text
