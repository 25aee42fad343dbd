"""PostgreSQL by hand: asyncpg's pool with its defaults, and orjson."""

from typing import Any

import asyncpg
import orjson
from aiohttp import web

from bench.by_hand.serve import Handler, main, statement
from bench.statements import STATEMENTS


async def open_pool(connection: dict[str, Any]) -> Any:
    """Return the pool."""
    return await asyncpg.create_pool(**connection)


def reading(pool: Any, statement: str, names: tuple[str, ...]) -> Handler:
    """Return a handler that answers the statement's rows."""

    async def handler(request: web.Request) -> web.Response:
        params = orjson.loads(await request.read())
        rows = await pool.fetch(statement, *(params[name] for name in names))
        return web.Response(
            body=orjson.dumps([dict(row) for row in rows], default=str), content_type="application/json"
        )

    return handler


def writing(pool: Any, statement: str, names: tuple[str, ...]) -> Handler:
    """Return a handler that answers how many rows the statement affected."""

    async def handler(request: web.Request) -> web.Response:
        params = orjson.loads(await request.read())
        status = await pool.execute(statement, *(params[name] for name in names))
        affected = int(status.rpartition(" ")[2])
        return web.Response(body=orjson.dumps([{"affectedRows": affected}]), content_type="application/json")

    return handler


if __name__ == "__main__":
    main(open_pool, statement(reading, writing, placeholder="${}"), STATEMENTS)
