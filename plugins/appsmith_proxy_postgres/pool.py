"""Held connections of one Client: bounded, fair, reset off the caller's path, closed when idle.

A permit stands for one place among ``size``. Who holds one has a connection, or makes, resets or closes one; so there are
never more connections than permits::

    acquire ──▶ permit ──▶ idle of the same scope │ idle and reset │ reset one │ connect ──▶ execution
                                                                                                │
    idle ◀── kept as it is (same scope, harmless) │ reset in the background │ closed ◀── release
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from appsmith_proxy.sdk import ConnectFailed, ExecutionTimeout, Outcome
from appsmith_proxy_postgres.faults import RAISED
from appsmith_proxy_postgres.login import Lane
from appsmith_proxy_postgres.permits import Permits
from appsmith_proxy_postgres.reset import RESET, ROLLBACK
from appsmith_proxy_postgres.wire import OWN_SECONDS, Wire

Connect = Callable[[Lane, float], Awaitable[Wire]]
Afterwards = Callable[[Wire], Awaitable[None]]


@dataclass(slots=True)
class _Side:
    """The part of a pool that serves one lane."""

    idle: list[Wire] = field(default_factory=list)
    """Least recently used first."""
    resetting: int = 0
    hoping: list["asyncio.Future[None]"] = field(default_factory=list)
    """Who waits for a reset that is under way."""
    last_scope: str = ""
    mixed: bool = False
    """The last two borrowers had different scopes."""

    def take(self, scope: str) -> Wire | None:
        """Take the connection used last whose session suits, if there is one."""
        idle = self.idle
        for suits in (scope, "") if scope else ("",):
            for index in range(len(idle) - 1, -1, -1):
                if idle[index].scope == suits:
                    return idle.pop(index)
        return None

    def borrowed_for(self, scope: str) -> None:
        """Remember who borrows."""
        self.mixed = scope != self.last_scope
        self.last_scope = scope

    def may_keep(self) -> bool:
        """Return whether the next borrower would hardly have to wait for a reset that is skipped now."""
        return not self.mixed or any(not wire.scope for wire in self.idle)


class Pool:
    """The connections of one Client."""

    def __init__(self, connect: Connect, *, size: int, idle_seconds: float) -> None:
        self._connect = connect
        self._size = size
        self._idle_seconds = idle_seconds
        self._permits = Permits(size)
        self._sides = {lane: _Side() for lane in Lane}
        self._wires: set[Wire] = set()
        self._connecting = 0
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
        wire = self.take(lane, scope)
        if wire is not None:
            return wire
        if self._closed:
            raise _closed()
        try:
            await self._permits.take(deadline=deadline)
        except TimeoutError:
            raise ExecutionTimeout("no connection came free before the deadline", outcome=Outcome.NOT_SENT) from None
        side = self._sides[lane]
        side.borrowed_for(scope)
        try:
            return self._take(side, scope) or await self._obtain(lane, scope, deadline)
        except BaseException:
            self._permits.give_back()
            raise

    def take(self, lane: Lane, scope: str) -> Wire | None:
        """Lend such a connection at once; None: there is none, call ``acquire``."""
        side = self._sides[lane]
        if not side.idle or self._closed or not self._permits.try_take():
            return None
        wire = self._take(side, scope)
        if wire is None:
            self._permits.give_back()
        else:
            side.borrowed_for(scope)
        return wire

    def release(self, wire: Wire, *, harmless_scope: str = "", afterwards: Afterwards | None = None) -> None:
        """Give a connection back.

        Args:
            wire: the connection; one that is dead or in doubt is closed.
            harmless_scope: the scope of the execution, when catalog facts say that it left nothing in the session.
            afterwards: what to run on the connection once it is reset, before it is lent again.
        """
        if not wire.alive or self._closed:
            self.discard(wire)
        elif harmless_scope and not wire.in_transaction and (side := self._sides[wire.lane]).may_keep():
            wire.scope = harmless_scope
            self._put(wire, side)
        else:
            side = self._sides[wire.lane]
            side.resetting += 1
            self._spawn(self._settle(wire, side, afterwards))

    def discard(self, wire: Wire) -> None:
        """Close a connection that is dead or in doubt."""
        if self._closed:
            wire.terminate()
            self._wires.discard(wire)
            self._permits.give_back()
        else:
            self._spawn(self._close(wire))

    async def close(self) -> None:
        """Close every connection; what still runs on one is cancelled. Idempotent."""
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        for side in self._sides.values():
            side.idle.clear()
        for wire in self._wires:
            self._spawn(self._close(wire, permit=False))
        await self.settled()

    def _take(self, side: _Side, scope: str) -> Wire | None:
        while (wire := side.take(scope)) is not None:
            if wire.alive:
                return wire
            self._spawn(self._close(wire, permit=False))
        return None

    async def _obtain(self, lane: Lane, scope: str, deadline: float) -> Wire:
        side = self._sides[lane]
        if side.resetting > len(side.hoping):
            wire = await self._hope(side, scope, deadline)
            if wire is not None:
                return wire
        while side.idle:
            wire = side.idle.pop(0)
            good = False
            try:
                good = await self._reset(wire, until=deadline)
            finally:
                if not good:
                    self._spawn(self._close(wire, permit=False))
            if good:
                return wire
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

    async def _hope(self, side: _Side, scope: str, deadline: float) -> Wire | None:
        """Wait for a reset that is under way: far shorter than connecting."""
        turn = asyncio.get_running_loop().create_future()
        side.hoping.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except TimeoutError:
            return None
        finally:
            if turn in side.hoping:
                side.hoping.remove(turn)
        return self._take(side, scope)

    async def _evict(self, lane: Lane) -> None:
        """Make room: the other lane's connection that is idle for longest goes."""
        for other, side in self._sides.items():
            if other is not lane and side.idle:
                await self._close(side.idle.pop(0), permit=False)
                return

    def _put(self, wire: Wire, side: _Side) -> None:
        loop = asyncio.get_running_loop()
        wire.idle_since = loop.time()
        side.idle.append(wire)
        self._permits.give_back()
        if self._reaper is None:
            self._reaper = loop.call_later(self._idle_seconds, self._reap)

    async def _settle(self, wire: Wire, side: _Side, afterwards: Afterwards | None) -> None:
        until = asyncio.get_running_loop().time() + OWN_SECONDS
        try:
            good = await self._reset(wire, until=until)
            if good and afterwards is not None:
                good = await _carefully(afterwards(wire), until=until)
        finally:
            side.resetting -= 1
        if good and wire.alive and not self._closed:
            self._put(wire, side)
        else:
            await self._close(wire)
        if side.hoping:
            turn = side.hoping.pop(0)
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
                self._permits.give_back()

    def _reap(self) -> None:
        """Close what was idle for too long, and look again when the next one may be."""
        self._reaper = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for side in self._sides.values():
            while side.idle and now - side.idle[0].idle_since >= self._idle_seconds:
                self._spawn(self._close(side.idle.pop(0), permit=False))
        oldest = min((wire.idle_since for side in self._sides.values() for wire in side.idle), default=None)
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
