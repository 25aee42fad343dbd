"""MySQL by hand: aiomysql's pool with its defaults, values pasted into text by the library, and orjson."""

from typing import Any

import aiomysql

from bench.by_hand.cursors import reading, writing
from bench.by_hand.serve import main, statement
from bench.statements import STATEMENTS


async def open_pool(connection: dict[str, Any]) -> Any:
    """Return the pool. Without autocommit each reading would leave a transaction open, and the pool close its connection."""
    return await aiomysql.create_pool(
        host=connection["host"],
        port=connection["port"],
        db=connection["database"],
        user=connection["user"],
        password=connection["password"],
        autocommit=True,
    )


if __name__ == "__main__":
    main(open_pool, statement(reading, writing, placeholder="%s"), STATEMENTS)
