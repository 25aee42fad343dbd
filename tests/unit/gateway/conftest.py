"""Fixtures of this room's tests."""

import os
from collections.abc import AsyncIterator, Callable

import pytest

from appsmith_proxy.store.memory import MemoryStore
from tests.unit.gateway.keyed import Here


@pytest.fixture
def open_descriptors() -> Callable[[], int]:
    """Count this process's open descriptors."""
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    return lambda: len(os.listdir(folder))


@pytest.fixture
async def here() -> AsyncIterator[Here]:
    """A process's room of keyed runs, over a store of its own."""
    async with MemoryStore() as store:
        room = Here(store)
        yield room
        await room.room.finish()
