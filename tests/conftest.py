"""Fixtures that several rooms share: real servers, started once for each worker and only when a test asks."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from appsmith_proxy.testing.report import pytest_terminal_summary
from tests.servers.mariadb import MariadbServer
from tests.servers.mongod import MongodServer
from tests.servers.postgres import PostgresServer

__all__ = ["mariadb", "mongod", "postgres", "pytest_terminal_summary"]

settings.register_profile("untimed", deadline=None)  # a shared machine says nothing about time
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL. ``await postgres.fresh_database()`` gives a test its own database."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def mongod() -> Iterator[MongodServer]:
    """A real MongoDB, a replica set of one with credentials. ``mongod.fresh_database()`` names a test its own database."""
    with MongodServer(authentication=True) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    """A real MariaDB. ``await mariadb.fresh_database()`` gives a test its own database."""
    with MariadbServer() as server:
        yield server
