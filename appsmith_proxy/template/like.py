"""Find the LIKE pattern that a binding is part of, and how its wildcards must be escaped."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from appsmith_proxy.sdk import Dialect
from appsmith_proxy.template.lexer import MASK, Kind, Lexeme
from appsmith_proxy.template.statements import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class LikePattern:
    """The right side of one LIKE."""

    start: int
    end: int
    """Indexes among the significant lexemes; ``end`` is behind the last."""
    escape: str
    """The escape character, ``""`` when ``refusal`` says why there is none."""
    written: bool
    """ESCAPE stands in the text, or the dialect has a default: nothing is added."""
    refusal: Refusal | None = None


_CANDIDATES: Final = "\\!~^|#@"
_BACKSLASHED: Final = re.compile(r"\\(.)", re.DOTALL)
_TRANSPARENT: Final = frozenset({"binary", "concat", "lower", "upper", "unaccent"})
"""Functions that hand a pattern through. A value inside any other one is not escaped: the function makes the pattern."""


def like_patterns(parsed: Sequence[Lexeme], dialect: Dialect) -> dict[int, LikePattern]:
    """Return, by index, the pattern that each lexeme with bindings is directly part of."""
    found: dict[int, LikePattern] = {}
    for index, lexeme in enumerate(parsed):
        if (lexeme.upper or lexeme.text) in dialect.like_operators:
            end = _end_of_chain(parsed, index + 1, dialect)
            direct = list(_direct_holes(parsed, index + 1, end))
            if direct:
                found |= dict.fromkeys(direct, _with_escape(parsed, index + 1, end, dialect))
    return found


def swallows(literal: str, escape: str, *, backslash_escapes: bool) -> Refusal | None:
    """Return why a part of a literal may not stand directly before a value, None when it may. Offsets are the caller's.

    An escape character at its end would take the quote with it, or the first character of the value: then one that the
    value's own escaping put there, and a wildcard would be left.
    """
    if backslash_escapes and _ends_escaped(literal, "\\"):
        return _refusal("an escape character stands directly before the binding", "remove it, or double it")
    if not escape:
        return None
    if backslash_escapes:
        if any(character in "0123456789xuU" for character in _BACKSLASHED.findall(literal)):
            return _refusal("a pattern around a binding holds a character by its number", "write the character itself")
        literal = _BACKSLASHED.sub(r"\1", literal)
    if _ends_escaped(literal, escape):
        return _refusal("the pattern's escape character stands directly before the binding", "remove it")
    return None


def _refusal(message: str, hint: str) -> Refusal:
    return Refusal(offset=0, message=message, hint=hint)


def _ends_escaped(literal: str, escape: str) -> bool:
    return (len(literal) - len(literal.rstrip(escape))) % 2 == 1


def _direct_holes(parsed: Sequence[Lexeme], start: int, end: int) -> Iterator[int]:
    """Yield the lexemes with bindings that only brackets and transparent functions stand around."""
    open_brackets: list[bool] = []
    for at in range(start, end):
        lexeme = parsed[at]
        if lexeme.is_mark("(") or lexeme.is_mark("["):
            open_brackets.append(_hands_through(parsed, at, first=at == start))
        elif lexeme.is_mark(")") or lexeme.is_mark("]"):
            open_brackets.pop()
        elif lexeme.upper == "SELECT" and open_brackets:
            open_brackets[-1] = False
        elif lexeme.holes and all(open_brackets):
            yield at


def _hands_through(parsed: Sequence[Lexeme], at: int, *, first: bool) -> bool:
    """Return whether a bracket's content is still the pattern, and not what a function makes one of."""
    before = parsed[at - 1]
    if parsed[at].text == "[":
        return not first and before.upper == "ARRAY"
    if first or before.kind not in (Kind.WORD, Kind.NAME):
        return True
    return before.text.strip('"').lower() in _TRANSPARENT or before.upper in ("ANY", "ALL", "SOME")


def _end_of_chain(parsed: Sequence[Lexeme], start: int, dialect: Dialect) -> int:
    """Return the index behind a chain of operands joined by ``||``, casts and collations included."""
    at = start
    while at < len(parsed):
        at = _end_of_operand(parsed, at + (parsed[at].upper in dialect.operand_words))
        while at < len(parsed) and (parsed[at].text == "::" or parsed[at].upper == "COLLATE"):
            at = _end_of_operand(parsed, at + 1)
        if at >= len(parsed) or parsed[at].text != "||":
            return at
        at += 1
    return at


def _end_of_operand(parsed: Sequence[Lexeme], at: int) -> int:
    """Return the index behind one operand: a literal, a dotted name, a call, or something in brackets."""
    depth = 0
    while at < len(parsed):
        lexeme = parsed[at]
        if lexeme.is_mark("(") or lexeme.is_mark("["):
            depth += 1
        elif lexeme.is_mark(")") or lexeme.is_mark("]"):
            if depth == 0:
                return at
            depth -= 1
        at += 1
        if depth == 0 and not _continues(parsed, at):
            return at
    return at


def _continues(parsed: Sequence[Lexeme], at: int) -> bool:
    """Return whether the lexeme at ``at`` still belongs to the operand before it."""
    if at >= len(parsed):
        return False
    lexeme, before = parsed[at], parsed[at - 1]
    if lexeme.is_mark(".") or before.is_mark("."):
        return True
    if lexeme.is_mark("(") or lexeme.is_mark("["):
        return before.kind in (Kind.WORD, Kind.NAME)
    return False


def _with_escape(parsed: Sequence[Lexeme], start: int, end: int, dialect: Dialect) -> LikePattern:
    offset = next(lexeme.holes[0].start for lexeme in parsed[start:end] if lexeme.holes)
    if end < len(parsed) and parsed[end].upper == "ESCAPE":
        character = _literal_text(parsed[end + 1]) if end + 1 < len(parsed) else None
        if character is not None and len(character) == 1 and character not in "%_":
            return LikePattern(start=start, end=end, escape=character, written=True)
        why = Refusal(
            offset=offset,
            message="ESCAPE must be one plain character, so that the value's wildcards can be escaped",
            hint="write ESCAPE '!', or declare the parameter with wildcards",
        )
        return LikePattern(start=start, end=end, escape="", written=True, refusal=why)
    if dialect.default_like_escape is not None:
        return LikePattern(start=start, end=end, escape=dialect.default_like_escape, written=True)
    parts = [lexeme for lexeme in parsed[start:end] if lexeme.kind is Kind.LITERAL]
    others = any(lexeme.kind in (Kind.WORD, Kind.NAME) and not _is_keyword(lexeme) for lexeme in parsed[start:end])
    free = next((mark for mark in _CANDIDATES if not any(mark in part.text for part in parts)), "")
    if others or not free:
        why = Refusal(
            offset=offset,
            message="the pattern also holds what is not known here, so no escape character can be chosen for it",
            hint="write ESCAPE '!' behind the pattern, or declare the parameter with wildcards",
        )
        return LikePattern(start=start, end=end, escape="", written=False, refusal=why)
    return LikePattern(start=start, end=end, escape=free, written=False)


def _is_keyword(lexeme: Lexeme) -> bool:
    return lexeme.text.lower() in _TRANSPARENT or lexeme.upper in ("COLLATE", "NOCASE", "BINARY", "RTRIM")


def _literal_text(lexeme: Lexeme) -> str | None:
    if lexeme.kind is not Kind.LITERAL or MASK in lexeme.text or lexeme.form is None or lexeme.form.prefix:
        return None
    quote = lexeme.form.quote
    text = lexeme.text[1:-1].replace(quote * 2, quote)
    if not lexeme.form.backslash_escapes:
        return text
    named = any(character.isalnum() for character in _BACKSLASHED.findall(text))
    return None if named else _BACKSLASHED.sub(r"\1", text)
