"""What a workload is: one request, different values in each call, and an answer that is compared. Fast and wrong is no answer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

REQUESTS: Final = 512
"""Different calls of one workload; then they come again."""
TABLE_ROWS: Final = 20_000
"""Rows, or items of an API, that there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload(ABC):
    """One thing that is asked of a datasource, of every side alike."""

    name: str
    names: tuple[str, ...]
    """Of its values."""
    rows: int
    """How many rows, or items, an answer has; 0 for a write."""
    connections: int
    """Clients at the same time."""

    @property
    @abstractmethod
    def configuration(self) -> Mapping[str, Any]:
        """Return our action."""

    @abstractmethod
    def check(self, number: int, answer: Any, *, zone: tzinfo | None) -> None:
        """Compare an answer with what the datasource holds.

        Args:
            number: of the call.
            answer: read from JSON.
            zone: of timestamps; None where the datasource stores none.

        Raises:
            ValueError: it is another.
        """

    def params(self, number: int) -> dict[str, Any]:
        """Return the values of the n-th call."""
        return dict(zip(self.names, (self.key(number), NOTE), strict=False))

    def key(self, number: int) -> int:
        """Return the first row or item of the n-th call."""
        return number * 7919 % (TABLE_ROWS - max(self.rows, 1)) + 1


NOTE: Final = "an 'event'"
"""What is written, beside a number."""
