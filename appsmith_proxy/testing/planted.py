"""What a condition must find among the planted rows of the injection suite, worked out without the database."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

FEW: Final = 600
"""Rows that patterns are tried against which the database must try against every row."""

LONGEST: Final = 4_096
"""Characters of what is planted: every condition reads every row. Longer texts must match nothing."""


class Planted:
    """What each condition must find among the planted rows: how many, the first and the last id."""

    def __init__(self, ids: Mapping[str, int], fold: Callable[[str], str]) -> None:
        self._ids = ids
        self._fold = fold
        self._folded: dict[str, list[int]] = {}
        self._some: dict[str, list[int]] = {}
        for text, number in self._ids.items():
            self._folded.setdefault(self._fold(text), []).append(number)
            if number <= FEW:
                self._some.setdefault(self._fold(text), []).append(number)

    def ids(self, value: Any) -> list[int]:
        """Return the ids of the rows that equal a value."""
        return [self._ids[value]] if isinstance(value, str) and value in self._ids else []

    def equal(self, value: Any) -> list[Any]:
        """Return what ``=`` finds."""
        return _summary(self.ids(value))

    def without(self, values: Sequence[Any]) -> list[Any]:
        """Return what is left of the rows for patterns when those that equal one of the values are ruled out."""
        out = {number for value in values for number in self.ids(value)}
        return _summary([number for numbers in self._some.values() for number in numbers if number not in out])

    def like(self, value: Any) -> list[Any]:
        """Return what LIKE finds when every character matches itself."""
        return _summary(self._folded.get(self._fold(value), []) if isinstance(value, str) else [])

    def containing(self, value: Any) -> list[Any]:
        """Return what LIKE with ``%`` around the value finds."""
        if not isinstance(value, str):
            return _summary([])
        wanted = self._fold(value)
        return self._where(lambda text: wanted in text)

    def matching(self, value: str) -> list[Any]:
        """Return what LIKE finds when ``%`` and ``_`` match anything."""
        wanted = self._fold(value)
        if "%" not in wanted and "_" not in wanted:
            return _summary(self._some.get(wanted, []))
        forms = {"%": ".*", "_": "."}
        parts = re.split("([%_])", re.sub("%+", "%", wanted))
        pattern = re.compile("".join(forms.get(part, re.escape(part)) for part in parts), re.DOTALL)
        return self._where(pattern.fullmatch)

    def _where(self, condition: Callable[[str], Any]) -> list[Any]:
        return _summary([number for text, numbers in self._some.items() if condition(text) for number in numbers])


def _summary(ids: Sequence[int]) -> list[Any]:
    return [len(ids), min(ids, default=None), max(ids, default=None)]
