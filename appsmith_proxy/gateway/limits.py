"""A place in a bounded queue: how many executions of a datasource run, how many wait, and how long."""

import asyncio
from collections import deque
from dataclasses import dataclass

from appsmith_proxy.errors import Overloaded


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionLimits:
    """Bounds of one datasource."""

    running: int = 10
    waiting: int = 50
    wait_seconds: float = 5.0
    """How long an execution may wait for its place."""


class Gate:
    """The concurrency slots of one datasource: first come, first served. Not thread-safe; one loop."""

    __slots__ = ("_limits", "_queue", "running")

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self._queue: deque[asyncio.Future[None]] = deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        """How many executions wait for a place."""
        return len(self._queue)

    def try_enter(self) -> bool:
        """Take a slot at once when one is free and nobody waits. The caller leaves again."""
        if self.running < self._limits.running and not self._queue:
            self.running += 1
            return True
        return False

    async def enter(self) -> None:
        """Wait for a slot. The caller leaves again, unless this raises.

        Raises:
            Overloaded: the queue is full, or the wait was too long.
        """
        if self.try_enter():
            return
        if len(self._queue) >= self._limits.waiting:
            raise _overloaded("the queue of this datasource is full")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await place
        except TimeoutError:
            self._give_up(place)
            raise _overloaded("no place became free in time") from None
        except asyncio.CancelledError:
            self._give_up(place)
            raise

    def leave(self) -> None:
        """Give the slot to the next in the queue, or free it."""
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)  # the slot passes on: running stays as it is
                return
        self.running -= 1

    def _give_up(self, place: asyncio.Future[None]) -> None:
        if place.done() and not place.cancelled():
            self.leave()  # the slot was handed over at the very moment of giving up
        elif place in self._queue:
            self._queue.remove(place)


def _overloaded(what: str) -> Overloaded:
    return Overloaded(what, hint="try again in a moment, or ask for a faster action or a higher limit")
