"""Fixtures of the web room: the real server over a fake runtime, and a client for it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from appsmith_proxy.server import Server
from tests.web.client import Client
from tests.web.fakes import FakeRuntime

BOTH_LOOPS = ("test_bodies.py", "test_connection.py")
"""What depends on the transport is proven on the standard loop as well."""


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run everything on the loop that serves in production."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"uvloop": uvloop.new_event_loop}
    if item.path.name in BOTH_LOOPS:
        factories["asyncio"] = asyncio.new_event_loop
    return factories


@pytest.fixture
def runtime() -> FakeRuntime:
    """A runtime of dictionaries."""
    return FakeRuntime()


@pytest.fixture
async def client(runtime: FakeRuntime) -> AsyncIterator[Client]:
    """A client of a server over ``runtime``."""
    async with Server(runtime) as server, Client(server.port) as client:
        yield client
