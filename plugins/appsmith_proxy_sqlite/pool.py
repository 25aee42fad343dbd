"""Connections of one file: bounded, one writer at a time, closed when idle, and never lent twice at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final

from appsmith_proxy.sdk import DatasourceError, Disconnected, ExecutionTimeout, Outcome
from appsmith_proxy_sqlite.connection import Connection, Lane

_OTHER: Final = {Lane.READ: Lane.WRITE, Lane.WRITE: Lane.READ}


class Pool:
    """Own the connections of one Client. ``close`` it; afterwards it lends nothing."""

    def __init__(
        self, open_connection: Callable[[Lane], Coroutine[Any, Any, Connection]], *, size: int, idle_seconds: float
    ) -> None:
        self._open = open_connection
        self._size = size
        self._idle_seconds = idle_seconds
        self._places = asyncio.Semaphore(size)
        self._writing = asyncio.Lock()
        self._idle: dict[Lane, list[Connection]] = {lane: [] for lane in Lane}
        self._lent: set[Connection] = set()
        self._count = 0
        """Connections that exist: lent, idle, being opened or being closed."""
        self._reaper: asyncio.Task[None] | None = None
        self._closed = False

    @asynccontextmanager
    async def lease(self, lane: Lane, *, deadline: float) -> AsyncIterator[Connection]:
        """Lend a connection and settle it afterwards: what was not committed is rolled back. Work still running at
        the deadline, or when the borrower is cancelled, is interrupted and the connection closed.

        Raises:
            ExecutionTimeout: no connection was free until the deadline.
            DatasourceError: the file cannot be opened.
        """
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout_at(deadline):
                    if lane is Lane.WRITE:
                        await stack.enter_async_context(self._writing)
                    await stack.enter_async_context(self._places)
            except TimeoutError:
                raise ExecutionTimeout("no connection was free until the deadline", outcome=Outcome.NOT_SENT) from None
            connection = await self._borrow(lane)
            try:
                with connection.until(deadline):
                    try:
                        yield connection
                    except (Disconnected, ExecutionTimeout):
                        raise
                    except DatasourceError:
                        with suppress(DatasourceError):  # it stays unclean, and the first error is the one to tell
                            await connection.settle()
                        raise
                    await connection.settle()
            finally:
                # Shielded from a second cancellation: a thread must not go on behind our back.
                await _to_the_end(self._give_back(lane, connection))

    async def close(self) -> None:
        """Interrupt what runs and close every connection. Idempotent."""
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.wait({self._reaper})
            self._reaper = None
        idle = [connection for lane in Lane for connection in self._idle[lane]]
        for lane in Lane:
            self._idle[lane].clear()
        for connection in idle:
            await self._dispose(connection)
        for connection in list(self._lent):
            await connection.discard()  # whoever borrowed it gives it back, and then it is counted out

    async def _borrow(self, lane: Lane) -> Connection:
        self._refuse_when_closed()
        if self._idle[lane]:
            connection = self._idle[lane].pop()
        else:
            if self._count >= self._size:
                # Who holds a place has, or is closing, one connection at most; so one of the others is idle.
                await self._dispose(self._idle[_OTHER[lane]].pop(0))
            connection = await self._make(lane)
            try:
                self._refuse_when_closed()
            except Disconnected:
                await self._dispose(connection)
                raise
        connection.clean = False
        self._lent.add(connection)
        return connection

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Disconnected("the client is closed", outcome=Outcome.NOT_SENT)

    async def _make(self, lane: Lane) -> Connection:
        self._count += 1
        opening = asyncio.ensure_future(self._open(lane))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await _to_the_end(_drop(opening))
            self._count -= 1
            raise
        except Exception:
            self._count -= 1
            raise

    async def _give_back(self, lane: Lane, connection: Connection) -> None:
        self._lent.discard(connection)
        if self._closed or not connection.clean:
            await self._dispose(connection)
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle[lane].append(connection)
        if self._reaper is None:
            self._reaper = asyncio.create_task(self._reap(), name="sqlite idle connections")

    async def _dispose(self, connection: Connection) -> None:
        try:
            await _to_the_end(connection.discard())
        finally:
            self._count -= 1

    async def _reap(self) -> None:
        """Close connections that nobody used for a while, for as long as there are any."""
        loop = asyncio.get_running_loop()
        while self._count:
            await asyncio.sleep(self._idle_seconds / 4)
            for idle in self._idle.values():
                # The longest unused stand first. A place is held meanwhile: see _borrow.
                async with self._places:
                    while idle and loop.time() - idle[0].idle_since >= self._idle_seconds:
                        await self._dispose(idle.pop(0))
        self._reaper = None


async def _drop(opening: asyncio.Future[Connection]) -> None:
    """Close a connection whose borrower went away while it was opened."""
    await asyncio.wait({opening})
    if opening.exception() is None:
        await opening.result().discard()


async def _to_the_end(work: Awaitable[None]) -> None:
    """Wait for the work whatever happens; a cancellation is passed on afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled
