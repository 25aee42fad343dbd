"""Parameters that choose a statement: names and keywords out of a closed list, written by the proxy and never by a caller.

``ORDER BY {{column}} {{direction}}`` has one statement for each pair of spellings that the action allows::

    column:    identifier, choices ["name", "o.created_at"]    →  "name" │ "o"."created_at"
    direction: keyword,    choices ["ASC", "DESC"]              →  ASC │ DESC
"""

import itertools
from collections.abc import Iterator
from typing import Any, Final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.sdk import Dialect, ParameterType

CHOOSERS: Final = frozenset({ParameterType.IDENTIFIER, ParameterType.KEYWORD})

MAX_PARTS: Final = 3
"""``schema.table.column``"""
MAX_NAME: Final = 128
"""Characters of one part of a name."""

_DIRECTIONS: Final = ("ASC", "DESC")
_NULLS: Final = ("NULLS FIRST", "NULLS LAST")
KEYWORDS: Final = frozenset(
    {
        *_DIRECTIONS,
        *_NULLS,
        *(f"{direction} {nulls}" for direction, nulls in itertools.product(_DIRECTIONS, _NULLS)),
        *("AND", "OR", "AND NOT", "OR NOT", "NOT"),
        *("LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"),
        *("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "DISTINCT", "ALL", "ANY"),
        *("LEFT", "RIGHT", "INNER", "FULL", "CROSS"),
        *("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"),
        *("=", "<>", "<", "<=", ">", ">="),
    }
)
"""What a keyword parameter may be: words and comparisons that turn no read into a write and open no other statement."""


def is_chooser(declared: DeclaredParameter | None) -> bool:
    """Return whether a parameter chooses a statement instead of being bound."""
    return declared is not None and declared.type in CHOOSERS


def chooser_problems(declared: DeclaredParameter) -> Iterator[tuple[str, str, str]]:
    """Yield (field, message, hint) for all that is wrong with the declaration of a chooser."""
    kind = str(declared.type)
    if not declared.choices:
        yield (
            "choices",
            f"a parameter of type {kind} needs the spellings that it may have",
            'for example ["name", "id"]',
        )
    for index, choice in enumerate(declared.choices):
        found = _choice_problem(declared.type, choice)
        if found:
            yield f"choices[{index}]", *found
    if len({str(choice) for choice in declared.choices}) != len(declared.choices):
        yield "choices", "a spelling stands twice", ""
    for field, given in _not_for_choosers(declared):
        if given:
            yield field, f"does not apply to a parameter of type {kind}", ""
    if declared.has_default and declared.default not in declared.choices:
        yield "default", "must be one of the choices", ""


def spelling(declared: DeclaredParameter, choice: str, dialect: Dialect) -> str:
    """Return how a choice stands in the statement: a name quoted part by part, a keyword as it is."""
    if declared.type is ParameterType.KEYWORD:
        return choice.upper()
    opening, closing = dialect.identifier_quotes[0]
    return ".".join(f"{opening}{part.replace(closing, closing * 2)}{closing}" for part in choice.split("."))


def _choice_problem(kind: ParameterType | None, choice: Any) -> tuple[str, str] | None:
    if not isinstance(choice, str):
        return "must be text", ""
    if kind is ParameterType.KEYWORD:
        return (
            None
            if choice.upper() in KEYWORDS
            else (
                "is no keyword that may be chosen",
                f"these may: {', '.join(sorted(KEYWORDS))}",
            )
        )
    parts = choice.split(".")
    if len(parts) > MAX_PARTS or not all(parts):
        return "must be a name, or names with dots between them", "table.column"
    if any(len(part) > MAX_NAME or not part.isprintable() for part in parts):
        return f"must be printable names of at most {MAX_NAME} characters", ""
    return None


def _not_for_choosers(declared: DeclaredParameter) -> Iterator[tuple[str, bool]]:
    yield "list", declared.is_list
    yield "nullable", declared.nullable
    yield "min", declared.min is not None
    yield "max", declared.max is not None
    yield "minLength", declared.min_length is not None
    yield "maxLength", declared.max_length is not None
    yield "pattern", declared.pattern is not None
    yield "wildcards", declared.wildcards
