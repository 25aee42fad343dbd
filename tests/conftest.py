"""Fixtures that several rooms share: real servers, started once for each worker and only when a test asks."""

from collections.abc import Iterator

import pytest

from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL. ``await postgres.fresh_database()`` gives a test its own database."""
    with PostgresServer() as server:
        yield server
