"""A place in a bounded queue: how many executions of a datasource run, how many wait, and how long."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from appsmith_proxy.errors import Overloaded


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionLimits:
    """Bounds of one datasource."""

    running: int = 10
    waiting: int = 50
    wait_seconds: float = 5.0
    """How long an execution may wait for its place."""


class Gate:
    """The concurrency slots of one datasource: first come, first served. Not thread-safe; one loop.

    All wait equally long, so that the first in the queue is the first whose wait is over: one timer does for all.
    """

    __slots__ = ("_limits", "_queue", "_timer", "running")

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self._queue: deque[_Place] = deque()
        self._timer: asyncio.TimerHandle | None = None
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
        loop = asyncio.get_running_loop()
        place = _Place(loop.create_future(), loop.time() + self._limits.wait_seconds)
        self._queue.append(place)
        if self._timer is None:
            self._timer = loop.call_at(place.until, self._end_waits)
        try:
            entered = await place.turn
        except asyncio.CancelledError:
            self._give_up(place)
            raise
        if not entered:
            raise _overloaded("no place became free in time")

    def leave(self) -> None:
        """Give the slot to the next in the queue, or free it."""
        while self._queue:
            place = self._queue.popleft()
            if not place.turn.done():
                place.turn.set_result(True)  # the slot passes on: running stays as it is
                return
        self.running -= 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self, place: "_Place") -> None:
        if place.turn.cancelled():
            with suppress(ValueError):  # ``leave`` has found it already
                self._queue.remove(place)
        elif place.turn.result():
            self.leave()  # the slot was handed over at the very moment of giving up

    def _end_waits(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._queue and self._queue[0].until <= now:
            place = self._queue.popleft()
            if not place.turn.done():
                place.turn.set_result(False)
        self._timer = loop.call_at(self._queue[0].until, self._end_waits) if self._queue else None


class _Place(NamedTuple):
    """One who waits."""

    turn: "asyncio.Future[bool]"
    """True: a slot is handed over. False: the wait was too long."""
    until: float


def _overloaded(what: str) -> Overloaded:
    return Overloaded(what, hint="try again in a moment, or ask for a faster action or a higher limit")
