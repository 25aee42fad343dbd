"""Work that runs to its end also when who waits for it goes away.

What ``asyncio.shield`` does, at a fraction of its price: it makes a task for each piece of work, here a task takes the
next piece when it is done with one.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final, TypeVar, final

from appsmith_proxy.errors import ProxyError, describe
from appsmith_proxy.sdk import Noun

KEPT: Final = 16
"""How many tasks stay when there is nothing to do."""

_log: Final = logging.getLogger("appsmith_proxy.gateway")

_T = TypeVar("_T")


class _Job(Noun, frozen=True):
    work: Coroutine[Any, Any, Any]
    answer: "asyncio.Future[Any]"


@final
class Detached:
    """Owns what runs; ``finish`` waits for it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: list[asyncio.Future[_Job]] = []
        self._finishing = False

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what the work returns. Cancelling the caller leaves the work alone."""
        answer: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        job = _Job(work, answer)
        if self._idle:
            self._idle.pop().set_result(job)
        else:
            task = asyncio.create_task(self._work(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def finish(self) -> None:
        """Wait for everything that still runs, and keep no task."""
        self._finishing = True
        while self._idle:
            self._idle.pop().cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, job: _Job) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        while True:
            await _do(job)
            # A task that somebody cancelled is not used again: what comes next would think itself cancelled.
            if self._finishing or len(self._idle) >= KEPT or task is None or task.cancelling():
                return
            turn: asyncio.Future[_Job] = loop.create_future()
            self._idle.append(turn)
            job = await turn


async def _do(job: _Job) -> None:
    answer = job.answer
    try:
        result = await job.work
    except asyncio.CancelledError:
        answer.cancel()
        raise
    except Exception as error:  # noqa: BLE001  # reason: it is handed on
        if not answer.done():
            answer.set_exception(error)
        elif not isinstance(error, ProxyError):
            _log.error("a write whose caller left failed: %s", describe(error))
    else:
        if not answer.done():
            answer.set_result(result)
