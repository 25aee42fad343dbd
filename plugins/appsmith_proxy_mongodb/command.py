"""From an action to what is sent: one command of MongoDB, without a value in a place where it could be more than that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson import ObjectId

from appsmith_proxy.sdk import (
    ActionCheck,
    Document,
    Outcome,
    ParameterInvalid,
    Problem,
    StatementInvalid,
)
from appsmith_proxy_mongodb.fields import OPERATIONS, READS
from appsmith_proxy_mongodb.operators import Kind
from appsmith_proxy_mongodb.pipelines import name_problems
from appsmith_proxy_mongodb.reading import TooDeep
from appsmith_proxy_mongodb.updates import Reading
from appsmith_proxy_mongodb.values import Misfit


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command, ready to be sent to a database."""

    operation: str
    spec: dict[str, Any]
    writes: bool
    ids: tuple[Any, ...] = ()
    """The identifiers of the documents that are inserted, in order."""

    @property
    def has_cursor(self) -> bool:
        """Whether it is answered with documents in batches."""
        return self.operation in ("find", "aggregate", "count") and not self.writes

    @property
    def changes_many(self) -> bool:
        """Whether it may change more than one document, so that a part of it may stay when it fails."""
        match self.operation:
            case "insert":
                return len(self.ids) > 1
            case "update":
                return bool(self.spec["updates"][0]["multi"])
            case "delete":
                return not self.spec["deletes"][0]["limit"]
            case _:
                return self.writes

    def may_change_more_than(self, limit: int) -> bool:
        """Return whether it may change more documents than a limit."""
        return self.changes_many or limit < 1

    def limited(self, rows: int, batch: int) -> dict[str, Any]:
        """Return what is sent so that the server itself ends the answer after one row more than may be shown."""
        if self.operation == "find":
            wanted = self.spec.get("limit") or rows + 1
            return {**self.spec, "limit": min(wanted, rows + 1), "batchSize": batch}
        return {
            **self.spec,
            "pipeline": [*self.spec["pipeline"], {"$limit": rows + 1}],
            "cursor": {"batchSize": batch},
        }


def check(fields: Mapping[str, Any]) -> ActionCheck:
    """Check an action when it is saved; bindings have no values yet."""
    reading, _ = _read(fields)
    return ActionCheck(writes=reading.writes, problems=tuple(reading.problems))


def command(document: Document) -> Command:
    """Return what an execution sends.

    Raises:
        ParameterInvalid: values do not fit their places; all of them are named. Nothing was sent.
        StatementInvalid: the action is refused.
    """
    reading, made = _read(document.fields)
    if reading.misfits:
        raise _misfits(reading.misfits)
    if reading.problems or made is None:
        raise StatementInvalid(
            "the action holds what is refused",
            hint="open and save it again: the problems are shown with their places",
            details=tuple(Problem(".".join(map(str, one.path)), one.message) for one in reading.problems),
            outcome=Outcome.NOT_SENT,
        )
    return made


def _read(fields: Mapping[str, Any]) -> tuple[Reading, Command | None]:
    operation = fields.get("operation", "find")
    reading = Reading(writes=operation not in READS)
    if operation not in OPERATIONS:
        reading.refuse(("operation",), "is no operation of this driver")
        return reading, None
    collection = fields.get("collection")
    for message in name_problems(collection) if isinstance(collection, str) else ("is required",):
        reading.refuse(("collection",), message)
    spec: dict[str, Any] = {}
    try:
        spec = _MAKERS[operation](reading, fields)
    except TooDeep as deep:
        reading.misfits.append((deep.name, Misfit("a value that is not nested so deeply")))
    ids: tuple[Any, ...] = ()
    if operation == "insert" and not reading.problems and not reading.misfits:
        for each in spec["documents"]:
            each.setdefault("_id", ObjectId())
        spec["documents"] = [{"_id": each["_id"], **each} for each in spec["documents"]]
        ids = tuple(each["_id"] for each in spec["documents"])
    spec.update({name: value for name, value in _options(reading, fields, operation).items() if value is not None})
    return reading, Command(operation=operation, spec=spec, writes=reading.writes, ids=ids)


def _part(reading: Reading, fields: Mapping[str, Any], name: str, kind: Kind) -> Any:
    """Return one field as BSON has it; None where it is left out."""
    node = fields.get(name)
    return None if node is None else reading.read(kind, node, (name,))


def _filter(reading: Reading, fields: Mapping[str, Any]) -> Any:
    found = _part(reading, fields, "filter", Kind.QUERY)
    return {} if found is None else found


def _find(reading: Reading, fields: Mapping[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {"find": fields.get("collection"), "filter": _filter(reading, fields)}
    for name, kind in _FIND.items():
        value = _part(reading, fields, name, kind)
        if value is not None:
            spec[name] = value
    if "projection" in spec and not isinstance(fields["projection"], Mapping):
        reading.refuse(("projection",), "must be an object of fields")
    return spec


def _aggregate(reading: Reading, fields: Mapping[str, Any]) -> dict[str, Any]:
    pipeline = reading.pipeline(fields.get("pipeline"), ("pipeline",))
    return {"aggregate": fields.get("collection"), "pipeline": pipeline, "cursor": {}}


def _count(reading: Reading, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Counted by an aggregation: the ``count`` command may count what is moved between shards twice."""
    stages: list[dict[str, Any]] = [{"$match": _filter(reading, fields)}]
    for name in ("skip", "limit"):
        number = _part(reading, fields, name, Kind.NUMBER)
        if number:
            stages.append({f"${name}": number})
    stages.append({"$group": {"_id": None, "count": {"$sum": 1}}})
    stages.append({"$project": {"_id": 0, "count": 1}})
    return {"aggregate": fields.get("collection"), "pipeline": stages, "cursor": {}}


def _distinct(reading: Reading, fields: Mapping[str, Any]) -> dict[str, Any]:
    key = fields.get("key")
    if not isinstance(key, str) or not key or key.startswith("$") or "\0" in key:
        reading.refuse(("key",), "must be the name of a field")
    return {"distinct": fields.get("collection"), "key": key, "query": _filter(reading, fields)}


def _insert(reading: Reading, fields: Mapping[str, Any]) -> dict[str, Any]:
    documents = reading.documents(fields.get("documents"), ("documents",))
    return {"insert": fields.get("collection"), "ordered": True, "documents": documents}


def _update(reading: Reading, fields: Mapping[str, Any]) -> dict[str, Any]:
    update = reading.update(fields.get("update"), ("update",))
    many = fields.get("many") is True
    if many and isinstance(update, dict) and not any(key.startswith("$") for key in update):
        reading.refuse(("update",), "a whole document cannot replace many", hint="use $set, or leave many out")
    one: dict[str, Any] = {"q": _filter(reading, fields), "u": update, "multi": many}
    if fields.get("upsert") is True:
        one["upsert"] = True
    filters = _part(reading, fields, "arrayFilters", Kind.QUERIES)
    if filters is not None:
        one["arrayFilters"] = filters
    one.update(_options(reading, fields, "update", nested=True))
    return {"update": fields.get("collection"), "updates": [one]}


def _delete(reading: Reading, fields: Mapping[str, Any]) -> dict[str, Any]:
    one: dict[str, Any] = {"q": _filter(reading, fields), "limit": 0 if fields.get("many") is True else 1}
    one.update(_options(reading, fields, "delete", nested=True))
    return {"delete": fields.get("collection"), "deletes": [one]}


def _options(reading: Reading, fields: Mapping[str, Any], operation: str, *, nested: bool = False) -> dict[str, Any]:
    """Return collation and hint, which stand beside the filter they belong to."""
    if nested is not (operation in ("update", "delete")):
        return {}
    found = {name: _part(reading, fields, name, Kind.CONSTANT) for name in ("collation", "hint")}
    for name, types in (("collation", (dict,)), ("hint", (str, dict))):
        if found[name] is not None and not isinstance(found[name], types):
            reading.refuse((name,), "must be an object" if name == "collation" else "must be an index's name or keys")
    return {name: value for name, value in found.items() if value is not None}


def _misfits(misfits: Sequence[tuple[str, Misfit]]) -> ParameterInvalid:
    details = tuple(
        dict.fromkeys(
            Problem(f"params.{name}", f"expected {misfit.expected}", hint=misfit.hint) for name, misfit in misfits
        )
    )
    names = ", ".join(dict.fromkeys("{{" + name + "}}" for name, _ in misfits))
    single = len(details) == 1
    return ParameterInvalid(
        f"{names}: {details[0].message}" if single else f"values do not fit: {names}",
        hint=details[0].hint if single else "",
        details=details,
        outcome=Outcome.NOT_SENT,
        expected=misfits[0][1].expected if single else "",
    )


_FIND: Final[Mapping[str, Kind]] = {
    "projection": Kind.EXPRESSION,
    "sort": Kind.SORT,
    "skip": Kind.NUMBER,
    "limit": Kind.NUMBER,
}
_MAKERS: Final[Mapping[str, Callable[[Reading, Mapping[str, Any]], dict[str, Any]]]] = {
    "find": _find,
    "aggregate": _aggregate,
    "count": _count,
    "distinct": _distinct,
    "insert": _insert,
    "update": _update,
    "delete": _delete,
}
