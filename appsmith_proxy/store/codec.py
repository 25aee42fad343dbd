"""Records as JSON documents, and back: exactly what was stored, or an error. Document version 1."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NoReturn, cast

import orjson

from appsmith_proxy.errors import StoreError
from appsmith_proxy.store.collections import COLLECTIONS, Collection
from appsmith_proxy.store.contract import R, Record
from appsmith_proxy.store.shapes import Unreadable

VERSION: Final = 1
"""Of documents. A change that older code would misread moves it; a new field with a default does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A record as it is stored."""

    id: str
    document: bytes
    index: tuple[tuple[str, str], ...]
    """(field, value), each once."""
    unique: str
    """The unique fields' values as one JSON array: no delimiter to forge."""


def encode(record: Record) -> Encoded:
    """Return a record as it is stored, without its revision. What would not come back as it was given is refused."""
    collection = COLLECTIONS[type(record)]
    where = f"{collection.name}/{record.id}"
    try:
        document = orjson.dumps({"version": VERSION, **collection.shape.write(record)}, default=_write_mapping)
    except TypeError:
        raise StoreError(f"{where} holds something that is not JSON; nothing was stored") from None
    if decode(type(record), record.id, document, record.revision) != record:
        raise StoreError(f"{where} holds something that JSON cannot keep exactly; nothing was stored")
    index = tuple(
        dict.fromkeys((field, value) for field, values in collection.indexed.items() for value in values(record))
    )
    unique = [*(value for field in collection.unique for value in collection.indexed[field](record))]
    return Encoded(id=record.id, document=document, index=index, unique=orjson.dumps(unique).decode())


def decode(kind: type[R], record_id: str, document: bytes, revision: object) -> R:
    """Return the record that a document holds. A document that is not what we wrote is a ``StoreError``."""
    collection = COLLECTIONS[kind]
    if not isinstance(revision, int) or isinstance(revision, bool):
        _refuse(collection, record_id, "its revision is no number")
    try:
        content = orjson.loads(document)
        if type(content) is not dict or content.get("id") != record_id:
            _refuse(collection, record_id, "it is another record's document")
        version = content.pop("version", None)
        if version != VERSION:
            _refuse(collection, record_id, f"it has document version {version!r}, this release reads {VERSION}")
        record = cast("R", collection.shape.read(content))
    except orjson.JSONDecodeError:
        _refuse(collection, record_id, "it is not JSON")
    except Unreadable as problem:
        _refuse(collection, record_id, str(problem))
    return replace(record, revision=revision)


def _refuse(collection: Collection, record_id: str, why: str) -> NoReturn:
    raise StoreError(
        f"{collection.name}/{record_id} in the store cannot be read: {why}",
        hint="restore the store from a backup, or run the release that wrote it",
    )


def _write_mapping(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)
