"""What the driver takes from inside asyncpg, each in a sentence: read this first when its version moves."""

import asyncio
from importlib.metadata import version

import asyncpg
import pytest
from asyncpg import connect_utils

from appsmith_proxy.sdk import Lane, Limits, Statement
from appsmith_proxy_postgres.client import PostgresClient
from appsmith_proxy_postgres.meter import Meter
from appsmith_proxy_postgres.wire import MAX_KEPT, Wire
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_client import fetch, opened, request


@pytest.fixture
async def wire(client: PostgresClient) -> Wire:
    return await client.pool.acquire(Lane.READ_WRITE, "", deadline=asyncio.get_running_loop().time() + 5)


def test_the_version_is_one_that_was_tried() -> None:
    assert version("asyncpg").startswith(("0.31.", "0.32."))


def test_a_connection_is_described_by_these_fields() -> None:
    assert connect_utils._ConnectionParameters._fields == (
        *("user", "password", "database", "ssl", "sslmode", "ssl_negotiation"),
        *("server_settings", "target_session_attrs", "krbsrvname", "gsslib"),
    )


def test_the_protocol_can_be_subclassed() -> None:
    assert issubclass(Meter, asyncpg.protocol.Protocol)
    for name in ("prepare", "bind_execute", "query", "close_statement", "close_portal", "is_connected"):
        assert callable(getattr(Meter, name))


async def test_execute_with_a_limit_answers_rows_tag_and_whether_all_came(wire: Wire) -> None:
    kept = await wire.keep(Statement(text="SELECT n FROM generate_series(1, 5) n"), timeout=5)
    rows, tag, complete = await wire._protocol.bind_execute(kept.state, (), "", 0, True, 5)
    assert (len(rows), tag, complete) == (5, b"SELECT 5", True)
    rows, tag, complete = await wire._protocol.bind_execute(kept.state, (), "", 2, True, 5)
    assert (len(rows), bool(complete)) == (2, False)


async def test_parameters_and_columns_of_one_type_have_their_own_codecs(wire: Wire) -> None:
    """Texts for parameters, asyncpg's binary decoders for columns; fixed in two steps, one stopped in the middle."""
    kept = await wire.keep(Statement(text="SELECT $1::int8, 2::int8, $2::text, 0.1::float4"), timeout=5)
    rows, _, _ = await wire.send(kept, ("12", "x"), limits=Limits(), stop=False, timeout=5)
    assert [tuple(row) for row in rows] == [(12, 2, "x", 0.1)]


async def test_other_statements_of_the_connection_keep_their_codecs(wire: Wire) -> None:
    first = await wire.keep(Statement(text="SELECT $1::int8 AS a"), timeout=5)
    await wire.keep(Statement(text="SELECT $1::text, 1::int8"), timeout=5)
    rows, _, _ = await wire.send(first, ("12",), limits=Limits(), stop=False, timeout=5)
    assert [tuple(row) for row in rows] == [(12,)]


async def test_rows_that_are_kept_from_asyncpg_are_no_rows_to_it(wire: Wire) -> None:
    """It has no state of its own about them: the tag comes, and the next answer is whole."""
    kept = await wire.keep(Statement(text="SELECT n FROM generate_series(1, 3) n"), timeout=5)
    second = await wire.derive(kept, timeout=5)
    assert second is not None
    rows, tag, _ = await wire.send(second, (), limits=Limits(), stop=False, encoded=kept.derived, timeout=5)
    assert wire.texts() == [b'{"n":1}', b'{"n":2}', b'{"n":3}']
    assert (rows, tag, wire.meter.cut) == ([], b"SELECT 3", False)
    assert [tuple(row) for row in await wire.fetch(Statement(text="SELECT 7"))] == [(7,)]


async def test_a_sync_ends_a_prepare(wire: Wire) -> None:
    await wire.prepare(Statement(text="SELECT 1 FROM pg_class"), timeout=5)
    await wire.sync()
    assert not wire.in_transaction


async def test_kept_statements_are_bounded(postgres: PostgresServer) -> None:
    async with opened(postgres, max_connections=1) as client:
        for number in range(MAX_KEPT + 20):
            await fetch(client, f"SELECT {number}")
        names = await fetch(client, "SELECT count(*) FROM pg_prepared_statements")
        assert names[0][0] <= MAX_KEPT


async def test_a_kept_statement_costs_one_round_trip(postgres: PostgresServer, database: str) -> None:
    """No second prepare, and no question to the catalog about types already met."""
    async with opened(postgres, database, max_connections=1) as client:
        text = "SELECT '{1}'::int4[], '(1,2)'::point, 'x'::name, $1::regclass"
        for _ in range(3):
            await client.execute(request(text, "pg_class", scope="a"))
            await client.pool.settled()
        await postgres.log_statements(database)
    async with opened(postgres, database, max_connections=1) as client:
        for _ in range(3):
            await client.execute(request(text, "pg_class"))
            await client.pool.settled()
    mine = [entry.text for entry in postgres.logged(database) if entry.prepared]
    assert len([text for text in mine if "FROM pg_catalog.pg_type" in text]) <= 2, "types are looked up once a Client"
    assert len([text for text in mine if "::point" in text]) == 3
