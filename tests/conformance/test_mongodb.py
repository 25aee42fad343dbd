"""The MongoDB driver passes every mandatory suite, against a real server."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson
import pytest

from appsmith_proxy.sdk import ColumnType, Document, EncodedRows, Leaf, ParameterType
from appsmith_proxy.testing import Call, Conformance, Harness, Part, Rig, ValueCase
from appsmith_proxy_mongodb import MongodbDriver
from tests.conformance import mongodb_values
from tests.servers import mongodb_datasource
from tests.servers.mongod import MongodServer

_NUMBERS = 1_000
_LARGE = 600


class MongodbHarness(Harness):
    """One database of the worker's server, its fixture emptied for each test."""

    driver_type = MongodbDriver
    absent: ClassVar[Mapping[Part, str]] = {
        Part.LOG: "a command is a document: there is no text in which a value could stand",
        Part.STATE: "commands leave no state in a session of MongoDB: each carries its own options",
        Part.DUPLICATES: "the fields of a document have different names",
        Part.MISFIT: "a document has no numbered placeholders: the error names the binding (tests/unit/mongodb)",
        Part.SECRET_ECHO: "after the login the server never mentions the password again",
    }
    server: MongodServer
    database = "conformance"

    def configuration(self) -> dict[str, Any]:
        return mongodb_datasource.configuration(self.server, self.database)

    async def prepare(self) -> None:
        with self.server.client() as admin:
            database = admin[self.database]
            database["kit_rows"].drop()
            if database["kit_large"].estimated_document_count() != _LARGE:
                admin.drop_database(self.database)
                database["kit_one"].insert_one({"_id": 1})
                database["kit_numbers"].insert_many([{"_id": number} for number in range(1, _NUMBERS + 1)])
                database["kit_large"].insert_many([{"_id": number, "x": "x" * 900} for number in range(_LARGE)])
                stored = [{"_id": name, "x": value} for name, value, _ in mongodb_values.STORED]
                database["kit_values"].insert_many(stored)

    def echo(self, text: str, *, place: str = "value") -> Call:
        return bound(text, ParameterType.TEXT)

    def value_cases(self) -> Sequence[ValueCase]:
        return [
            *(
                ValueCase(
                    name=name,
                    call=find("kit_values", filter={"_id": name}, projection={"_id": 0, "x": 1}),
                    expected=shown.encode(),
                    type=ColumnType.JSON,
                )
                for name, _, shown in mongodb_values.STORED
            ),
            *(
                ValueCase(
                    name=f"{declared} {value!r}",
                    call=bound(value, declared),
                    expected=shown.encode(),
                    type=ColumnType.JSON,
                )
                for declared, value, shown in mongodb_values.BOUND
            ),
        ]

    def endpoint(self) -> tuple[str, int]:
        return self.server.host, self.server.port

    def configuration_at(self, host: str, port: int) -> dict[str, Any]:
        return mongodb_datasource.configuration(self.server, self.database, host=host, port=port)

    def many_rows(self, count: int) -> Call:
        most = Leaf(name="n", type=ParameterType.INTEGER, value=count)
        return find("kit_numbers", filter={"_id": {"$lte": most}}, sort={"_id": 1})

    def large(self, size: int) -> Call:
        return find("kit_large", limit=Leaf(name="n", type=ParameterType.INTEGER, value=size // 900 + 1))

    def slow(self, seconds: float) -> Call:
        """Real work, which a cancel must end: more documents than any server makes in the time."""
        numbers: dict[str, Any] = {"$range": [0, 10_000]}
        pipeline = [
            {"$project": {"a": numbers}},
            {"$unwind": "$a"},
            {"$project": {"b": numbers}},
            {"$unwind": "$b"},
            {"$limit": int(seconds * 10_000_000)},
            {"$group": {"_id": None, "most": {"$max": "$b"}}},
        ]
        return Call(payload=Document(fields={"operation": "aggregate", "collection": "kit_one", "pipeline": pipeline}))

    async def activity(self) -> int:
        with self.server.client() as admin:
            running = admin.admin.aggregate([{"$currentOp": {"allUsers": True}}])
            return sum("$unwind" in str(one.get("command", {}).get("pipeline")) for one in running if one["active"])

    def write(self, rows: int = 1) -> Call:
        documents = [{"note": Leaf(name="note", value="note")} for _ in range(rows)]
        return Call(payload=Document(fields={"operation": "insert", "collection": "kit_rows", "documents": documents}))

    def count(self) -> Call:
        return Call(payload=Document(fields={"operation": "count", "collection": "kit_rows"}))

    def refused(self) -> Call:
        return find("kit_one", hint="kit_marker")

    def secrets(self) -> dict[str, str]:
        return mongodb_datasource.secrets(self.server)

    def wrong_secrets(self) -> dict[str, str]:
        return {"password": "not the sentinel/0815+ß"}


class TestMongodb(Conformance):
    """The whole kit, without TLS, so that the relay can cut where it likes."""

    harness_type = MongodbHarness

    @pytest.fixture
    def harness(self, mongod: MongodServer) -> Harness:
        harness = self.harness_type()
        harness.server = mongod
        return harness

    async def test_later_batches_are_read_as_the_first(self, rig: Rig) -> None:
        client = await rig.open()
        result = await rig.execute(client, rig.harness.many_rows(_NUMBERS))
        assert isinstance(result.rows, EncodedRows)
        assert [orjson.loads(text) for text in result.rows.texts] == [{"_id": n} for n in range(1, _NUMBERS + 1)]


def find(collection: str, **fields: Any) -> Call:

    return Call(payload=Document(fields={"operation": "find", "collection": collection, **fields}))


def bound(value: Any, declared: ParameterType | None) -> Call:
    """Return a read that answers a bound value."""
    leaf = Leaf(name="x", type=declared, value=value)
    pipeline = [{"$project": {"_id": 0, "x": leaf}}]
    return Call(payload=Document(fields={"operation": "aggregate", "collection": "kit_one", "pipeline": pipeline}))
