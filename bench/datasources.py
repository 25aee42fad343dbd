"""What is compared on which datasource: a table. All sides are asked the same, and there is a known answer to it.

::

    datasource   by hand            measured beside it, without a bar
    postgres     asyncpg
    mysql        aiomysql           asyncmy (compiled): its text protocol, and its prepared statements
    rest         aiohttp's client   the same, but the API's answer is read as JSON and written again
"""

import json
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, Final

from bench.exchanges import EXCHANGES, KEY, KEY_HEADER
from bench.processes import ServerProcess
from bench.statements import STATEMENTS
from bench.workloads import TABLE_ROWS, Workload
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A running datasource that holds what is asked for."""

    connection: Mapping[str, Any]
    """What a hand-written server is told: ``host``, ``port``, ``database``, ``user``, ``password``; of an API ``url``."""
    configuration: Mapping[str, Any]
    """Our datasource's, secret fields among them."""
    events: Callable[[], Awaitable[int]]
    """Counts what was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """A hand-written server: a module, and what it is told beside the connection."""

    module: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasource:
    """One datasource, the servers that ask it, and what ours must reach."""

    kind: str
    """Of our driver."""
    filled: Callable[[], AbstractAsyncContextManager[Filled]]
    workloads: Sequence[Workload]
    by_hand: ByHand
    beside: Mapping[str, ByHand] = field(default_factory=dict)
    bars: Mapping[str, float]
    """Of each workload that has one: the least median ratio to ``by_hand``."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Types that the actions declare, where nobody reports them."""
    zone: tzinfo | None = None
    """Of the column ``placed``."""


@asynccontextmanager
async def _postgres() -> AsyncIterator[Filled]:
    with PostgresServer() as server:
        database = await server.fresh_database()
        async with server.session(database) as session:
            for statement in _POSTGRES_SCHEMA:
                await session.execute(statement)

        async def events() -> int:
            async with server.session(database) as session:
                return int(await session.fetchval(_COUNT_EVENTS))

        yield _filled(server, database, events)


@asynccontextmanager
async def _mysql() -> AsyncIterator[Filled]:
    with MariadbServer() as server:
        database = await server.fresh_database()
        async with server.session(database) as session:
            for statement in _MYSQL_SCHEMA:
                await session.execute(statement)

        async def events() -> int:
            async with server.session(database) as session:
                return int(await session.value(_COUNT_EVENTS))

        yield _filled(server, database, events)


def _filled(server: PostgresServer | MariadbServer, database: str, events: Callable[[], Awaitable[int]]) -> Filled:
    where = {"host": server.host, "port": server.port, "database": database, "password": server.password}
    return Filled(
        connection={**where, "user": server.user},
        configuration={**where, "username": server.user, "tlsMode": "disable"},
        events=events,
    )


@asynccontextmanager
async def _rest() -> AsyncIterator[Filled]:
    with ServerProcess("bench.upstream") as upstream:
        url = f"http://127.0.0.1:{upstream.port}"
        headers = {KEY_HEADER: KEY}

        async def events() -> int:
            with urllib.request.urlopen(urllib.request.Request(f"{url}/events", headers=headers)) as answer:  # noqa: S310  # reason: our own address
                return int(json.load(answer))

        yield Filled(
            connection={"url": url, "headers": headers},
            configuration={"url": url, "secretHeaders": headers},
            events=events,
        )


_COUNT_EVENTS: Final = "SELECT count(*) FROM events"

_POSTGRES_SCHEMA: Final = (
    """
    CREATE TABLE items (
        id bigint PRIMARY KEY, name text NOT NULL, note text NOT NULL, placed timestamptz NOT NULL,
        price numeric(12,2) NOT NULL, paid boolean NOT NULL, extra jsonb NOT NULL)
    """,
    f"""
    INSERT INTO items
    SELECT n, 'item ' || n, repeat('a plain note ', 2) || n,
           timestamptz '2026-01-01 00:00:00+00' + n * interval '61.0625 seconds',
           (n % 100000) / 100.0, n % 3 = 0, jsonb_build_object('n', n, 'tags', jsonb_build_array('a', 'b'))
    FROM generate_series(1, {TABLE_ROWS}) AS n
    """,
    "CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item bigint NOT NULL, note text NOT NULL)",
    "VACUUM ANALYZE items",
)

_MYSQL_SCHEMA: Final = (
    "ALTER DATABASE CHARACTER SET utf8mb4",
    """
    CREATE TABLE items (
        id bigint PRIMARY KEY, name text NOT NULL, note text NOT NULL, placed datetime(6) NOT NULL,
        price decimal(12,2) NOT NULL, paid tinyint(1) NOT NULL, extra json NOT NULL)
    """,
    f"""
    INSERT INTO items
    SELECT seq, concat('item ', seq), concat(repeat('a plain note ', 2), seq),
           timestamp'2026-01-01 00:00:00' + INTERVAL seq * 61.0625 SECOND,
           (seq % 100000) / 100, seq % 3 = 0, json_object('n', seq, 'tags', json_array('a', 'b'))
    FROM seq_1_to_{TABLE_ROWS}
    """,
    "CREATE TABLE events (id bigint AUTO_INCREMENT PRIMARY KEY, item bigint NOT NULL, note text NOT NULL)",
    "ANALYZE TABLE items",
)

DATASOURCES: Final[Mapping[str, Datasource]] = {
    "postgres": Datasource(
        kind="postgres",
        filled=_postgres,
        workloads=STATEMENTS,
        by_hand=ByHand(module="bench.by_hand.with_asyncpg"),
        bars={"one row": 1.3, "100 rows": 1.8, "10,000 rows": 2.5, "insert": 1.0},
        zone=UTC,
    ),
    "mysql": Datasource(
        kind="mysql",
        filled=_mysql,
        workloads=STATEMENTS,
        by_hand=ByHand(module="bench.by_hand.with_aiomysql"),
        beside={
            "asyncmy": ByHand(module="bench.by_hand.with_asyncmy"),
            "prepared": ByHand(module="bench.by_hand.with_asyncmy", options={"keep": 100}),
        },
        bars={"one row": 1.0, "100 rows": 2.0, "10,000 rows": 2.0},
        types={"id": "bigint", "note": "text"},
    ),
    "rest": Datasource(
        kind="rest",
        filled=_rest,
        workloads=EXCHANGES,
        by_hand=ByHand(module="bench.by_hand.with_aiohttp"),
        beside={"parsed": ByHand(module="bench.by_hand.with_aiohttp", options={"parsed": True})},
        # A megabyte is looked at twice before it is passed on, which alone takes longer than the whole relay (ADR 0007).
        bars={load.name: 0.4 if load.name == "1 MB" else 0.8 for load in EXCHANGES},
    ),
}
