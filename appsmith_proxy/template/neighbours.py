"""What stands around a binding in a text that was read: the word before it, a type's name, a comparison, a call."""

from collections.abc import Sequence
from typing import Final

from appsmith_proxy.sdk import Dialect
from appsmith_proxy.template.clauses import Role, Site
from appsmith_proxy.template.lexer import Kind, Lexeme

JOINING: Final = frozenset({Kind.HOLE, Kind.WORD, Kind.NUMBER, Kind.LITERAL, Kind.NAME, Kind.DOLLAR})
"""What would be read as one with a binding that touches it."""

_COMPARISONS: Final = frozenset({"=", "==", "<>", "!=", "<", ">", "<=", ">=", "<=>"})
_COMPARING_WORDS: Final = frozenset({"LIKE", "ILIKE", "GLOB", "BETWEEN"})


def lexeme_at(parsed: Sequence[Lexeme], index: int) -> Lexeme | None:
    """Return a lexeme by its index, None where there is none."""
    return parsed[index] if 0 <= index < len(parsed) else None


def is_operand_of_comparison(site: Site, parsed: Sequence[Lexeme]) -> bool:
    """Return whether the lexeme is the right side of a comparison, or a value in IN, VALUES or SET."""
    before = lexeme_at(parsed, site.index - 1)
    if before is None:
        return False
    if before.kind is Kind.OPERATOR and before.text in _COMPARISONS:
        return True
    if before.upper in _COMPARING_WORDS:
        return True
    opens = before.is_mark("(") or before.is_mark(",")
    return opens and site.frame.role in (Role.TUPLE, Role.LIST)


def type_before(site: Site, parsed: Sequence[Lexeme], dialect: Dialect) -> int:
    """Return how many words directly before a literal are its type's name (``timestamp with time zone '…'``), 0 for none.

    A binding without quotes has none: behind ``date`` it could as well stand behind a column of that name.
    """
    if site.lexeme.kind is not Kind.LITERAL:
        return 0
    for count in range(4, 0, -1):
        words = parsed[max(site.index - count, 0) : site.index]
        if len(words) == count and all(word.kind is Kind.WORD for word in words):
            name = " ".join(word.text.lower() for word in words)
            if name in dialect.string_type_names and not _is_dotted(parsed, site.index - count):
                return count
    return 0


def behind_distinct(parsed: Sequence[Lexeme], index: int) -> bool:
    """Return whether the word before the one before ``index`` is DISTINCT, as in ``IS DISTINCT FROM``."""
    return index >= 2 and parsed[index - 2].upper == "DISTINCT"


def in_call(site: Site) -> bool:
    """Return whether the lexeme stands in the brackets of a call, and in no subquery there."""
    return site.frame.role is Role.CALL and not site.frame.verb


def _is_dotted(parsed: Sequence[Lexeme], index: int) -> bool:
    before = lexeme_at(parsed, index - 1)
    return before is not None and before.is_mark(".")
