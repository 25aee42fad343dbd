"""The baseline: what a user would write by hand. An aiohttp handler, asyncpg's pool with its defaults, orjson.

Run as a process: ``python -m bench.by_hand '{"host": …}'``; prints its port.
"""

import asyncio
import json
import sys
from typing import Any

import asyncpg
import orjson
import uvloop
from aiohttp import web

from bench.workloads import WORKLOADS


async def _serve(connection: dict[str, Any]) -> None:
    pool = await asyncpg.create_pool(**connection)
    app = web.Application()

    def reading(statement: str, names: tuple[str, ...]) -> Any:
        async def handler(request: web.Request) -> web.Response:
            params = orjson.loads(await request.read())
            rows = await pool.fetch(statement, *(params[name] for name in names))
            return web.Response(
                body=orjson.dumps([dict(row) for row in rows], default=str), content_type="application/json"
            )

        return handler

    def writing(statement: str, names: tuple[str, ...]) -> Any:
        async def handler(request: web.Request) -> web.Response:
            params = orjson.loads(await request.read())
            status = await pool.execute(statement, *(params[name] for name in names))
            affected = int(status.rpartition(" ")[2])
            return web.Response(body=orjson.dumps([{"affectedRows": affected}]), content_type="application/json")

        return handler

    async def constant(request: web.Request) -> web.Response:
        orjson.loads(await request.read())
        return web.Response(body=b'[{"one":1}]', content_type="application/json")

    for index, load in enumerate(WORKLOADS):
        app.router.add_post(f"/{index}", (reading if load.rows else writing)(load.by_hand, load.names))
    app.router.add_post("/constant", constant)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(json.loads(sys.argv[1])))
