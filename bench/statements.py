"""What is measured on databases: four statements, the same text for every side and database, and what must be answered."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from bench.workloads import Workload

_COLUMNS: Final = "id, name, note, placed, price, paid, extra"
_FIRST: Final = datetime(2026, 1, 1)  # noqa: DTZ001  # reason: a database's own zone is added
_BINDING: Final = re.compile(r"\{\{ \w+ \}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Workload):
    """One statement."""

    action: str
    """As an action has it, with its bindings in the order of ``names``."""

    @property
    def configuration(self) -> Mapping[str, Any]:
        """Return our action."""
        return {"body": self.action}

    def by_hand(self, placeholder: str) -> str:
        """Return the statement as a person writes it for a library: ``${}``, ``%s``."""
        numbers = iter(range(1, len(self.names) + 1))
        return _BINDING.sub(lambda _: placeholder.format(next(numbers)), self.action)

    def check(self, number: int, answer: Any, *, zone: tzinfo | None) -> None:
        """Compare rows with those of the table, or the count of a write."""
        if self.rows:
            key = self.key(number)
            expected = [_item(key + index, zone) for index in range(self.rows)]
            answer = [_plain(row) for row in answer]
        else:
            expected = [{"affectedRows": 1}]
        if answer != expected:
            raise ValueError(f"{self.name}: call {number} was answered with other rows than the table holds")


def _item(key: int, zone: tzinfo | None) -> dict[str, Any]:
    return {
        "id": key,
        "name": f"item {key}",
        "note": f"a plain note a plain note {key}",
        "placed": (_FIRST + key * timedelta(seconds=61.0625)).replace(tzinfo=zone),
        "price": f"{key % 100_000 / 100:.2f}",
        "paid": key % 3 == 0,
        "extra": {"n": key, "tags": ["a", "b"]},
    }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without the differences in writing: by hand, JSON is a text and UTC an offset."""
    extra = row["extra"]
    return {
        **row,
        "placed": datetime.fromisoformat(row["placed"]),
        "extra": json.loads(extra) if isinstance(extra, str) else extra,
    }


STATEMENTS: Final = (
    Statement(
        name="one row",
        action=f"SELECT {_COLUMNS} FROM items WHERE id = {{{{ id }}}}",
        names=("id",),
        rows=1,
        connections=16,
    ),
    Statement(
        name="100 rows",
        action=f"SELECT {_COLUMNS} FROM items WHERE id >= {{{{ id }}}} ORDER BY id LIMIT 100",
        names=("id",),
        rows=100,
        connections=16,
    ),
    Statement(
        name="10,000 rows",
        action=f"SELECT {_COLUMNS} FROM items WHERE id >= {{{{ id }}}} ORDER BY id LIMIT 10000",
        names=("id",),
        rows=10_000,
        connections=4,
    ),
    Statement(
        name="insert",
        action="INSERT INTO events (item, note) VALUES ({{ id }}, {{ note }})",
        names=("id", "note"),
        rows=0,
        connections=16,
    ),
)
