"""The MongoDB driver and a real server, as the injection suite needs them, with every place of an action."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Final

from appsmith_proxy.sdk import Driver, ParameterType
from appsmith_proxy.testing import BindingContext, InjectionHarness
from appsmith_proxy.testing.corpus import VALUES, Seed, Verdict
from appsmith_proxy_mongodb import MongodbDriver
from tests.servers import mongodb_datasource
from tests.servers.mongod import MongodServer

_WIDTH: Final = 40
_FEW: Final = 600
_CANARY: Final = [{"_id": number, "note": f"nobody {does} this"} for number, does in enumerate(("reads", "drops"))]
_LOGGED: Final = 1 << 26
_LONGEST: Final = 4_096


class MongodbInjection(InjectionHarness):
    """One database of the worker's server, planted once."""

    driver_type: ClassVar[type[Driver]] = MongodbDriver
    family = "document"
    server: MongodServer
    database = "corpus"

    def configuration(self) -> dict[str, Any]:
        return mongodb_datasource.configuration(self.server, self.database)

    def secrets(self) -> dict[str, str]:
        return mongodb_datasource.secrets(self.server)

    async def prepare(self) -> None:
        with self.server.client() as admin:
            database = admin[self.database]
            database.command("profile", 0)
            if not database["corpus_planted"].estimated_document_count():
                database["corpus_canary"].insert_many(_CANARY)
                database["corpus_one"].insert_one({"_id": 1, "note": "nobody reads this"})
                database["corpus_planted"].insert_many([{"_id": n, "note": text} for text, n in planted().items()])
                database["corpus_planted"].create_index("note")
                database["corpus_written"].insert_one({})
            database["system.profile"].drop()
            database.create_collection("system.profile", capped=True, size=_LOGGED)
        await self.clear()
        with self.server.client() as admin:
            admin[self.database].command("profile", 2)

    async def clear(self) -> None:
        with self.server.client(appname="harness") as admin:
            admin[self.database]["corpus_written"].delete_many({})
            admin[self.database]["corpus_planted"].update_many({"copy": {"$exists": True}}, {"$unset": {"copy": ""}})

    async def fixture(self) -> Any:
        with self.server.client(appname="harness") as admin:
            database = admin[self.database]
            planted_now = database["corpus_planted"].aggregate(
                [{"$group": {"_id": None, "n": {"$sum": 1}, "length": {"$sum": {"$strLenBytes": "$note"}}}}]
            )
            canary = [list(database[name].find()) for name in ("corpus_canary", "corpus_one")]
            return [canary, list(planted_now), sorted(database.list_collection_names()), admin.list_database_names()]

    async def stored(self) -> Sequence[Any]:
        with self.server.client(appname="harness") as admin:
            database = admin[self.database]
            written = [document["note"] for document in database["corpus_written"].find()]
            copied = database["corpus_planted"].find({"copy": {"$exists": True}})
            return written + [document["copy"] for document in copied if document["copy"] == document["note"]]

    async def sent(self) -> Collection[str]:
        """Return the shapes of the commands on the corpus, as the server's profiler has them."""
        with self.server.client(appname="harness", unicode_decode_error_handler="replace") as admin:
            wanted = {
                "command": {"$exists": True},
                "command.$truncated": {"$exists": False},
                "appName": {"$ne": "harness"},
            }
            commands = [entry["command"] for entry in admin[self.database]["system.profile"].find(wanted)]
            return {shape(command) for command in commands if "getMore" not in command}

    @classmethod
    def contexts(cls) -> Sequence[BindingContext]:
        return _CONTEXTS


@cache
def planted() -> Mapping[str, int]:
    """Return the texts that stand in ``corpus_planted``, with their ids."""
    labels = ("mongodb.text", "document.text", "text", "mongodb", "document")
    held = [seed.value for seed in VALUES if seed.is_text and seed.expected(labels) in (None, Verdict.SAME)]
    mixed = sorted({text for text in held if len(text) <= _LONGEST}, key=lambda text: text[::-1])
    return {text: number for number, text in enumerate(mixed, start=1)}


def shape(node: Any, key: str = "") -> str:
    """Return what no value may change of a command: every name and operator, without the values at the leaves."""
    if isinstance(node, dict):
        if key in _VALUES_BELOW and not any(name.startswith("$") for name in node):
            return "value"
        kept = (f"{name}: {shape(value, name)}" for name, value in node.items() if name not in _OF_THE_SESSION)
        return f"{{{', '.join(kept)}}}"
    if isinstance(node, list) and key not in _VALUES_BELOW:
        return f"[{', '.join(sorted({shape(item, key) for item in node}))}]"
    return "value"


_VALUES_BELOW: Final = frozenset({"note", "copy", "$literal", "$in", "$eq", "_id"})
_OF_THE_SESSION: Final = frozenset({"lsid", "$clusterTime", "$db", "maxTimeMS", "$readPreference", "txnNumber"})


def ids(values: Sequence[Any]) -> list[list[int]]:
    """Return what a filter finds that takes each value as one."""
    return [
        [number]
        for number in sorted(planted()[value] for value in values if isinstance(value, str) and value in planted())
    ]


def _found(name: str, condition: Callable[[str], Any], **options: Any) -> BindingContext:
    """Return the context of a condition, many of them alternatives of one filter."""

    def query(names: Sequence[str]) -> str:
        return json.dumps({"$or": [condition(f"{{{{{one}}}}}") for one in names]})

    return _find(name, query, **options)


def _find(name: str, query: Callable[[Sequence[str]], str], **options: Any) -> BindingContext:
    def action(names: Sequence[str]) -> Mapping[str, Any]:
        return {
            "operation": "find",
            "collection": "corpus_planted",
            "filter": query(names),
            "projection": '{"_id": 1}',
            "sort": '{"_id": 1}',
        }

    return BindingContext(name=name, action=action, **{"wanted": ids, "takes": "leaf", "width": _WIDTH, **options})


def _projected(
    name: str, form: str, wanted: Callable[[Any], Any] = lambda value: value, **options: Any
) -> BindingContext:
    """Return the context of an expression whose value comes back."""

    def action(names: Sequence[str]) -> Mapping[str, Any]:
        fields = ", ".join(f'"c{number}": {form % one}' for number, one in enumerate(names))
        pipeline = f'[{{"$project": {{"_id": 0, {fields}}}}}]'
        return {"operation": "aggregate", "collection": "corpus_one", "pipeline": pipeline}

    return BindingContext(
        name=name,
        action=action,
        wanted=lambda values: [[wanted(value) for value in values]],
        **{"width": _WIDTH, **options},
    )


def _regex() -> BindingContext:
    """Return the context of a pattern, in which a value is matched literally, tried against some of the documents."""
    some = {text: number for text, number in planted().items() if number <= _FEW}

    def wanted(values: Sequence[Any]) -> Any:
        return [[number] for text, number in some.items() if any(value in text for value in values)]

    def query(names: Sequence[str]) -> str:
        alternatives = [{"note": {"$regex": f"{{{{{name}}}}}"}} for name in names]
        return json.dumps({"_id": {"$lte": _FEW}, "$or": alternatives})

    def applies(seed: Seed) -> bool:
        return seed.is_text and len(seed.value) <= _LONGEST

    return _find("regex", query, takes="text", wanted=wanted, applies=applies)


def _shown(value: Any) -> Any:
    """Return how a value is shown: numbers that not every JSON reader keeps are wrapped."""
    return {"$numberLong": str(value)} if isinstance(value, int) and abs(value) >= 2**53 else value


def _matched(names: Sequence[str]) -> Mapping[str, Any]:
    alternatives = json.dumps([{"note": f"{{{{{name}}}}}"} for name in names])
    pipeline = f'[{{"$match": {{"$or": {alternatives}}}}}, {{"$sort": {{"_id": 1}}}}, {{"$project": {{"_id": 1}}}}]'
    return {"operation": "aggregate", "collection": "corpus_planted", "pipeline": pipeline}


def _inserted(names: Sequence[str]) -> Mapping[str, Any]:
    documents = json.dumps([{"note": f"{{{{{name}}}}}"} for name in names])
    return {"operation": "insert", "collection": "corpus_written", "documents": documents}


def _updated(names: Sequence[str]) -> Mapping[str, Any]:
    return {
        "operation": "update",
        "collection": "corpus_planted",
        "filter": '{"note": "{{v0}}"}',
        "update": '{"$set": {"copy": {{v0}}}}',
        "many": True,
    }


def _limited(names: Sequence[str]) -> Mapping[str, Any]:
    return {
        "operation": "find",
        "collection": "corpus_planted",
        "sort": '{"_id": 1}',
        "limit": "{{v0}}",
        "filter": '{"_id": {"$lte": 5}}',
        "projection": '{"_id": 1}',
    }


def _affected(answer: Any) -> Any:
    return answer[0]["affectedRows"]


_CONTEXTS: Final = (
    _found("filter", lambda binding: {"note": binding}),
    _found("filter_eq", lambda binding: {"note": {"$eq": binding}}),
    _found("filter_expr", lambda binding: {"$expr": {"$eq": ["$note", binding]}}),
    _regex(),
    _find("in", lambda names: json.dumps({"note": {"$in": [f"{{{{{name}}}}}" for name in names]}})),
    _find(
        "in_list",
        lambda names: '{"note": {"$in": {{v0}}}}',
        takes="text",
        declared={"type": ParameterType.TEXT, "is_list": True},
        joint=True,
    ),
    BindingContext(name="match", action=_matched, takes="leaf", wanted=ids, width=_WIDTH),
    _projected("projected", '"{{%s}}"', _shown, takes="leaf"),
    _projected("inside", '"a{{%s}}z"', lambda value: f"a{value}z"),
    _projected("declared", "{{%s}}", declared={"type": ParameterType.TEXT}),
    _projected(
        "json",
        "{{%s}}",
        takes="json_text",
        declared={"type": ParameterType.JSON},
        given=lambda value: {"text": value},
        wanted=lambda value: {"text": value},
        applies=lambda seed: seed.is_text,
    ),
    BindingContext(name="insert", action=_inserted, takes="leaf", read=len, wanted=len, width=_WIDTH, stores=True),
    BindingContext(
        name="update",
        action=_updated,
        read=_affected,
        wanted=len,
        stores=True,
        applies=lambda seed: seed.is_text and len(seed.value) <= _LONGEST,
    ),
    _found(
        "oid",
        lambda binding: {"_id": {"$oid": binding}},
        takes="oid",
        wanted=lambda values: [],
        plain="507f1f77bcf86cd799439011",
    ),
    BindingContext(
        name="limit",
        action=_limited,
        takes="limit",
        wanted=lambda values: [[number] for number in range(1, min(values[0], 5) + 1)],
        plain=1,
    ),
)
