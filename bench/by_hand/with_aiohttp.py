"""A relay by hand: aiohttp's client with its defaults and a secret header, the API's answer passed on as it came.

With ``parsed`` it is read as JSON and written again, as many write it; that also notices what is no JSON.
"""

from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from aiohttp import web

from bench.by_hand.serve import Handler, main
from bench.exchanges import EXCHANGES, Exchange


async def open_session(connection: dict[str, Any]) -> Any:
    """Return the session, and how its answers are passed on."""
    session = aiohttp.ClientSession(connection["url"], headers=connection["headers"])
    return session, _parsed if connection.get("parsed") else _as_it_came


def exchange(opened: Any, load: Exchange) -> Handler:
    """Return a handler that asks the API."""
    session, answer_of = opened

    async def reading(request: web.Request) -> web.Response:
        params = orjson.loads(await request.read())
        path = f"/items/{quote(str(params['id']), safe='')}"
        async with session.get(path, params={"count": load.rows}) as answer:
            return await _relayed(answer)

    async def writing(request: web.Request) -> web.Response:
        params = orjson.loads(await request.read())
        async with session.post("/events", json={"item": params["id"], "note": params["note"]}) as answer:
            return await _relayed(answer)

    async def _relayed(answer: aiohttp.ClientResponse) -> web.Response:
        answer.raise_for_status()
        return web.Response(body=await answer_of(answer), content_type="application/json")

    return reading if load.rows else writing


async def _as_it_came(answer: aiohttp.ClientResponse) -> bytes:
    return await answer.read()


async def _parsed(answer: aiohttp.ClientResponse) -> bytes:
    return orjson.dumps(await answer.json(loads=orjson.loads))


if __name__ == "__main__":
    main(open_session, exchange, EXCHANGES)
