"""The aiohttp application around hand-written handlers: one route a workload, and one that asks no database.

A side is run as a process: ``python -m bench.by_hand.with_asyncpg '{"host": …}'``; it prints its port.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import orjson
import uvloop
from aiohttp import web

from bench.workloads import WORKLOADS

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]
Make: TypeAlias = Callable[[Any, str, tuple[str, ...]], Handler]
"""From a pool, a statement and the names of its values, a handler."""
Open: TypeAlias = Callable[[dict[str, Any]], Awaitable[Any]]


def main(open_pool: Open, reading: Make, writing: Make, *, placeholder: str) -> None:
    """Serve until the process is ended. ``placeholder`` may hold ``{}``, for the number that some libraries want."""
    uvloop.run(_serve(open_pool, reading, writing, placeholder))


async def _serve(open_pool: Open, reading: Make, writing: Make, placeholder: str) -> None:
    pool = await open_pool(json.loads(sys.argv[1]))
    app = web.Application()
    for index, load in enumerate(WORKLOADS):
        make = reading if load.rows else writing
        app.router.add_post(f"/{index}", make(pool, load.by_hand(placeholder), load.names))
    app.router.add_post("/constant", _constant)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


async def _constant(request: web.Request) -> web.Response:
    orjson.loads(await request.read())
    return web.Response(body=b'[{"one":1}]', content_type="application/json")
