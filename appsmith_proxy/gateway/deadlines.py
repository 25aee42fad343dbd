"""Ending work that outlives its deadline: one timer for all of it, where ``asyncio.timeout_at`` sets one for each."""

import asyncio
from types import TracebackType
from typing import Any, Final, final

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
class Deadline:
    """One block of code that raises ``TimeoutError`` soon after ``when``, on the loop's clock.

    Nests with ``asyncio.timeout`` and cancellation as that does.
    """

    __slots__ = ("_all", "_cancelling", "_passed", "_task", "_when")

    _task: "asyncio.Task[Any]"
    _cancelling: int

    def __init__(self, deadlines: Deadlines, when: float) -> None:
        self._all = deadlines
        self._when = when
        self._passed = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task that it can end")
        self._task = task
        self._cancelling = task.cancelling()
        everything = self._all
        everything.running.add(self)
        if not everything.watched:
            everything.watch()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._all.running.discard(self)
        if self._passed:
            # Whose cancelling it was is told by the count: another's goes on as what it is.
            others = self._task.uncancel() > self._cancelling
            if kind is asyncio.CancelledError and not others:
                raise TimeoutError from error

    def look(self, now: float) -> None:
        """End the block when its time is over."""
        if now >= self._when and not self._passed:
            self._passed = True
            self._task.cancel()
