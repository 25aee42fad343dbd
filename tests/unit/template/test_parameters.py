"""Declarations are checked when they are saved; values against them, to the letter, when an action runs."""

from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.errors import InvalidRequest, Outcome, ParameterInvalid
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.sdk import ParameterType
from appsmith_proxy.template import check_declarations
from appsmith_proxy.template.coercion import Misfit, coerce
from appsmith_proxy.template.parameters import MAX_PATTERNS
from tests.unit.template.drivers import bound, compile_sql_action, parameter, sql_plan

NO_VALUES: Final = (ParameterType.IDENTIFIER, ParameterType.KEYWORD, ParameterType.OBJECT)
TYPES: Final = [kind for kind in ParameterType if kind not in NO_VALUES]
JSON_VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["12", "1e5", "2020-02-30", "2020-02-29", "true", "{}", "[1", "AA==", "infinity", "23:59"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)

MISFITS: Final[list[tuple[str, list[Any]]]] = [
    ("text", [[], {}, [1]]),
    ("integer", [True, 1.5, "1.5", "x", "0x10", "1_0", [1], {}, 2**63, "9223372036854775808"]),
    ("integer", [1e300, Decimal("1e999999"), "٣", "1e3"]),
    ("decimal", [True, "x", "NaN", "Infinity", [], "1e9999", "9" * 2000]),
    ("float", [True, "x", "1e999", 10**400, Decimal("1e999")]),
    ("boolean", [1, 0, "maybe", [], ""]),
    ("date", [20240229, "2023-02-29", "2024-13-01", "29.02.2024", "2024-02-28T00:00:00Z", True]),
    ("date", ["10000-02-30", "0044-02-30 BC", "2024-2-9"]),
    ("time", ["24:00", "23:60", "23:59Z", 5]),
    ("timestamp", ["2024-02-28T23:59:59Z", "2024-02-28", "2024-02-29T25:00", "2024-02-30T00:00"]),
    ("timestamptz", ["2024-02-28T23:59:59", "2024-02-29T23:59:59+16:00"]),
    ("uuid", ["123", "{123e4567-e89b-12d3-a456-426614174000}", 5]),
    ("json", ["abc", "{'a': 1}", "NaN", "[" * 100_000]),
    ("bytes", ["AAE", "A A=", "A_==", 5, []]),
]


def value_of(declared: DeclaredParameter, given: Any) -> Any:
    (value,) = bound(sql_plan("SELECT {{x}}", declared), x=given).values
    return value


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("text", "a", "a"),
        ("text", 12, "12"),
        ("text", 1.5, "1.5"),
        ("text", Decimal("1.50"), "1.50"),
        ("text", True, "true"),
        ("integer", 12, 12),
        ("integer", "12", 12),
        ("integer", " -7 ", -7),
        ("integer", 12.0, 12),
        ("integer", Decimal("12.0"), 12),
        ("integer", -(2**63), -(2**63)),
        ("bigint", "9223372036854775807", 2**63 - 1),
        ("decimal", "1.50", Decimal("1.50")),
        ("decimal", 1.5, Decimal("1.5")),
        ("decimal", Decimal("0.10"), Decimal("0.10")),
        ("decimal", "1e-5", Decimal("1e-5")),
        ("decimal", 7, 7),
        ("float", "1.5", 1.5),
        ("float", 7, 7),
        ("boolean", True, True),
        ("boolean", "TRUE", True),
        ("boolean", "off", False),
        ("boolean", "0", False),
        ("date", "2024-02-29", "2024-02-29"),
        ("date", "0044-03-15 BC", "0044-03-15 BC"),
        ("date", "10000-01-01", "10000-01-01"),
        ("date", "infinity", "infinity"),
        ("time", "23:59", "23:59"),
        ("time", "23:59:59.999999", "23:59:59.999999"),
        ("timestamp", "2024-02-29T23:59:59", "2024-02-29T23:59:59"),
        ("timestamp", "2024-02-29 23:59", "2024-02-29 23:59"),
        ("timestamptz", "2024-02-29T23:59:59.123Z", "2024-02-29T23:59:59.123Z"),
        ("timestamptz", "2024-02-29 23:59:59+05:30", "2024-02-29 23:59:59+05:30"),
        ("timestamptz", "-infinity", "-infinity"),
        ("time", "23:59:59.1200000", "23:59:59.120000"),
        ("timestamp", "2024-02-29T23:59:59.123456000", "2024-02-29T23:59:59.123456"),
        ("timestamp", "0044-03-15T12:00:00.0000000 BC", "0044-03-15T12:00:00.000000 BC"),
        ("timestamptz", "2024-02-29 23:59:59.0000000+05:30", "2024-02-29 23:59:59.000000+05:30"),
        ("uuid", "123E4567-e89b-12d3-a456-426614174000", "123E4567-e89b-12d3-a456-426614174000"),
        ("json", {"a": [1, Decimal("1.50")]}, '{"a":[1,1.50]}'),
        ("json", '{"a": 1.50}', '{"a": 1.50}'),
        ("json", 5, "5"),
        ("json", [], "[]"),
        ("bytes", "AAE=", b"\x00\x01"),
        ("bytes", "", None),
    ],
)
def test_values_that_fit(kind: str, given: Any, expected: Any) -> None:
    declared = parameter("x", kind, required=False, nullable=True)
    value = value_of(declared, given)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("kind", "given"),
    [(kind, value) for kind, values in MISFITS for value in values],
)
def test_values_that_do_not_fit(kind: str, given: Any) -> None:
    declared = parameter("x", kind, empty_is_absent=False)
    with pytest.raises(ParameterInvalid) as caught:
        value_of(declared, given)
    error = caught.value
    assert error.outcome is Outcome.NOT_SENT
    assert [problem.path for problem in error.details] == ["params.x"]
    assert error.message.startswith("{{x}}: expected ")
    quoted = str(given)
    assert len(quoted) < 4 or quoted not in f"{error.message}{error.hint}{error.details}"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("time", "23:59:59.1234567"),
        ("time", "23:59:59.9999999"),
        ("timestamp", "2024-02-29T23:59:59.1234567"),
        ("timestamp", "2024-02-29T23:59:59.0000000001"),
        ("timestamptz", "2024-02-29T23:59:59.1234567Z"),
        ("timestamptz", "2024-02-29 23:59:59.12345670001+05:30"),
    ],
)
def test_a_second_finer_than_a_database_keeps_is_refused(kind: str, given: str) -> None:
    with pytest.raises(ParameterInvalid) as caught:
        value_of(parameter("x", kind), given)
    assert caught.value.hint.startswith("at most six digits behind the second")


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, {"a": [2**70]}, ["\ud800"]])
def test_what_json_cannot_be_written_for_is_a_misfit(value: Any) -> None:
    with pytest.raises(Misfit, match="JSON with whole Unicode characters"):
        coerce(ParameterType.JSON, value)


@given(kind=st.sampled_from(TYPES), value=JSON_VALUES.filter(lambda value: value is not None))
def test_coercion_raises_misfit_or_returns_a_value_of_the_type(kind: ParameterType, value: Any) -> None:
    try:
        coerced = coerce(kind, value)
    except Misfit:
        return
    assert coerce(kind, coerced) == coerced


class TestAbsentNullValue:
    """DESIGN's paragraph, sentence by sentence."""

    def test_an_undeclared_binding_that_is_absent_is_an_error_that_names_it(self) -> None:
        with pytest.raises(InvalidRequest, match=r"\{\{a b\}\}") as caught:
            bound(sql_plan("SELECT {{a b}}, {{c}}"), c=1)
        assert [problem.path for problem in caught.value.details] == ["params.a b"]

    def test_in_the_familys_form_it_is_an_empty_text(self) -> None:
        assert bound(sql_plan("SELECT {{a}}"), family=True).values == ("",)

    def test_a_declared_parameter_that_is_absent_is_an_error_in_both_forms(self) -> None:
        for family in (False, True):
            with pytest.raises(InvalidRequest):
                bound(sql_plan("SELECT {{a}}", parameter("a", "text")), family=family)

    @pytest.mark.parametrize("kind", [kind.value for kind in TYPES if kind is not ParameterType.TEXT])
    def test_an_empty_text_is_absent_for_what_is_no_text(self, kind: str) -> None:
        with pytest.raises(InvalidRequest):
            bound(sql_plan("SELECT {{a}}", parameter("a", kind)), a="")

    def test_an_empty_text_is_a_value_for_text(self) -> None:
        assert bound(sql_plan("SELECT {{a}}", parameter("a", "text")), a="").values == ("",)
        assert bound(sql_plan("SELECT {{a}}", parameter("a")), a="").values == ("",)

    def test_unless_it_says_that_empty_is_absent(self) -> None:
        declared = parameter("a", "text", empty_is_absent=True, default="d")
        assert bound(sql_plan("SELECT {{a}}", declared), a="").values == ("d",)

    def test_a_default_fills_absent_but_never_null(self) -> None:
        plan = sql_plan(
            "SELECT {{a}}, {{b}}",
            parameter("a", "integer", default=5),
            parameter("b", "integer", default=6, nullable=True),
        )
        assert bound(plan, b=None).values == (5, None)
        with pytest.raises(ParameterInvalid):
            bound(plan, a=None)

    def test_an_optional_parameter_that_is_absent_is_null(self) -> None:
        plan = sql_plan("SELECT {{a}}", parameter("a", "integer", required=False, nullable=True))
        assert bound(plan).values == (None,)
        assert bound(plan, a="").values == (None,)

    def test_null_needs_nullable_when_declared(self) -> None:
        with pytest.raises(ParameterInvalid, match="not null"):
            bound(sql_plan("SELECT {{a}}", parameter("a", "text")), a=None)
        assert bound(sql_plan("SELECT {{a}}"), a=None).values == (None,)

    @given(
        st.dictionaries(st.sampled_from("abcd"), JSON_VALUES, max_size=4),
        st.lists(st.sampled_from(["text", "integer", "boolean", None]), min_size=4, max_size=4),
    )
    def test_both_forms_select_the_same_statement_and_values(
        self, values: dict[str, Any], kinds: list[str | None]
    ) -> None:
        declared = [
            parameter(name, kind, required=False, nullable=True)
            for name, kind in zip("abcd", kinds, strict=True)
            if kind is not None
        ]
        names = {row.name for row in declared}
        plan = sql_plan("SELECT {{a}}, '{{b}}', 'x{{c}}', {{d}}", *declared)
        # what the family leaves out is the empty text of an undeclared binding; the JSON form says so
        spelled_out = {name: "" for name in "abcd" if name not in names} | values
        outcomes: list[tuple[Any, ...]] = []
        for form, sent in ((True, values), (False, spelled_out)):
            try:
                result = bound(plan, family=form, **sent)
                outcomes.append(("bound", result.payload, result.values))
            except (ParameterInvalid, InvalidRequest) as error:
                outcomes.append((error.code, error.message, error.details))
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("rules", "fits", "not_fits"),
    [
        ({"kind": "integer", "min": 1, "max": 5}, [1, 5, "3"], [0, 6, "-1"]),
        ({"kind": "decimal", "min": "0.10"}, ["0.1", 5], ["0.09"]),
        (
            {"kind": "date", "min": "2020-01-01", "max": "2020-12-31"},
            ["2020-06-01"],
            ["2019-12-31", "infinity", "10000-01-01"],
        ),
        (
            {"kind": "timestamptz", "max": "2020-01-01T00:00:00Z"},
            ["2020-01-01T00:30:00+01:00"],
            ["2020-01-01T00:00:01Z"],
        ),
        ({"kind": "time", "min": "08:00"}, ["08:00", "12:30:01"], ["07:59"]),
        ({"kind": "text", "min_length": 2, "max_length": 3}, ["ab", "éèê"], ["a", "abcd"]),
        ({"kind": "text", "pattern": "[a-z]+"}, ["ab"], ["AB", "ab\n", ""]),
        ({"kind": None, "max_length": 2}, ["ab", 12345], ["abc"]),
        ({"kind": "text", "choices": ("a", "b")}, ["a"], ["c", "A"]),
        ({"kind": "integer", "choices": (1, 2)}, [1, "2"], [3]),
        ({"kind": "boolean", "choices": (True,)}, [True, "yes"], [False]),
        ({"kind": None, "choices": (1,)}, [1], [True, "1", 2, [1]]),
        ({"kind": "integer", "is_list": True, "max_items": 2}, [[1, "2"], 3, []], [[1, 2, 3], [None], [[1]], ["x"]]),
        ({"kind": "text", "is_list": True, "choices": ("a",)}, [["a", "a"]], [["a", "b"]]),
    ],
)
def test_rules(rules: dict[str, Any], fits: list[Any], not_fits: list[Any]) -> None:
    declared = parameter("x", rules.pop("kind"), **rules)
    assert list(check_declarations([declared])) == []
    plan = sql_plan("SELECT {{x}}", declared)
    for value in fits:
        bound(plan, x=value)
    for value in not_fits:
        with pytest.raises(ParameterInvalid):
            bound(plan, x=value)


@pytest.mark.parametrize(
    ("declared", "path"),
    [
        (parameter(""), "name"),
        (parameter(" a"), "name"),
        (parameter("a", "identifier"), "choices"),
        (parameter("a", "keyword", choices=("DROP",)), "choices[0]"),
        (parameter("a", "identifier", choices=("x",), required=False), "required"),
        (parameter("appsmith.user.id", "identifier", choices=("x",)), "type"),
        (parameter("a", is_list=True), "type"),
        (parameter("a", "text", is_list=True, max_items=0), "maxItems"),
        (parameter("a", "text", max_items=1001), "maxItems"),
        (parameter("a", "text", is_list=True, wildcards=True), "wildcards"),
        (parameter("a", "integer", wildcards=True), "wildcards"),
        (parameter("a", "integer", min_length=1), "minLength"),
        (parameter("a", "text", max_length=-1), "maxLength"),
        (parameter("a", "text", min_length=2, max_length=1), "minLength"),
        (parameter("a", "integer", pattern="a"), "pattern"),
        (parameter("a", "text", pattern="("), "pattern"),
        (parameter("a", "text", pattern="(?=a)"), "pattern"),
        (parameter("a", "text", min=1), "min"),
        (parameter("a", max=1), "max"),
        (parameter("a", "integer", min="x"), "min"),
        (parameter("a", "integer", min=2, max=1), "min"),
        (parameter("a", "date", min="infinity"), "min"),
        (parameter("a", "integer", choices=(1, "x")), "choices[1]"),
        (parameter("a", "integer", choices=(None,)), "choices[0]"),
        (parameter("a", choices=([1],)), "choices[0]"),
        (parameter("a", "integer", default="x"), "default"),
        (parameter("a", "integer", default=None), "default"),
        (parameter("a", "integer", default=9, max=5), "default"),
        (parameter("a", "integer", default=[1, "x"], is_list=True), "default"),
        (parameter("a", "integer", required=False), "required"),
        (parameter("a", trusted_only=True), "trustedOnly"),
        (parameter("appsmith.user.id", default="x"), "name"),
        (parameter("appsmith.user.id", nullable=True), "name"),
    ],
)
def test_declarations_that_are_wrong(declared: DeclaredParameter, path: str) -> None:
    problems = list(check_declarations([declared]))
    assert [problem.path for problem in problems] == [f"parameters[0].{path}"]
    assert all(problem.message for problem in problems)
    assert compile_sql_action("SELECT 1", declared).plan is None


@pytest.mark.parametrize("kind", ["json", "integer", "text"])
def test_a_list_takes_no_null(kind: str) -> None:
    with pytest.raises(ParameterInvalid, match="without null"):
        value_of(parameter("x", kind, is_list=True), [1, None])


def test_one_value_is_asked_for_where_a_list_comes() -> None:
    with pytest.raises(ParameterInvalid, match="one value, not a list"):
        value_of(parameter("x", "integer"), [1])


def test_two_declarations_of_one_name() -> None:
    problems = list(check_declarations([parameter("a"), parameter("a")]))
    assert [problem.path for problem in problems] == ["parameters[1].name"]


def test_every_wrong_declaration_is_reported_at_once() -> None:
    problems = check_declarations(
        [parameter("", "text", pattern="(", min_length=-1, default=None), parameter("b", min=1)]
    )
    assert {problem.path for problem in problems} >= {
        "parameters[0].name",
        "parameters[0].pattern",
        "parameters[0].minLength",
        "parameters[0].default",
        "parameters[1].min",
    }


def test_patterns_are_bounded_together() -> None:
    columns = tuple(DeclaredParameter(name=f"c{n}", pattern="a") for n in range(MAX_PATTERNS // 2))
    rows = DeclaredParameter(name="rows", type=ParameterType.OBJECT, is_list=True, fields=columns)
    others = [DeclaredParameter(name=f"p{n}", pattern="a") for n in range(MAX_PATTERNS // 2)]
    assert not list(check_declarations([rows, *others]))
    one_more = [rows, *others, DeclaredParameter(name="last", pattern="(")]
    assert [problem.message for problem in check_declarations(one_more)] == [
        f"an action may have {MAX_PATTERNS} patterns"
    ], "and it is not read"
