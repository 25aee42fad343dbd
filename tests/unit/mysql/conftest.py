"""Fixtures of the MySQL driver's own tests."""

from collections.abc import AsyncIterator

import pytest

from appsmith_proxy_mysql.wire import Wire
from tests.servers.mariadb import MariadbServer
from tests.servers.mysql_wire import login_to, wired


@pytest.fixture
async def database(mariadb: MariadbServer) -> AsyncIterator[str]:
    """A database for one test."""
    name = await mariadb.fresh_database()
    yield name
    await mariadb.drop_database(name)


@pytest.fixture
async def wire(mariadb: MariadbServer, database: str) -> AsyncIterator[Wire]:
    """A connection to it, as administrator."""
    async with wired(login_to(mariadb, database)) as wire:
        yield wire
