"""The memory store passes the suite."""

from collections.abc import AsyncIterator

import pytest

from appsmith_proxy.store.contract import ConfigStore
from appsmith_proxy.store.memory import MemoryData, MemoryStore
from tests.unit.store.suite import FEED_KEPT, StoreSuite


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    async def handles(self) -> AsyncIterator[tuple[ConfigStore, ConfigStore]]:
        data = MemoryData()
        async with MemoryStore(data, feed_kept=FEED_KEPT) as store, MemoryStore(data, feed_kept=FEED_KEPT) as other:
            yield store, other
