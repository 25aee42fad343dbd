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
from enum import Enum
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from appsmith_proxy.errors import ConnectFailed, ExecutionTimeout, Outcome
from appsmith_proxy.sdk.permits import Permits

SETTLE_SECONDS: Final = 5.0
"""What resetting a connection, and what follows it, may take where no caller waits."""


class Lane(Enum):
    """What a connection may do, all its life."""

    READ_WRITE = "read_write"
    READ_ONLY = "read_only"

    __hash__ = object.__hash__  # every execution looks a lane up, and ``Enum`` hashes in Python


class Pooled(Protocol):
    """One connection, as a pool sees it. Used by one borrower at a time."""

    lane: Lane
    scope: str
    """The scope whose executions may follow without a reset; ``""``: the session is as after connecting. The pool's."""
    idle_since: float
    """The pool's: when it was given back, on the event loop's clock."""

    @property
    def alive(self) -> bool:
        """Whether the connection can carry another statement."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, healthy or failed."""
        ...

    async def reset(self) -> None:
        """Bring the session back to how it was after connecting, an open transaction rolled back."""
        ...

    async def close(self) -> None:
        """End the session, bounded in time; never raises but ``CancelledError``. May be called twice."""
        ...

    def terminate(self) -> None:
        """Drop the connection at once."""
        ...


C = TypeVar("C", bound=Pooled)

Connect: TypeAlias = Callable[[Lane, float], Awaitable[C]]
"""Makes a connection of a lane before a deadline; raises ``DatasourceError``."""
Afterwards: TypeAlias = Callable[[C], Awaitable[None]]


@dataclass(slots=True)
class _Side(Generic[C]):
    """The part of a pool that serves one lane."""

    idle: list[C] = field(default_factory=list)
    """Least recently used first."""
    resetting: int = 0
    hoping: list["asyncio.Future[None]"] = field(default_factory=list)
    """Who waits for a reset that is under way."""
    last_scope: str = ""
    mixed: bool = False
    """The last two borrowers had different scopes."""

    def take(self, scope: str) -> C | None:
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

    def has_clean(self) -> bool:
        """Return whether there is one for a borrower of any scope."""
        return any(not wire.scope for wire in self.idle)


class Pool(Generic[C]):
    """The connections of one Client, which closes it.

    Args:
        connect: makes one.
        size: how many there may be, in all lanes together.
        idle_seconds: after so long without use a connection is closed.
        raised: what ``reset`` and ``afterwards`` may raise when a connection is of no further use. All else is a defect.
    """

    def __init__(
        self, connect: Connect[C], *, size: int, idle_seconds: float, raised: tuple[type[Exception], ...]
    ) -> None:
        self._connect = connect
        self._raised: tuple[type[Exception], ...] = (*raised, TimeoutError)
        self._size = size
        self._idle_seconds = idle_seconds
        self._permits = Permits(size)
        self._sides = {lane: _Side[C]() for lane in Lane}
        self._wires: set[C] = set()
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

    async def acquire(self, lane: Lane, scope: str, *, deadline: float) -> C:
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

    def take(self, lane: Lane, scope: str) -> C | None:
        """Lend such a connection at once; None: there is none, call ``acquire``."""
        side = self._sides[lane]
        idle = side.idle
        if not idle or self._closed or not self._permits.try_take():
            return None
        last = idle[-1]
        if last.scope == scope == side.last_scope and last.alive:  # one action again and again
            side.mixed = False
            return idle.pop()
        wire = self._take(side, scope)
        if wire is None:
            self._permits.give_back()
        else:
            side.borrowed_for(scope)
        return wire

    def release(self, wire: C, *, harmless_scope: str = "", afterwards: Afterwards[C] | None = None) -> None:
        """Give a connection back.

        Args:
            wire: the connection; one that is dead or in doubt is closed.
            harmless_scope: the scope of the execution, when catalog facts say that it left nothing in the session.
            afterwards: what to run on the connection once it is reset, before it is lent again.
        """
        side = self._sides[wire.lane]
        if not wire.alive or self._closed:
            self.discard(wire)
        # The next borrower must hardly ever have to wait for a reset that is skipped now.
        elif harmless_scope and not wire.in_transaction and (not side.mixed or side.has_clean()):
            wire.scope = harmless_scope
            self._put(wire, side)
        else:
            side.resetting += 1
            self._spawn(self._settle(wire, side, afterwards))

    def discard(self, wire: C) -> None:
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

    def _take(self, side: _Side[C], scope: str) -> C | None:
        while (wire := side.take(scope)) is not None:
            if wire.alive:
                return wire
            self._spawn(self._close(wire, permit=False))
        return None

    async def _obtain(self, lane: Lane, scope: str, deadline: float) -> C:
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

    async def _hope(self, side: _Side[C], scope: str, deadline: float) -> C | None:
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

    def _put(self, wire: C, side: _Side[C]) -> None:
        loop = asyncio.get_running_loop()
        wire.idle_since = loop.time()
        side.idle.append(wire)
        self._permits.give_back()
        if self._reaper is None:
            self._reaper = loop.call_later(self._idle_seconds, self._reap)

    async def _settle(self, wire: C, side: _Side[C], afterwards: Afterwards[C] | None) -> None:
        until = asyncio.get_running_loop().time() + SETTLE_SECONDS
        try:
            good = await self._reset(wire, until=until)
            if good and afterwards is not None:
                good = await self._carefully(afterwards(wire), until=until)
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

    async def _reset(self, wire: C, *, until: float) -> bool:
        self.resets += 1
        wire.scope = ""
        return await self._carefully(wire.reset(), until=until)

    async def _close(self, wire: C, *, permit: bool = True) -> None:
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

    async def _carefully(self, work: Awaitable[None], *, until: float) -> bool:
        """Return whether it went well and in time. A connection on which it did not is of no further use."""
        try:
            async with asyncio.timeout_at(until):
                await work
        except self._raised:
            return False
        return True

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _closed() -> ConnectFailed:
    return ConnectFailed("the datasource's client is closed", outcome=Outcome.NOT_SENT)
