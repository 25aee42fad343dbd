"""MySQL by hand on asyncmy, which is compiled: its text protocol, or with ``keep`` statements its prepared ones."""

from typing import Any

import asyncmy

from bench.by_hand.cursors import reading, writing
from bench.by_hand.serve import main, statement
from bench.statements import STATEMENTS


async def open_pool(connection: dict[str, Any]) -> Any:
    """Return the pool."""
    return await asyncmy.create_pool(
        host=connection["host"],
        port=connection["port"],
        db=connection["database"],
        user=connection["user"],
        password=connection["password"],
        autocommit=True,
        stmt_cache_size=connection.get("keep", 0),
    )


if __name__ == "__main__":
    main(open_pool, statement(reading, writing, placeholder="%s"), STATEMENTS)
