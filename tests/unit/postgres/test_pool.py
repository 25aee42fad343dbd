"""The pool: bounded, fair, shared by two lanes, closed when idle, and whole after any cancel."""

import asyncio
import random

import pytest

from appsmith_proxy.sdk import DatasourceError, ExecutionTimeout, Outcome
from appsmith_proxy_postgres.client import PostgresClient
from tests.servers.postgres import PostgresServer, until
from tests.servers.postgres_client import fetch, opened, request


async def _sessions(admin: object, database: str) -> int:
    count = await admin.fetchval(  # type: ignore[attr-defined]  # reason: asyncpg has no types
        "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'appsmith_proxy'", database
    )
    return int(count)


async def test_never_more_connections_than_allowed(postgres: PostgresServer, database: str) -> None:
    async with postgres.session() as admin, opened(postgres, database, max_connections=3) as client:
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, await _sessions(admin, database))
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        await asyncio.gather(
            *(fetch(client, "SELECT pg_sleep(0.02)", read_only=bool(n % 2), scope=f"s{n % 4}") for n in range(40))
        )
        watching.cancel()
        await asyncio.wait([watching])
        assert 1 <= most <= 3


async def test_waiting_is_fair_and_ends_at_the_deadline(postgres: PostgresServer, database: str) -> None:
    async with opened(postgres, database, max_connections=1) as client:
        await fetch(client, "SELECT 1")
        order: list[int] = []

        async def one(number: int) -> None:
            await fetch(client, "SELECT pg_sleep(0.01)")
            order.append(number)

        await asyncio.gather(*(one(number) for number in range(10)))
        assert order == list(range(10))
        slow = asyncio.create_task(fetch(client, "SELECT pg_sleep(1)"))
        await asyncio.sleep(0)
        with pytest.raises(ExecutionTimeout) as caught:
            await client.execute(request("SELECT 1", seconds=0.1))
        assert caught.value.outcome is Outcome.NOT_SENT
        await slow


async def test_idle_connections_are_closed(postgres: PostgresServer, database: str) -> None:
    async with postgres.session() as admin, opened(postgres, database, idle_seconds=0.2) as client:
        await asyncio.gather(*(fetch(client, "SELECT pg_sleep(0.01)") for _ in range(3)))
        assert await _sessions(admin, database) >= 1

        async def none() -> bool:
            return await _sessions(admin, database) == 0

        await until(none)
        await client.pool.settled()
        assert client.pool.size == 0
        assert await fetch(client, "SELECT 1") == [(1,)]


async def test_one_lane_makes_room_for_the_other(postgres: PostgresServer, database: str) -> None:
    async with opened(postgres, database, max_connections=1) as client:
        for read_only in (True, False, True):
            seen = await fetch(client, "SELECT current_setting('transaction_read_only')", read_only=read_only)
            assert seen == [("on" if read_only else "off",)]
            assert client.pool.size == 1


async def test_the_startup_packet_wins_over_the_databases_own_settings(postgres: PostgresServer, database: str) -> None:
    async with postgres.session() as admin:
        await admin.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
    async with opened(postgres, database) as client:
        assert await fetch(client, "SELECT current_setting('transaction_read_only')") == [("off",)]


async def test_cancels_at_any_moment_leave_the_pool_whole(postgres: PostgresServer, database: str) -> None:
    """Cancel at hundreds of moments of connecting, preparing, executing and giving back; no place is lost."""
    moments = random.Random(4711)
    async with opened(postgres, database, max_connections=2) as client:
        for turn in range(150):
            scope = moments.choice(("", "a", "b"))
            running = [
                asyncio.create_task(_try(client, turn, scope=scope, read_only=moments.random() < 0.5)) for _ in range(3)
            ]
            await asyncio.sleep(moments.random() * 0.01)  # a moment of the torture, not a wait for something
            for task in running[:2]:
                task.cancel()
            await asyncio.wait(running)
            if turn % 50 == 49:
                async with asyncio.timeout(10):
                    await client.pool.settled()
                    await asyncio.gather(*(fetch(client, "SELECT pg_sleep(0.01)", read_only=False) for _ in range(4)))
        assert client.pool.size <= 2


async def _try(client: PostgresClient, turn: int, *, scope: str, read_only: bool) -> None:
    try:
        await fetch(client, f"SELECT {turn % 7}, pg_sleep(0.003)", scope=scope, read_only=read_only)
    except DatasourceError as error:
        pytest.fail(f"a cancel made another execution fail: {error}")


async def test_state_of_one_scope_is_never_seen_by_another(postgres: PostgresServer, database: str) -> None:
    """Many callers, many actions, few connections: each sees only what its own statement set."""
    async with postgres.session(database) as admin:
        await admin.execute(
            "CREATE FUNCTION leave(v text) RETURNS text LANGUAGE sql AS"
            " $$ SELECT coalesce(nullif(current_setting('a.b', true), ''), 'clean') || set_config('a.b', v, false) $$"
        )
    async with opened(postgres, database, max_connections=3) as client:
        seen = await asyncio.gather(*(fetch(client, "SELECT leave($1)", f"s{n}", scope=f"s{n % 5}") for n in range(60)))
        assert [row for row in seen if not row[0][0].startswith("clean")] == []
