"""The sample API that the demo serves on loopback: stock and shipping quotes, behind an API key."""

import hmac
from typing import Final

from aiohttp import web

KEY_HEADER: Final = "X-Api-Key"
_WAREHOUSES: Final = ("north", "south", "harbour")


def sample_api(key: str) -> web.Application:
    """Return the API. Every route wants ``key`` in the header ``X-Api-Key``."""

    def trusted(request: web.Request) -> bool:
        return hmac.compare_digest(request.headers.get(KEY_HEADER, "").encode(), key.encode())

    async def stock(request: web.Request) -> web.Response:
        if not trusted(request):
            return web.json_response({"error": "key missing or wrong"}, status=401)
        product = request.match_info["product"]
        if not product.isdecimal():
            return web.json_response({"error": "no such product"}, status=404)
        levels = [
            {"warehouse": name, "pieces": (int(product) * (index + 3) * 7) % 40}
            for index, name in enumerate(_WAREHOUSES)
        ]
        return web.json_response({"product": int(product), "levels": levels})

    async def quote(request: web.Request) -> web.Response:
        if not trusted(request):
            return web.json_response({"error": "key missing or wrong"}, status=401)
        order = await request.json()
        cents = 450 + 120 * sum(line.get("quantity", 0) for line in order.get("lines", []))
        return web.json_response({"to": order.get("to"), "currency": "EUR", "cents": cents}, status=201)

    async def countries(request: web.Request) -> web.Response:
        if not trusted(request):
            return web.json_response({"error": "key missing or wrong"}, status=401)
        wanted = request.query.get("prefix", "").upper()
        rows = [{"code": code} for code in ("EC", "EE", "FR", "GH", "IN", "JP", "NO", "PT") if code.startswith(wanted)]
        return web.json_response(rows)

    app = web.Application()
    app.add_routes(
        [
            web.get("/v1/stock/{product}", stock),
            web.post("/v1/quotes", quote),
            web.get("/v1/countries", countries),
        ]
    )
    return app
