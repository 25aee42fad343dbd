"""Fixtures of the MongoDB driver's own tests."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.servers.mongod import MongodServer
from tests.servers.mongodb_opening import Opener, opening


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """Opens Clients, which are closed at the end of the test."""
    async with opening() as opener:
        yield opener


@pytest.fixture
def database(mongod: MongodServer) -> Iterator[str]:
    """A database for one test."""
    name = mongod.fresh_database()
    yield name
    mongod.drop_database(name)
