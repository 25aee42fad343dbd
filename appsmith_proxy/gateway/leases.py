"""Live Clients: opened once, borrowed many times, retired when their datasource changes.

::

    (absent) ──lease──▶ opening ──▶ open ──revision moves on──▶ retired ──last lease back, or drain deadline──▶ closed
                 └─ all who ask meanwhile wait for the same opening        └─ unused for idle_seconds ──────────▶ closed
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Final, final

from appsmith_proxy.errors import Disconnected, Outcome
from appsmith_proxy.model.records import Datasource
from appsmith_proxy.sdk import Client, Secret

_log: Final = logging.getLogger("appsmith_proxy.gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A Client, and the secrets it was opened with: what must be cut out of its datasource's own words."""

    client: Client
    secrets: tuple[Secret, ...] = ()


OpenClient = Callable[[Datasource], Awaitable[Opened]]
"""Unseals the secrets in memory and opens a Client; composed by the runtime."""


@final
class Lease:
    """One Client with the count of those who borrow it. Borrow with ``Leases.borrow``, give back with ``release``."""

    __slots__ = (
        "_leases",
        "datasource_id",
        "last_used",
        "opened",
        "opening",
        "retired",
        "revision",
        "secrets",
        "users",
    )

    def __init__(self, leases: "Leases", datasource: Datasource, opening: "asyncio.Task[Opened]") -> None:
        self._leases = leases
        self.datasource_id = datasource.id
        self.revision = datasource.revision
        self.opening = opening
        self.opened: Client | None = None
        self.secrets: tuple[Secret, ...] = ()
        self.users = 0
        self.retired = False
        self.last_used = 0.0

    @property
    def client(self) -> Client:
        """The open Client; only while it is borrowed."""
        if self.opened is None:
            raise Disconnected("the client is not open", outcome=Outcome.NOT_SENT)
        return self.opened

    def release(self) -> None:
        """Give the Client back; the last one back closes it when it is retired."""
        self.users -= 1
        if self.users:
            return
        self.last_used = asyncio.get_running_loop().time()
        if self.retired:
            self._leases.close_soon(self)


@final
class Leases:
    """Every live Client of a runtime. Built inside a running loop's lifetime; ``close`` ends all."""

    def __init__(self, open_client: OpenClient, *, idle_seconds: float = 300.0, drain_seconds: float = 65.0) -> None:
        self._open_client = open_client
        self._idle_seconds = idle_seconds
        self._drain_seconds = drain_seconds
        self._current: dict[str, Lease] = {}
        self._retired: set[Lease] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._overdue: set[asyncio.Task[None]] = set()
        self._closed = False

    def borrow_open(self, datasource: Datasource) -> Lease | None:
        """Borrow without waiting when the Client of this revision is open; else None. The caller releases it."""
        lease = self._current.get(datasource.id)
        if lease is None or lease.opened is None or lease.revision != datasource.revision:
            return None
        lease.users += 1
        return lease

    async def borrow(self, datasource: Datasource) -> Lease:
        """Borrow the Client of this revision, opening it once for all who ask. The caller releases it.

        Raises:
            DatasourceError, VaultError: the Client cannot be opened. The next who asks tries again.
        """
        if self._closed:
            raise Disconnected("the proxy is shutting down", outcome=Outcome.NOT_SENT)
        lease = self._current.get(datasource.id)
        if lease is not None and lease.revision != datasource.revision:
            self.retire(datasource.id)
            lease = None
        if lease is None:
            opening = asyncio.create_task(self._open(datasource))
            lease = self._current[datasource.id] = Lease(self, datasource, opening)
            opening.add_done_callback(partial(self._opened, lease))
        lease.users += 1
        try:
            # Shielded: that one who waits gives up must not end the opening for the others.
            await asyncio.shield(lease.opening)
        except BaseException:
            lease.release()
            raise
        return lease

    def retire(self, datasource_id: str) -> None:
        """Lend the datasource's present Client no more; close it when the last lease returns, or is overdue."""
        lease = self._current.pop(datasource_id, None)
        if lease is None:
            return
        lease.retired = True
        if not lease.users:
            self.close_soon(lease)
            return
        self._retired.add(lease)
        _spawn(self._force_close(lease), self._overdue)

    def retire_all(self) -> None:
        """Retire every Client: nothing that is cached can be trusted."""
        for datasource_id in list(self._current):
            self.retire(datasource_id)

    def close_soon(self, lease: Lease) -> None:
        """Close a Client that nobody uses any more, off the caller's path."""
        self._retired.discard(lease)
        _spawn(self._close(lease), self._closing)

    async def sweep(self) -> None:
        """Close Clients that nobody used for ``idle_seconds``. The runtime calls it now and then."""
        oldest = asyncio.get_running_loop().time() - self._idle_seconds
        for lease in list(self._current.values()):
            if not lease.users and lease.opened is not None and lease.last_used < oldest:
                self.retire(lease.datasource_id)

    async def close(self) -> None:
        """Close every Client, lent or not, and wait for it. Idempotent."""
        self._closed = True
        leases = [*self._current.values(), *self._retired]
        self._current.clear()
        self._retired.clear()
        for timer in self._overdue:
            timer.cancel()
        await asyncio.gather(*self._overdue, *self._closing, return_exceptions=True)
        for lease in leases:
            await self._close(lease)

    async def _open(self, datasource: Datasource) -> Opened:
        return await self._open_client(datasource)

    def _opened(self, lease: Lease, opening: "asyncio.Task[Opened]") -> None:
        if not opening.cancelled() and opening.exception() is None:
            opened = opening.result()
            lease.opened, lease.secrets = opened.client, opened.secrets
            lease.last_used = asyncio.get_running_loop().time()
        elif self._current.get(lease.datasource_id) is lease:
            del self._current[lease.datasource_id]  # the next who asks tries again

    async def _force_close(self, lease: Lease) -> None:
        await asyncio.sleep(self._drain_seconds)
        if lease in self._retired:
            self._retired.discard(lease)
            await self._close(lease)

    async def _close(self, lease: Lease) -> None:
        lease.opening.cancel()
        (opened,) = await asyncio.gather(lease.opening, return_exceptions=True)
        if not isinstance(opened, Opened):
            return
        try:
            await opened.client.close()
        except Exception as error:  # noqa: BLE001  # reason: a driver's failing close must not stop the others
            _log.error("closing a client failed: %s", type(error).__name__)


def _spawn(work: Coroutine[None, None, None], owners: set[asyncio.Task[None]]) -> None:
    task = asyncio.create_task(work)
    owners.add(task)
    task.add_done_callback(owners.discard)
