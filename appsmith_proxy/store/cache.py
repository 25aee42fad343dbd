"""Decoded records in memory, true as far as the store's change feed says: what the hot path reads instead of the store.

::

    peek ──► cache ──miss──► get ──► store
               ▲
    feed ──────┘  every poll_seconds: drops what changed, tells the listeners, extends the trust

Trust ends ``stale_seconds`` after the last good poll began; from then on every read raises ``StoreStale``.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar, cast

from appsmith_proxy.errors import StoreStale
from appsmith_proxy.store.codec import COLLECTIONS
from appsmith_proxy.store.contract import Changes, ConfigStore, Kind, R, Record, Ref

KEPT: Final = 20_000
"""How many records are kept; the ones used longest ago go first."""
KEPT_FINDS: Final = 20_000
"""How many answers of ``find_one`` that found something are kept."""
KEPT_MISSES: Final = 1_000
"""How many answers that found nothing are kept, apart: a flood of them drives out nothing of use."""

_log = logging.getLogger(__name__)

_K = TypeVar("_K")
_V = TypeVar("_V")


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
        """Counts what the feed has dropped: a read during which it moved may be old, and is not kept."""
        self._records: _Recent[tuple[Kind, str], Record] = _Recent(KEPT)
        self._ids: _Recent[tuple[Kind, str, str], str] = _Recent(KEPT_FINDS)
        self._misses: _Recent[tuple[Kind, str, str], None] = _Recent(KEPT_MISSES)
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
        """Call ``listener`` with each record that changed (``Ref.covers``: one without an id means all of its kind).

        It runs inside the poll, so it must not wait. When it raises, the poll has failed and is repeated.
        """
        self._listeners.append(listener)

    def peek(self, kind: type[R], record_id: str) -> R | None:
        """Return the record if it is cached; no I/O. Raises ``StoreStale``."""
        self._check_trust()
        return cast("R | None", self._records.recall((kind, record_id)))

    async def get(self, kind: type[R], record_id: str) -> R | None:
        """Return the record, or None if there is none. Raises ``StoreStale``, ``StoreError``."""
        if (cached := self.peek(kind, record_id)) is not None:
            return cached
        miss = (kind, "id", record_id)
        if miss in self._misses:
            return None
        drops = self._drops
        record = await self._store.get(kind, record_id)
        if drops == self._drops:
            self._keep(miss, record)
        return record

    def peek_one(self, kind: type[R], field: str, value: str) -> R | None:
        """Return the record whose indexed field has this value if it is cached; no I/O. Raises ``StoreStale``."""
        self._check_trust()
        record_id = self._ids.recall((kind, field, value))
        return None if record_id is None else cast("R | None", self._records.recall((kind, record_id)))

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

    def _check_trust(self) -> None:
        if self._clock() >= self._trusted_until:
            raise StoreStale(
                "the configuration store has not answered for too long",
                hint="try again in a moment; if it lasts, the operator finds the cause in the log",
            )

    def _keep(self, search: tuple[Kind, str, str], record: Record | None) -> None:
        if record is None:
            self._misses.keep(search, None)
            return
        kind, field, _ = search
        self._records.keep((kind, record.id), record)
        if field != "id":
            self._ids.keep(search, record.id)

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
        for searches in (self._ids, self._misses):
            searches.drop(lambda search: search[0] in kinds)
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
            await asyncio.sleep(self._poll_seconds)
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


class _Recent(OrderedDict[_K, _V], Generic[_K, _V]):
    """A bounded mapping: what was used longest ago makes room."""

    def __init__(self, kept: int) -> None:
        super().__init__()
        self._kept = kept

    def recall(self, key: _K) -> _V | None:
        """Return a value and mark it as just used."""
        value = self.get(key)
        if value is not None:
            self.move_to_end(key)
        return value

    def keep(self, key: _K, value: _V) -> None:
        """Keep a value; the one used longest ago goes when there are too many."""
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._kept:
            self.popitem(last=False)

    def drop(self, unwanted: Callable[[_K], bool]) -> None:
        """Forget the keys that are unwanted."""
        for key in [key for key in self if unwanted(key)]:
            del self[key]
