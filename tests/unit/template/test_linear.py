"""Patterns mean what Python's mean, for the constructs they have, and never take long."""

import contextlib
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.template.expressions import PatternError
from appsmith_proxy.template.linear import MAX_LENGTH, MAX_REMEMBERED, Pattern
from tests.servers.steps import steps

ATOMS = ["a", "b", "[ab]", "[^a]", ".", "(a|b)", "(?:ab)*", r"\d", r"\W", "(a*)", "(a|)", "a{2}", "b{1,2}", "a{0,2}"]
MORE = ["(ab){2,}", "c?", "(a+b)*", "a{0}", "(a{0,1}b{2,})?", r"\.", "[a-c1-3]", "[]a]", "[^]a]", "[a-]", "|", r"[\d_]"]
SOURCES = st.lists(st.sampled_from([*ATOMS, *MORE]), min_size=1, max_size=5).map("".join)


@given(SOURCES, st.lists(st.text(alphabet="ab1c].-_\n", max_size=7), max_size=10))
def test_patterns_match_what_python_matches(source: str, texts: list[str]) -> None:
    pattern, python = Pattern(source), re.compile(source, re.ASCII)
    for text in texts:
        assert pattern.matches(text) == bool(python.fullmatch(text)), (source, text)


@pytest.mark.parametrize(
    ("source", "text", "matches"),
    [
        (r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$", "ada@example.org", True),
        (r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$", "ada@example", False),
        (r"\x41é", "Aé", True),
        (r"[^\n]*", "é\U0001f600", True),
        (r"\d", "٣", False),
        ("", "", True),
        ("a$", "a\n", False),
        (r"a\$", "a$", True),
    ],
)
def test_examples(source: str, text: str, matches: bool) -> None:
    assert Pattern(source).matches(text) is matches


@pytest.mark.parametrize("source", ["(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)*b", "a*a*a*a*a*a*b", "(a?){50}a{50}b"])
def test_what_makes_others_backtrack_is_read_once(source: str) -> None:
    pattern = Pattern(source)
    assert not pattern.matches("a" * MAX_LENGTH)
    # Each character costs the same few steps; what is worked out for a pattern costs no more for a longer text.
    assert steps(lambda: Pattern(source).matches("a" * MAX_LENGTH)) <= 10 * MAX_LENGTH


@pytest.mark.parametrize("source", ["((){1000}){1000}", "((|){1000}){1000}", "(()*){1000}" * 100])
def test_repeats_of_nothing_are_bounded_too(source: str) -> None:
    with pytest.raises(PatternError, match="too large"):
        Pattern(source)


def test_a_value_that_never_meets_the_same_state_twice_is_read_right() -> None:
    # A state is which of the last 100 characters were an a: more states than can be remembered.
    pattern = Pattern("(a|b)*a(a|b){100}")
    text = "".join(random.Random(1).choices("ab", k=5_000))
    for end in (4_990, 4_995, 4_999, 5_000):
        assert pattern.matches(text[:end]) is (text[end - 101] == "a")


def test_texts_over_the_bound_never_match() -> None:
    assert Pattern("a*").matches("a" * MAX_LENGTH)
    assert not Pattern("a*").matches("a" * (MAX_LENGTH + 1))


def test_what_is_remembered_is_bounded() -> None:
    pattern = Pattern("(a|b)*a(a|b){12}")
    for number in range(3000):
        pattern.matches(format(number, "b").replace("0", "a").replace("1", "b"))
    assert pattern.matches("a" * 13)
    assert sum(map(len, pattern._states.values())) <= MAX_REMEMBERED


UNKNOWN = ["(?=a)", "(?<!a)", "(?P<n>a)", "(?i)a", "a**", "a+?", r"\1", r"\b", r"\Z", r"\x4", r"\u123", "a^b", "a$b"]
BROKEN = ["(", "a)", "[", "[a", "[]", "{2}", "a{x}", "a{3,2}", "[b-a]", r"[\d-z]", "\\", "*"]
TOO_LARGE = ["a{1001}", "(a{100}){100}", "(" * 60 + ")" * 60]


@pytest.mark.parametrize("source", UNKNOWN + BROKEN + TOO_LARGE)
def test_what_cannot_be_read_is_refused(source: str) -> None:
    with pytest.raises(PatternError):
        Pattern(source)


@given(st.text(alphabet=r"ab()[]{}|*+?^$\.-,012d", max_size=12))
def test_reading_never_raises_anything_else(source: str) -> None:
    with contextlib.suppress(PatternError):
        Pattern(source).matches("ab1")
