"""The MongoDB store's records as documents: what is asked for them, and what stands in them.

Values stand only where MongoDB takes them literally: as an equality, in ``$in``, or as an embedded document in ``$all``. No
field of a record is ever a key.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from bson import ObjectId

from appsmith_proxy.errors import StoreError
from appsmith_proxy.store import refusals
from appsmith_proxy.store.codec import Encoded, decode, encode
from appsmith_proxy.store.collections import COLLECTIONS, KINDS, check_where
from appsmith_proxy.store.contract import Change, Changes, Delete, Kind, Put, R, Ref, Require, RequireNone
from appsmith_proxy.store.mongodb_client import Database, Document, bounded
from appsmith_proxy.store.mongodb_schema import FOUND, Head
from appsmith_proxy.store.tables import Entry, Tables, new_tables

Places: TypeAlias = dict[Ref, ObjectId]
"""Which document holds a record now."""

RECORD_BYTES: Final = 15 * 1024 * 1024
"""Most bytes of a record: MongoDB takes 16 MiB for a document, which also says where it is found."""

_RECORD: Final = {"id": 1, "revision": 1, "document": 1}


async def one(database: Database, kind: type[R], record_id: str) -> R | None:
    """Return a record, or None."""
    found = await database.records.find_one(_filter(kind, id=_text(record_id)), _RECORD)
    return None if found is None else _read(kind, found)


async def matching(
    database: Database, kind: type[R], where: Mapping[str, str] | None, *, after: str, limit: int
) -> tuple[R, ...]:
    """Return matching records in id order. While a commit is being done, some may be as before and some as after it."""
    wanted = _filter(kind, where=where, id={"$gt": _text(after)})
    found = await database.records.find(wanted, _RECORD).sort("id", 1).limit(limit).to_list(limit)
    return tuple(_read(kind, document) for document in found)


async def load(database: Database, changes: Iterable[Change]) -> tuple[Tables, Places]:
    """Return every record that decides whether these changes may be made, and which documents hold them."""
    tables, places = new_tables(), Places()
    for wanted, limit in _deciding(tuple(changes)):
        with bounded():
            documents = await database.records.find(wanted).sort("id", 1).limit(limit).to_list(None)
        for found in documents:
            kind = KINDS[found["collection"]]
            tables[kind][found["id"]] = Entry(_encoded(found), found["revision"])
            places[Ref(kind, found["id"])] = found["_id"]
    return tables, places


async def changes(database: Database, head: Head, after: int, *, feed_kept: int) -> Changes:
    """Return what the commits after an epoch have changed, as far as they are done."""
    epoch = head.applied
    if after == epoch:
        return Changes(epoch, (), complete=True)
    if not epoch - feed_kept <= after < epoch:
        return Changes(epoch, (), complete=False)
    found = await database.commits.find({"epoch": {"$gt": after, "$lte": epoch}}).sort("epoch", 1).to_list(None)
    if len(found) != epoch - after or any(commit["refs"] is None for commit in found):
        return Changes(epoch, (), complete=False)
    refs = dict.fromkeys(Ref(KINDS[name], record_id) for commit in found for name, record_id in commit["refs"])
    return Changes(epoch, tuple(refs), complete=True)


def content(entry: Entry) -> Document:
    """Return the fields of a document that holds this record."""
    encoded = entry.encoded
    if len(encoded.document) > RECORD_BYTES:
        raise StoreError("a record is too large for the store; nothing was stored", hint="make it smaller")
    return {
        "revision": entry.revision,
        "unique": encoded.unique,
        "index": [_pair(*pair) for pair in encoded.index],
        "document": encoded.document,
    }


def naming(ref: Ref) -> Document:
    """Return the fields that say which record a document holds."""
    return {"collection": COLLECTIONS[ref.kind].name, "id": ref.id}


def _deciding(changes: tuple[Change, ...]) -> Iterable[tuple[Document, int]]:
    """Yield filters, and how many of what they find are enough (0: all)."""
    ids: dict[Kind, set[str]] = {}
    uniques: dict[Kind, set[str]] = {}
    for change in changes:
        match change:
            case Put(record, _):
                ids.setdefault(type(record), set()).add(record.id)
                uniques.setdefault(type(record), set()).add(encode(record).unique)
            case Delete(kind, record_id, _) | Require(kind, record_id, _):
                ids.setdefault(kind, set()).add(_text(record_id))
            case RequireNone(kind, where):
                # Some of those found may be gone by the changes before.
                yield _filter(kind, where=where), refusals.BLOCKERS_NAMED + len(changes)
    for kind, wanted in ids.items():
        yield _filter(kind, id={"$in": sorted(wanted)}), 0
    for kind, wanted in uniques.items():
        yield _filter(kind, unique={"$in": sorted(wanted)}), 0


def _filter(kind: Kind, *, where: Mapping[str, str] | None = None, **fields: Any) -> Document:
    found: Document = {"collection": COLLECTIONS[kind].name, **FOUND, **fields}
    if pairs := [_pair(field, _text(value)) for field, value in check_where(kind, where).items()]:
        found["index"] = {"$all": pairs}
    return found


def _pair(field: str, value: str) -> Document:
    return {"field": field, "value": value}


def _text(value: str) -> str:
    """Return a text as it is. Whatever else gets here is no value to ask for: it might be an operator."""
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value


def _read(kind: type[R], found: Document) -> R:
    return decode(kind, found["id"], found["document"], found["revision"])


def _encoded(found: Document) -> Encoded:
    return Encoded(
        id=found["id"],
        document=found["document"],
        index=tuple((pair["field"], pair["value"]) for pair in found["index"]),
        unique=found["unique"],
    )
