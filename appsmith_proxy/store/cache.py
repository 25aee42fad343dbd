"""Decoded records in memory, true as far as the store's change feed says: what the hot path reads instead of the store.

::

    peek ──► cache ──miss──► get ──► store
               ▲
    feed ──────┘  every poll_seconds, or when the store says so: drops what changed, tells the listeners, extends the trust

Trust ends ``stale_seconds`` after the last good poll began; from then on every read raises ``StoreStale``.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

from appsmith_proxy.errors import StoreStale
from appsmith_proxy.store.collections import COLLECTIONS
from appsmith_proxy.store.contract import Changes, ConfigStore, Kind, R, Record, Ref

KEPT: Final = 5_000
"""How many records are kept, and as many answers of ``find_one``. The oldest go first: to move one up each time it is used
would cost every execution more than reading it again costs one in thousands."""
KEPT_MISSES: Final = 1_000
"""How many answers that found nothing are kept, apart: a flood of them drives out nothing of use."""

_log = logging.getLogger(__name__)

_Search: TypeAlias = tuple[Kind, str, str]
"""Kind, field, value."""


class CachedStore:
    """Read records through a cache that follows the store's change feed."""

    def __init__(
        self,
        store: ConfigStore,
        *,
        poll_seconds: float = 0.25,
        stale_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._poll_seconds = poll_seconds
        self._stale_seconds = stale_seconds
        self._clock = clock
        self._trusted_until = float("-inf")
        self._epoch = 0
        self._drops = 0
        """Counts how often the feed has dropped something: a read during which it moved may be old, and is not kept."""
        self._records: dict[tuple[Kind, str], Any] = {}
        self._finds: dict[_Search, tuple[Kind, str]] = {}
        self._misses: dict[_Search, None] = {}
        self._listeners: list[Callable[[Ref], None]] = []
        self._polling = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Poll once, which must succeed, and then in the background until ``stop``."""
        await self.refresh()
        self._task = asyncio.create_task(self._poll_forever(), name="store-feed")

    async def stop(self) -> None:
        """Stop polling. May be called twice; the store is closed by whoever opened it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def refresh(self) -> None:
        """Poll now. After a commit of our own: what was changed is never answered from the cache again."""
        async with self._polling:
            began = self._clock()
            changes = await self._store.changes(self._epoch)
            self._take(changes)
            self._epoch = changes.epoch
            self._trusted_until = began + self._stale_seconds

    def subscribe(self, listener: Callable[[Ref], None]) -> None:
        """Call ``listener`` with each record that changed (one without an id means all of its kind).

        It runs inside the poll, so it must not wait. When it raises, the poll has failed and is repeated.
        """
        self._listeners.append(listener)

    def version(self) -> int:
        """Return a number that is another one as soon as the feed has dropped anything; no I/O.

        Records that were current under it are current as long as it stays.

        Raises:
            StoreStale: the feed is too old to trust what is cached.
        """
        if self._clock() >= self._trusted_until:
            raise _stale()
        return self._drops

    def peek(self, kind: type[R], record_id: str) -> R | None:
        """Return the record if it is cached; no I/O. Raises ``StoreStale``."""
        if self._clock() >= self._trusted_until:
            raise _stale()
        record: R | None = self._records.get((kind, record_id))
        return record

    async def get(self, kind: type[R], record_id: str) -> R | None:
        """Return the record, or None if there is none. Raises ``StoreStale``, ``StoreError``."""
        if (cached := self.peek(kind, record_id)) is not None:
            return cached
        search = (kind, "id", record_id)
        if search in self._misses:
            return None
        drops = self._drops
        record = await self._store.get(kind, record_id)
        if drops == self._drops:
            self._keep(search, record)
        return record

    def peek_one(self, kind: type[R], field: str, value: str) -> R | None:
        """Return the record whose indexed field has this value if it is cached; no I/O. Raises ``StoreStale``."""
        if self._clock() >= self._trusted_until:
            raise _stale()
        found = self._finds.get((kind, field, value))
        record: R | None = None if found is None else self._records.get(found)
        return record

    async def find_one(self, kind: type[R], field: str, value: str) -> R | None:
        """Return the record whose indexed field has this value (the first, if several), or None."""
        if (cached := self.peek_one(kind, field, value)) is not None:
            return cached
        search = (kind, field, value)
        if search in self._misses:
            return None
        drops = self._drops
        found = await self._store.find(kind, where={field: value}, limit=1)
        record = found[0] if found else None
        if drops == self._drops:
            self._keep(search, record)
        return record

    def _keep(self, search: _Search, record: Record | None) -> None:
        if record is None:
            _put(self._misses, search, None, KEPT_MISSES)
            return
        key = (type(record), record.id)
        _put(self._records, key, record, KEPT)
        if search[1] != "id":
            _put(self._finds, search, key, KEPT)

    def _take(self, changes: Changes) -> None:
        refs = changes.refs if changes.complete else tuple(Ref(kind) for kind in COLLECTIONS)
        if not refs:
            return
        self._drops += 1
        if changes.complete:
            for ref in refs:
                self._records.pop((ref.kind, ref.id), None)
        else:
            self._records.clear()
        # A changed record may now answer a search that it did not answer before, and the other way round.
        kinds = {ref.kind for ref in refs}
        self._finds = {search: key for search, key in self._finds.items() if search[0] not in kinds}
        self._misses = {search: None for search in self._misses if search[0] not in kinds}
        self._tell(refs)

    def _tell(self, refs: tuple[Ref, ...]) -> None:
        failure: Exception | None = None
        for ref in refs:
            for listener in self._listeners:
                try:
                    listener(ref)
                except Exception as exc:  # noqa: BLE001 - one listener's failure must not hide the change from the others
                    failure = exc
        if failure is not None:
            raise failure

    async def _poll_forever(self) -> None:
        failing = False
        while True:
            if failing:
                await asyncio.sleep(self._poll_seconds)
            else:
                await self._store.wait(self._epoch, self._poll_seconds)
            try:
                await self.refresh()
            except Exception as exc:  # noqa: BLE001 - whatever fails, the trust runs out and the next poll tries again
                if not failing:
                    _log.warning("the store's change feed cannot be read: %s", type(exc).__name__)
                failing = True
            else:
                if failing:
                    _log.info("the store's change feed can be read again")
                failing = False


def _put(kept: dict[Any, Any], key: object, value: object, limit: int) -> None:
    kept[key] = value
    if len(kept) > limit:
        del kept[next(iter(kept))]


def _stale() -> StoreStale:
    return StoreStale(
        "the configuration store has not answered for too long",
        hint="try again in a moment; if it lasts, the operator finds the cause in the log",
    )
