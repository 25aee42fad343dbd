"""A stored action runs against a real MongoDB, and its caller never sees how; the driver's page does what it says."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from bson import Decimal128, Int64, ObjectId, json_util

from tests.servers import mongodb_datasource
from tests.servers.mongod import MongodServer
from tests.servers.proxy import Proxy

PAGE: Final = Path(__file__).parents[2] / "docs/drivers/mongodb.md"
BLOCK: Final = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ONE: Final = ObjectId("65e0a1b2c3d4e5f601234567")
ORDERS: Final[tuple[dict[str, Any], ...]] = (
    {"_id": ONE, "customer": "alice@shop.example", "total": Decimal128("12.50"), "secret": "canary"},
    {"_id": ObjectId(), "customer": "bob@shop.example", "total": Decimal128("0.10"), "number": Int64(2**53 + 1)},
    {"_id": ObjectId(), "customer": "$secret", "total": Decimal128("99999999.99")},
)


@pytest.fixture
def database(mongod: MongodServer) -> Iterator[str]:
    """A database of its own with orders."""
    name = mongod.fresh_database()
    with mongod.client() as admin:
        admin[name]["orders"].insert_many(list(ORDERS))
        admin[name]["orders"].create_index("customer", unique=True)
    yield name
    mongod.drop_database(name)


@pytest.fixture
async def shop(proxy: Proxy, mongod: MongodServer, database: str) -> str:
    """A datasource on it."""
    return await datasource(proxy, mongod, database)


async def datasource(proxy: Proxy, mongod: MongodServer, database: str, **fields: Any) -> str:
    configuration = mongodb_datasource.configuration(mongod, database, **fields) | mongodb_datasource.secrets(mongod)
    return await proxy.datasource("mongodb", configuration)


def action(operation: str, collection: str = "orders", **parts: Any) -> dict[str, Any]:
    written = {name: part if isinstance(part, str | bool) else json.dumps(part) for name, part in parts.items()}
    return {"operation": operation, "collection": collection, **written}


async def test_the_examples_of_the_page_do_what_they_say(proxy: Proxy, mongod: MongodServer) -> None:
    documents, *examples = BLOCK.findall(PAGE.read_text())
    assert len(examples) == 6
    name = mongod.fresh_database()
    with mongod.client() as admin:
        admin[name]["orders"].insert_many(json_util.loads(documents))
    shop = await datasource(proxy, mongod, name)
    for number, example in enumerate(map(json.loads, examples)):
        made = await proxy.action(
            shop, example["configuration"], name=f"example {number}", parameters=example.get("parameters", [])
        )
        answer = await proxy.viewer.execute(made, example["params"])
        assert answer.data["body"] == example["body"], example
    mongod.drop_database(name)


async def test_a_lookup_answers_exact_values(proxy: Proxy, shop: str) -> None:
    found = action("find", filter={"customer": "{{ who }}"}, projection={"_id": 0, "secret": 0})
    made = await proxy.action(shop, found)
    reply = await proxy.viewer.execute(made, {"who": "bob@shop.example"})
    assert (reply.status, reply.data["isExecutionSuccess"]) == (200, True)
    assert reply.data["body"] == [
        {
            "customer": "bob@shop.example",
            "total": {"$numberDecimal": "0.10"},
            "number": {"$numberLong": "9007199254740993"},
        }
    ]
    assert [column["name"] for column in reply.data["columns"]] == ["customer", "total", "number"]
    assert reply.data["request"] is None
    editor = await proxy.developer.execute(made, {"who": "bob@shop.example"})
    assert '"customer":"bob@shop.example"' in editor.data["request"]["query"]


async def test_both_wire_forms_answer_the_same(proxy: Proxy, shop: str) -> None:
    made = await proxy.action(shop, action("find", filter={"_id": {"$oid": "{{ id }}"}}))
    as_json = await proxy.viewer.execute(made, {"id": str(ONE)})
    as_form = await proxy.viewer.execute_form(made, {"id": (str(ONE), "string")})
    assert as_json.data["body"] == as_form.data["body"] != []


@pytest.mark.parametrize(
    "value", [{"$gt": ""}, {"$ne": None}, [{"$gt": ""}], {"a": {"$where": "1"}}, {"$oid": str(ONE)}]
)
async def test_operators_from_a_caller_are_refused(proxy: Proxy, shop: str, value: Any) -> None:
    made = await proxy.action(shop, action("find", filter={"customer": "{{ who }}"}))
    reply = await proxy.viewer.execute(made, {"who": value})
    assert (reply.status, reply.data["statusCode"]) == (200, "ParameterInvalid")
    assert "canary" not in reply.raw.decode()
    told = await proxy.developer.execute(made, {"who": value})
    assert "{{who}}" in told.raw.decode()


async def test_a_caller_cannot_read_another_field(proxy: Proxy, shop: str) -> None:
    pipeline = [{"$match": {"_id": {"$oid": str(ONE)}}}, {"$project": {"_id": 0, "shown": "{{ x }}"}}]
    made = await proxy.action(shop, action("aggregate", pipeline=pipeline))
    reply = await proxy.viewer.execute(made, {"x": "$secret"})
    assert reply.data["body"] == [{"shown": "$secret"}]
    compare = action("find", filter={"$expr": {"$eq": ["$customer", "{{ x }}"]}}, projection={"_id": 0, "customer": 1})
    found = await proxy.viewer.execute(await proxy.action(shop, compare), {"x": "$secret"})
    assert found.data["body"] == [{"customer": "$secret"}]


async def test_a_trusted_name_cannot_be_forged(proxy: Proxy, shop: str) -> None:
    found = action("find", filter={"customer": "{{ appsmith.user.email }}"}, projection={"customer": 1, "_id": 0})
    made = await proxy.action(shop, found)
    for forged in ("bob@shop.example", {"$ne": None}):
        reply = await proxy.viewer.execute(made, {"appsmith.user.email": forged})
        assert reply.data["body"] == [{"customer": "alice@shop.example"}]


async def test_writes_count_and_a_limit_rolls_back(
    proxy: Proxy, shop: str, mongod: MongodServer, database: str
) -> None:
    update = action(
        "update", filter={"total": {"$lt": "{{ below }}"}}, update={"$set": {"seen": "{{ when }}"}}, many=True
    )
    types = [{"name": "below", "type": "decimal"}, {"name": "when", "type": "timestamptz"}]
    free = await proxy.action(shop, update, name="free", parameters=types)
    bounded = await proxy.action(shop, update, name="bounded", parameters=types, maxAffectedRows=1)
    moment = "2026-02-03T04:05:06.789Z"
    assert (await proxy.viewer.execute(free, {"below": 50, "when": moment})).data["body"] == [{"affectedRows": 2}]
    reply = await proxy.viewer.execute(bounded, {"below": 1000000000, "when": "2027-01-01T00:00:00Z"})
    assert (reply.status, reply.data["statusCode"]) == (200, "AffectedLimitExceeded")
    with mongod.client() as admin:
        seen = [one.get("seen") for one in admin[database]["orders"].find(sort=[("total", 1)])]
    assert [one and one.isoformat() for one in seen] == ["2026-02-03T04:05:06.789000"] * 2 + [None]


async def test_an_insert_and_its_conflict(proxy: Proxy, shop: str, mongod: MongodServer, database: str) -> None:
    insert = action("insert", documents={"customer": "{{ who }}", "total": "{{ total }}", "extra": "{{ extra }}"})
    made = await proxy.action(
        shop,
        insert,
        parameters=[{"name": "total", "type": "decimal"}],
        userMessages={"customer_1": "There is such a customer already."},
    )
    values = {"who": "canary'}); db.dropDatabase(); //", "total": "1.50", "extra": {"a": [1, {"b": None}]}}
    reply = await proxy.viewer.execute(made, values)
    (row,) = reply.data["body"]
    again = await proxy.viewer.execute(made, values)
    assert again.data["statusCode"] == "ConstraintViolated"
    assert "There is such a customer already." in again.raw.decode()
    assert "canary" not in again.raw.decode()
    with mongod.client() as admin:
        stored = admin[database]["orders"].find_one({"_id": ObjectId(row["_id"]["$oid"])})
    assert stored is not None
    assert (stored["customer"], stored["total"], stored["extra"]) == (
        values["who"],
        Decimal128("1.50"),
        values["extra"],
    )


async def test_upsert_replace_delete_distinct_and_count(proxy: Proxy, shop: str) -> None:
    new = str(ObjectId())
    upsert = action("update", filter={"_id": {"$oid": "{{id}}"}}, update={"customer": "{{who}}"}, upsert=True)
    made = await proxy.action(shop, upsert, name="upsert")
    assert (await proxy.viewer.execute(made, {"id": new, "who": "carol"})).data["body"] == [{"affectedRows": 1}]
    distinct = await proxy.action(shop, action("distinct", key="customer", filter={"total": None}), name="distinct")
    assert (await proxy.viewer.execute(distinct)).data["body"] == [{"value": "carol"}]
    gone = await proxy.action(shop, action("delete", filter={"_id": {"$oid": "{{id}}"}}), name="delete")
    assert (await proxy.viewer.execute(gone, {"id": new})).data["body"] == [{"affectedRows": 1}]
    assert (await proxy.viewer.execute(gone, {"id": new})).data["body"] == [{"affectedRows": 0}]
    count = await proxy.action(shop, action("count"), name="count")
    assert (await proxy.viewer.execute(count)).data["body"] == [{"count": 3}]


async def test_an_action_that_is_refused_says_where(proxy: Proxy, shop: str) -> None:
    reply = await proxy.developer.call(
        "POST",
        "/actions",
        {
            "applicationId": proxy.application_id,
            "datasourceId": shop,
            "name": "wrong",
            "configuration": action("find", filter='{"a": 1,\n "$where": "sleep(1)"}'),
        },
    )
    assert reply.status == 400
    assert '"path":"configuration.filter.$where"' in reply.raw.decode()
    assert '"line":2,"column":2' in reply.raw.decode()


async def test_a_pipeline_that_writes_is_no_read(proxy: Proxy, shop: str, mongod: MongodServer, database: str) -> None:
    out = action("aggregate", pipeline=[{"$match": {"total": {"$gt": "{{x}}"}}}, {"$out": "copied"}])
    body = {"applicationId": proxy.application_id, "datasourceId": shop, "name": "out", "configuration": out}
    refused = await proxy.developer.call("POST", "/actions", body | {"readOnly": True})
    assert refused.status == 400
    made = await proxy.action(shop, out, parameters=[{"name": "x", "type": "decimal"}])
    reply = await proxy.viewer.execute(made, {"x": "1"})
    assert reply.data["isExecutionSuccess"], reply.raw
    with mongod.client() as admin:
        assert admin[database]["copied"].count_documents({}) == 2


async def test_the_structure_gives_starters_that_can_be_saved(proxy: Proxy, shop: str) -> None:
    reply = await proxy.developer.call("GET", f"/datasources/{shop}/structure")
    (table,) = reply.data["tables"]
    assert table["name"] == "orders"
    assert {column["name"]: column["type"] for column in table["columns"]} == {
        "_id": "objectId",
        "customer": "string",
        "total": "decimal",
        "secret": "string",
        "number": "long",
    }
    assert {key["name"]: key["columns"] for key in table["keys"]} == {"_id_": ["_id"], "customer_1": ["customer"]}
    for number, template in enumerate(table["templates"]):
        made = await proxy.action(shop, json.loads(template["body"]), name=f"starter {number}")
        answer = await proxy.viewer.execute(made, {"id": str(ONE), "value": f"someone {number}"})
        assert answer.data["isExecutionSuccess"], template["title"]


async def test_the_connection_test_tells_the_server_and_what_is_risky(proxy: Proxy, shop: str) -> None:
    reply = await proxy.developer.call("POST", f"/datasources/{shop}/test")
    assert reply.status == 200
    assert "MongoDB 6" in reply.raw.decode()
    assert "role root" in reply.raw.decode()


async def test_who_goes_away_ends_the_read_at_the_server(proxy: Proxy, shop: str, mongod: MongodServer) -> None:
    numbers: dict[str, Any] = {"$range": [0, 10_000]}
    endless = [{"$project": {"a": numbers}}, {"$unwind": "$a"}, {"$project": {"b": numbers}}, {"$unwind": "$b"}]
    pipeline = [*endless, {"$group": {"_id": None, "most": {"$max": "$b"}}}]
    made = await proxy.action(shop, action("aggregate", pipeline=pipeline), timeoutMs=30_000)
    running = asyncio.create_task(proxy.viewer.execute(made))

    def busy() -> int:
        with mongod.client() as admin:
            operations = admin.admin.aggregate([{"$currentOp": {"allUsers": True}}])
            return sum("$unwind" in str(one.get("command", {}).get("pipeline")) for one in operations if one["active"])

    async with asyncio.timeout(10):
        while not await asyncio.to_thread(busy):
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.wait([running])
    async with asyncio.timeout(2):
        while await asyncio.to_thread(busy):
            await asyncio.sleep(0.02)
