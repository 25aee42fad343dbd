"""Fixtures that several rooms share: real servers, started once for each worker and only when a test asks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from appsmith_proxy.testing.report import pytest_terminal_summary
from tests.servers.mariadb import MariadbServer
from tests.servers.mongod import MongodServer
from tests.servers.postgres import PostgresServer

__all__ = ["mariadb", "mongod", "postgres", "pytest_terminal_summary"]

LONGEST: Final = (
    "kit/test_broken_statement.py",
    "e2e/test_replicas.py",
    "kit/test_broken_wire.py",
    "e2e/test_cli.py",
    "unit/store/test_mongodb_outage.py",
    "conformance/test_postgres.py",
    "e2e/test_store_copy.py",
    "e2e/test_canaries.py",
    "conformance/test_rest.py",
    "unit/store/test_mongodb.py",
    "e2e/test_demo.py",
    "unit/store/test_killed.py",
)
"""The files that take longest begin first: a file is one worker's, and one that begins last is waited for alone."""

settings.register_profile("untimed", deadline=None)  # a shared machine says nothing about time
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, in every worker the same way. No test may depend on it."""
    root = Path(__file__).parent
    place = {root / name: number for number, name in enumerate(LONGEST)}
    if gone := [str(path) for path in place if not path.exists()]:
        raise pytest.UsageError(f"LONGEST in tests/conftest.py names what is gone: {', '.join(gone)}")
    items.sort(key=lambda item: place.get(item.path, len(place)))


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
