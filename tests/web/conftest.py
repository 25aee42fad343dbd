"""Fixtures of the web room: the real server over a fake runtime, and a client for it."""

from collections.abc import AsyncIterator

import pytest

from appsmith_proxy.server import Server
from tests.web.client import Client
from tests.web.fakes import FakeRuntime


@pytest.fixture
def runtime() -> FakeRuntime:
    """A runtime of dictionaries."""
    return FakeRuntime()


@pytest.fixture
async def client(runtime: FakeRuntime) -> AsyncIterator[Client]:
    """A client of a server over ``runtime``."""
    async with Server(runtime) as server, Client(server.port) as client:
        yield client
