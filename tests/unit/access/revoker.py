"""Revoke a token from a process of its own when a line comes in: ``python -m tests.unit.access.revoker STORE TOKEN_ID``.

Prints ``ready``, then the monotonic time at which the revocation was acknowledged.
"""

import asyncio
import sys
import time
from pathlib import Path

from appsmith_proxy.access.tokens import Tokens
from appsmith_proxy.store.cache import CachedStore
from appsmith_proxy.store.sqlite import SqliteStore


async def revoke(path: str, token_id: str) -> None:
    """Open, say so, wait, revoke."""
    async with SqliteStore(Path(path)) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        await Tokens(CachedStore(store), store).revoke(token_id)
        print(time.monotonic(), flush=True)


if __name__ == "__main__":
    asyncio.run(revoke(*sys.argv[1:]))
