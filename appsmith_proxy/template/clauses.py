"""Follow a SQL text's brackets and clauses, far enough to know what a place in it means.

This is no parser: the database has one. It answers two questions for each lexeme: in which clause does it stand, and
what do the brackets around it belong to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from appsmith_proxy.template.lexer import Kind, Lexeme


class Role(Enum):
    """What a pair of brackets is."""

    STATEMENT = auto()
    """No brackets: the statement itself."""
    GROUP = auto()
    """An expression or a subquery."""
    CALL = auto()
    """The arguments of a function."""
    COLUMNS = auto()
    """A list of names: ``INSERT INTO t (…)``, ``USING (…)``, ``ON CONFLICT (…)``."""
    RELATION = auto()
    """Brackets in FROM: a subquery or a join."""
    TUPLE = auto()
    """A row of VALUES."""
    LIST = auto()
    """The brackets of IN."""
    SUBSCRIPT = auto()
    """``[…]``"""


@dataclass(slots=True, kw_only=True)
class Frame:
    """One level of brackets while the text is read; clauses change as keywords pass."""

    role: Role
    parent: "Frame | None" = None
    opener: Lexeme | None = None
    """What stands directly before the bracket."""
    function: str = ""
    """The called function's bare name, lower case."""
    opaque: bool = False
    """The called name is written in a way that hides it (``U&"…"``)."""
    clause: str = ""
    """The clause that this level itself has opened last."""
    verb: str = ""
    """The first verb of the query on this level (``SELECT``, ``WITH`` …)."""
    main_verb: str = ""
    """The first verb that is not WITH."""

    def effective_clause(self) -> str:
        """Return the clause a bare operand stands in: plain brackets are part of the clause around them."""
        frame: Frame | None = self
        while frame is not None:
            if frame.clause or frame.role not in (Role.GROUP, Role.SUBSCRIPT):
                return frame.clause
            frame = frame.parent
        return ""

    def counts_rows(self) -> bool:
        """Return whether an operand is part of a LIMIT or OFFSET, inside functions too."""
        frame: Frame | None = self
        while frame is not None:
            if frame.clause or frame.verb:
                return frame.clause in COUNTING
            frame = frame.parent
        return False

    def calls(self) -> Iterator["Frame"]:
        """Yield the function calls around an operand, inside first."""
        frame: Frame | None = self
        while frame is not None:
            if frame.role is Role.CALL:
                yield frame
            frame = frame.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A lexeme with its surroundings."""

    index: int
    """Among the significant lexemes."""
    lexeme: Lexeme
    frame: Frame
    """As it is when the lexeme is reached."""


@dataclass(slots=True)
class Walk:
    """One pass over the significant lexemes. ``frames`` holds every level met, the statement first."""

    lexemes: Sequence[Lexeme]
    frames: list[Frame] = field(default_factory=list)
    unbalanced: Lexeme | None = None
    """The first bracket that closes nothing, or the last that is never closed."""

    def __iter__(self) -> Iterator[Site]:
        """Yield every lexeme with its frame; a closing bracket belongs to the level it closes."""
        frame = Frame(role=Role.STATEMENT)
        self.frames = [frame]
        open_brackets: list[Lexeme] = []
        for index, lexeme in enumerate(self.lexemes):
            _pass_keyword(frame, self.lexemes, index)
            yield Site(index=index, lexeme=lexeme, frame=frame)
            if lexeme.is_mark("(") or lexeme.is_mark("["):
                frame = _open(frame, self.lexemes, index)
                self.frames.append(frame)
                open_brackets.append(lexeme)
            elif lexeme.is_mark(")") or lexeme.is_mark("]"):
                if not open_brackets or _PAIRS[open_brackets[-1].text] != lexeme.text or frame.parent is None:
                    self.unbalanced = self.unbalanced or lexeme
                    continue
                open_brackets.pop()
                frame = frame.parent
        if open_brackets and self.unbalanced is None:
            self.unbalanced = open_brackets[-1]


VERBS: Final = frozenset({"SELECT", "VALUES", "TABLE", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"})
COUNTING: Final = frozenset({"LIMIT", "OFFSET", "FETCH"})
ORDERING: Final = frozenset({"ORDER BY", "GROUP BY", "PARTITION BY", "DISTINCT ON"})

_PAIRS: Final = {"(": ")", "[": "]"}
_CLAUSES: Final = frozenset(
    {"SELECT", "FROM", "WHERE", "HAVING", "LIMIT", "OFFSET", "FETCH", "SET", "VALUES", "INTO", "RETURNING", "USING"}
    | {"JOIN", "ON", "UPDATE", "WINDOW", "UNION", "INTERSECT", "EXCEPT", "FOR"}
)
KEYWORDS: Final = VERBS | _CLAUSES | {"BY"}
_NEW_QUERY: Final = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_COLUMN_LIST_OPENERS: Final = frozenset({"INSERT", "USING", "CONFLICT", "SET", "KEY"})
GROUPING_WORDS: Final = frozenset(
    {
        "ALL",
        "AND",
        "ANY",
        "ARRAY",
        "AS",
        "BETWEEN",
        "BY",
        "CASE",
        "DISTINCT",
        "ELSE",
        "ESCAPE",
        "EXCEPT",
        "EXISTS",
        "FILTER",
        "FROM",
        "GLOB",
        "GROUP",
        "HAVING",
        "ILIKE",
        "INTERSECT",
        "IS",
        "LATERAL",
        "LIKE",
        "LIMIT",
        "MATERIALIZED",
        "MATCH",
        "NOT",
        "OFFSET",
        "ON",
        "OR",
        "OVER",
        "REGEXP",
        "RETURNING",
        "ROW",
        "SELECT",
        "SOME",
        "THEN",
        "TO",
        "UNION",
        "WHEN",
        "WHERE",
    }
)
"""Keywords that may stand before a bracket without being a function's name."""


def _open(frame: Frame, lexemes: Sequence[Lexeme], index: int) -> Frame:
    """Return the level that a bracket opens."""
    opener = lexemes[index - 1] if index else None
    word = opener.upper if opener else ""
    new = Frame(role=Role.GROUP, parent=frame, opener=opener)
    if lexemes[index].text == "[":
        new.role = Role.SUBSCRIPT
    elif word in ("IN", "VALUES"):
        new.role = Role.LIST if word == "IN" else Role.TUPLE
    elif frame.clause == "VALUES" and opener is not None and opener.is_mark(","):
        new.role = Role.TUPLE
    elif word in _COLUMN_LIST_OPENERS or (opener is not None and _names_a_target(frame, opener)):
        new.role = Role.COLUMNS
    elif frame.clause in _RELATIONS and opener is not None and (word in _RELATION_OPENERS or opener.is_mark(",")):
        new.role, new.clause = Role.RELATION, "FROM"
    elif word == "ON" and index > 1 and lexemes[index - 2].upper == "DISTINCT":
        new.clause = "DISTINCT ON"
    elif word in ("ROLLUP", "CUBE", "SETS"):
        new.clause = "GROUP BY"
    elif opener is not None and opener.kind in (Kind.WORD, Kind.NAME, Kind.LITERAL) and word not in GROUPING_WORDS:
        new.role, new.function = Role.CALL, _bare_name(opener)
        new.opaque = opener.kind is Kind.LITERAL
    return new


_RELATIONS: Final = frozenset({"FROM", "JOIN", "USING", "ON"})
_RELATION_OPENERS: Final = frozenset({"FROM", "JOIN", "LATERAL", "ONLY"})


def _names_a_target(frame: Frame, opener: Lexeme) -> bool:
    """Return whether a bracket behind a name lists columns: ``INTO t (…)``, ``WITH t (…)``."""
    named = opener.kind is Kind.NAME or (opener.kind is Kind.WORD and opener.upper not in GROUPING_WORDS)
    return named and (frame.clause in ("INTO", "WITH"))


def _bare_name(opener: Lexeme) -> str:
    if opener.kind is Kind.NAME:
        return opener.text[1:-1].replace(opener.text[0] * 2, opener.text[0]).lower()
    return opener.text.lower()


def _pass_keyword(frame: Frame, lexemes: Sequence[Lexeme], index: int) -> None:
    """Change the level's clause when a keyword passes. Names behind a dot or AS are no keywords."""
    word = lexemes[index].upper
    before = lexemes[index - 1] if index else None
    if word not in KEYWORDS or is_name(lexemes, index):
        return
    begins = before is None or before.is_mark("(") or frame.verb == "WITH"
    if frame.role is Role.STATEMENT and not frame.main_verb:
        begins = True  # behind EXPLAIN, or behind a first query in brackets
    if word in VERBS and begins and not _is_call(lexemes, index):
        frame.verb = frame.verb or word
        if word == "WITH":
            frame.clause = "WITH"
        else:
            frame.main_verb = frame.main_verb or word
    if word == "BY" and before is not None:
        frame.clause = f"{before.upper} BY"
    elif word in _CLAUSES and (frame.verb or frame.role is Role.STATEMENT) and not _stays(word, lexemes, index):
        frame.clause = "" if word in _NEW_QUERY else word


def is_name(lexemes: Sequence[Lexeme], index: int) -> bool:
    """Return whether a word stands behind a dot or AS. An AS that is a name itself (``t.as``, ``1 AS as``) names nothing."""
    first = index
    while first and lexemes[first - 1].upper == "AS":
        first -= 1
    dotted = first > 0 and lexemes[first - 1].is_mark(".")
    return (index - first + dotted) % 2 == 1


def _is_call(lexemes: Sequence[Lexeme], index: int) -> bool:
    """Return whether a verb is a function's name here: ``replace(…)``."""
    follows = lexemes[index + 1] if index + 1 < len(lexemes) else None
    return lexemes[index].upper == "REPLACE" and follows is not None and follows.is_mark("(")


def _stays(word: str, lexemes: Sequence[Lexeme], index: int) -> bool:
    """Return whether a clause's word means something else here: ``IS DISTINCT FROM``, ``DISTINCT ON``."""
    before = lexemes[index - 1].upper if index else ""
    if word == "FROM":
        return before == "DISTINCT"
    if word == "ON":
        return before == "DISTINCT"
    return False
