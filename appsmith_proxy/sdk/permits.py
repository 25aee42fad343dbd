"""Places among a fixed number: first come, first served, and taken without a coroutine when one is free.

What ``asyncio.Semaphore`` is, less the steps that it costs each execution.
"""

import asyncio
from collections import deque
from typing import final


@final
class Permits:
    """So many places, and a queue for them. One event loop uses it."""

    __slots__ = ("_free", "_queue")

    def __init__(self, count: int) -> None:
        self._free = count
        self._queue: deque[asyncio.Future[None]] = deque()

    def try_take(self) -> bool:
        """Take a place if one is free. Whoever waits is served first: as long as somebody does, none is."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def take(self, *, deadline: float) -> None:
        """Take a place, waiting for it until ``deadline``.

        Raises:
            TimeoutError: none came free.
        """
        if self.try_take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.give_back()  # the place was handed over at the very moment of giving up
            elif turn in self._queue:
                self._queue.remove(turn)
            raise

    def give_back(self) -> None:
        """Hand the place to who waits for longest, or free it."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
