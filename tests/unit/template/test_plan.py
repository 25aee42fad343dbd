"""The plan: its bindings, its canonical bytes, trusted values, and how lists are bound."""

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from appsmith_proxy.errors import ParameterInvalid
from appsmith_proxy.model.plan import Source
from appsmith_proxy.sdk import Driver
from appsmith_proxy.template import bind, canonical_bytes, compile_action
from tests.unit.template.drivers import (
    POSTGRES_DRIVER,
    REST,
    SQL_DRIVERS,
    SQLITE_DRIVER,
    bound,
    compile_sql_action,
    messages,
    parameter,
    rest_plan,
    sql_plan,
)


class TestTrusted:
    PLAN = sql_plan("SELECT {{appsmith.user.email}}, {{x}}, 'by {{appsmith.user.name}}'")

    def test_the_server_fills_them_in_and_the_client_is_ignored(self) -> None:
        trusted = {"appsmith.user.email": "ada@example.org", "appsmith.user.name": "Ada"}
        values: dict[str, Any] = {"x": 1, "appsmith.user.email": "forged", "appsmith.user.name": "forged"}
        assert bind(self.PLAN, values, trusted.get).values == ("ada@example.org", 1, "Ada")
        assert self.PLAN.client_names == ("x",)
        assert [binding.source for binding in self.PLAN.bindings] == [Source.TRUSTED, Source.CLIENT, Source.TRUSTED]

    @pytest.mark.parametrize("value", [None, ""])
    @pytest.mark.parametrize("family", [True, False])
    def test_what_the_caller_does_not_have_fails(self, value: Any, family: bool) -> None:
        trusted: dict[str, Any] = {"appsmith.user.email": value, "appsmith.user.name": "Ada"}
        with pytest.raises(ParameterInvalid, match="no such value") as caught:
            bind(self.PLAN, {"x": 1, "appsmith.user.email": "forged"}, trusted.get, family=family)
        assert [problem.path for problem in caught.value.details] == ["params.appsmith.user.email"]

    def test_a_declared_type_holds_for_them_too(self) -> None:
        plan = sql_plan("SELECT {{appsmith.user.id}}", parameter("appsmith.user.id", "integer"))
        assert bound(plan, trusted={"appsmith.user.id": "7"}).values == (7,)
        with pytest.raises(ParameterInvalid):
            bound(plan, trusted={"appsmith.user.id": "x"})

    def test_in_a_request(self) -> None:
        plan = rest_plan(path="/users/{{appsmith.user.id}}")
        request: Any = bound(plan, trusted={"appsmith.user.id": "a/b"}).payload
        assert request.path == "/users/a%2Fb"

    def test_a_list_of_the_caller(self) -> None:
        plan = sql_plan("SELECT 1 WHERE g IN ({{appsmith.user.groups}})")
        assert bound(plan, trusted={"appsmith.user.groups": ["a", "b"]}).values == (["a", "b"],)
        assert bound(plan, trusted={"appsmith.user.groups": []}).values == ([],)
        assert messages(compile_sql_action("SELECT 'x{{appsmith.user.groups}}'")) == ["a list cannot be part of a text"]


class TestLists:
    @pytest.mark.parametrize(
        ("given", "as_list", "as_json"),
        [
            ([1, "b", True, Decimal("1.50")], [1, "b", True, Decimal("1.50")], '["1","b","true","1.50"]'),
            (5, [5], '["5"]'),
            ([], [], "[]"),
            (["]", '"'], ["]", '"'], '["]","\\""]'),
        ],
    )
    def test_undeclared(self, given: Any, as_list: Any, as_json: str) -> None:
        text = "SELECT 1 WHERE a IN ({{l}})"
        assert bound(sql_plan(text), l=given).values == (as_list,)
        assert bound(sql_plan(text, driver=SQLITE_DRIVER), l=given).values == (as_json,)

    def test_declared(self) -> None:
        declared = parameter("l", "integer", is_list=True)
        text = "SELECT 1 WHERE a IN ({{l}})"
        assert bound(sql_plan(text, declared), l=["1", 2]).values == ([1, 2],)
        assert bound(sql_plan(text, declared, driver=SQLITE_DRIVER), l=["1", 2]).values == ("[1,2]",)

    def test_a_scalar_parameter_takes_one_value(self) -> None:
        plan = sql_plan("SELECT 1 WHERE a IN ({{l}})", parameter("l", "integer"))
        assert bound(plan, l="5").values == ([5],)
        with pytest.raises(ParameterInvalid, match="not a list"):
            bound(plan, l=[5])

    @pytest.mark.parametrize("driver", SQL_DRIVERS.values(), ids=SQL_DRIVERS)
    @pytest.mark.parametrize("given", [None, [None], [1, None]])
    def test_null_elements_are_refused(self, driver: Driver, given: Any) -> None:
        with pytest.raises(ParameterInvalid, match="without null"):
            bound(sql_plan("SELECT 1 WHERE a NOT IN ({{l}})", driver=driver), l=given)

    @pytest.mark.parametrize("driver", SQL_DRIVERS.values(), ids=SQL_DRIVERS)
    def test_an_empty_list_needs_a_word_where_something_is_written(self, driver: Driver) -> None:
        text = "DELETE FROM t WHERE a NOT IN ({{l}})"
        with pytest.raises(ParameterInvalid, match="not empty"):
            bound(sql_plan(text, driver=driver), l=[])
        allowed = sql_plan(text, parameter("l", "integer", is_list=True, allow_empty=True), driver=driver)
        assert bound(allowed, l=[]).values in (([],), ("[]",), ())
        assert bound(sql_plan("SELECT 1 WHERE a NOT IN ({{l}})", driver=driver), l=[]).values in (([],), ("[]",), ())

    def test_a_list_is_bounded(self) -> None:
        plan = sql_plan("SELECT 1 WHERE a IN ({{l}})")
        bound(plan, l=[1] * 1000)
        with pytest.raises(ParameterInvalid, match="at most 1000"):
            bound(plan, l=[1] * 1001)

    def test_bytes_cannot_be_in_a_json_list(self) -> None:
        refused = compile_sql_action(
            "SELECT 1 WHERE a IN ({{l}})", parameter("l", "bytes", is_list=True), driver=SQLITE_DRIVER
        )
        assert messages(refused) == ["a list of bytes cannot be bound here"]


def test_a_list_is_no_part_of_a_text() -> None:
    for text in ("SELECT 'a{{x}}'", "SELECT 1 WHERE a LIKE '{{x}}%'"):
        with pytest.raises(ParameterInvalid, match="part of a text"):
            bound(sql_plan(text), x=[1])


@pytest.mark.parametrize(("given", "expected"), [(5, 5), ("5", 5), (None, None)])
def test_limit_takes_an_integer(given: Any, expected: Any) -> None:
    assert bound(sql_plan("SELECT 1 LIMIT {{n}}"), n=given).values == (expected,)


@pytest.mark.parametrize("given", ["x", 1.5, True, [], ""])
def test_limit_refuses_all_else(given: Any) -> None:
    with pytest.raises(ParameterInvalid, match=r"\{\{n\}\}: expected an integer"):
        bound(sql_plan("SELECT 1 LIMIT {{n}}"), n=given)


def test_every_misfit_of_a_statement_is_reported_at_once() -> None:
    plan = sql_plan("SELECT 1 WHERE a IN ({{l}}) AND b = 'x{{t}}' LIMIT {{n}}")
    with pytest.raises(ParameterInvalid) as caught:
        bound(plan, l=[None], t=[1], n="x")
    assert [problem.path for problem in caught.value.details] == ["params.l", "params.t", "params.n"]
    assert caught.value.message == "values do not fit: {{l}}, {{t}}, {{n}}"


@pytest.mark.parametrize(
    "given", ["\ud800", ["\udfff"], {"a": "\ud800"}, {"\ud800": 1}, float("inf"), float("nan"), 2**64]
)
def test_what_cannot_be_written_is_refused(given: Any) -> None:
    with pytest.raises(ParameterInvalid):
        bound(sql_plan("SELECT {{x}}"), x=given)
    with pytest.raises(ParameterInvalid):
        bound(rest_plan(method="POST", bodyType="json", body="{{x}}"), x=given)


def test_an_authors_text_with_half_a_character_is_refused() -> None:
    assert messages(compile_sql_action("SELECT '\ud800{{x}}'")) == ["holds half a Unicode character"]


def test_names_that_are_no_binding_are_ignored() -> None:
    assert bound(sql_plan("SELECT {{a}}"), a=1, b=2).values == (1,)


def test_a_plan_without_its_binder_binds_the_same() -> None:
    plan = sql_plan("SELECT {{a}} LIMIT {{n}}")
    bare = dataclasses.replace(plan, binder=None)
    assert bare == plan
    assert bound(bare, a=1, n="2") == bound(plan, a=1, n="2")


class TestCanonicalBytes:
    TEXT = "SELECT {{a}} WHERE b LIKE '%{{q}}%'"

    def test_equal_plans_have_equal_bytes(self) -> None:
        one, two = sql_plan(self.TEXT), sql_plan(self.TEXT)
        assert canonical_bytes(one) == canonical_bytes(two)
        assert one.digest == two.digest
        assert len(one.digest) == 64

    @pytest.mark.parametrize(
        "other",
        [
            sql_plan("SELECT {{b}} WHERE b LIKE '%{{q}}%'"),
            sql_plan("SELECT {{a}}  WHERE b LIKE '%{{q}}%'"),
            sql_plan(TEXT, parameter("a", "text")),
            sql_plan(TEXT, parameter("q", "text", wildcards=True)),
            sql_plan(TEXT, parameter("q", "text", max_length=5)),
            sql_plan(TEXT, driver=SQLITE_DRIVER),
            dataclasses.replace(sql_plan(TEXT), read_only=False),
        ],
    )
    def test_other_plans_have_other_bytes(self, other: Any) -> None:
        assert canonical_bytes(other) != canonical_bytes(sql_plan(self.TEXT))

    def test_no_value_and_no_working_is_in_them(self) -> None:
        plan = sql_plan(self.TEXT)
        bound(plan, a="canary", q="canary")
        assert b"canary" not in canonical_bytes(plan)
        assert b"inder" not in canonical_bytes(plan)

    def test_author_values_of_every_kind(self) -> None:
        for default in (10**30, Decimal("1.50"), "é", True, 1.5):
            plan = sql_plan("SELECT {{a}}", parameter("a", None, default=default))
            assert canonical_bytes(plan)
        assert rest_plan(method="POST", bodyType="json", body='{"a": {{x}}, "b": "c{{y}}"}').digest


def test_what_the_configuration_table_refuses_is_reported_with_the_rest() -> None:
    compiled = compile_action(
        POSTGRES_DRIVER,
        {"body": "SELECT * FROM {{t}}", "more": 1},
        [parameter("a", min=1)],
        read_only=None,
        allow_ddl=False,
    )
    assert [problem.path for problem in compiled.problems] == [
        "configuration.more",
        "configuration.body",
        "parameters[0].min",
    ]
    assert [
        problem.path for problem in compile_action(POSTGRES_DRIVER, {}, [], read_only=None, allow_ddl=False).problems
    ]
    assert [
        problem.path for problem in compile_action(REST, {"body": "x"}, [], read_only=None, allow_ddl=False).problems
    ]


class TestNul:
    """SQLite's LIKE and its JSON functions read a text up to its first NUL: what is behind must not be lost in silence."""

    @pytest.mark.parametrize("condition", ["a LIKE {{q}}", "a LIKE '%{{q}}%'", "a IN ({{ids}})"])
    @pytest.mark.parametrize("value", ["\0", "a\0b", "%\0"])
    def test_is_refused_where_the_database_reads_no_further(self, condition: str, value: str) -> None:
        plan = sql_plan(f"SELECT 1 WHERE {condition}", parameter("ids", "text", is_list=True), driver=SQLITE_DRIVER)
        with pytest.raises(ParameterInvalid, match="NUL") as caught:
            bound(plan, q=value, ids=["a", value])
        assert caught.value.details[0].path in ("params.q", "params.ids")

    def test_stands_where_it_is_read(self) -> None:
        assert bound(sql_plan("SELECT {{q}}", driver=SQLITE_DRIVER), q="a\0").values == ("a\0",)
        assert bound(sql_plan("SELECT 1 WHERE a LIKE {{q}}", driver=POSTGRES_DRIVER), q="a\0").values == ("a\0",)
