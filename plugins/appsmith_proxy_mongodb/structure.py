"""The structure of a database: collections, the fields of a sample of documents, unique indexes as keys, first actions."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion

from appsmith_proxy.sdk import KeyKind, Starter, Structure, StructureColumn, StructureKey, StructureTable

PAGE: Final = 25
SAMPLE: Final = 20
"""Documents that are looked at in each collection."""
MAX_FIELDS: Final = 200

_EXACT: Final[CodecOptions[dict[str, Any]]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
_TYPES: Final[Mapping[type, str]] = {
    bool: "bool",
    int: "int",
    Int64: "long",
    float: "double",
    str: "string",
    Decimal128: "decimal",
    ObjectId: "objectId",
    DatetimeMS: "date",
    bytes: "binData",
    Binary: "binData",
    dict: "object",
    list: "array",
    Regex: "regex",
    Timestamp: "timestamp",
    Code: "javascript",
    MinKey: "minKey",
    MaxKey: "maxKey",
    type(None): "null",
}


async def describe(database: Any, session: Any, page: str | None) -> Structure:
    """Describe one page of collections, in case-insensitive name order; samples are read, and nothing of them is kept."""
    cursor = await database.cursor_command(
        {"listCollections": 1, "nameOnly": True, "authorizedCollections": True}, session=session
    )
    listed = [entry async for entry in cursor]
    kinds = {entry["name"]: entry.get("type", "collection") for entry in listed}
    names = sorted((name for name in kinds if not name.startswith("system.")), key=_order)
    after = _order(base64.urlsafe_b64decode(page).decode()) if page else None
    waiting = [name for name in names if after is None or _order(name) > after]
    tables = [await _table(database, session, name, kinds[name]) for name in waiting[:PAGE]]
    more = len(waiting) > PAGE
    return Structure(
        tables=tuple(tables), next=base64.urlsafe_b64encode(waiting[PAGE - 1].encode()).decode() if more else None
    )


async def _table(database: Any, session: Any, name: str, kind: str) -> StructureTable:
    cursor = await database.cursor_command(
        {"find": name, "limit": SAMPLE, "batchSize": SAMPLE}, session=session, codec_options=_EXACT
    )
    columns = _columns([document async for document in cursor])
    keys: list[StructureKey] = []
    if kind == "collection":
        cursor = await database.cursor_command({"listIndexes": name}, session=session)
        keys = [key async for index in cursor if (key := _key(index)) is not None]
    known = {column.name for column in columns}
    missing = (StructureColumn(name=field, type="") for key in keys for field in key.columns if field not in known)
    return StructureTable(
        name=name,
        kind="view" if kind == "view" else "table",
        columns=(*columns, *dict.fromkeys(missing)),
        keys=tuple(keys),
        starters=_starters(name, columns),
    )


def _columns(documents: Iterable[Mapping[str, Any]]) -> tuple[StructureColumn, ...]:
    """Return the fields of a sample, with every type that was seen; one that is not everywhere can be absent."""
    seen: dict[str, dict[str, None]] = {"_id": {}}
    count: dict[str, int] = {}
    total = 0
    for document in documents:
        total += 1
        for field, value in document.items():
            seen.setdefault(field, {})[_TYPES.get(type(value), "object")] = None
            count[field] = count.get(field, 0) + 1
    return tuple(
        StructureColumn(
            name=field,
            type=" | ".join(types),
            nullable=field != "_id" and (count.get(field, 0) < total or "null" in types),
        )
        for field, types in list(seen.items())[:MAX_FIELDS]
    )


def _key(index: Mapping[str, Any]) -> StructureKey | None:
    fields = tuple(index.get("key", {}))
    if index.get("name") == "_id_":
        return StructureKey(name="_id_", kind=KeyKind.PRIMARY, columns=fields)
    return StructureKey(name=index["name"], kind=KeyKind.UNIQUE, columns=fields) if index.get("unique") else None


def _starters(name: str, columns: Iterable[StructureColumn]) -> tuple[Starter, ...]:
    """Return first actions: each body is the JSON of an action's configuration."""
    kind = next((column.type for column in columns if column.name == "_id"), "")
    one = {"_id": {"$oid": "{{id}}"} if kind in ("objectId", "") else "{{id}}"}
    field = next((column.name for column in columns if column.name != "_id"), "name")
    return (
        _starter("Find documents", name, "find", suggested=True, filter={}, limit=10),
        _starter("Find one document", name, "find", filter=one, limit=1),
        _starter("Insert a document", name, "insert", documents={field: "{{value}}"}),
        _starter("Update a document", name, "update", filter=one, update={"$set": {field: "{{value}}"}}),
        _starter("Delete a document", name, "delete", filter=one),
    )


def _starter(title: str, collection: str, operation: str, *, suggested: bool = False, **parts: Any) -> Starter:
    fields = {name: orjson.dumps(value).decode() for name, value in parts.items()}
    configuration = {"operation": operation, "collection": collection, **fields}
    return Starter(title=title, body=orjson.dumps(configuration).decode(), suggested=suggested)


def _order(name: str) -> tuple[str, str]:
    return name.lower(), name
