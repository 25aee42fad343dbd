"""Cut a SQL text into lexemes by a dialect's table. The text is never re-generated: every lexeme knows its offsets.

Bindings are masked by NUL characters of the same length first, so what stands in one can never open a quote or end a
comment; a mask outside quotes and comments is a lexeme of its own. What the table does not know is ``BROKEN``, and the
compiler refuses it: two readers that disagree about a text are how injections begin.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from appsmith_proxy.sdk import Dialect, LiteralForm
from appsmith_proxy.template.tokenizer import Hole

MASK: Final = "\0"
_COMMENT_MARK: Final = re.compile(r"/\*|\*/")
_NOT_ASCII: Final = r"\x80-\ufefe\uff00-\U0010ffff"
WORD_CHARACTERS: Final = rf"A-Za-z0-9_${_NOT_ASCII}"
"""What may continue an unquoted name. Databases count every non-ASCII character, a no-break space too; only the byte order
mark is white space to some (SQLite), so it is a character that no rule knows."""
EXECUTABLE_COMMENTS: Final = ("/*!", "/*M!", "/*+")
"""How comments begin that a database of the MySQL family runs, or reads as hints that can change settings."""


class Kind(Enum):
    """What a lexeme is."""

    SPACE = auto()
    COMMENT = auto()
    WORD = auto()
    NUMBER = auto()
    LITERAL = auto()
    """Quoted text; ``form`` says of which kind."""
    NAME = auto()
    """A quoted identifier."""
    DOLLAR = auto()
    """A dollar-quoted text."""
    PARAMETER = auto()
    """What the dialect itself reads as a parameter."""
    HOLE = auto()
    """A binding outside quotes and comments."""
    OPERATOR = auto()
    MARK = auto()
    """One of ``( ) [ ] , ; .``"""
    BROKEN = auto()
    """A quote or comment that is never closed, or a character that no rule knows; and all that follows, which nobody can
    judge then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexeme:
    """A part of a text. All lexemes of a text, joined, are the text."""

    kind: Kind
    start: int
    end: int
    text: str
    """As it stands, bindings masked."""
    holes: tuple[Hole, ...] = ()
    """The bindings inside."""
    form: LiteralForm | None = None
    """Of a literal."""

    @property
    def upper(self) -> str:
        """The keyword this could be. Only ASCII is folded, as databases do."""
        return self.text.upper() if self.kind is Kind.WORD and self.text.isascii() else ""

    @property
    def content(self) -> tuple[int, int]:
        """Where the content of a quoted text begins and ends, quotes excluded; of a binding, where it stands."""
        if self.kind is Kind.HOLE:
            return self.start, self.end
        prefix = len(self.form.prefix) if self.form else 0
        return self.start + prefix + 1, self.end - 1

    @property
    def is_one_binding(self) -> bool:
        """Whether one binding is all there is, between the quotes or without any."""
        return len(self.holes) == 1 and (self.holes[0].start, self.holes[0].end) == self.content

    def is_mark(self, mark: str) -> bool:
        """Return whether this is the punctuation ``mark``."""
        return self.kind is Kind.MARK and self.text == mark


def mask(text: str, holes: Sequence[Hole]) -> str:
    """Return the text with each binding replaced by NUL characters of the same length."""
    parts: list[str] = []
    at = 0
    for hole in holes:
        parts += (text[at : hole.start], MASK * (hole.end - hole.start))
        at = hole.end
    parts.append(text[at:])
    return "".join(parts)


def lex(text: str, holes: Sequence[Hole], dialect: Dialect) -> tuple[Lexeme, ...]:
    """Cut a text into lexemes. Never fails and never loses a character."""
    masked = mask(text, holes)
    rules = _rules(dialect)
    forms = [*dialect.literals]
    by_start = {hole.start: hole for hole in holes}
    lexemes: list[Lexeme] = []
    at = 0
    waiting = iter([*holes, Hole("", len(text), len(text))])
    following = next(waiting)
    while at < len(masked):
        kind, end, form = _next(masked, at, rules, forms, by_start, dialect)
        if kind is Kind.BROKEN:
            end = len(masked)
        inside: list[Hole] = []
        while following.start < end:
            inside.append(following)
            following = next(waiting)
        lexemes.append(Lexeme(kind=kind, start=at, end=end, text=masked[at:end], holes=tuple(inside), form=form))
        at = end
    return tuple(lexemes)


def significant(lexemes: Sequence[Lexeme]) -> Iterator[Lexeme]:
    """Yield the lexemes that a parser would see."""
    return (lexeme for lexeme in lexemes if lexeme.kind not in (Kind.SPACE, Kind.COMMENT))


def _next(
    masked: str,
    at: int,
    rules: re.Pattern[str],
    forms: list[LiteralForm],
    holes: dict[int, Hole],
    dialect: Dialect,
) -> tuple[Kind, int, LiteralForm | None]:
    if at in holes:
        return Kind.HOLE, holes[at].end, None
    if masked.startswith("/*", at):
        runs = dialect.executable_comments and masked.startswith(EXECUTABLE_COMMENTS, at)
        end = 0 if runs else _block_comment(masked, at, nested=dialect.nested_comments)
        return (Kind.COMMENT, end, None) if end else (Kind.BROKEN, at, None)
    match = rules.match(masked, at)
    if match is None or match.lastgroup is None:
        return Kind.BROKEN, at, None
    group = match.lastgroup
    if group == "DOLLAR":
        end = masked.find(match[0], match.end())
        return (Kind.DOLLAR, end + len(match[0]), None) if end >= 0 else (Kind.BROKEN, at, None)
    if group == "COMMENT" and "\r" in match[0].removesuffix("\r"):
        return Kind.BROKEN, at, None  # some databases end a comment at a lone carriage return, others do not
    if group.startswith("LITERAL"):
        return Kind.LITERAL, match.end(), forms[int(group.removeprefix("LITERAL"))]
    return Kind[group], match.end(), None


def _block_comment(masked: str, at: int, *, nested: bool) -> int:
    """Return the offset behind a block comment, 0 when it is never closed."""
    depth = 0
    for match in _COMMENT_MARK.finditer(masked, at):
        if match[0] == "*/":
            depth -= 1
            if depth == 0:
                return match.end()
        elif nested or depth == 0:
            depth += 1
    return 0


def _rules(dialect: Dialect) -> re.Pattern[str]:
    """Return one pattern with a named group for each kind, the first that matches wins."""
    return _pattern(
        comments=dialect.line_comments,
        dashes_need_space=dialect.dash_comment_needs_space,
        literals=dialect.literals,
        names=dialect.identifier_quotes,
        dollar_quotes=dialect.dollar_quotes,
        parameters=dialect.author_parameters,
        operators=dialect.operator_characters,
    )


# Compiling one action reads up to hundreds of texts by the same rules. What is kept is a constant of its arguments.
@lru_cache(maxsize=32)
def _pattern(
    *,
    comments: tuple[str, ...],
    dashes_need_space: bool,
    literals: tuple[LiteralForm, ...],
    names: tuple[tuple[str, str], ...],
    dollar_quotes: bool,
    parameters: str,
    operators: str,
) -> re.Pattern[str]:
    after_dashes = r"(?=[ \t\n\r\f\v]|\Z)" if dashes_need_space else ""
    to_line_end = "|".join(re.escape(mark) + (after_dashes if mark == "--" else "") + r"[^\n]*" for mark in comments)
    rules = [("SPACE", r"[ \t\n\r\f\v]+"), ("COMMENT", to_line_end)]
    rules += [
        (f"LITERAL{index}", _quoted(form.quote, prefix=form.prefix, backslash=form.backslash_escapes))
        for index, form in enumerate(literals)
    ]
    # A prefix whose quote is never closed must not fall apart into a word and another, closed, kind of literal.
    openings = [f"(?i:{re.escape(form.prefix)}){form.quote}" for form in literals]
    openings += [re.escape(opening) for opening, _ in names]
    rules.append(("NAME", "|".join(_quoted(opening, closing) for opening, closing in names)))
    rules.append(("BROKEN", "|".join(openings)))
    if dollar_quotes:
        rules.append(("DOLLAR", rf"\$(?:[A-Za-z_{_NOT_ASCII}][A-Za-z0-9_{_NOT_ASCII}]*)?\$"))
    if parameters:
        rules.append(("PARAMETER", parameters))
    rules += [
        ("NUMBER", rf"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[{WORD_CHARACTERS}]*"),
        ("WORD", rf"[A-Za-z_{_NOT_ASCII}][{WORD_CHARACTERS}]*"),
        ("OPERATOR", rf"(?:(?!--|/\*)[{re.escape(operators)}])+|::|:=|:"),
        ("MARK", r"[()\[\],;.]"),
    ]
    return re.compile("|".join(f"(?P<{name}>{rule})" for name, rule in rules if rule), re.DOTALL)


def _quoted(opening: str, closing: str = "", *, prefix: str = "", backslash: bool = False) -> str:
    """Return the pattern of a quoted text. Possessive: it fails at once, and at the quote, when it is never closed."""
    closing = closing or opening
    end = re.escape(closing)
    doubled = f"|{end}{end}" if closing == opening else ""
    body = rf"[^{end}\\]|\\.{doubled}" if backslash else rf"[^{end}]{doubled}"
    return f"(?i:{re.escape(prefix)}){re.escape(opening)}(?:{body})*+{end}"
