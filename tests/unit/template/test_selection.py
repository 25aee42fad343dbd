"""For random templates and random values: both wire forms select the same statement, and no value changes its tokens."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appsmith_proxy.errors import InvalidRequest, ParameterInvalid
from appsmith_proxy.model.plan import Plan
from appsmith_proxy.sdk import Driver, Statement
from appsmith_proxy.template import Bound
from appsmith_proxy.template.lexer import Kind, lex
from appsmith_proxy.web.decode import decode
from appsmith_proxy.web.form import read_form
from appsmith_proxy.web.multipart import Part
from tests.unit.template.drivers import MYSQL_DRIVER, POSTGRES_DRIVER, SQLITE_DRIVER, bound, parameter, sql_plan

DRIVERS: Final = (POSTGRES_DRIVER, SQLITE_DRIVER, MYSQL_DRIVER)
PARAMETERS: Final = (
    parameter("column", "identifier", choices=("name", "t.city", 'we"ird`'), default="name"),
    parameter("direction", "keyword", choices=("ASC", "DESC"), default="ASC"),
    parameter("ids", "integer", is_list=True),
    parameter("n", "integer"),
)
CONDITIONS: Final = (
    "AND b = {{x}}",
    "AND b LIKE '%{{y}}%'",
    "AND c BETWEEN {{x}} AND {{y}}",
    "AND (d = '{{z}}' OR d IN ({{ids}}))",
    "AND {{column}} = {{z}}",
    "AND e NOT IN ({{ids}})",
)


@st.composite
def templates(draw: st.DrawFn) -> str:
    """Conditions, an order and a limit, each of them optional or not."""

    def maybe(text: str) -> str:
        return draw(st.sampled_from([f"[[{text}]]", text]))

    parts = ["SELECT a FROM t WHERE a = {{a}}"]
    parts += [maybe(text) for text in draw(st.lists(st.sampled_from(CONDITIONS), max_size=3))]
    if draw(st.booleans()):
        parts.append(maybe("ORDER BY {{column}} {{direction}}"))
    parts.append(draw(st.sampled_from(["", "[[LIMIT {{n}}]]", "LIMIT {{n}}"])))
    return " ".join(parts)


NASTY: Final = ("'", '"', "`", "\\", "--", "/*", ";", "]]", "[[", "{{a}}", "' OR 1=1 --", "$1", "?", "\0", "NULL")
TEXTS: Final = st.one_of(st.sampled_from(NASTY), st.text(max_size=6))
PARAMS: Final = st.fixed_dictionaries(
    {"a": TEXTS},
    optional={
        "x": st.one_of(st.none(), st.booleans(), st.integers(-9, 9), TEXTS),
        "y": TEXTS,
        "z": TEXTS,
        "ids": st.lists(st.integers(-9, 9), max_size=5),
        "n": st.one_of(st.integers(0, 9), st.just("")),
        "column": st.sampled_from(["name", "t.city", 'we"ird`', "", "NAME", "a; DROP TABLE t"]),
        "direction": st.sampled_from(["ASC", "desc", "", "ASC, 1"]),
    },
)
_WORDS: Final = {str: "string", bool: "boolean", int: "number", type(None): "null", list: "array"}


def _as_json(params: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = decode(json.dumps(params).encode())
    return found


def _as_form(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what comes out of the family's form: each value as text, with a word for its type."""
    kinds = {f"k{index}": _WORDS[type(value)] for index, value in enumerate(params.values())}
    parts = [
        Part("executeActionDTO", json.dumps({"actionId": "0" * 24, "paramProperties": kinds}).encode()),
        Part("parameterMap", json.dumps({name: f"k{index}" for index, name in enumerate(params)}).encode()),
    ]
    for index, value in enumerate(params.values()):
        text = value if isinstance(value, str) else json.dumps(value)
        parts.append(Part(f"k{index}", text.encode()))
    return dict(read_form(parts, total_bytes=100_000).params)


def _outcome(plan: Plan, params: Mapping[str, Any], *, family: bool) -> "Bound | list[str]":
    try:
        return bound(plan, family=family, **params)
    except (InvalidRequest, ParameterInvalid) as error:
        return sorted(problem.path for problem in error.details)


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.kind)
@settings(deadline=None, max_examples=60)
@given(template=templates(), params=PARAMS)
def test_both_wire_forms_select_the_same_statement_and_values(
    driver: Driver, template: str, params: dict[str, Any]
) -> None:
    plan = sql_plan(template, *PARAMETERS, driver=driver)

    by_json = _outcome(plan, _as_json(params), family=False)
    by_form = _outcome(plan, _as_form(params), family=True)
    if isinstance(by_json, list) and {path for path in by_json if path.removeprefix("params.") not in params}:
        return  # what is missing is "" in the family's form, unless a block or a declaration asks for it
    assert by_json == by_form


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.kind)
@settings(deadline=None, max_examples=60)
@given(template=templates(), params=PARAMS, others=st.lists(TEXTS.filter(bool), min_size=4, max_size=4))
def test_no_value_changes_the_tokens(driver: Driver, template: str, params: dict[str, Any], others: list[str]) -> None:
    plan = sql_plan(template, *PARAMETERS, driver=driver)
    found = _outcome(plan, params, family=False)
    if isinstance(found, list):
        return
    swapped = dict(zip(("a", "x", "y", "z"), others, strict=True))
    changed = {name: swapped[name] if name in swapped and value != "" else value for name, value in params.items()}
    again = _outcome(plan, changed, family=False)
    assert isinstance(found.payload, Statement)
    if not isinstance(again, list):
        assert again.payload == found.payload
    assert driver.dialect is not None
    lexemes = lex(found.payload.text, (), driver.dialect)
    assert sum(lexeme.kind is Kind.PARAMETER for lexeme in lexemes) == len(found.values)
    assert not any(lexeme.kind is Kind.BROKEN or lexeme.is_mark(";") for lexeme in lexemes)
