"""What a datasource reported of an action's statements when it was published, and what their answers have looked like since."""

from collections.abc import Iterable
from typing import Final, final

from appsmith_proxy.sdk import Column, Reported, Statement

_REMEMBERED: Final = 16
"""Kinds of columns of one statement that differ from what was reported, and were found to be all right."""


@final
class Published:
    """Of one published copy; see ``staleness`` for what becomes of columns that look new."""

    __slots__ = ("_fine", "_last", "_reported")

    def __init__(self, reported: Iterable[Reported] = ()) -> None:
        self._reported = {each.statement: each for each in reported}
        self._last: dict[str, tuple[Column, ...]] = {}
        self._fine: dict[str, set[tuple[Column, ...]]] = {}

    def of(self, payload: object) -> Reported | None:
        """Return what was reported of a statement; None: it was never checked, so it cannot be stale."""
        return self._reported.get(payload.digest) if isinstance(payload, Statement) else None

    def looks_new(self, reported: Reported, columns: tuple[Column, ...]) -> bool:
        """Return whether an answer's columns are none that were seen to be all right."""
        last = self._last.get(reported.statement)
        # A driver that answers the very same tuple each time is told apart at a glance.
        if last is columns:
            return False
        fine = last == columns or reported.has_columns(columns) or columns in self._fine.get(reported.statement, ())
        if fine:
            self._last[reported.statement] = columns
        return not fine

    def remember(self, reported: Reported, columns: tuple[Column, ...]) -> None:
        """Take columns for all right from now on."""
        fine = self._fine.setdefault(reported.statement, set())
        if len(fine) < _REMEMBERED:
            fine.add(columns)
