"""Room for large answers: two are read at a time, and a further one waits while its rows are still at the server.

A large answer is in memory as objects until it is encoded. Reading more of them at once than the processor can turn into
text makes none of them faster; it only costs memory. Waiting is bounded: an answer whose server is slow must not hold
the others up for longer than ``PATIENCE_SECONDS``.
"""

import asyncio
from collections.abc import Callable
from typing import Final, final

PLACES: Final = 2
LARGE_ANSWER: Final = 256 * 1024
"""Bytes of rows from which on an answer needs a place."""
PATIENCE_SECONDS: Final = 1.0

Go = Callable[[], None]
"""Called once, when a place is free or patience has ended."""


@final
class Room:
    """The places of one Client's connections. First come, first served."""

    def __init__(self, *, places: int = PLACES, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._free = places
        self._patience_seconds = patience_seconds
        self._waiting: dict[Go, asyncio.TimerHandle] = {}

    def enter(self, go: Go) -> bool:
        """Take a place; False: wait for ``go``. Either way the caller leaves in the end."""
        self._free -= 1
        if self._free >= 0:
            return True
        self._waiting[go] = asyncio.get_running_loop().call_later(self._patience_seconds, self._admit, go)
        return False

    def leave(self, go: Go) -> bool:
        """Give the place, or the wait for it, back; return whether it was still a wait."""
        self._free += 1
        timer = self._waiting.pop(go, None)
        if timer is not None:
            timer.cancel()
            return True
        if self._waiting and self._free + len(self._waiting) > 0:
            self._admit(next(iter(self._waiting)))
        return False

    def _admit(self, go: Go) -> None:
        self._waiting.pop(go).cancel()
        go()
