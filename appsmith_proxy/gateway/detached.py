"""Work that runs to its end also when who waits for it goes away: what ``asyncio.shield`` does, at half its price."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final, TypeVar, final

from appsmith_proxy.errors import ProxyError, describe

_log: Final = logging.getLogger("appsmith_proxy.gateway")

_T = TypeVar("_T")


@final
class Detached:
    """Owns what runs; ``finish`` waits for it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what the work returns. Cancelling the caller leaves the work alone."""
        answer: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._tasks.add(asyncio.create_task(self._do(work, answer)))
        return await answer

    async def finish(self) -> None:
        """Wait for everything that still runs."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _do(self, work: Coroutine[Any, Any, _T], answer: "asyncio.Future[_T]") -> None:
        try:
            result = await work
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
        finally:
            self._tasks.discard(asyncio.current_task())
