"""Decide what a statement is, by an allow-list, and refuse what is not one plain statement."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from appsmith_proxy.sdk import Concatenation, Dialect, StatementClass
from appsmith_proxy.template.clauses import Role, Walk
from appsmith_proxy.template.lexer import EXECUTABLE_COMMENTS, Kind, Lexeme


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a text is refused, and where."""

    offset: int
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """What a statement is."""

    statement_class: StatementClass
    returns_rows: bool

    @property
    def writes(self) -> bool:
        """Return whether it may change data: everything but a plain read."""
        return self.statement_class is not StatementClass.READ


MAX_BINDINGS: Final = 1_000
MAX_DEPTH: Final = 100
"""Of brackets."""

_JOINS: Final = {Concatenation.PIPES: "||", Concatenation.FUNCTION: "CONCAT"}
_READS: Final = frozenset({"SELECT", "TABLE", "VALUES"})
_PLAIN_NUMBER: Final = re.compile(
    r"(?:[0-9_]+(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][+-]?[0-9_]+)?|0[xX][0-9A-Fa-f_]+|0[oObB][0-7_]+"
)
"""PostgreSQL before 15 reads ``1into`` as two words, others as a flaw; what they read as a keyword must be one here."""
_LOCKS: Final = frozenset({("FOR", "UPDATE"), ("FOR", "SHARE"), ("FOR", "NO"), ("FOR", "KEY"), ("LOCK", "IN")})


def refusals_of_text(lexemes: Sequence[Lexeme], parsed: Sequence[Lexeme], dialect: Dialect) -> Iterator[Refusal]:
    """Yield what makes a text no single, readable statement."""
    for lexeme in lexemes:
        if lexeme.kind is Kind.BROKEN:
            yield Refusal(offset=lexeme.start, message=_why_broken(lexeme, dialect))
            return
        if lexeme.kind is Kind.PARAMETER:
            yield Refusal(
                offset=lexeme.start,
                message=f"{dialect.name} would read this as a parameter of its own",
                hint="write values as {{ bindings }}",
            )
        if lexeme.kind is Kind.NUMBER and not _PLAIN_NUMBER.fullmatch(lexeme.text):
            yield Refusal(
                offset=lexeme.start,
                message="a number and a word touch, and databases disagree where the number ends",
                hint="put white space between them",
            )
    bindings = [hole for lexeme in lexemes for hole in lexeme.holes]
    if len(bindings) > MAX_BINDINGS:
        yield Refusal(
            offset=bindings[MAX_BINDINGS].start, message=f"more than {MAX_BINDINGS} bindings in one statement"
        )
    last = len(parsed)
    while last and parsed[last - 1].is_mark(";"):
        last -= 1
    if not last:
        yield Refusal(offset=0, message="the statement is empty", hint="write one SQL statement")
    for lexeme in parsed[:last]:
        if lexeme.is_mark(";"):
            yield Refusal(
                offset=lexeme.start,
                message="only one statement is run",
                hint="make one action for each statement; a semicolon may stand at the end only",
            )
            break
    yield from _side_by_side(parsed, dialect)
    yield from _denied_words(parsed, dialect)
    yield from _denied_operators(parsed, dialect)


def nature_of(parsed: Sequence[Lexeme], walk: Walk, dialect: Dialect) -> Nature | Refusal:
    """Return what the statement is, or why it is refused. ``walk`` has been walked."""
    first = next((lexeme for lexeme in parsed if not lexeme.is_mark("(")), None)
    allowed = ", ".join(word for word, kind in dialect.first_words.items() if kind is not StatementClass.DDL)
    if first is None or first.upper not in dialect.first_words:
        return Refusal(
            offset=first.start if first else 0,
            message="this kind of statement is not run",
            hint=f"an action's statement begins with one of: {allowed}",
        )
    found = dialect.first_words[first.upper]
    if found in (StatementClass.DDL, StatementClass.EXPLAIN, StatementClass.CALL):
        return Nature(statement_class=found, returns_rows=found is not StatementClass.DDL)
    frames = [frame for frame in walk.frames if frame.role is not Role.CALL]
    writes = any(dialect.first_words.get(frame.main_verb) is StatementClass.WRITE for frame in frames)
    main = next((frame.main_verb for frame in walk.frames if frame.main_verb), "")
    rows = dialect.first_words.get(main) is not StatementClass.WRITE or _returns(walk)
    if writes or _locks_rows(parsed):
        return Nature(statement_class=StatementClass.WRITE, returns_rows=rows)
    return Nature(statement_class=found, returns_rows=rows)


def too_deep(parsed: Sequence[Lexeme]) -> Refusal | None:
    """Return a refusal when brackets are nested deeper than any statement needs."""
    depth = 0
    for lexeme in parsed:
        if lexeme.kind is Kind.MARK:
            depth += (lexeme.text in "([") - (lexeme.text in ")]")
            if depth > MAX_DEPTH:
                return Refusal(offset=lexeme.start, message=f"brackets are nested more than {MAX_DEPTH} levels deep")
    return None


def select_into(walk: Walk) -> Iterator[Refusal]:
    """Yield a refusal for each ``SELECT … INTO``, which writes (a table, a file, a variable) while it looks like a read."""
    for site in walk:
        if site.lexeme.upper == "INTO" and site.frame.clause == "INTO" and site.frame.main_verb in _READS:
            yield Refusal(
                offset=site.lexeme.start,
                message="SELECT … INTO stores what it reads",
                hint="use INSERT INTO … SELECT into a table that exists",
            )


def _returns(walk: Walk) -> bool:
    return any(site.lexeme.upper == "RETURNING" and site.frame.role is Role.STATEMENT for site in walk)


def _locks_rows(parsed: Sequence[Lexeme]) -> bool:
    """Return whether rows are locked (``FOR UPDATE``): a read-only transaction refuses that, or should."""
    return any((lexeme.upper, following.upper) in _LOCKS for lexeme, following in itertools.pairwise(parsed))


def _side_by_side(parsed: Sequence[Lexeme], dialect: Dialect) -> Iterator[Refusal]:
    """Refuse ``'a' 'b'``: dialects join, alias or re-read the second, and not all in the same way."""
    for left, right in itertools.pairwise(parsed):
        if left.kind is Kind.LITERAL and right.kind is Kind.LITERAL and not (right.form and right.form.prefix):
            yield Refusal(
                offset=right.start,
                message="two quoted texts stand side by side",
                hint=f"write them as one, or join them with {_JOINS[dialect.concatenation]}",
            )


def _denied_words(parsed: Sequence[Lexeme], dialect: Dialect) -> Iterator[Refusal]:
    words = [lexeme.upper for lexeme in parsed]
    for denied, why in dialect.denied_words.items():
        parts = denied.split()
        for at in range(len(words) - len(parts) + 1):
            if words[at : at + len(parts)] == parts:
                yield Refusal(offset=parsed[at].start, message=f"{denied} is not run", hint=why)


def _denied_operators(parsed: Sequence[Lexeme], dialect: Dialect) -> Iterator[Refusal]:
    for lexeme in parsed:
        if lexeme.kind is Kind.OPERATOR:
            for denied, why in dialect.denied_operators.items():
                if denied in lexeme.text:
                    yield Refusal(offset=lexeme.start, message=f"{denied} is not run in {dialect.name}", hint=why)


def _why_broken(lexeme: Lexeme, dialect: Dialect) -> str:
    if dialect.executable_comments and lexeme.text.startswith(EXECUTABLE_COMMENTS):
        return "a comment that the database would run"
    if lexeme.text.startswith("/*"):
        return "this comment is never closed"
    if dialect.dash_comment_needs_space and lexeme.text.startswith("--") and lexeme.text[2] not in " \t\n\r\f\v":
        return "two dashes touch what follows, and databases disagree whether a comment begins"
    if lexeme.text.startswith(("--", "#")):
        return "a carriage return stands in a comment; databases disagree where the comment ends"
    if lexeme.text[0] in ("'\"`[$" if dialect.dollar_quotes else "'\"`[") or "'" in lexeme.text[:3]:
        return "this quote is never closed"
    return "this character has no meaning here"
