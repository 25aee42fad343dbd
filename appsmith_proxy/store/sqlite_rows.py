"""The SQLite store's statements: records, their index, the feed and meta entries as rows. Whoever calls holds the turn."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from appsmith_proxy.store import refusals
from appsmith_proxy.store.codec import decode, encode
from appsmith_proxy.store.collections import COLLECTIONS, KINDS, check_where
from appsmith_proxy.store.contract import (
    Change,
    Changes,
    Delete,
    Kind,
    Put,
    Record,
    Ref,
    Require,
    RequireNone,
)
from appsmith_proxy.store.sqlite_schema import Rows, Run

_ONE: Final = "SELECT id, document, revision FROM record WHERE collection = ? AND id = ?"
_PAGE: Final = "SELECT id, document, revision FROM record WHERE collection = ? AND id > ?{} ORDER BY id LIMIT ?"
_WHERE: Final = " AND id IN (SELECT id FROM record_index WHERE collection = ? AND field = ? AND value = ?)"
_OTHERS: Final = "SELECT 1 FROM record WHERE collection = ? AND unique_key = ? AND id <> ?"
_INDEX: Final = "SELECT field, value FROM record_index WHERE collection = ? AND id = ?"
_PUT: Final = "INSERT INTO record (collection, id, revision, unique_key, document) VALUES (?, ?, ?, ?, ?)"
_PUT_INDEX: Final = "INSERT INTO record_index (collection, id, field, value) VALUES (?, ?, ?, ?)"
_DROP: Final = "DELETE FROM record WHERE collection = ? AND id = ?"
_DROP_INDEX: Final = "DELETE FROM record_index WHERE collection = ? AND id = ?"
_FEED: Final = "INSERT INTO feed (epoch, collection, id) SELECT epoch, ?, ? FROM head"
_PRUNE: Final = "DELETE FROM feed WHERE epoch <= (SELECT epoch FROM head) - ?"
_CHANGES: Final = """SELECT head.epoch, (SELECT min(epoch) FROM feed), feed.collection, feed.id
    FROM head LEFT JOIN feed ON feed.epoch > ? ORDER BY feed.epoch"""


async def one(run: Run, kind: Kind, record_id: str) -> tuple[Any, ...] | None:
    """Return (id, document, revision) of a record, or None."""
    found = await run(_ONE, COLLECTIONS[kind].name, record_id)
    return found[0] if found else None


async def matching(run: Run, kind: Kind, where: Mapping[str, str] | None, *, after: str = "", limit: int) -> Rows:
    """Return (id, document, revision) of matching records, in id order."""
    name = COLLECTIONS[kind].name
    wanted = check_where(kind, where)
    pairs = [part for field, value in wanted.items() for part in (name, field, value)]
    return await run(_PAGE.format(_WHERE * len(wanted)), name, after, *pairs, limit)


async def apply_all(run: Run, changes: Iterable[Change], *, feed_kept: int) -> int:
    """Do the changes in order and tell the feed; return the epoch."""
    refs = dict.fromkeys([ref for change in changes if (ref := await _apply(run, change))])
    if refs:
        await run("UPDATE head SET epoch = epoch + 1")
    for ref in refs:
        await run(_FEED, COLLECTIONS[ref.kind].name, ref.id)
    await run(_PRUNE, feed_kept)
    ((epoch,),) = await run("SELECT epoch FROM head")
    return int(epoch)


async def changes(run: Run, after: int) -> Changes:
    """Return what changed after an epoch: one statement, so that epoch and records belong together."""
    found = await run(_CHANGES, after)
    epoch, oldest = found[0][:2]
    if after != epoch and not oldest - 1 <= after < epoch:
        return Changes(epoch, (), complete=False)
    refs = dict.fromkeys(Ref(KINDS[name], record_id) for *_, name, record_id in found if name is not None)
    return Changes(epoch, tuple(refs), complete=True)


async def meta(run: Run, key: str) -> bytes | None:
    """Return the bytes stored under a key."""
    found = await run("SELECT value FROM meta WHERE key = ?", key)
    return found[0][0] if found else None


async def meta_keys(run: Run) -> tuple[str, ...]:
    """Return the keys that have bytes."""
    return tuple(key for (key,) in await run("SELECT key FROM meta ORDER BY key"))


async def put_meta(run: Run, key: str, value: bytes, *, expected: bytes | None) -> None:
    """Store bytes if the present ones are as expected."""
    if await meta(run, key) != expected:
        raise refusals.stale_meta(key)
    await run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value)


async def _apply(run: Run, change: Change) -> Ref | None:
    match change:
        case Put(record, expected):
            await _put(run, record, expected)
            return Ref(type(record), record.id)
        case Delete(kind, record_id, expected):
            _check_revision(kind, await one(run, kind, record_id), expected)
            await _drop(run, kind, record_id)
            return Ref(kind, record_id)
        case Require(kind, record_id, where):
            wanted = check_where(kind, where).items()
            if not await one(run, kind, record_id) or not wanted <= await _index(run, kind, record_id):
                raise refusals.missing(kind)
        case RequireNone(kind, where):
            if found := await matching(run, kind, where, limit=refusals.BLOCKERS_NAMED):
                raise refusals.in_use(kind, (decode(kind, *row) for row in found))
    return None


async def _put(run: Run, record: Record, expected: int) -> None:
    kind = type(record)
    name = COLLECTIONS[kind].name
    present = await one(run, kind, record.id)
    if expected:
        _check_revision(kind, present, expected)
    elif present is not None:
        raise refusals.stale(kind)
    encoded = encode(record)
    if await run(_OTHERS, name, encoded.unique, record.id):
        raise refusals.taken(kind)
    await _drop(run, kind, record.id)
    await run(_PUT, name, record.id, expected + 1, encoded.unique, encoded.document)
    for field, value in encoded.index:
        await run(_PUT_INDEX, name, record.id, field, value)


def _check_revision(kind: Kind, present: tuple[Any, ...] | None, expected: int) -> None:
    if present is None:
        raise refusals.missing(kind)
    if present[2] != expected:
        raise refusals.stale(kind)


async def _drop(run: Run, kind: Kind, record_id: str) -> None:
    await run(_DROP_INDEX, COLLECTIONS[kind].name, record_id)
    await run(_DROP, COLLECTIONS[kind].name, record_id)


async def _index(run: Run, kind: Kind, record_id: str) -> set[tuple[Any, ...]]:
    return set(await run(_INDEX, COLLECTIONS[kind].name, record_id))
