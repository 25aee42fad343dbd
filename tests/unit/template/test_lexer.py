"""The lexer reads what databases read, loses nothing, and is not confused by what stands in a binding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.template.lexer import Kind, lex, mask
from appsmith_proxy.template.tokenizer import find_holes
from tests.servers.steps import steps
from tests.unit.template.drivers import DIALECTS

QUOTES = ["'", '"', "`", "[", "]", "$$", "$a$", "--", "/*", "*/", "E'", "U&'", "\\", "\n", "\r", "\x00", "\x1b"]
OTHERS = [
    "$1",
    "?",
    ":x",
    ";",
    "(",
    ",",
    ".",
    "::",
    "||",
    "->>",
    "1.5e3",
    "SELECT",
    "é",
    " ",
    "{{a}}",
    "{{ '' }}",
    "{{*/}}",
]
FRAGMENTS = st.one_of(st.sampled_from(QUOTES), st.sampled_from(OTHERS))
TEXTS = st.lists(FRAGMENTS, max_size=25).map("".join)
DIALECT_NAMES = st.sampled_from(sorted(DIALECTS))


@given(TEXTS, DIALECT_NAMES)
def test_lexemes_are_the_whole_text(text: str, dialect: str) -> None:
    holes = find_holes(text)
    lexemes = lex(text, holes, DIALECTS[dialect])
    assert "".join(lexeme.text for lexeme in lexemes) == mask(text, holes)
    assert [lexeme.start for lexeme in lexemes][1:] == [lexeme.end for lexeme in lexemes][:-1]
    assert [hole for lexeme in lexemes for hole in lexeme.holes] == list(holes)


@given(TEXTS, DIALECT_NAMES, st.text(alphabet="'\"$*/-;`[]a\\\n", max_size=8))
def test_what_stands_in_a_binding_changes_nothing(text: str, dialect: str, inside: str) -> None:
    quiet, loud = find_holes(text), f"{{{{{inside}}}}}"
    if not find_holes(loud) or find_holes(loud)[0].end != len(loud):
        return
    replaced = "".join([text[: quiet[0].start], loud, text[quiet[0].end :]] if quiet else [text])
    if len(find_holes(replaced)) != len(quiet):
        return
    kinds = [lexeme.kind for lexeme in lex(text, quiet, DIALECTS[dialect])]
    assert [lexeme.kind for lexeme in lex(replaced, find_holes(replaced), DIALECTS[dialect])] == kinds


@pytest.mark.parametrize(
    ("dialect", "text", "kinds"),
    [
        ("postgres", r"'a\'", [Kind.LITERAL]),
        ("postgres", r"E'a\''", [Kind.LITERAL]),
        ("postgres", "e'a''b'", [Kind.LITERAL]),
        ("postgres", r"E'a\'", [Kind.BROKEN]),
        ("postgres", "U&'a'", [Kind.LITERAL]),
        ("postgres", 'U&"a"', [Kind.LITERAL]),
        ("postgres", "xE'a'", [Kind.WORD, Kind.LITERAL]),
        ("postgres", '"a""b"', [Kind.NAME]),
        ("postgres", "$$ ' $$", [Kind.DOLLAR]),
        ("postgres", "$a$ $$ $b$ $a$", [Kind.DOLLAR]),
        ("postgres", "a$b$c", [Kind.WORD]),
        ("postgres", "$12", [Kind.PARAMETER]),
        ("postgres", "/* /* */ */", [Kind.COMMENT]),
        ("postgres", "/* /* */", [Kind.BROKEN]),
        ("postgres", "?|", [Kind.OPERATOR]),
        ("postgres", "+--a", [Kind.OPERATOR, Kind.COMMENT]),
        ("postgres", "`", [Kind.OPERATOR]),
        ("postgres", "a\u00a0b", [Kind.WORD]),
        ("postgres", "-- a\rb", [Kind.BROKEN]),
        ("postgres", "-- a\r\nb", [Kind.COMMENT, Kind.SPACE, Kind.WORD]),
        ("sqlite", "/* /* */", [Kind.COMMENT]),
        ("sqlite", "[a'b]", [Kind.NAME]),
        ("sqlite", "`a``b`", [Kind.NAME]),
        ("sqlite", "=?1", [Kind.OPERATOR, Kind.PARAMETER]),
        ("sqlite", ":a", [Kind.PARAMETER]),
        ("sqlite", "@a", [Kind.PARAMETER]),
        ("sqlite", "$a", [Kind.PARAMETER]),
        ("sqlite", r"'a\'", [Kind.LITERAL]),
        ("sqlite", "x'00'", [Kind.LITERAL]),
        ("sqlite", "E'a'", [Kind.WORD, Kind.LITERAL]),
        ("sqlite", "1.5e-3", [Kind.NUMBER]),
        ("sqlite", "\x1b", [Kind.BROKEN]),
        ("mysql", r"'a\''", [Kind.LITERAL]),
        ("mysql", r"'a\\'", [Kind.LITERAL]),
        ("mysql", r"'a\'", [Kind.BROKEN]),
        ("mysql", r"'a\\\'", [Kind.BROKEN]),
        ("mysql", "'it''s'", [Kind.LITERAL]),
        ("mysql", '"say ""a"""', [Kind.LITERAL]),
        ("mysql", r'"a\"b"', [Kind.LITERAL]),
        ("mysql", '"it\'s"', [Kind.LITERAL]),
        ("mysql", "'a' \"b\"", [Kind.LITERAL, Kind.SPACE, Kind.LITERAL]),
        ("mysql", "n'a'", [Kind.LITERAL]),
        ("mysql", 'n"a"', [Kind.WORD, Kind.LITERAL]),
        ("mysql", "x'00'", [Kind.LITERAL]),
        ("mysql", "b'1", [Kind.BROKEN]),
        ("mysql", "_utf8mb4'a'", [Kind.WORD, Kind.LITERAL]),
        ("mysql", "E'a'", [Kind.WORD, Kind.LITERAL]),
        ("mysql", "`a``b`", [Kind.NAME]),
        ("mysql", r"`a\`", [Kind.NAME]),
        ("mysql", "[a]", [Kind.MARK, Kind.WORD, Kind.MARK]),
        ("mysql", "# a\nb", [Kind.COMMENT, Kind.SPACE, Kind.WORD]),
        ("mysql", "a#b", [Kind.WORD, Kind.COMMENT]),
        ("mysql", "=#b", [Kind.OPERATOR, Kind.COMMENT]),
        ("mysql", "-- a", [Kind.COMMENT]),
        ("mysql", "--", [Kind.COMMENT]),
        ("mysql", "--\ta", [Kind.COMMENT]),
        ("mysql", "--a", [Kind.BROKEN]),
        ("mysql", "5--3", [Kind.NUMBER, Kind.BROKEN]),
        ("mysql", "--\u00a0a", [Kind.BROKEN]),
        ("mysql", "--\u2003a", [Kind.BROKEN]),
        ("mysql", "- -a", [Kind.OPERATOR, Kind.SPACE, Kind.OPERATOR, Kind.WORD]),
        ("mysql", "# a\rb", [Kind.BROKEN]),
        ("mysql", "/* /* */", [Kind.COMMENT]),
        ("mysql", "/* /* */ */", [Kind.COMMENT, Kind.SPACE, Kind.OPERATOR]),
        ("mysql", "/*/", [Kind.BROKEN]),
        ("mysql", "/**/", [Kind.COMMENT]),
        ("mysql", "/*! a */", [Kind.BROKEN]),
        ("mysql", "/*!50000a*/", [Kind.BROKEN]),
        ("mysql", "/*M! a */", [Kind.BROKEN]),
        ("mysql", "/*+ a */", [Kind.BROKEN]),
        ("mysql", "/* ! a */", [Kind.COMMENT]),
        ("sqlite", "/*! a */", [Kind.COMMENT]),
        ("mysql", "=?", [Kind.OPERATOR, Kind.PARAMETER]),
        ("mysql", "=@a", [Kind.OPERATOR, Kind.WORD]),
        ("mysql", "a:=1", [Kind.WORD, Kind.OPERATOR, Kind.NUMBER]),
        ("mysql", "->>", [Kind.OPERATOR]),
        ("mysql", "<=>", [Kind.OPERATOR]),
        ("mysql", "$a", [Kind.BROKEN]),
        ("mysql", r"\N", [Kind.BROKEN]),
        ("mysql", "{d '2020-01-01'}", [Kind.BROKEN]),
    ],
)
def test_kinds(dialect: str, text: str, kinds: list[Kind]) -> None:
    assert [lexeme.kind for lexeme in lex(text, (), DIALECTS[dialect])] == kinds


def test_only_ascii_is_folded_to_keywords() -> None:
    words = lex("ſelect lıke like", (), DIALECTS["postgres"])
    assert [word.upper for word in words if word.kind is Kind.WORD] == ["", "", "LIKE"]


@given(TEXTS, DIALECT_NAMES)
def test_what_cannot_be_read_ends_the_reading(text: str, dialect: str) -> None:
    """So nothing is searched for its end twice."""
    kinds = [lexeme.kind for lexeme in lex(text, find_holes(text), DIALECTS[dialect])]
    assert Kind.BROKEN not in kinds[:-1]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("unit", ["'", "''", "/*", "/* */", "$a$", "[", '"', "E'", "--", "{{", "{{a", "(", "a ", "\\"])
@pytest.mark.parametrize("first", ["'", ""])
def test_reading_takes_linear_time(dialect: str, unit: str, first: str) -> None:
    def read(count: int) -> None:
        text = first + unit * count
        lex(text, find_holes(text), DIALECTS[dialect])

    read(1)  # compiled patterns are kept
    assert steps(lambda: read(400)) <= 2 * steps(lambda: read(200))
    read(50_000)
