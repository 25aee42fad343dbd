"""Names and keywords out of a closed list: what may be declared, and how each choice is written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.sdk import ParameterType
from appsmith_proxy.template.choosers import KEYWORDS, chooser_problems, is_chooser, spelling
from appsmith_proxy.template.lexer import Kind, lex
from tests.unit.template.drivers import DIALECTS


def identifier(*choices: Any, **more: Any) -> DeclaredParameter:
    return DeclaredParameter(name="c", type=ParameterType.IDENTIFIER, choices=choices, **more)


def keyword(*choices: Any, **more: Any) -> DeclaredParameter:
    return DeclaredParameter(name="c", type=ParameterType.KEYWORD, choices=choices, **more)


@pytest.mark.parametrize(
    "declared",
    [
        identifier("name", "o.created_at", "s.t.c", 'we"ird', "Größe", "a b", default="name", has_default=True),
        keyword("ASC", "desc", "ASC NULLS LAST", default="ASC", has_default=True),
        keyword(*KEYWORDS),
    ],
)
def test_what_may_be_declared(declared: DeclaredParameter) -> None:
    assert not list(chooser_problems(declared))
    assert is_chooser(declared)


@pytest.mark.parametrize(
    ("declared", "field"),
    [
        (identifier(), "choices"),
        (identifier("a", 1), "choices[1]"),
        (identifier("a", "a"), "choices"),
        (identifier("a..b"), "choices[0]"),
        (identifier(""), "choices[0]"),
        (identifier("a.b.c.d"), "choices[0]"),
        (identifier("a\0"), "choices[0]"),
        (identifier("a\nb"), "choices[0]"),
        (identifier("a" * 129), "choices[0]"),
        (identifier("a", default="b", has_default=True), "default"),
        (identifier("a", nullable=True), "nullable"),
        (identifier("a", is_list=True), "list"),
        (identifier("a", pattern="a"), "pattern"),
        (identifier("a", min=1), "min"),
        (identifier("a", max=1), "max"),
        (identifier("a", min_length=1), "minLength"),
        (identifier("a", max_length=1), "maxLength"),
        (identifier("a", wildcards=True), "wildcards"),
        (keyword("DROP TABLE"), "choices[0]"),
        (keyword("ASC; DROP"), "choices[0]"),
        (keyword("ASC", "FOR UPDATE"), "choices[1]"),
        (keyword("INTO"), "choices[0]"),
        (keyword(""), "choices[0]"),
    ],
)
def test_what_may_not(declared: DeclaredParameter, field: str) -> None:
    assert field in {found[0] for found in chooser_problems(declared)}


def test_a_value_chooses_nothing() -> None:
    assert not is_chooser(None)
    assert not is_chooser(DeclaredParameter(name="x", type=ParameterType.TEXT))


NAMES = st.lists(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
        lambda part: "." not in part
    ),
    min_size=1,
    max_size=3,
).map(".".join)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@given(choice=NAMES)
def test_a_name_is_nothing_but_quoted_names(dialect: Any, choice: str) -> None:
    declared = identifier(choice)
    if list(chooser_problems(declared)):
        return
    lexemes = lex(spelling(declared, choice, dialect), (), dialect)
    assert [lexeme.kind for lexeme in lexemes[::2]] == [Kind.NAME] * (choice.count(".") + 1)
    assert all(lexeme.is_mark(".") for lexeme in lexemes[1::2])


@pytest.mark.parametrize(("kind", "written"), [("postgres", '"a""b`c"."d"'), ("mysql", '`a"b``c`.`d`')])
def test_a_quote_in_a_name_is_doubled(kind: str, written: str) -> None:
    choice = 'a"b`c.d'
    assert spelling(identifier(choice), choice, DIALECTS[kind]) == written
    assert spelling(keyword("desc"), "desc", DIALECTS[kind]) == "DESC"


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_a_keyword_is_words_or_one_comparison(dialect: Any) -> None:
    for word in KEYWORDS:
        kinds = {lexeme.kind for lexeme in lex(spelling(keyword(word), word.lower(), dialect), (), dialect)}
        assert kinds <= {Kind.WORD, Kind.SPACE} or kinds == {Kind.OPERATOR}
