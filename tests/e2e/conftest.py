"""A whole proxy for each test: memory store, every driver, loopback allowed."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from appsmith_proxy.sdk import hookimpl
from appsmith_proxy.testing.memory import MemoryDriver, MemoryServer
from tests.servers.proxy import Proxy, running_proxy

SHOP = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, cents INTEGER NOT NULL CHECK (cents >= 0));
INSERT INTO orders VALUES (1, 'alice@shop.example', 1250), (2, 'bob@shop.example', 10), (3, 'alice@shop.example', 7);
"""


class MemoryPlugin:
    """Registers the reference driver, on one server, beside the installed ones."""

    def __init__(self, server: MemoryServer) -> None:
        self._driver = MemoryDriver(server)

    @hookimpl
    def register_drivers(self) -> list[MemoryDriver]:
        """Return the reference driver."""
        return [self._driver]


@pytest.fixture
def memory() -> Iterator[MemoryServer]:
    """The outside world of kind ``memory``, with a few orders."""
    server = MemoryServer(password="the memory password")
    server.fill(SHOP)
    yield server
    server.close()


@pytest.fixture
def paths(tmp_path: Path) -> SimpleNamespace:
    """Where the proxy keeps its own, and where SQLite datasources may be."""
    (tmp_path / "data").mkdir()
    return SimpleNamespace(own=tmp_path / "own", data=tmp_path / "data")


@pytest.fixture
async def proxy(paths: SimpleNamespace, memory: MemoryServer) -> AsyncIterator[Proxy]:
    """A running, furnished proxy."""
    async with running_proxy(
        paths.own, plugins=[MemoryPlugin(memory)], driver_options={"sqlite": {"folder": str(paths.data)}}
    ) as running:
        yield running


@pytest.fixture
async def shop(proxy: Proxy) -> str:
    """A datasource of kind ``memory`` with a few orders."""
    return await proxy.datasource("memory", {"password": "the memory password"}, name="shop")
