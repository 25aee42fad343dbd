"""The store in memory: for tests and trials. It keeps the same documents as the others, and forgets them at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from appsmith_proxy.store import refusals
from appsmith_proxy.store.contract import FEED_KEPT, PAGE, Change, Changes, ConfigStore, R, Ref
from appsmith_proxy.store.tables import Tables, apply_all, matching, new_tables


@dataclass(slots=True)
class MemoryData:
    """What memory stores hold; two stores on the same data see each other's commits, as two processes would."""

    tables: Tables = field(default_factory=new_tables)
    meta: dict[str, bytes] = field(default_factory=dict)
    epoch: int = 0
    feed: dict[int, tuple[Ref, ...]] = field(default_factory=dict)


class MemoryStore(ConfigStore):
    """Keep records in memory."""

    def __init__(self, data: MemoryData | None = None, *, feed_kept: int = FEED_KEPT) -> None:
        self._data = data or MemoryData()
        self._feed_kept = feed_kept
        self._open = False

    async def open(self) -> None:
        """Be ready."""
        self._open = True

    async def close(self) -> None:
        """Be ready no more; the data stays with whoever holds it."""
        self._open = False

    async def get(self, kind: type[R], record_id: str) -> R | None:
        """Return a record, or None."""
        entry = self._ready().tables[kind].get(record_id)
        return None if entry is None else entry.read(kind)

    async def find(
        self, kind: type[R], *, where: Mapping[str, str] | None = None, after: str = "", limit: int = PAGE
    ) -> tuple[R, ...]:
        """Return matching records in id order."""
        entries = sorted(matching(self._ready().tables, kind, where), key=lambda entry: entry.encoded.id)
        later = [entry for entry in entries if entry.encoded.id > after][:limit]
        return tuple(entry.read(kind) for entry in later)

    async def commit(self, *changes: Change) -> int:
        """Do all changes on copies of the tables, then take the copies."""
        data = self._ready()
        tables = {kind: dict(table) for kind, table in data.tables.items()}
        refs = dict.fromkeys(step.ref for step in apply_all(tables, changes))
        if refs:
            data.tables = tables
            data.epoch += 1
            data.feed[data.epoch] = tuple(refs)
            data.feed.pop(data.epoch - self._feed_kept, None)
        return data.epoch

    async def changes(self, after: int) -> Changes:
        """Return what changed after an epoch."""
        data = self._ready()
        if after != data.epoch and not min(data.feed, default=0) - 1 <= after < data.epoch:
            return Changes(data.epoch, (), complete=False)
        refs = dict.fromkeys(ref for epoch in range(after + 1, data.epoch + 1) for ref in data.feed[epoch])
        return Changes(data.epoch, tuple(refs), complete=True)

    async def get_meta(self, key: str) -> bytes | None:
        """Return the bytes stored under a key."""
        return self._ready().meta.get(key)

    async def put_meta(self, key: str, value: bytes, *, expected: bytes | None) -> None:
        """Store bytes if the present ones are as expected."""
        meta = self._ready().meta
        if meta.get(key) != expected:
            raise refusals.stale_meta(key)
        meta[key] = value

    async def meta_keys(self) -> tuple[str, ...]:
        """Return the keys that have bytes."""
        return tuple(sorted(self._ready().meta))

    def _ready(self) -> MemoryData:
        if not self._open:
            raise refusals.not_open()
        return self._data
