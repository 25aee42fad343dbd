"""Declared parameters of an action: type and limits of a binding."""

from dataclasses import dataclass
from typing import Any, Final

from appsmith_proxy.sdk import ParameterType

MAX_ITEMS: Final = 1_000
"""Default and upper bound of a list parameter's ``max_items``."""

MAX_ROWS: Final = 10_000
"""Upper bound of ``max_items`` for rows; the default is ``MAX_ITEMS``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredParameter:
    """What an author says of a binding. Everything but ``name`` is optional; what is not said is not checked."""

    name: str
    """The binding's text, exactly, trimmed."""
    type: ParameterType | None = None
    is_list: bool = False
    """Written as ``{"type": "integer", "list": true}``."""
    required: bool = True
    """False: where no value comes, the default is bound, or NULL."""
    nullable: bool = False
    """The caller may send null for it."""
    default: Any = None
    has_default: bool = False
    """True when a default was given (``default`` itself may be any JSON value but null)."""
    choices: tuple[Any, ...] = ()
    """The only values there are; for names and keywords the spellings that callers send."""
    min: float | str | None = None
    """For numbers, and ISO text for dates and times."""
    max: float | str | None = None
    min_length: int | None = None
    max_length: int | None = None
    """Characters of a text."""
    pattern: str | None = None
    """A regular expression that the whole text must match; only constructs that match in linear time."""
    max_items: int = MAX_ITEMS
    """Of a list, or rows."""
    allow_empty: bool = False
    """An empty list is a value in a writing statement too."""
    wildcards: bool = False
    """``%`` and ``_`` in the value keep their meaning in a LIKE pattern."""
    empty_is_absent: bool | None = None
    """None: the default of the place (true for a parameter that is used in a block)."""
    trusted_only: bool = False
    """Reserved for parameters that only the server may fill."""
    fields: "tuple[DeclaredParameter, ...]" = ()
    """Of a list of objects: the columns of its rows, by name."""
