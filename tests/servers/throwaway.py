"""What the servers of the tests share: the demo's own throwaway servers are made and started the same way."""

import asyncio
from typing import Any

from appsmith_proxy.demo.throwaway import HOST, NotInstalled, ThrowawayServer, environment, free_port, unprivileged


async def until(condition: Any, *, seconds: float = 10.0, every: float = 0.02) -> None:
    """Wait until an async condition holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(every)


__all__ = ["HOST", "NotInstalled", "ThrowawayServer", "environment", "free_port", "unprivileged", "until"]
