"""Bindings are found where the front ends of the family find them, and no character is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.template.tokenizer import Hole, find_holes, pieces, position, texts_of, unclosed

TEMPLATES = st.lists(
    st.one_of(
        st.sampled_from(["{{", "}}", "{", "}", "'", '"', "`", "\\", "a", " ", "\n", "{{a}}"]), st.text(max_size=3)
    )
).map("".join)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("plain { } text", []),
        ("{{a}}", ["a"]),
        ("{{ a }} and {{a}}", ["a", "a"]),
        ("{{}}{{ }}", ["", ""]),
        ("{{ {a: {b: 1}}.a.b }}", ["{a: {b: 1}}.a.b"]),
        ("{{ {a: 1}}}", ["{a: 1}"]),
        ("{{ '}}' }}", ["'}}'"]),
        ('{{ "}}" + `}}` }}', ['"}}" + `}}`']),
        (r"{{ 'it\'s }}' }}", [r"'it\'s }}'"]),
        (r"{{ '\\' }} {{b}}", [r"'\\'", "b"]),
        ("{{a", []),
        ("{{ don't }} {{b}}", []),
        ("{{a}} {{b", ["a"]),
        ("{{a}}}", ["a"]),
        ("{{{a}}}", ["{a}"]),
        ("{{ a\n.b }}", ["a\n.b"]),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    assert [hole.name for hole in find_holes(text)] == names


def test_a_binding_that_is_never_closed_is_found() -> None:
    assert unclosed("{{a}} {{b") == 6
    assert unclosed("{{a}} b") is None


@given(TEMPLATES)
def test_pieces_are_the_whole_text(text: str) -> None:
    parts = list(pieces(text))
    assert "".join(text[part.start : part.end] if isinstance(part, Hole) else part for part in parts) == text
    assert all(part for part in parts)


@given(TEMPLATES)
def test_holes_are_what_stands_between_the_braces(text: str) -> None:
    for hole in find_holes(text):
        written = text[hole.start : hole.end]
        assert written.startswith("{{")
        assert written.endswith("}}")
        assert written[2:-2].strip() == hole.name


@given(TEMPLATES)
def test_a_position_leads_back_to_its_offset(text: str) -> None:
    lines = text.split("\n")
    for offset in range(len(text)):
        line, column = position(text, offset)
        assert sum(len(earlier) + 1 for earlier in lines[: line - 1]) + column - 1 == offset


def test_texts_are_found_at_every_depth() -> None:
    assert list(texts_of({"a": "1", "b": [{"c": "2"}, 3, None], "d": {"e": ["4"]}})) == ["1", "2", "4"]
