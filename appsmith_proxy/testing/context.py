"""Binding contexts: the places of a driver's actions where a value can stand, each with an action and what it must answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from appsmith_proxy.testing.corpus import Seed


def itself(value: Any) -> Any:
    """Return the value."""
    return value


def cells(answer: Any) -> Any:
    """Return the values of an answer's rows, without the columns' names."""
    return [list(row.values()) for row in answer]


def always(seed: Seed) -> bool:
    """Take every seed."""
    return True


PLAIN: Final = "plain"
"""A harmless text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingContext:
    """One place where a value can stand."""

    name: str
    action: Callable[[Sequence[str]], Mapping[str, Any]]
    """Returns an action's configuration with these bindings in the place, one or ``width``."""
    wanted: Callable[[Sequence[Any]], Any]
    """Returns the answer that is right when these values, and no others, were taken as values."""
    read: Callable[[Any], Any] = cells
    """Returns what is compared of the answer, which is ``data.body`` as the caller gets it."""
    takes: str = "text"
    """What fits the place: ``text`` takes every text, ``json`` and ``leaf`` every value, others (``integer`` …) what
    the seeds say."""
    declared: Mapping[str, Any] | None = None
    """How the bindings are declared (``DeclaredParameter``)."""
    width: int = 1
    """How many values one execution can take."""
    room: int = 1 << 18
    """How many characters of values one execution can take; a longer value goes by itself."""
    joint: bool = False
    """The values of one execution are one list, of one binding."""
    given: Callable[[Any], Any] = itself
    """Returns what the caller sends for a seed's value."""
    plain: Any = PLAIN
    """A harmless value for the place."""
    applies: Callable[[Seed], bool] = always
    stores: bool = False
    """The values are stored: ``stored`` of the harness must know them all at the end."""
