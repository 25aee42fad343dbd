"""The injection corpus: the seeds of ``corpus.json``, each with the outcome it must have in every place.

A seed is a *value* (text, or any JSON) that must stay one wherever it stands, or an *action* whose configuration must be
refused when it is saved. What is expected of it is looked up by the place's labels, from the most special to the most
general; where a row says nothing, the place's own default holds.

::

    {"id": "numbers-017", "text": "1e3", "expected": {"integer": "refused", "decimal": {"is": "1000"}}}
    {"id": "lengths-003", "parts": [["'", 1048575]]}
    {"id": "juggling-002", "value": {"$gt": ""}, "expected": {"text": "refused"}}
    {"id": "statements-001", "action": {"body": "SELECT 1; SELECT 2"}, "expected": {"sql": "refused"}}
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final, TypeAlias


class Verdict(StrEnum):
    """What must become of a seed in a place. ``{"is": …}`` in the file says which other value it is there."""

    SAME = "same"
    """It is found unchanged: it comes back, is stored, or matches what equals it and nothing else."""
    REFUSED = "refused"
    """An error names the binding, and nothing was done."""
    FAILED = "failed"
    """The datasource itself refuses the statement with this value; the error is typed and nothing was done."""
    ACCEPTED = "accepted"
    """Of an action: it compiles."""


@dataclass(frozen=True, slots=True)
class Is:
    """The verdict that a seed is taken as another value: ``" 1"`` as the integer 1."""

    value: Any


Expected: TypeAlias = Verdict | Is


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """One row of the file."""

    id: str
    group: str
    """The class it belongs to."""
    row: Mapping[str, Any] = field(repr=False)

    @property
    def is_action(self) -> bool:
        """Whether it is an action's configuration and no value."""
        return "action" in self.row

    @property
    def is_text(self) -> bool:
        """Whether it is a text."""
        return "text" in self.row or "parts" in self.row

    @property
    def value(self) -> Any:
        """The value. A text of parts is put together here: files should be readable."""
        if "parts" in self.row:
            return "".join(part * times for part, times in self.row["parts"])
        return self.row["text"] if "text" in self.row else self.row["value"]

    @property
    def action(self) -> Mapping[str, Any]:
        """The action's configuration."""
        action: Mapping[str, Any] = self.row["action"]
        return action

    def expected(self, labels: Iterable[str]) -> Expected | None:
        """Return what must become of it in the place of these labels, the most special first; None: not said."""
        known: Mapping[str, Any] = self.row.get("expected", {})
        found = next((known[label] for label in labels if label in known), None)
        if isinstance(found, dict):
            return Is(found["is"])
        return None if found is None else Verdict(found)


def _load() -> Mapping[str, tuple[Seed, ...]]:
    text = files("appsmith_proxy.testing").joinpath("corpus.json").read_text(encoding="utf-8")
    return {
        group: tuple(Seed(id=row["id"], group=group, row=row) for row in described["seeds"])
        for group, described in json.loads(text)["classes"].items()
    }


SEEDS: Final[Mapping[str, tuple[Seed, ...]]] = _load()
"""The kept seeds by class."""

VALUES: Final[tuple[Seed, ...]] = tuple(seed for seeds in SEEDS.values() for seed in seeds if not seed.is_action)
ACTIONS: Final[tuple[Seed, ...]] = tuple(seed for seeds in SEEDS.values() for seed in seeds if seed.is_action)

CLASSES: Final[tuple[str, ...]] = tuple(name for name, seeds in SEEDS.items() if any(seed.is_text for seed in seeds))
"""The classes that hold texts."""


def texts(name: str) -> Iterator[str]:
    """Yield the texts of one class, each once."""
    yield from dict.fromkeys(seed.value for seed in SEEDS[name] if seed.is_text)
