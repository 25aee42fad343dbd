"""What is measured on an HTTP API: three answers of JSON that differ in size, and one that says what it was sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from bench.workloads import NOTE, Workload

KEY: Final = "a key of the API 0123456789"
"""The API refuses who does not send it as ``KEY_HEADER``; callers of a relay do not know it."""
KEY_HEADER: Final = "X-Api-Key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange(Workload):
    """One request to the API: so many items, read; or an event, written."""

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Return our action."""
        if self.rows:
            query = [{"name": "count", "value": str(self.rows)}]
            return {"method": "GET", "path": "items/{{ id }}", "query": query}
        return {
            "method": "POST",
            "path": "events",
            "bodyType": "json",
            "body": '{"item": {{ id }}, "note": {{ note }}}',
        }

    def check(self, number: int, answer: Any, *, zone: tzinfo | None) -> None:
        """Compare an answer with the items that were asked for, or with what was sent."""
        key = self.key(number)
        expected = [item(key + index) for index in range(self.rows)] if self.rows else {"item": key, "note": NOTE}
        if answer != expected:
            raise ValueError(f"{self.name}: call {number} was answered with something else than the API says")


def item(key: int) -> dict[str, Any]:
    """Return one item of the API: about 100 bytes of JSON."""
    return {
        "id": key,
        "name": f"item {key}",
        "note": f"a plain note {key}",
        "price": key % 100_000 / 100,
        "paid": key % 3 == 0,
        "tags": ["a", "ä"],
    }


EXCHANGES: Final = (
    Exchange(name="100 B", names=("id",), rows=1, connections=16),
    Exchange(name="10 KB", names=("id",), rows=100, connections=16),
    Exchange(name="1 MB", names=("id",), rows=10_000, connections=4),
    Exchange(name="POST", names=("id", "note"), rows=0, connections=16),
)
