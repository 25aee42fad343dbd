"""Ending work that outlives its deadline: one timer for all of it, where ``asyncio.timeout_at`` sets one for each."""

import asyncio
from types import TracebackType
from typing import Any, Final, final

LOOK_SECONDS: Final = 0.1
"""How late an end may come."""


@final
class Deadlines:
    """Everything of one loop that runs under a deadline."""

    __slots__ = ("_running", "_timer")

    def __init__(self) -> None:
        self._running: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None

    def at(self, when: float) -> "Deadline":
        """Return a context whose block raises ``TimeoutError`` soon after ``when``, on the loop's clock."""
        return Deadline(self, when)

    def add(self, deadline: "Deadline") -> None:
        """Look after a deadline."""
        self._running.add(deadline)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def remove(self, deadline: "Deadline") -> None:
        """Look after it no more."""
        self._running.discard(deadline)

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for deadline in self._running:
            deadline.look(now)
        if self._running:
            self._timer = loop.call_later(LOOK_SECONDS, self._look)


@final
class Deadline:
    """One block of code and when it must have ended. Nests with ``asyncio.timeout`` and cancellation as that does."""

    __slots__ = ("_all", "_cancelling", "_passed", "_task", "_when")

    def __init__(self, deadlines: Deadlines, when: float) -> None:
        self._all = deadlines
        self._when = when
        self._passed = False
        self._cancelling = 0
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        if self._task is None:
            raise RuntimeError("a deadline needs a task that it can end")
        self._cancelling = self._task.cancelling()
        self._all.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._all.remove(self)
        if self._passed and self._task is not None:
            # Whose cancelling it was is told by the count: another's goes on as what it is.
            others = self._task.uncancel() > self._cancelling
            if kind is asyncio.CancelledError and not others:
                raise TimeoutError from error

    def look(self, now: float) -> None:
        """End the block when its time is over."""
        if now >= self._when and not self._passed and self._task is not None:
            self._passed = True
            self._task.cancel()
