"""What is measured: four statements, the same text for both sides, how their table is filled, and what must be answered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

TABLE_ROWS: Final = 20_000
REQUESTS: Final = 512
"""Different calls of one workload; then they come again."""

SCHEMA: Final = (
    """
    CREATE TABLE items (
        id bigint PRIMARY KEY, name text NOT NULL, note text NOT NULL, placed timestamptz NOT NULL,
        price numeric(12,2) NOT NULL, paid boolean NOT NULL, extra jsonb NOT NULL)
    """,
    f"""
    INSERT INTO items
    SELECT n, 'item ' || n, repeat('a plain note ', 2) || n,
           timestamptz '2026-01-01 00:00:00+00' + n * interval '61.0625 seconds',
           (n % 100000) / 100.0, n % 3 = 0, jsonb_build_object('n', n, 'tags', jsonb_build_array('a', 'b'))
    FROM generate_series(1, {TABLE_ROWS}) AS n
    """,
    "CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item bigint NOT NULL, note text NOT NULL)",
    "VACUUM ANALYZE items",
)
COUNT_EVENTS: Final = "SELECT count(*) FROM events"

_COLUMNS: Final = "id, name, note, placed, price, paid, extra"
_FIRST: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One statement, as a person writes it by hand (``$1``) and as an action (``{{ }}``)."""

    name: str
    by_hand: str
    action: str
    names: tuple[str, ...]
    """The bindings, in the order of ``$1``, ``$2``."""
    rows: int
    """How many rows an answer has; 0 for a write."""
    connections: int
    """Clients at the same time."""

    def params(self, number: int) -> dict[str, Any]:
        """Return the values of the n-th call."""
        return dict(zip(self.names, (self._key(number), "an 'event'"), strict=False))

    def check(self, number: int, rows: list[dict[str, Any]]) -> None:
        """Compare an answer of the n-th call with what is in the table. A fast wrong answer is no answer.

        Raises:
            ValueError: it is another.
        """
        if self.rows:
            key = self._key(number)
            expected = [_item(key + index) for index in range(self.rows)]
            rows = [_plain(row) for row in rows]
        else:
            expected = [{"affectedRows": 1}]
        if rows != expected:
            raise ValueError(f"{self.name}: call {number} was answered with other rows than the table holds")

    def _key(self, number: int) -> int:
        return number * 7919 % (TABLE_ROWS - max(self.rows, 1)) + 1


def _item(key: int) -> dict[str, Any]:
    return {
        "id": key,
        "name": f"item {key}",
        "note": f"a plain note a plain note {key}",
        "placed": _FIRST + key * timedelta(seconds=61.0625),
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


WORKLOADS: Final = (
    Workload(
        name="one row",
        by_hand=f"SELECT {_COLUMNS} FROM items WHERE id = $1",
        action=f"SELECT {_COLUMNS} FROM items WHERE id = {{{{ id }}}}",
        names=("id",),
        rows=1,
        connections=16,
    ),
    Workload(
        name="100 rows",
        by_hand=f"SELECT {_COLUMNS} FROM items WHERE id >= $1 ORDER BY id LIMIT 100",
        action=f"SELECT {_COLUMNS} FROM items WHERE id >= {{{{ id }}}} ORDER BY id LIMIT 100",
        names=("id",),
        rows=100,
        connections=16,
    ),
    Workload(
        name="10,000 rows",
        by_hand=f"SELECT {_COLUMNS} FROM items WHERE id >= $1 ORDER BY id LIMIT 10000",
        action=f"SELECT {_COLUMNS} FROM items WHERE id >= {{{{ id }}}} ORDER BY id LIMIT 10000",
        names=("id",),
        rows=10_000,
        connections=4,
    ),
    Workload(
        name="insert",
        by_hand="INSERT INTO events (item, note) VALUES ($1, $2)",
        action="INSERT INTO events (item, note) VALUES ({{ id }}, {{ note }})",
        names=("id", "note"),
        rows=0,
        connections=16,
    ),
)
