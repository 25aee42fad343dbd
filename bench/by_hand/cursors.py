"""Handlers on a pool of connections with cursors, as aiomysql and asyncmy have them."""

from typing import Any

import orjson
from aiohttp import web

from bench.by_hand.serve import Handler


def reading(pool: Any, statement: str, names: tuple[str, ...]) -> Handler:
    """Return a handler that answers the statement's rows."""

    async def handler(request: web.Request) -> web.Response:
        params = orjson.loads(await request.read())
        async with pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(statement, tuple(params[name] for name in names))
            columns = [column[0] for column in cursor.description]
            rows = await cursor.fetchall()
        # The dictionary cursors of both libraries are slower than this.
        body = orjson.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str)
        return web.Response(body=body, content_type="application/json")

    return handler


def writing(pool: Any, statement: str, names: tuple[str, ...]) -> Handler:
    """Return a handler that answers how many rows the statement affected."""

    async def handler(request: web.Request) -> web.Response:
        params = orjson.loads(await request.read())
        async with pool.acquire() as connection, connection.cursor() as cursor:
            affected = await cursor.execute(statement, tuple(params[name] for name in names))
        return web.Response(body=orjson.dumps([{"affectedRows": affected}]), content_type="application/json")

    return handler
