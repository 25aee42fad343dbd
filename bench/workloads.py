"""What is measured: four statements, the same text for both sides, and how the table is filled."""

from dataclasses import dataclass
from typing import Any, Final

TABLE_ROWS: Final = 20_000

SCHEMA: Final = f"""
CREATE TABLE items (
    id bigint PRIMARY KEY, name text NOT NULL, note text NOT NULL, placed timestamptz NOT NULL,
    price numeric(12,2) NOT NULL, paid boolean NOT NULL, extra jsonb NOT NULL
);
INSERT INTO items
SELECT n, 'item ' || n, repeat('a plain note ', 2) || n, timestamptz '2026-01-01 00:00:00+00' + n * interval '61.0625 seconds',
       (n % 100000) / 100.0, n % 3 = 0, jsonb_build_object('n', n, 'tags', jsonb_build_array('a', 'b'))
FROM generate_series(1, {TABLE_ROWS}) AS n;
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item bigint NOT NULL, note text NOT NULL);
VACUUM ANALYZE items;
"""

_COLUMNS: Final = "id, name, note, placed, price, paid, extra"


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
        key = number * 7919 % (TABLE_ROWS - max(self.rows, 1)) + 1
        return dict(zip(self.names, (key, "an 'event'"), strict=False))


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
