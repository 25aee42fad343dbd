"""Merge patches as RFC 7396 has them, and configurations taken apart into plain fields and secrets."""

import copy
from typing import Any

import pytest

from appsmith_proxy.catalog.configuration import kept_secrets, take_apart
from appsmith_proxy.catalog.merge import merge_patch
from appsmith_proxy.sdk import Field, FieldType

FIELDS = (
    Field(name="host", type=FieldType.HOST, label="Host"),
    Field(name="password", type=FieldType.TEXT, label="Password", secret=True, max_length=20),
    Field(name="headers", type=FieldType.MAP, label="Headers", secret=True, max_length=20),
)


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        # the examples of RFC 7396, appendix A, whose documents are objects
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": 1}, {"a": {"b": None, "c": 2}}, {"a": {"c": 2}}),
    ],
)
def test_a_patch_is_merged(target: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    before = copy.deepcopy((target, patch))
    assert merge_patch(target, patch) == expected
    assert (target, patch) == before, "neither is changed"


def test_plain_fields_and_secrets_are_told_apart() -> None:
    taken = take_apart(FIELDS, {"host": "h", "other": 1, "password": "pw", "headers": {"X-One": "1", "X-Two": None}})
    assert taken.plain == {"host": "h", "other": 1}
    assert taken.given == {"password": "pw", "headers.X-One": "1"}
    assert taken.removed == {"headers.X-Two"}
    assert taken.problems == ()


@pytest.mark.parametrize(
    ("configuration", "kept"),
    [
        ({}, {"password", "headers.X-One", "headers.X-Two"}),
        ({"password": None}, {"headers.X-One", "headers.X-Two"}),
        ({"password": "new"}, {"headers.X-One", "headers.X-Two"}),
        ({"headers": None}, {"password"}),
        ({"headers": {"X-One": None, "X-Two": "2"}}, {"password"}),
        ({"headers": {}}, {"password", "headers.X-One", "headers.X-Two"}),
    ],
)
def test_a_secret_that_is_absent_is_kept(configuration: dict[str, Any], kept: set[str]) -> None:
    assert kept_secrets(("password", "headers.X-One", "headers.X-Two"), take_apart(FIELDS, configuration)) == kept


@pytest.mark.parametrize("value", ["", 7, True, ["x"], {"a": "x"}, "canary" * 4, "can\0ary"])
def test_a_bad_secret_is_a_problem_that_does_not_quote_it(value: object) -> None:
    taken = take_apart(FIELDS, {"password": value})
    assert taken.given == {}
    (problem,) = taken.problems
    assert problem.path == "configuration.password"
    assert "canary" not in f"{problem}"


@pytest.mark.parametrize("value", ["x", {"X-One": 1}, {"bad name": "x"}, {"X-One": "canary" * 4}])
def test_a_bad_secret_map_is_a_problem_that_does_not_quote_it(value: object) -> None:
    taken = take_apart(FIELDS, {"headers": value})
    assert taken.given == {}
    assert taken.problems[0].path.startswith("configuration.headers")
    assert "canary" not in f"{taken.problems}"
