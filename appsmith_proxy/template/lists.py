"""Recognise ``x IN ({{list}})``: where it stands, whether NOT stands before it, and what is on its left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from appsmith_proxy.template.clauses import Role, Site
from appsmith_proxy.template.lexer import Kind, Lexeme


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """The words before the brackets of a list."""

    keyword: Lexeme
    """IN"""
    negation: Lexeme | None
    """NOT, where it stands."""
    compares_rows: bool
    """The left side is a row ``(a, b)``."""


def list_at(site: Site, parsed: Sequence[Lexeme]) -> ListOf | None:
    """Return the list that the binding at ``site`` is, None when it is not the whole content of the brackets of IN."""
    after = parsed[site.index + 1] if site.index + 1 < len(parsed) else None
    if site.frame.role is not Role.LIST or not site.lexeme.is_one_binding or after is None or not after.is_mark(")"):
        return None
    if not parsed[site.index - 1].is_mark("("):
        return None
    at = site.index - 2
    negation = parsed[at - 1] if at and parsed[at - 1].upper == "NOT" else None
    left = at - 2 if negation is not None else at - 1
    return ListOf(keyword=parsed[at], negation=negation, compares_rows=left > 0 and _closes_row(parsed, left))


def row_columns(site: Site, parsed: Sequence[Lexeme]) -> tuple[str, ...] | str:
    """Return the columns of ``INSERT INTO t (a, b) VALUES {{rows}}``, or why the binding at ``site`` is not that."""
    at = site.index - 1
    inserts = site.frame.role is Role.STATEMENT and site.frame.main_verb in ("INSERT", "REPLACE")
    if site.lexeme.kind is not Kind.HOLE or not inserts or at < 0 or parsed[at].upper != "VALUES":
        return "a list of objects can only be the rows of an INSERT"
    names: list[str] = []
    at -= 1
    if not parsed[at].is_mark(")"):
        return "the columns must be named before VALUES"
    while at > 1 and not parsed[at].is_mark("("):
        at -= 1
        if parsed[at].kind is Kind.WORD:
            names.append(parsed[at].text)
        elif parsed[at].kind is Kind.NAME:
            quote = parsed[at].text[-1]
            names.append(parsed[at].text[1:-1].replace(quote * 2, quote))
        elif not parsed[at].is_mark(",") and not parsed[at].is_mark("("):
            return "only names of columns can stand before VALUES"
    return tuple(reversed(names))


def names_apart(columns: Sequence[str], fields: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield, with a hint, each column that the rows' fields have not, and each field that is no column."""
    for name in columns:
        if name not in fields:
            yield f"the rows have no field {name}", f"declared fields: {', '.join(fields)}"
    for name in fields:
        if name not in columns:
            yield f"the statement has no column {name}", f"its columns: {', '.join(columns)}"


_BEFORE_ROW: Final = frozenset({"WHERE", "AND", "OR", "NOT", "ON", "HAVING", "WHEN", "ROW", "SELECT", "CASE", "THEN"})


def _closes_row(parsed: Sequence[Lexeme], index: int) -> bool:
    """Return whether a bracket stands at ``index`` and closes a row, not a call or an expression."""
    depth = commas = 0
    for at in range(index, -1, -1):
        lexeme = parsed[at]
        depth += lexeme.is_mark(")") - lexeme.is_mark("(")
        commas += lexeme.is_mark(",") and depth == 1
        if depth <= 0:
            before = parsed[at - 1] if at else None
            named = before is not None and before.kind in (Kind.WORD, Kind.NAME) and before.upper not in _BEFORE_ROW
            return bool(commas) and not named
    return False
