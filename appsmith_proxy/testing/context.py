"""Binding contexts: the places of a driver's actions where a value can stand, each with an action and what it must answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.testing.corpus import Seed


def itself(value: Any) -> Any:
    """Return the value."""
    return value


def cells(answer: Any) -> Any:
    """Return the values of an answer's rows, without the columns' names."""
    return [list(row.values()) for row in answer]


def affected(answer: Any) -> Any:
    """Return how many rows an answer says were changed."""
    return answer[0]["affectedRows"]


def body(text: str) -> dict[str, Any]:
    """Return the configuration of an action of one statement."""
    return {"body": text}


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
    as_in: str = ""
    """Another context, whose verdicts hold here where none is said for this one."""
    declared: Mapping[str, Any] | None = None
    """How the bindings are declared (``DeclaredParameter``)."""
    width: int = 1
    """How many values one execution can take."""
    room: int = 1 << 18
    """How many characters of values one execution can take; a longer value goes by itself."""
    joint: bool = False
    """The values of one execution are one list, of one binding."""
    sizes: Sequence[int] = ()
    """Of a joint context: how many values executions take, in turn, for as many texts as lists of any size have. When it is
    empty each takes ``width``."""
    beside: Sequence[DeclaredParameter] = ()
    """Declared beside the bindings: what chooses, and what stands in the action under other names than theirs."""
    sends: Sequence[Callable[[Sequence[Any]], Mapping[str, Any]]] = ()
    """Each returns what a caller sends for values. Executions take them in turn, so that every block and every choice is
    there in some and not in others. When it is empty the values are sent under the bindings' names."""
    given: Callable[[Any], Any] = itself
    """Returns what the caller sends for a seed's value."""
    plain: Any = PLAIN
    """A harmless value for the place."""
    choices: Sequence[Any] = ()
    """Of a place that chooses: every value that it takes. Each has a statement of its own."""
    applies: Callable[[Seed], bool] = always
    stores: bool = False
    """The values are stored: ``stored`` of the harness must know them all at the end."""
