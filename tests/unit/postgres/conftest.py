"""Fixtures of the PostgreSQL driver's own tests."""

from collections.abc import AsyncIterator

import pytest

from appsmith_proxy_postgres.client import PostgresClient
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_client import opened


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[str]:
    """A database for one test."""
    name = await postgres.fresh_database()
    yield name
    await postgres.drop_database(name)


@pytest.fixture
async def client(postgres: PostgresServer, database: str) -> AsyncIterator[PostgresClient]:
    """A Client on it, as superuser."""
    async with opened(postgres, database) as client:
        yield client
