"""Where values end up: at leaves, as BSON of their type, and never as an operator, a name or a path."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId, Regex
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.errors import Outcome, ParameterInvalid, StatementInvalid
from appsmith_proxy.sdk import Document
from appsmith_proxy_mongodb import operators
from appsmith_proxy_mongodb.command import command
from tests.servers.mongodb_actions import misfit, sent

ID = "65e0a1b2c3d4e5f601234567"
NOON = DatetimeMS(datetime(2024, 2, 29, 12, tzinfo=UTC))
OPERATORS: tuple[Any, ...] = (
    {"$gt": ""},
    {"$ne": None},
    {"$where": "1"},
    {"$oid": ID},
    {"a": {"$gt": ""}},
    {"a": [{"b": {"$gt": ""}}]},
    [{"$gt": ""}],
    {"a.b": 1},
    {"": 1},
    {"a\0": 1},
)
PLACES: tuple[dict[str, Any], ...] = (
    {"filter": {"a": "{{x}}"}},
    {"filter": {"a": {"$eq": "{{x}}"}}},
    {"filter": {"a": {"$in": ["{{x}}"]}}},
    {"filter": {"$or": [{"a": "{{x}}"}]}},
    {"filter": {"$expr": {"$eq": ["$a", "{{x}}"]}}},
    {"operation": "aggregate", "pipeline": [{"$match": {"a": "{{x}}"}}]},
    {"operation": "aggregate", "pipeline": [{"$project": {"a": "{{x}}"}}]},
    {"operation": "insert", "documents": {"a": "{{x}}"}},
    {"operation": "insert", "documents": "{{x}}"},
    {"operation": "update", "update": {"$set": {"a": "{{x}}"}}},
    {"operation": "update", "update": {"$push": {"a": {"$each": ["{{x}}"]}}}},
    {"operation": "update", "update": [{"$set": {"a": "{{x}}"}}]},
    {"operation": "update", "update": {"a": "{{x}}"}},
)


@pytest.mark.parametrize("value", OPERATORS, ids=json.dumps)
@pytest.mark.parametrize("parts", PLACES, ids=json.dumps)
def test_a_value_that_carries_operators_is_refused(parts: dict[str, Any], value: Any) -> None:
    assert misfit(parts, x=value) == ["params.x"]


@pytest.mark.parametrize("name", sorted(name for name in operators.NEVER_IN_A_VALUE if name.startswith("$")))
@pytest.mark.parametrize(
    "parts",
    [
        {"filter": "{{x}}"},
        {"filter": {"a": "{{x}}"}},
        {"filter": {"$and": ["{{x}}"]}},
        {"filter": {"$expr": {"$eq": ["$a", "{{x}}"]}}},
        {"operation": "update", "update": "{{x}}"},
        {"operation": "insert", "documents": "{{x}}"},
        {"operation": "aggregate", "pipeline": [{"$match": "{{x}}"}]},
        {"operation": "aggregate", "pipeline": [{"$addFields": {"a": "{{x}}"}}]},
    ],
    ids=json.dumps,
)
def test_json_may_hold_comparisons_and_no_more(parts: dict[str, Any], name: str) -> None:
    for value in (
        {name: "1"},
        {"a": {name: "1"}},
        {"$and": [{"a": {"$not": {name: "1"}}}]},
        {"a": {"$elemMatch": {name: 1}}},
    ):
        assert set(misfit(parts, {"x": "json"}, x=value)) == {"params.x"}


@pytest.mark.parametrize(
    "value",
    [{"a": {"$gte": 5, "$lt": 9}}, {"$or": [{"a.b": 1}, {"c": {"$in": [1, 2]}}]}, {"a": {"$oid": ID}}, {}],
    ids=json.dumps,
)
def test_declared_json_may_be_a_filter(value: Any) -> None:
    expected = {"a": ObjectId(ID)} if value == {"a": {"$oid": ID}} else value
    assert sent({"filter": "{{x}}"}, {"x": "json"}, x=value).spec["filter"] == expected
    pipeline = sent({"operation": "aggregate", "pipeline": [{"$match": "{{x}}"}]}, {"x": "json"}, x=value).spec[
        "pipeline"
    ]
    assert pipeline == [{"$match": expected}]


def test_declared_json_in_an_update_is_data() -> None:
    parts = {"operation": "update", "update": {"$set": "{{x}}"}, "filter": {"_id": 1}}
    found = sent(parts, {"x": "json"}, x={"a.b": {"$date": "2024-02-29T12:00:00Z"}}).spec["updates"][0]["u"]
    assert found == {"$set": {"a.b": NOON}}
    assert misfit(parts, {"x": "json"}, x={"a": {"$inc": 1}}) == ["params.x"]


@pytest.mark.parametrize(
    ("wrapper", "made"),
    [("$numberInt", 0), ("$numberLong", Int64(0)), ("$numberDouble", 0.0), ("$numberDecimal", Decimal128("0"))],
)
def test_a_number_in_extended_json_shows_or_hides_no_field(wrapper: str, made: Any) -> None:
    """``{"salary": 0}`` in a projection would show every other field."""
    node = {wrapper: "{{x}}"}
    assert sent({"projection": {"salary": node}}, x="0").spec["projection"] == {"salary": {"$literal": made}}
    pipeline = sent({"operation": "aggregate", "pipeline": [{"$project": {"salary": node}}]}, x="0").spec["pipeline"]
    assert pipeline == [{"$project": {"salary": {"$literal": made}}}]


@pytest.mark.parametrize(
    ("wrapper", "value"),
    [
        ({"$uuid": "{{x}}"}, "{12345678-1234-5678-1234-567812345678}"),
        ({"$uuid": "{{x}}"}, "urn:uuid:12345678-1234-5678-1234-567812345678"),
        ({"$uuid": "{{x}}"}, "12345678123456781234567812345678"),
        ({"$timestamp": {"t": "{{x}}", "i": 1}}, True),
        ({"$timestamp": {"t": 1, "i": "{{x}}"}}, False),
        ({"$minKey": "{{x}}"}, True),
    ],
    ids=json.dumps,
)
def test_what_is_nearly_extended_json_is_refused(wrapper: Any, value: Any) -> None:
    assert misfit({"filter": {"a": wrapper}}, x=value) == ["params.x"]


@pytest.mark.parametrize("text", ["$password", "$$ROOT", "$", "$a.b", "{{x}}", "plain"])
def test_a_value_in_an_expression_is_literal(text: str) -> None:
    """A text that begins with a dollar would read another field."""
    literal = {"$literal": text}
    pipeline = [
        {"$match": {"$expr": {"$eq": ["$name", "{{x}}"]}}},
        {
            "$project": {
                "a": "{{x}}",
                "b": {"$concat": ["$name", "{{x}}"]},
                "c": [0, "{{x}}"],
            }
        },
        {"$group": {"_id": "{{x}}", "total": {"$sum": {"$cond": [{"$eq": ["$a", "{{x}}"]}, 1, 0]}}}},
        {"$lookup": {"from": "b", "as": "c", "let": {"v": "{{x}}"}, "pipeline": [{"$match": {"name": "{{x}}"}}]}},
        {"$facet": {"f": [{"$addFields": {"a": "{{x}}"}}]}},
    ]
    spec = sent({"operation": "aggregate", "pipeline": pipeline}, x=text).spec["pipeline"]
    assert spec == [
        {"$match": {"$expr": {"$eq": ["$name", literal]}}},
        {"$project": {"a": literal, "b": {"$concat": ["$name", literal]}, "c": [0, literal]}},
        {"$group": {"_id": literal, "total": {"$sum": {"$cond": [{"$eq": ["$a", literal]}, 1, 0]}}}},
        {"$lookup": {"from": "b", "as": "c", "let": {"v": literal}, "pipeline": [{"$match": {"name": text}}]}},
        {"$facet": {"f": [{"$addFields": {"a": literal}}]}},
    ]
    assert sent({"projection": {"a": "{{x}}"}}, x=text).spec["projection"] == {"a": literal}
    update = sent({"operation": "update", "update": [{"$set": {"a": "{{x}}"}}]}, x=text).spec["updates"][0]["u"]
    assert update == [{"$set": {"a": literal}}]
    joined = sent({"operation": "aggregate", "pipeline": [{"$project": {"a": "{{x}}{{x}}"}}]}, x=text).spec["pipeline"]
    assert joined == [{"$project": {"a": {"$literal": text + text}}}]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("", 5, 5),
        ("", Decimal("1.5"), 1.5),
        ("", "5", "5"),
        ("integer", "5", 5),
        ("bigint", 5, Int64(5)),
        ("decimal", Decimal("1.50"), Decimal128("1.50")),
        ("float", 3, 3.0),
        ("date", "2024-02-29", DatetimeMS(datetime(2024, 2, 29, tzinfo=UTC))),
        ("timestamp", "2024-02-29T12:00", NOON),
        ("timestamptz", "2024-02-29T13:00:00+01:00", NOON),
        ("uuid", "12345678-1234-5678-1234-567812345678", Binary(bytes.fromhex("12345678123456781234567812345678"), 4)),
        ("bytes", "AP8=", b"\0\xff"),
        ("time", "12:00", "12:00"),
        ("boolean", "yes", True),
        ("json", '{"$oid": "65e0a1b2c3d4e5f601234567"}', ObjectId(ID)),
        ("integer[]", [1, 2], [1, 2]),
        ("", None, None),
    ],
)
def test_types_are_exact(kind: str, value: Any, expected: Any) -> None:
    found = sent({"operation": "insert", "documents": {"_id": 1, "x": "{{x}}"}}, {"x": kind} if kind else {}, x=value)
    stored = found.spec["documents"][0]["x"]
    assert stored == expected
    assert type(stored) is type(expected)
    assert bson.encode({"x": stored}) == bson.encode({"x": expected})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("", 2**63),
        ("", Decimal("0.12345678901234567890")),
        ("", Decimal("1e400")),
        ("decimal", Decimal("1." + "1" * 40)),
        ("timestamp", "2024-02-29T12:00:00.123456"),
        ("timestamp", "infinity"),
        ("date", "0044-03-15 BC"),
        ("date", "12024-01-01"),
        ("json", {"$oid": "short"}),
        ("json", {"$code": "x"}),
        ("json", {"$undefined": True}),
    ],
)
def test_what_bson_cannot_hold_exactly_is_refused(kind: str, value: Any) -> None:
    parts = {"operation": "insert", "documents": {"x": "{{x}}"}}
    assert misfit(parts, {"x": kind} if kind else {}, x=value) == ["params.x"]


@pytest.mark.parametrize(
    ("wrapper", "value", "expected"),
    [
        ({"$oid": "{{x}}"}, ID, ObjectId(ID)),
        ({"$date": "{{x}}"}, "2024-02-29T12:00:00Z", NOON),
        ({"$date": "{{x}}"}, 5, DatetimeMS(5)),
        ({"$numberInt": "{{x}}"}, "5", 5),
        ({"$numberLong": "{{x}}"}, 5, Int64(5)),
        ({"$numberDouble": "{{x}}"}, "-Infinity", float("-inf")),
        ({"$numberDecimal": "{{x}}"}, "1.50", Decimal128("1.50")),
        (
            {"$uuid": "{{x}}"},
            "12345678-1234-5678-1234-567812345678",
            Binary(bytes.fromhex("12345678123456781234567812345678"), 4),
        ),
        ({"$binary": {"base64": "{{x}}", "subType": "80"}}, "AA==", Binary(b"\0", 0x80)),
        ({"$oid": "65e0a1b2{{x}}"}, "c3d4e5f601234567", ObjectId(ID)),
        ({"$oid": "{{x}}"}, [ID, ID], [ObjectId(ID), ObjectId(ID)]),
    ],
    ids=str,
)
def test_bindings_in_extended_json_are_typed(wrapper: Any, value: Any, expected: Any) -> None:
    assert sent({"filter": {"_id": wrapper}}, x=value).spec["filter"] == {"_id": expected}
    assert sent({"operation": "insert", "documents": {"_id": wrapper}}, x=value).spec["documents"] == [
        {"_id": expected}
    ]


@pytest.mark.parametrize("value", ["short", "z" * 24, 5, None, {"$gt": ""}, ["x"], True])
def test_what_is_no_object_id_is_named(value: Any) -> None:
    with pytest.raises(ParameterInvalid) as caught:
        sent({"filter": {"_id": {"$oid": "{{id}}"}}}, id=value)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert caught.value.expected == "an ObjectId (24 hexadecimal digits)"
    assert "{{id}}" in caught.value.message
    assert "short" not in str(caught.value)


def test_a_pattern_matches_a_value_literally() -> None:
    parts = {"filter": {"name": {"$regex": "^{{q}}", "$options": "i"}}}
    pattern = sent(parts, q="a.*(b)|c").spec["filter"]["name"]["$regex"]
    assert re.fullmatch(pattern, "a.*(b)|c")
    assert not re.search(pattern, "axx(b)")
    assert sent(parts, {"q": "text*"}, q="a.*").spec["filter"]["name"]["$regex"] == "^a.*"
    wrapped = {"filter": {"name": {"$regularExpression": {"pattern": "{{q}}", "options": "i"}}}}
    assert sent(wrapped, q="a.b").spec["filter"]["name"] == Regex(r"a\.b", re.IGNORECASE)
    assert misfit(parts, q={"$gt": ""}) == []  # its own text, like in any longer text


def test_lists_are_lists() -> None:
    parts = {"filter": {"a": {"$in": "{{ids}}"}}}
    assert sent(parts, ids=[1, "2"]).spec["filter"] == {"a": {"$in": [1, "2"]}}
    assert sent(parts, ids=5).spec["filter"] == {"a": {"$in": [5]}}
    assert sent(parts, ids=[]).spec["filter"] == {"a": {"$in": []}}
    assert sent({"filter": {"a": {"$nin": "{{ids}}"}}}, ids=[]).spec["filter"] == {"a": {"$nin": []}}
    assert misfit({"operation": "delete", "filter": {"a": {"$nin": "{{ids}}"}}}, ids=[]) == ["params.ids"]
    of_ids = sent({"filter": {"_id": {"$in": {"$oid": "{{ids}}"}}}}, ids=[ID]).spec["filter"]
    assert of_ids == {"_id": {"$in": [ObjectId(ID)]}}


@pytest.mark.parametrize(("given_limit", "expected"), [(5, 5), ("5", 5), (0, 0)])
def test_numbers_can_be_bound(given_limit: Any, expected: int) -> None:
    found = sent({"limit": "{{n}}", "skip": "{{n}}", "sort": '{"a": {{d}}}'}, n=given_limit, d=-1).spec
    assert (found["limit"], found["skip"], found["sort"]) == (expected, expected, {"a": -1})


@pytest.mark.parametrize("value", [-1, "x", Decimal("1.5"), True, {"$gt": 1}, [1], 2**70])
def test_what_is_no_number_is_refused(value: Any) -> None:
    assert "params.n" in misfit({"limit": "{{n}}"}, n=value) or value == 2**70
    assert set(misfit({"sort": '{"a": {{n}}}'}, n=value)) == {"params.n"} or value == -1


def test_every_misfit_is_named_at_once() -> None:
    parts = {"filter": {"a": "{{x}}", "b": {"$oid": "{{y}}"}, "c": "{{z}}"}}
    assert misfit(parts, x={"$gt": ""}, y="short", z=1) == ["params.x", "params.y"]


def test_deep_values_are_refused() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    for kind in ({}, {"x": "json"}):
        assert misfit({"filter": {"a": "{{x}}"}}, kind, x=deep) == ["params.x"]


def test_a_forged_document_is_refused() -> None:
    """The driver trusts no document, whoever made it."""
    for fields in (
        {"operation": "find", "collection": "a", "filter": {"$where": "1"}},
        {"operation": "find", "collection": "system.users"},
        {"operation": "dropDatabase"},
        {"operation": "aggregate", "collection": "a", "pipeline": [{"$currentOp": {}}]},
        {},
    ):
        with pytest.raises(StatementInvalid) as caught:
            command(Document(fields=fields))
        assert caught.value.outcome is Outcome.NOT_SENT


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "$gt", "$where", "$oid", "$expr", "a.b", "$or", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(value=JSON)
def test_no_value_changes_the_shape(value: Any) -> None:
    """The operators and names of what is sent are the author's, whatever the value; else it is refused and named."""
    parts = {"filter": {"a": "{{x}}", "b": {"$gt": "{{x}}"}, "$expr": {"$eq": ["$c", "{{x}}"]}}}
    try:
        spec = sent(parts, x=value).spec["filter"]
    except ParameterInvalid:
        return
    plain = sent(parts, x="plain").spec["filter"]
    assert spec.keys() == plain.keys()
    assert list(spec["b"]) == ["$gt"]
    assert spec["$expr"]["$eq"][1].keys() == {"$literal"}
    assert not any(key.startswith("$") for key in _keys(spec["a"]))


def _keys(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [*node, *(key for value in node.values() for key in _keys(value))]
    return [key for value in node for key in _keys(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("argument", ["{{x}}", ["{{x}}", 2], [1, "{{x}}"]], ids=json.dumps)
@pytest.mark.parametrize("value", ["$secret", ["$secret"], [["$secret"]], {"a": 1}, 1.5, True, 2**63, "-", "1e3"])
def test_a_slice_takes_whole_numbers_only(argument: Any, value: Any) -> None:
    for parts in (
        {"projection": {"a": {"$slice": argument}}},
        {"operation": "aggregate", "pipeline": [{"$project": {"a": {"$slice": argument}}}]},
    ):
        assert misfit(parts, x=value) == ["params.x"]


def test_a_slice_counts_from_either_end_and_an_expression_stays_one() -> None:
    assert sent({"projection": {"a": {"$slice": ["{{x}}", "{{y}}"]}}}, x=-5, y="2").spec["projection"] == {
        "a": {"$slice": [-5, 2]}
    }
    sliced = {"operation": "aggregate", "pipeline": [{"$project": {"a": {"$slice": [["{{x}}"], "{{y}}"]}}}]}
    assert sent(sliced, x="$secret", y=1).spec["pipeline"] == [
        {"$project": {"a": {"$slice": [[{"$literal": "$secret"}], {"$literal": 1}]}}}
    ]


CHANGING: tuple[dict[str, Any], ...] = (
    {"operation": "delete", "filter": {"a": "{{x}}"}},
    {"operation": "delete", "filter": {"a": {"$in": ["{{x}}"]}}},
    {"operation": "delete", "filter": {"a": {"$in": "{{x}}"}}},
    {"operation": "delete", "filter": {"a": {"$elemMatch": {"b": "{{x}}"}}}},
    {"operation": "update", "filter": {"a": {"$not": "{{x}}"}}, "update": {"$set": {"b": 1}}},
    {"operation": "update", "filter": {"a": 1}, "update": {"$pull": {"b": "{{x}}"}}},
    {
        "operation": "update",
        "filter": {"a": 1},
        "update": {"$set": {"b.$[each]": 1}},
        "arrayFilters": [{"each": "{{x}}"}],
    },
)


@pytest.mark.parametrize("parts", CHANGING, ids=json.dumps)
@pytest.mark.parametrize(
    "value",
    [{"$ne": None}, {"$gt": ""}, {"$exists": True}, {"$regex": "."}, {"$regularExpression": {"pattern": "."}}],
    ids=json.dumps,
)
def test_no_value_chooses_which_documents_are_changed(parts: dict[str, Any], value: Any) -> None:
    assert misfit(parts, {"x": "json"}, x=value) == ["params.x"]
    assert misfit(parts, {"x": "json"}, x={"$oid": ID}) == [], "what is equal to it may be any value"
