"""Fixtures of this room's tests."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.servers.http import HttpUpstream


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[HttpUpstream]:
    """A real HTTP server on loopback."""
    async with HttpUpstream() as server:
        yield server
