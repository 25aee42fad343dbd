"""Held connections of one Client: bounded, fair, reset off the caller's path, closed when idle.

A permit stands for one place among ``size``. Who holds one has a connection, or makes, resets or closes one; so there are
never more connections than permits::

    acquire ──▶ permit ──▶ idle of the same scope │ idle and reset │ reset one │ connect ──▶ execution
                                                                                                │
    idle ◀── kept as it is (same scope, harmless) │ reset in the background │ closed ◀── release
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from appsmith_proxy.sdk import ConnectFailed, ExecutionTimeout, Outcome
from appsmith_proxy_postgres.faults import RAISED
from appsmith_proxy_postgres.login import Lane
from appsmith_proxy_postgres.reset import RESET, ROLLBACK
from appsmith_proxy_postgres.wire import OWN_SECONDS, Wire

Connect = Callable[[Lane, float], Awaitable[Wire]]
Afterwards = Callable[[Wire], Awaitable[None]]


class Pool:
    """The connections of one Client."""

    def __init__(self, connect: Connect, *, size: int, idle_seconds: float) -> None:
        self._connect = connect
        self._size = size
        self._idle_seconds = idle_seconds
        self._permits = asyncio.Semaphore(size)
        self._idle: dict[Lane, list[Wire]] = {lane: [] for lane in Lane}
        self._wires: set[Wire] = set()
        self._connecting = 0
        self._resetting: dict[Lane, int] = dict.fromkeys(Lane, 0)
        self._hoping: dict[Lane, list[asyncio.Future[None]]] = {lane: [] for lane in Lane}
        self._last_scope: dict[Lane, str] = dict.fromkeys(Lane, "")
        self._mixed: dict[Lane, bool] = dict.fromkeys(Lane, False)
        self._tasks: set[asyncio.Task[None]] = set()
        self._reaper: asyncio.TimerHandle | None = None
        self._closed = False
        self.resets = 0
        """How many resets were made: for tests and benchmarks."""

    @property
    def size(self) -> int:
        """How many connections there are."""
        return len(self._wires)

    async def settled(self) -> None:
        """Wait until no connection is being reset or closed."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def acquire(self, lane: Lane, scope: str, *, deadline: float) -> Wire:
        """Lend a connection whose session is as after connecting, or was used by the same scope last.

        Raises:
            DatasourceError: none could be made, or none came free in time; nothing was sent.
        """
        if self._closed:
            raise _closed()
        if self._permits.locked():
            try:
                async with asyncio.timeout_at(deadline):
                    await self._permits.acquire()
            except TimeoutError:
                raise ExecutionTimeout(
                    "no connection came free before the deadline", outcome=Outcome.NOT_SENT
                ) from None
        else:
            await self._permits.acquire()
        self._mixed[lane] = scope != self._last_scope[lane]
        self._last_scope[lane] = scope
        try:
            return self._take(lane, scope) or await self._obtain(lane, scope, deadline)
        except BaseException:
            self._permits.release()
            raise

    def release(self, wire: Wire, *, harmless_scope: str = "", afterwards: Afterwards | None = None) -> None:
        """Give a connection back.

        Args:
            wire: the connection; one that is dead or in doubt is closed.
            harmless_scope: the scope of the execution, when catalog facts say that it left nothing in the session.
            afterwards: what to run on the connection once it is reset, before it is lent again.
        """
        if not wire.alive or self._closed:
            self.discard(wire)
        elif harmless_scope and not wire.in_transaction and self._may_keep(wire.lane):
            wire.scope = harmless_scope
            self._put(wire)
        else:
            self._resetting[wire.lane] += 1
            self._spawn(self._settle(wire, afterwards))

    def discard(self, wire: Wire) -> None:
        """Close a connection that is dead or in doubt."""
        if self._closed:
            wire.terminate()
            self._wires.discard(wire)
            self._permits.release()
        else:
            self._spawn(self._close(wire))

    async def close(self) -> None:
        """Close every connection; what still runs on one is cancelled. Idempotent."""
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        for wires in self._idle.values():
            wires.clear()
        for wire in self._wires:
            self._spawn(self._close(wire, permit=False))
        await self.settled()

    def _take(self, lane: Lane, scope: str) -> Wire | None:
        """Take the idle connection used last whose session suits, if there is one."""
        idle = self._idle[lane]
        for suits in (scope, "") if scope else ("",):
            for index in range(len(idle) - 1, -1, -1):
                wire = idle[index]
                if not wire.alive:
                    del idle[index]
                    self._spawn(self._close(wire, permit=False))
                elif wire.scope == suits:
                    del idle[index]
                    return wire
        return None

    async def _obtain(self, lane: Lane, scope: str, deadline: float) -> Wire:
        if self._resetting[lane] > len(self._hoping[lane]):
            wire = await self._hope(lane, scope, deadline)
            if wire is not None:
                return wire
        idle = self._idle[lane]
        while idle:
            wire = idle.pop(0)
            try:
                good = await self._reset(wire, until=deadline)
            except BaseException:
                self._spawn(self._close(wire, permit=False))
                raise
            if good:
                return wire
            await self._close(wire, permit=False)
        self._connecting += 1
        try:
            if len(self._wires) + self._connecting > self._size:
                await self._evict(lane)
            wire = await self._connect(lane, deadline)
        finally:
            self._connecting -= 1
        if self._closed:
            await wire.close()
            raise _closed()
        self._wires.add(wire)
        return wire

    async def _hope(self, lane: Lane, scope: str, deadline: float) -> Wire | None:
        """Wait for a reset that is under way: far shorter than connecting."""
        turn = asyncio.get_running_loop().create_future()
        self._hoping[lane].append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except TimeoutError:
            return None
        finally:
            if turn in self._hoping[lane]:
                self._hoping[lane].remove(turn)
        return self._take(lane, scope)

    async def _evict(self, lane: Lane) -> None:
        """Make room: the other lane's connection that is idle for longest goes."""
        for other, idle in self._idle.items():
            if other is not lane and idle:
                await self._close(idle.pop(0), permit=False)
                return

    def _may_keep(self, lane: Lane) -> bool:
        """Skip a reset only where the next caller will hardly have to wait for one."""
        return not self._mixed[lane] or any(not wire.scope for wire in self._idle[lane])

    def _put(self, wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        wire.idle_since = loop.time()
        self._idle[wire.lane].append(wire)
        self._permits.release()
        if self._reaper is None:
            self._reaper = loop.call_later(self._idle_seconds, self._reap)

    async def _settle(self, wire: Wire, afterwards: Afterwards | None) -> None:
        lane = wire.lane
        until = asyncio.get_running_loop().time() + OWN_SECONDS
        try:
            good = await self._reset(wire, until=until)
            if good and afterwards is not None:
                good = await _carefully(afterwards(wire), until=until)
        finally:
            self._resetting[lane] -= 1
        if good and wire.alive and not self._closed:
            self._put(wire)
        else:
            await self._close(wire)
        if self._hoping[lane]:
            turn = self._hoping[lane].pop(0)
            if not turn.done():
                turn.set_result(None)

    async def _reset(self, wire: Wire, *, until: float) -> bool:
        self.resets += 1
        wire.scope = ""
        return await _carefully(_reset(wire), until=until)

    async def _close(self, wire: Wire, *, permit: bool = True) -> None:
        try:
            await wire.close()
        finally:
            self._wires.discard(wire)
            if permit:
                self._permits.release()

    def _reap(self) -> None:
        """Close what was idle for too long, and look again when the next one may be."""
        self._reaper = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for idle in self._idle.values():
            while idle and now - idle[0].idle_since >= self._idle_seconds:
                self._spawn(self._close(idle.pop(0), permit=False))
        oldest = min((wire.idle_since for idle in self._idle.values() for wire in idle), default=None)
        if oldest is not None:
            self._reaper = loop.call_at(oldest + self._idle_seconds, self._reap)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _closed() -> ConnectFailed:
    return ConnectFailed("the datasource's client is closed", outcome=Outcome.NOT_SENT)


async def _reset(wire: Wire) -> None:
    if wire.in_transaction:
        await wire.script(ROLLBACK)
    await wire.script(RESET)


async def _carefully(work: Awaitable[None], *, until: float) -> bool:
    """Return whether it went well and in time. A connection on which it did not is of no further use."""
    try:
        async with asyncio.timeout_at(until):
            await work
    except RAISED:
        return False
    return True
