"""Ending work that outlives its deadline: one timer for all of it, where ``asyncio.timeout_at`` sets one for each."""

import asyncio
from types import TracebackType
from typing import Any, Final, final

import msgspec

LOOK_SECONDS: Final = 0.1
"""How late an end may come."""


@final
class Deadlines:
    """Everything of one loop that runs under a deadline."""

    __slots__ = ("running", "watched")

    def __init__(self) -> None:
        self.running: set[Deadline] = set()
        """Whose blocks are being executed: they come and go by themselves."""
        self.watched = False
        """The timer runs."""

    def watch(self) -> None:
        """Look after those that run until there are none."""
        self.watched = True
        asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self.watched = False
        now = asyncio.get_running_loop().time()
        for deadline in self.running:
            deadline.look(now)
        if self.running:
            self.watch()


@final
class Deadline(msgspec.Struct, eq=False):
    """One block of code that raises ``TimeoutError`` soon after ``when``, on the loop's clock.

    Nests with ``asyncio.timeout`` and cancellation as that does.
    """

    deadlines: Deadlines
    when: float
    _passed: bool = False
    _task: "asyncio.Task[Any] | None" = None
    _cancelling: int = 0

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task that it can end")
        self._task = task
        self._cancelling = task.cancelling()
        deadlines = self.deadlines
        deadlines.running.add(self)
        if not deadlines.watched:
            deadlines.watch()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.deadlines.running.discard(self)
        if self._passed and self._task is not None:
            # Whose cancelling it was is told by the count: another's goes on as what it is.
            others = self._task.uncancel() > self._cancelling
            if kind is asyncio.CancelledError and not others:
                raise TimeoutError from error

    def look(self, now: float) -> None:
        """End the block when its time is over."""
        if now >= self.when and not self._passed and self._task is not None:
            self._passed = True
            self._task.cancel()
