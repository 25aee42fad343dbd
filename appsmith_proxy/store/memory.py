"""The store in memory: for tests and trials. It keeps the same documents as the others, and forgets them at the end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from appsmith_proxy.store import refusals
from appsmith_proxy.store.codec import COLLECTIONS, Encoded, check_where, decode, encode
from appsmith_proxy.store.contract import (
    FEED_KEPT,
    PAGE,
    Change,
    Changes,
    ConfigStore,
    Delete,
    Kind,
    Put,
    R,
    Ref,
    Require,
    RequireNone,
)


@dataclass(frozen=True, slots=True)
class _Entry:
    encoded: Encoded
    revision: int

    def matches(self, where: Mapping[str, str]) -> bool:
        return all(pair in self.encoded.index for pair in where.items())


_Tables = dict[Kind, dict[str, _Entry]]


@dataclass(slots=True)
class MemoryData:
    """What memory stores hold; two stores on the same data see each other's commits, as two processes would."""

    tables: _Tables = field(default_factory=lambda: {kind: {} for kind in COLLECTIONS})
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
        return None if entry is None else decode(kind, record_id, entry.encoded.document, entry.revision)

    async def find(
        self, kind: type[R], *, where: Mapping[str, str] | None = None, after: str = "", limit: int = PAGE
    ) -> tuple[R, ...]:
        """Return matching records in id order."""
        entries = sorted(_matching(self._ready().tables, kind, where), key=lambda entry: entry.encoded.id)
        later = [entry for entry in entries if entry.encoded.id > after][:limit]
        return tuple(decode(kind, entry.encoded.id, entry.encoded.document, entry.revision) for entry in later)

    async def commit(self, *changes: Change) -> int:
        """Do all changes on copies of the tables, then take the copies."""
        data = self._ready()
        tables = {kind: dict(table) for kind, table in data.tables.items()}
        refs = dict.fromkeys(ref for change in changes if (ref := _apply(tables, change)))
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

    def _ready(self) -> MemoryData:
        if not self._open:
            raise refusals.not_open()
        return self._data


def _apply(tables: _Tables, change: Change) -> Ref | None:
    match change:
        case Put():
            return _put(tables[type(change.record)], change)
        case Delete(kind, record_id, expected):
            _check_revision(kind, tables[kind].get(record_id), expected)
            del tables[kind][record_id]
            return Ref(kind, record_id)
        case Require(kind, record_id, where):
            entry = tables[kind].get(record_id)
            if entry is None or not entry.matches(check_where(kind, where)):
                raise refusals.missing(kind)
        case RequireNone(kind, where):
            if entries := list(_matching(tables, kind, where)):
                blockers = (decode(kind, it.encoded.id, it.encoded.document, it.revision) for it in entries)
                raise refusals.in_use(kind, blockers)
    return None


def _put(table: dict[str, _Entry], put: Put) -> Ref:
    kind, record = type(put.record), put.record
    present = table.get(record.id)
    if put.expected == 0:
        if present is not None:
            raise refusals.stale(kind)
    else:
        _check_revision(kind, present, put.expected)
    encoded = encode(record)
    if any(entry.encoded.unique == encoded.unique for key, entry in table.items() if key != record.id):
        raise refusals.taken(kind)
    table[record.id] = _Entry(encoded, put.expected + 1)
    return Ref(kind, record.id)


def _check_revision(kind: Kind, present: _Entry | None, expected: int) -> None:
    if present is None:
        raise refusals.missing(kind)
    if present.revision != expected:
        raise refusals.stale(kind)


def _matching(tables: _Tables, kind: Kind, where: Mapping[str, str] | None) -> Iterator[_Entry]:
    wanted = check_where(kind, where)
    return (entry for entry in tables[kind].values() if entry.matches(wanted))
