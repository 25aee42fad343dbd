"""What is refused when an action is saved, with its place; and which actions write."""

import json
from typing import Any

import pytest

from appsmith_proxy_mongodb import operators
from tests.servers.mongodb_actions import compiled, plan_of, refusals

FILTER: tuple[tuple[Any, list[str]], ...] = (
    ({"$where": "this.a == 1"}, ["filter.$where"]),
    ({"a": {"$where": "1"}}, ["filter.a.$where"]),
    ({"$or": [{"a": 1}, {"$where": "1"}]}, ["filter.$or[1].$where"]),
    ({"a": {"$not": {"$where": "1"}}}, ["filter.a.$not.$where"]),
    ({"a": {"$elemMatch": {"$where": "1"}}}, ["filter.a.$elemMatch.$where"]),
    ({"$expr": {"$function": {"body": "x", "args": [], "lang": "js"}}}, ["filter.$expr.$function"]),
    ({"$expr": {"$eq": ["$a", {"$accumulator": {}}]}}, ["filter.$expr.$eq[1].$accumulator"]),
    ({"$jsonSchema": {"properties": {"a": "{{x}}"}}}, ["filter.$jsonSchema.properties.a"]),
    ({"$expr": {"$getField": "{{x}}"}}, ["filter.$expr.$getField"]),
    ({"$expr": {"$getField": {"field": "{{x}}", "input": "$$ROOT"}}}, ["filter.$expr.$getField.field"]),
    ({"$expr": {"$eq": ["$a.{{x}}", 1]}}, ["filter.$expr.$eq[0]"]),
    ({"$unknown": 1}, ["filter.$unknown"]),
    ({"a": {"$unknown": 1}}, ["filter.a.$unknown"]),
    ({"a": {"$gt": 1, "b": 2}}, ["filter.a.b"]),
    ({"a": {"b": {"$gt": 1}}}, ["filter.a.b.$gt"]),
    ({"$and": {"a": 1}}, ["filter.$and"]),
    ({"$and": ["{{x}}"]}, ["filter.$and[0]"]),
    ({"a": {"$in": 5}}, ["filter.a.$in"]),
    ({"a": {"$oid": "short"}}, ["filter.a"]),
    ({"a": {"$date": "yesterday"}}, ["filter.a"]),
    ({"a": {"$code": "x"}}, ["filter.a.$code"]),
    ({"a": 2**63}, ["filter.a"]),
    ({"a": {"$elemMatch": "{{x}}"}}, ["filter.a.$elemMatch"]),
    ({"a": {"$regex": 5}}, ["filter.a.$regex"]),
    ({"a": {"$regex": "a", "$options": "{{x}}"}}, ["filter.a.$options"]),
    ({"a": {"$geoWithin": {"$where": "1"}}}, ["filter.a.$geoWithin.$where"]),
    ([], ["filter"]),
    ("{{x}}", ["filter"]),
)
STAGES: tuple[tuple[Any, list[str]], ...] = (
    ({"$match": {"$where": "1"}}, ["[0].$match.$where"]),
    ({"$project": {"a": {"$function": {}}}}, ["[0].$project.a.$function"]),
    ({"$group": {"_id": None, "a": {"$accumulator": {}}}}, ["[0].$group.a.$accumulator"]),
    ({"$currentOp": {}}, ["[0].$currentOp"]),
    ({"$listSessions": {}}, ["[0].$listSessions"]),
    ({"$collStats": {}}, ["[0].$collStats"]),
    ({"$changeStream": {}}, ["[0].$changeStream"]),
    ({"$documents": []}, ["[0].$documents"]),
    ({"$unwind": "{{x}}"}, ["[0].$unwind"]),
    ({"$count": "{{x}}"}, ["[0].$count"]),
    ({"$unset": ["{{x}}"]}, ["[0].$unset[0]"]),
    ({"$lookup": {"from": "{{x}}", "as": "a"}}, ["[0].$lookup.from"]),
    ({"$lookup": {"from": {"db": "other", "coll": "a"}, "as": "a"}}, ["[0].$lookup.from"]),
    ({"$lookup": {"from": "system.users", "as": "a"}}, ["[0].$lookup.from"]),
    ({"$lookup": {"from": "a", "localField": "{{x}}", "foreignField": "b", "as": "a"}}, ["[0].$lookup.localField"]),
    ({"$lookup": {"from": "a", "as": "a", "pipeline": [{"$out": "b"}]}}, ["[0].$lookup.pipeline[0].$out"]),
    ({"$lookup": {"from": "a", "as": "a", "pipeline": "{{x}}"}}, ["[0].$lookup.pipeline"]),
    ({"$lookup": {"from": "a", "as": "a", "db": "b"}}, ["[0].$lookup.db"]),
    ({"$unionWith": "{{x}}"}, ["[0].$unionWith"]),
    ({"$unionWith": {"coll": "{{x}}"}}, ["[0].$unionWith.coll"]),
    (
        {"$unionWith": {"coll": "a", "pipeline": [{"$match": {"$where": "1"}}]}},
        ["[0].$unionWith.pipeline[0].$match.$where"],
    ),
    ({"$graphLookup": {"from": "a", "connectToField": "{{x}}"}}, ["[0].$graphLookup.connectToField"]),
    ({"$facet": {"a": [{"$merge": "b"}]}}, ["[0].$facet.a[0].$merge"]),
    ({"$out": {"db": "other", "coll": "b"}}, ["[0].$out"]),
    ({"$out": "{{x}}"}, ["[0].$out", "[0].$out"]),
    ({"$merge": {"into": {"db": "other", "coll": "b"}}}, ["[0].$merge"]),
    ({"$merge": {"into": "{{x}}"}}, ["[0].$merge", "[0].$merge.into"]),
    ({"$sort": {"a": {"$where": 1}}}, ["[0].$sort.a.$where"]),
    ({"$sort": "{{x}}"}, ["[0].$sort"]),
    ({"$limit": -1}, ["[0].$limit"]),
    ({"$limit": "ten"}, ["[0].$limit"]),
    ({"$match": {}, "$limit": 1}, ["[0]"]),
    ({}, ["[0]"]),
    ("{{x}}", ["[0]"]),
)
UPDATES: tuple[tuple[Any, list[str]], ...] = (
    ("{{x}}", ["update"]),
    ({"$set": "{{x}}"}, ["update.$set"]),
    ({"$set": {"a": {"$gt": 1}}}, ["update.$set.a.$gt"]),
    ({"$rename": {"a": "{{x}}"}}, ["update.$rename.a"]),
    ({"$unset": {"a": "{{x}}"}}, ["update.$unset.a"]),
    ({"$unknown": {"a": 1}}, ["update.$unknown"]),
    ({"$set": {"a": 1}, "b": 2}, ["update.b"]),
    ({"$push": {"a": {"$each": [1], "$unknown": 1}}}, ["update.$push.a.$unknown"]),
    ({"$pull": {"a": {"$where": "1"}}}, ["update.$pull.a.$where"]),
    ([{"$match": {}}], ["update[0].$match"]),
    ([{"$out": "b"}], ["update[0].$out"]),
    ([{"$set": {"a": {"$function": {}}}}], ["update[0].$set.a.$function"]),
    ({}, ["update"]),
    (5, ["update"]),
)


@pytest.mark.parametrize(("tree", "paths"), FILTER, ids=lambda case: json.dumps(case)[:60])
def test_filters_are_refused(tree: Any, paths: list[str]) -> None:
    assert refusals({"filter": tree}) == paths


@pytest.mark.parametrize(("stage", "paths"), STAGES, ids=lambda case: json.dumps(case)[:60])
def test_stages_are_refused(stage: Any, paths: list[str]) -> None:
    assert refusals({"operation": "aggregate", "pipeline": [stage]}) == [f"pipeline{path}" for path in paths]


@pytest.mark.parametrize(("update", "paths"), UPDATES, ids=lambda case: json.dumps(case)[:60])
def test_updates_are_refused(update: Any, paths: list[str]) -> None:
    assert refusals({"operation": "update", "update": update, "filter": {"a": 1}}) == paths


@pytest.mark.parametrize(
    ("parts", "paths"),
    [
        ({"collection": "system.users"}, ["collection"]),
        ({"collection": "$cmd"}, ["collection"]),
        ({"collection": "a\0b"}, ["collection"]),
        ({"operation": "mapReduce"}, ["operation"]),
        ({"operation": "distinct", "key": "$where"}, ["key"]),
        ({"operation": "insert", "documents": [{"a": {"$set": 1}}]}, ["documents[0].a.$set"]),
        ({"operation": "insert", "documents": 5}, ["documents"]),
        ({"operation": "insert", "documents": []}, ["documents"]),
        ({"operation": "aggregate", "pipeline": "{{x}}"}, ["pipeline"]),
        ({"operation": "aggregate", "pipeline": [{"$out": "a"}, {"$limit": 1}]}, ["pipeline[0].$out"]),
        ({"sort": {"a": 2}}, ["sort.a"]),
        ({"projection": {"a": {"$where": "1"}}}, ["projection.a.$where"]),
        ({"projection": "{{x}}"}, ["projection"]),
        ({"hint": {"a": "{{x}}"}}, ["hint.a"]),
        ({"hint": 5}, ["hint"]),
        ({"collation": "de"}, ["collation"]),
        ({"limit": -5}, ["limit"]),
        ({"operation": "update", "update": {"a": 1}, "many": True}, ["update"]),
        ({"operation": "update", "update": {"$set": {"a": 1}}, "arrayFilters": {"a": 1}}, ["arrayFilters"]),
        (
            {"operation": "update", "update": {"$set": {"a": 1}}, "arrayFilters": [{"$where": "1"}]},
            ["arrayFilters[0].$where"],
        ),
        ({"operation": "delete", "filter": {"$or": ["{{x}}"]}}, ["filter.$or[0]"]),
    ],
    ids=str,
)
def test_the_other_parts_are_refused(parts: dict[str, Any], paths: list[str]) -> None:
    assert refusals(parts) == paths


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_a_value_never_chooses_what_is_changed(operation: str) -> None:
    """Not even one that is declared as JSON."""
    parts = (
        {"operation": operation, "update": {"$set": {"a": 1}}} if operation == "update" else {"operation": operation}
    )
    for tree in ("{{x}}", {"$and": ["{{x}}"]}, {"a": {"$elemMatch": "{{x}}"}}):
        assert len(refusals(parts | {"filter": tree}, {"x": "json"})) == 1
    assert refusals(parts | {"filter": {"a": "{{x}}"}}, {"x": "json"}) == []


def test_every_denied_name_is_refused_with_its_reason() -> None:
    for name, why in operators.DENIED.items():
        if not name.startswith("$"):
            continue
        for parts in (
            {"filter": {name: 1}},
            {"filter": {"a": {name: 1}}},
            {"filter": {"$expr": {name: 1}}},
            {"hint": {name: 1}},
            {"operation": "aggregate", "pipeline": [{name: 1}]},
            {"operation": "update", "update": {name: {"a": 1}}},
        ):
            found = compiled(parts).problems
            assert len(found) == 1
            assert why in found[0].message


def test_a_problem_has_its_line_and_column() -> None:
    text = '{\n  "name": "{{name}}",\n  "$where": "1"\n}'
    problem = compiled({"filter": text}).problems[0]
    assert (problem.path, problem.line, problem.column) == ("configuration.filter.$where", 3, 3)


@pytest.mark.parametrize(
    ("parts", "writes"),
    [
        ({}, False),
        ({"operation": "count"}, False),
        ({"operation": "distinct", "key": "a"}, False),
        ({"operation": "aggregate", "pipeline": [{"$match": {}}]}, False),
        ({"operation": "aggregate", "pipeline": [{"$match": {}}, {"$out": "b"}]}, True),
        ({"operation": "aggregate", "pipeline": [{"$merge": {"into": "b"}}]}, True),
        ({"operation": "insert", "documents": {"a": 1}}, True),
        ({"operation": "update", "update": {"$set": {"a": 1}}}, True),
        ({"operation": "delete"}, True),
    ],
    ids=str,
)
def test_what_writes_is_known_and_cannot_be_read_only(parts: dict[str, Any], writes: bool) -> None:
    plan = plan_of(parts)
    assert (plan.writes, plan.read_only) == (writes, not writes)
    assert [problem.path for problem in compiled(parts, read_only=True).problems] == (["readOnly"] if writes else [])
