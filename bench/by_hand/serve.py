"""The aiohttp application around hand-written handlers: one route a workload, and one that asks nobody.

A side is run as a process: ``python -m bench.by_hand.with_asyncpg '{"host": …}'``; it prints its port.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import orjson
import uvloop
from aiohttp import web

from bench.statements import Statement
from bench.workloads import Workload

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]
Open: TypeAlias = Callable[[dict[str, Any]], Awaitable[Any]]
Ask: TypeAlias = Callable[[Any, str, tuple[str, ...]], Handler]
"""From a pool, a statement and the names of its values, a handler."""
W = TypeVar("W", bound=Workload)


def main(open_pool: Open, make: Callable[[Any, W], Handler], workloads: Sequence[W]) -> None:
    """Serve until the process is ended."""
    uvloop.run(_serve(open_pool, make, workloads))


def statement(reading: Ask, writing: Ask, *, placeholder: str) -> Callable[[Any, Statement], Handler]:
    """Return what makes a statement's handler. ``placeholder`` may hold ``{}``, for the number that some libraries want."""

    def make(pool: Any, load: Statement) -> Handler:
        return (reading if load.rows else writing)(pool, load.by_hand(placeholder), load.names)

    return make


async def _serve(open_pool: Open, make: Callable[[Any, W], Handler], workloads: Sequence[W]) -> None:
    pool = await open_pool(json.loads(sys.argv[1]))
    app = web.Application()
    for index, load in enumerate(workloads):
        app.router.add_post(f"/{index}", make(pool, load))
    app.router.add_post("/constant", _constant)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


async def _constant(request: web.Request) -> web.Response:
    orjson.loads(await request.read())
    return web.Response(body=b'[{"one":1}]', content_type="application/json")
