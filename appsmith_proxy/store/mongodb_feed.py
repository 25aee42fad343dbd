"""The MongoDB store's news: a change stream that says, within milliseconds, that another process has committed.

It only shortens waits. Whoever waits asks the store at the end anyway, so a stream that is dead, late or not there (a
standalone mongod has none) costs speed and nothing else.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Final, final

from pymongo.errors import PyMongoError

from appsmith_proxy.store.mongodb_client import Database

_AGAIN_SECONDS: Final = 1.0
"""Pause before a stream that ended is opened again."""

_AWAIT_MS: Final = 500
"""How long the server holds a question back while there is nothing to tell; also how late a closed stream's thread ends."""

_DONE: Final = [{"$match": {"updateDescription.updatedFields.applied": {"$exists": True}}}]

_log: Final = logging.getLogger(__name__)


@final
class News:
    """Follows the head of a store. ``start`` and ``stop`` it; waiting works without."""

    def __init__(self) -> None:
        self._told = -1
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, database: Database) -> None:
        """Follow until ``stop``."""
        if database.replica_set:
            self._task = asyncio.create_task(self._follow(database), name="store-news")

    async def stop(self) -> None:
        """Follow no more. May be called twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def wait(self, after: int, seconds: float) -> None:
        """Return when an epoch after this one is done, or when the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._told <= after:
                    self._arrived.clear()
                    await self._arrived.wait()

    async def _follow(self, database: Database) -> None:
        while True:
            try:
                # Not closed here: that would ask the server, which may hang. Its end is the client's end, or the collector's.
                async for event in database.sure_head.watch(_DONE, max_await_time_ms=_AWAIT_MS):
                    self._told = event["updateDescription"]["updatedFields"]["applied"]
                    self._arrived.set()
            except PyMongoError as exc:
                _log.info("the store's change stream ended, it is opened again: %s", type(exc).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)
