"""The MongoDB driver and a real server, as the injection suite needs them, with every place of an action.

==============  ==================================================================================================
read as         contexts (``operators.Kind``)
==============  ==================================================================================================
DATA            filter, filter_eq, range, in, insert, insert_document, insert_json, upsert, replace, update, pull_all
LIST            in_list, all, push_each; of an update's and a delete's filter: array_filters, delete
QUERY, QUERIES  filter_json; the filters of count, distinct, ``$match``, ``$facet``
CONDITION       condition_json
ELEMENT         elem_match, pull
REGEX           regex, regular_expression
EXPRESSION      filter_expr, projected, inside, declared, json, literal, projection, projection_inside, lookup_let,
                group, update_pipeline
NUMBER          limit, skip, count_limit, stage_limit; a signed one: slice
SORT            sort
OPTIONS         text_search; geometry is read by the same lines
wrappers        oid, oid_list, wrapped_date, wrapped_uuid, number_int, number_long, number_double, number_decimal, binary,
                binary_subtype, regular_expression, timestamp_part, min_key
==============  ==================================================================================================

What is read as CONSTANT, SOURCE, TARGET or PIPELINE takes no value: those are the class ``documents`` of the corpus.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Final

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient

from appsmith_proxy.sdk import Driver
from appsmith_proxy.testing import BindingContext, InjectionHarness
from appsmith_proxy_mongodb import MongodbDriver
from tests.corpus.mongodb_contexts import FOUND, SEARCHED, SHOWN, planted
from tests.corpus.mongodb_numbers import NUMBERED, WRAPPED
from tests.corpus.mongodb_writes import WRITTEN
from tests.servers import mongodb_datasource
from tests.servers.mongod import MongodServer

_CANARY: Final = [{"_id": number, "note": f"nobody {does} this"} for number, does in enumerate(("reads", "drops"))]
_LOGGED: Final = 1 << 26
_LENIENT: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    unicode_decode_error_handler="replace", datetime_conversion=DatetimeConversion.DATETIME_MS
)
"""Values are of no interest in the log, and some are cut in their middle there."""


class MongodbInjection(InjectionHarness):
    """One database of the worker's server, planted once."""

    driver_type: ClassVar[type[Driver]] = MongodbDriver
    family = "document"
    server: MongodServer
    database = "corpus"
    _admin: MongoClient[dict[str, Any]]

    def configuration(self) -> dict[str, Any]:
        return mongodb_datasource.configuration(self.server, self.database)

    def secrets(self) -> dict[str, str]:
        return mongodb_datasource.secrets(self.server)

    async def prepare(self) -> None:
        self._admin = self.server.client(appname="harness")
        database = self._admin[self.database]
        database.command("profile", 0)
        if not database["corpus_planted"].estimated_document_count():
            database["corpus_canary"].insert_many(_CANARY)
            database["corpus_one"].insert_one({"_id": 1, "note": "nobody reads this"})
            database["corpus_planted"].insert_many(_PLANTED)
            database["corpus_planted"].create_index("note")
            database["corpus_written"].insert_one({})
            database["corpus_deleted"].create_index("note")
            database["corpus_listed"].insert_one({"_id": 1})
            database["corpus_searched"].insert_one({"_id": 1, "note": SEARCHED})
            database["corpus_searched"].create_index([("note", "text")], default_language="none")
            database["corpus_numbers"].insert_one({"_id": 1, "numbers": [1, 2, 3, 4, 5]})
        database["system.profile"].drop()
        database.create_collection("system.profile", capped=True, size=_LOGGED)
        await self.clear()
        database.command("profile", 2)

    async def release(self) -> None:
        self._admin.close()

    async def clear(self) -> None:
        database = self._admin[self.database]
        database["corpus_written"].delete_many({})
        database["corpus_planted"].update_many({"copy": {"$exists": True}}, {"$unset": {"copy": ""}})
        if database["corpus_deleted"].count_documents({}) != len(_PLANTED):
            database["corpus_deleted"].delete_many({})
            database["corpus_deleted"].insert_many(_PLANTED)
        if database["corpus_listed"].find_one() != _LISTED:
            database["corpus_listed"].replace_one({"_id": 1}, _LISTED)

    async def fixture(self) -> Any:
        database = self._admin[self.database]
        planted_now = database["corpus_planted"].aggregate(
            [{"$group": {"_id": None, "n": {"$sum": 1}, "length": {"$sum": {"$strLenBytes": "$note"}}}}]
        )
        canary = [list(database[name].find()) for name in ("corpus_canary", "corpus_one", "corpus_numbers")]
        names = sorted(database.list_collection_names())
        return [canary, list(planted_now), names, sorted(self._admin.list_database_names())]

    async def stored(self) -> Sequence[Any]:
        """Return what was inserted, copied beside what it equals, marked, and what was removed."""
        database = self._admin[self.database]
        written = list(database["corpus_written"].find())
        copied = database["corpus_planted"].find({"copy": {"$exists": True}})
        left = {document["_id"] for document in database["corpus_deleted"].find({}, {"_id": 1})}
        listed = database["corpus_listed"].find_one() or {}
        return [
            *(one["note"] for one in written if "note" in one and one.get("copy", one["note"]) == one["note"]),
            *(item for one in written for item in one.get("pushed", ())),
            *(one["copy"] for one in copied if one["copy"] == one["note"]),
            *(text for text, number in planted().items() if number not in left),
            *(planted().keys() - set(listed["texts"])),
            *(one["note"] for one in listed["notes"] if one["copy"]),
        ]

    async def sent(self) -> Collection[str]:
        """Return the shapes of the commands on the corpus, as the server's profiler has them."""
        profile = self._admin[self.database].get_collection("system.profile", codec_options=_LENIENT)
        wanted = {
            "command": {"$exists": True},
            "command.$truncated": {"$exists": False},
            "appName": {"$ne": "harness"},
        }
        commands = [entry["command"] for entry in profile.find(wanted)]
        return {shape(command) for command in commands if "getMore" not in command}

    @classmethod
    def contexts(cls) -> Sequence[BindingContext]:
        return (*FOUND, *SHOWN, *WRITTEN, *NUMBERED, *WRAPPED)


def shape(node: Any, key: str = "") -> str:
    """Return what no value may change of a command: every name and operator, without the values at the leaves."""
    if isinstance(node, dict):
        if key in _VALUES_BELOW and not any(name.startswith("$") for name in node):
            return "value"
        kept = (f"{name}: {shape(value, name)}" for name, value in node.items() if name not in _OF_THE_SESSION)
        return f"{{{', '.join(kept)}}}"
    if isinstance(node, list):
        items = {shape(item, key) for item in node}
        return "value" if key in _VALUES_BELOW and items <= {"value"} else f"[{', '.join(sorted(items))}]"
    return "value"


_PLANTED: Final = [{"_id": number, "note": text} for text, number in planted().items()]
_LISTED: Final[Mapping[str, Any]] = {
    "_id": 1,
    "texts": list(planted()),
    "notes": [{"note": text, "copy": False} for text in planted()],
}
"""The one document of ``corpus_listed``."""
_VALUES_BELOW: Final = frozenset({"$all", "$each", "$gte", "$lte", "note", "copy", "$literal", "$in", "$eq", "_id"})
_OF_THE_SESSION: Final = frozenset({"lsid", "$clusterTime", "$db", "maxTimeMS", "$readPreference", "txnNumber"})
