"""What a hostile caller tries against actions on MongoDB: to read another field, and to change other documents."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers import mongodb_datasource
from tests.servers.mongod import MongodServer
from tests.servers.proxy import Proxy


@pytest.fixture
def database(mongod: MongodServer) -> Iterator[str]:
    """A database of its own with two people."""
    name = mongod.fresh_database()
    with mongod.client() as admin:
        admin[name]["people"].insert_many(
            [
                {"_id": 1, "items": ["a", "b", "c"], "salaries": ["canary-1", "canary-2"]},
                {"_id": 2, "items": ["d"], "salaries": ["canary-3"]},
            ]
        )
    yield name
    mongod.drop_database(name)


@pytest.fixture
async def people(proxy: Proxy, mongod: MongodServer, database: str) -> str:
    """A datasource on it."""
    configuration = mongodb_datasource.configuration(mongod, database) | mongodb_datasource.secrets(mongod)
    return await proxy.datasource("mongodb", configuration)


def action(operation: str, **parts: Any) -> dict[str, Any]:
    written = {name: part if isinstance(part, str | bool) else json.dumps(part) for name, part in parts.items()}
    return {"operation": operation, "collection": "people", **written}


@pytest.mark.parametrize(
    "configuration",
    [
        action("find", projection={"_id": 1, "items": {"$slice": ["{{ x }}", 2]}}),
        action("find", projection={"_id": 1, "items": {"$slice": "{{ x }}"}}),
        action("aggregate", pipeline=[{"$project": {"items": {"$slice": ["{{ x }}", 2]}}}]),
        action("aggregate", pipeline=[{"$project": {"items": {"$slice": [["{{ x }}"], 2]}}}]),
        action("aggregate", pipeline=[{"$project": {"items": {"$slice": ["$items", "{{ x }}"]}}}]),
        action("aggregate", pipeline=[{"$group": {"_id": "{{ x }}", "all": {"$push": "{{ x }}"}}}]),
        action("aggregate", pipeline=[{"$replaceRoot": {"newRoot": {"$mergeObjects": ["{{ x }}", {"a": "{{ x }}"}]}}}]),
    ],
    ids=json.dumps,
)
async def test_no_value_reads_another_field(proxy: Proxy, people: str, configuration: dict[str, Any]) -> None:
    made = await proxy.action(people, configuration)
    for value in ("$salaries", ["$salaries"], [["$salaries"]], "$$ROOT.salaries", {"a": "$salaries"}):
        reply = await proxy.viewer.execute(made, {"x": value})
        assert "canary" not in reply.raw.decode(), (value, reply.envelope)


async def test_a_slice_pages_through_a_list(proxy: Proxy, people: str) -> None:
    paged = action("find", filter={"_id": 1}, projection={"_id": 1, "items": {"$slice": ["{{ skip }}", "{{ count }}"]}})
    made = await proxy.action(people, paged)
    reply = await proxy.viewer.execute(made, {"skip": -2, "count": 1})
    assert reply.data["body"][0]["items"] == ["b"]


@pytest.mark.parametrize("value", [{"$ne": None}, {"$exists": True}, {"$regularExpression": {"pattern": "."}}])
async def test_no_value_chooses_what_is_deleted(
    proxy: Proxy, people: str, mongod: MongodServer, database: str, value: Any
) -> None:
    made = await proxy.action(
        people, action("delete", filter={"_id": "{{ id }}"}, many=True), parameters=[{"name": "id", "type": "json"}]
    )
    reply = await proxy.viewer.execute(made, {"id": value})
    assert reply.data["statusCode"] == "ParameterInvalid"
    with mongod.client() as admin:
        assert admin[database]["people"].count_documents({}) == 2
    assert (await proxy.viewer.execute(made, {"id": 1})).data["body"] == [{"affectedRows": 1}]
