"""Say whether a value can stand where a binding stands, and if not, why and what works instead.

An allow-list: a value may stand behind an operator, an opening bracket, a comma, or a keyword of ``_OPERAND_WORDS``. All
else is a name, a keyword or a part of the language, which no value can become.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from appsmith_proxy.sdk import Dialect
from appsmith_proxy.template.clauses import ORDERING, Role, Site
from appsmith_proxy.template.lexer import Kind, Lexeme
from appsmith_proxy.template.neighbours import (
    JOINING,
    behind_distinct,
    in_call,
    is_operand_of_comparison,
    lexeme_at,
    type_before,
)
from appsmith_proxy.template.statements import Refusal

_OPERAND_WORDS: Final = frozenset(
    {
        "ALL",
        "AND",
        "BETWEEN",
        "BOTH",
        "CASE",
        "DISTINCT",
        "ELSE",
        "ESCAPE",
        "FETCH",
        "FIRST",
        "GLOB",
        "GROUPS",
        "HAVING",
        "ILIKE",
        "LEADING",
        "LIKE",
        "LIMIT",
        "MATCH",
        "NEXT",
        "NOT",
        "OFFSET",
        "ON",
        "OR",
        "PLACING",
        "RANGE",
        "REGEXP",
        "RETURNING",
        "RLIKE",
        "ROWS",
        "SELECT",
        "SYMMETRIC",
        "THEN",
        "TO",
        "TRAILING",
        "WHEN",
        "WHERE",
        "XOR",
        "ZONE",
    }
)
_ITEM_ENDS: Final = frozenset({"ASC", "DESC", "NULLS", "LIMIT", "OFFSET", "FETCH", "HAVING", "UNION", "COLLATE", "FOR"})
_INTERVAL_FIELDS: Final = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})

_NAME_HINT: Final = "write the name itself in the statement; only values can be bound"
_RELATION: Final = ("a binding is a value, and a table or subquery is expected here", _NAME_HINT)
_ORDER: Final = (
    "a value here would order or group by a constant, which does nothing",
    "write the column and direction in the statement, or CASE {{sort}} WHEN 'name' THEN name … END",
)
_TARGET: Final = ("a column's name is expected here, and a binding is a value", _NAME_HINT)

_BY_WORD: Final[Mapping[str, tuple[str, str]]] = {
    "FROM": _RELATION,
    "JOIN": _RELATION,
    "INTO": _RELATION,
    "UPDATE": _RELATION,
    "TABLE": _RELATION,
    "USING": _RELATION,
    "ONLY": _RELATION,
    "LATERAL": _RELATION,
    "AS": ("a name or a type is expected behind AS, and a binding is a value", _NAME_HINT),
    "COLLATE": ("a collation's name is expected here, and a binding is a value", _NAME_HINT),
    "IN": ("IN takes a list in brackets", "write x IN ({{values}}): the binding may hold one value or a list"),
    "VALUES": (
        "VALUES takes rows in brackets",
        "write VALUES ({{first}}, {{second}}) with one binding for each column",
    ),
    "SET": _TARGET,
    "SIMILAR": ("TO is expected here", "write x SIMILAR TO {{pattern}}"),
    "CALL": ("a procedure's name is expected here, and a binding is a value", _NAME_HINT),
}


def refuse(site: Site, parsed: Sequence[Lexeme], dialect: Dialect) -> Refusal | None:
    """Return why the lexeme at ``site``, which holds bindings, cannot be a value; None when it can."""
    for rule in _RULES:
        found = rule(site, parsed, dialect)
        if found is not None:
            return Refusal(offset=site.lexeme.holes[0].start, message=found[0], hint=found[1])
    return None


def calls_denied(site: Site, dialect: Dialect) -> Refusal | None:
    """Return why the value may not reach the function around it, None when it may."""
    for frame in site.frame.calls():
        if frame.opaque or frame.function in dialect.denied_functions:
            return Refusal(
                offset=site.lexeme.holes[0].start,
                message="no value may reach a function that runs SQL, changes settings, reads files or dials out",
                hint="write the argument as a constant in the statement",
            )
    return None


Advice = tuple[str, str]
_Rule = Callable[[Site, Sequence[Lexeme], Dialect], Advice | None]


def _touches_word(site: Site, parsed: Sequence[Lexeme], dialect: Dialect) -> Advice | None:
    if site.lexeme.kind is not Kind.HOLE:
        return None
    neighbours = (lexeme_at(parsed, site.index - 1), lexeme_at(parsed, site.index + 1))
    touching = any(
        near is not None and near.kind in JOINING and (near.end == site.lexeme.start or near.start == site.lexeme.end)
        for near in neighbours
    )
    if touching:
        return (
            "the binding touches what stands beside it: a value cannot be a part of a name, a number or a keyword",
            "put white space around it, or the whole text in quotes: 'prefix{{value}}'",
        )
    return None


def _is_qualified(site: Site, parsed: Sequence[Lexeme], dialect: Dialect) -> Advice | None:
    before, after = lexeme_at(parsed, site.index - 1), lexeme_at(parsed, site.index + 1)
    if (before and before.is_mark(".")) or (after and after.is_mark(".")):
        return "a binding is a value, and a schema, table or column name is expected here", _NAME_HINT
    if after and after.is_mark("("):
        return "a binding is a value, and a function's name is expected here", _NAME_HINT
    return None


def _orders(site: Site, parsed: Sequence[Lexeme], dialect: Dialect) -> Advice | None:
    """Refuse a value that is a whole item of ORDER BY or GROUP BY, and what follows a column there."""
    if site.frame.effective_clause() not in ORDERING:
        return None
    before = lexeme_at(parsed, site.index - 1 - type_before(site, parsed, dialect))
    if before is None:
        return None
    if before.kind in (
        Kind.WORD,
        Kind.NAME,
        Kind.HOLE,
    ) and before.upper not in _OPERAND_WORDS | dialect.operand_words | {"BY"}:
        return "a sort direction or another keyword is expected here, and a binding is a value", _ORDER[1]
    if not (before.upper == "BY" or before.is_mark(",") or before.is_mark("(")):
        return None
    after_index = site.index + 1
    while (mark := lexeme_at(parsed, after_index)) is not None and mark.text == "::":
        after_index += 2
    after = lexeme_at(parsed, after_index)
    whole = after is None or after.kind in (Kind.MARK, Kind.HOLE) or after.upper in _ITEM_ENDS
    return _ORDER if whole else None


def _names(site: Site, parsed: Sequence[Lexeme], dialect: Dialect) -> Advice | None:
    """Refuse places that take a column's or a table's name."""
    before = lexeme_at(parsed, site.index - 1)
    frame = site.frame
    if before is None or not (before.is_mark("(") or before.is_mark(",")):
        return None
    if frame.role is Role.COLUMNS and not frame.verb:
        return _TARGET
    if frame.role is Role.RELATION and not frame.verb:
        return _RELATION
    if before.is_mark(","):
        if frame.clause in ("FROM", "JOIN", "USING", "ON", "INTO", "UPDATE", "WITH"):
            return _RELATION
        if frame.clause == "SET":
            return _TARGET
        if frame.clause == "VALUES" and frame.role is not Role.TUPLE:
            return _BY_WORD["VALUES"]
    return None


def _operand(site: Site, parsed: Sequence[Lexeme], dialect: Dialect) -> Advice | None:
    """Refuse every place that is not known to take a value."""
    before = lexeme_at(parsed, site.index - 1)
    if before is None:
        return "a statement cannot begin with a binding", "write the statement; only values can be bound"
    if before.kind is Kind.OPERATOR:
        return _BY_WORD["AS"] if before.text == "::" else None
    if before.kind is Kind.MARK and before.text in "(,[":
        return None
    if type_before(site, parsed, dialect):
        return None
    word = before.upper
    if word == "FROM" and (behind_distinct(parsed, site.index) or in_call(site)):
        return None
    if word in ("FOR", "IN") and in_call(site):
        return None
    if word in _BY_WORD:
        return _BY_WORD[word]
    if word == "IS":
        return "IS takes NULL, TRUE or FALSE, no value", f"write x {dialect.equal_or_both_null} {{{{value}}}}"
    if before.text.lower() in dialect.string_type_names:
        return (
            "a value cannot stand here",
            "behind a type's name write quotes: date '{{day}}', or CAST({{day}} AS date)",
        )
    if word in _OPERAND_WORDS | dialect.operand_words or (word == "BY" and site.frame.effective_clause() in ORDERING):
        return None
    return (
        "a value cannot stand here",
        "bindings are values: they stand where the statement compares, computes or stores",
    )


def _typed_literal(site: Site, parsed: Sequence[Lexeme], dialect: Dialect) -> Advice | None:
    """Refuse ``interval '{{n}}' day``: a cast would read the number as seconds."""
    count = type_before(site, parsed, dialect)
    after = lexeme_at(parsed, site.index + 1)
    if count and parsed[site.index - 1].upper == "INTERVAL" and after is not None and after.upper in _INTERVAL_FIELDS:
        return "a unit behind the interval cannot be kept", "write the unit inside the quotes: interval '{{n}} days'"
    return None


def _quoted_name(site: Site, parsed: Sequence[Lexeme], dialect: Dialect) -> Advice | None:
    """Accept ``"{{x}}"`` only where it can be nothing but a value."""
    lexeme = site.lexeme
    if lexeme.kind is not Kind.NAME:
        return None
    whole = lexeme.holes[0].start == lexeme.start + 1 and lexeme.holes[0].end == lexeme.end - 1
    if whole and lexeme.text[0] == '"' and is_operand_of_comparison(site, parsed):
        return None
    return (
        "these quotes are for names, and a binding is a value",
        "for a value write it without quotes or in single ones; a name must be written in the statement",
    )


def _unusual_quotes(site: Site, parsed: Sequence[Lexeme], dialect: Dialect) -> Advice | None:
    lexeme = site.lexeme
    if lexeme.kind is Kind.DOLLAR:
        return "nothing is bound inside a dollar-quoted text", "use single quotes, or join the parts with ||"
    if lexeme.form is not None and not lexeme.form.accepts_binding:
        return (
            f"nothing is bound inside {lexeme.form.prefix}{lexeme.form.quote}…{lexeme.form.quote}",
            "write the binding alone; for bytes declare the parameter's type as bytes and send base64",
        )
    return None


_RULES: Final[tuple[_Rule, ...]] = (
    _touches_word,
    _unusual_quotes,
    _is_qualified,
    _orders,
    _names,
    _operand,
    _quoted_name,
    _typed_literal,
)
