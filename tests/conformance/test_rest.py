"""The REST driver passes every mandatory suite, against a real HTTP server."""

import asyncio
import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, unquote

from aiohttp import web

from appsmith_proxy.sdk import Cell, Driver, HttpRequest, Result, StatementInvalid
from appsmith_proxy.testing import Conformance
from appsmith_proxy.testing.harness import Call, Harness, Part, ValueCase
from appsmith_proxy_rest import RestDriver
from appsmith_proxy_rest.urls import below, parse_base

_SECRETS = {
    "bearerToken": "kit-Bearer/+4711",
    "secretQuery.key": "kit query & 4711",
    "secretHeaders.X-Key": "kit-key-4711",
}
_WRONG = {
    "bearerToken": "wrong-Bearer/+0815",
    "secretQuery.key": "wrong query & 0815",
    "secretHeaders.X-Key": "wrong-0815",
}
_LONGEST = 16_384
_ENDS = " \t"

_TYPED: Sequence[tuple[str, str, Cell]] = (
    ("application/json", "null", "null"),
    ("application/json", "12345678901234567890", "12345678901234567890"),
    ("application/json", "-0.10e+2", "-0.10e+2"),
    ("application/json", '{"b":1,"a":2,"b":3}', '{"b":1,"a":2,"b":3}'),
    ("application/json", ' "\\u00e9\\/" ', ' "\\u00e9\\/" '),
    ("application/hal+json", "[]", "[]"),
    ("text/plain", "null", "null"),
    ("text/csv; charset=utf-8", "é;1,50\r\n", "é;1,50\r\n"),
    ("application/xml", "<a/>", "<a/>"),
    ("application/octet-stream", "bytes", b"bytes"),
    ("image/png", "\x00\x01", b"\x00\x01"),
)


class RestHarness(Harness):
    """An HTTP API of its own for each test."""

    driver_type: ClassVar[type[Driver]] = RestDriver
    echo_places: ClassVar[tuple[str, ...]] = ("json", "path", "query", "header", "multipart")
    absent: ClassVar[Mapping[Part, str]] = {
        Part.ROWS: "an HTTP answer is a body, not rows",
        Part.DUPLICATES: "an HTTP answer has no columns",
        Part.LOG: "no statement is sent; the places' own tests compare what arrives",
        Part.STATE: "HTTP requests share no session; cookies are not kept",
        Part.MISFIT: "a request has no placeholders: values are encoded before they reach the driver",
    }

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._rows = 0
        self._running = 0

    async def prepare(self) -> None:
        application = web.Application(client_max_size=1 << 24)
        application.router.add_route("*", "/api/{what}{rest:.*}", self._serve)
        application.router.add_get("/api", self._serve)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=0.1,
            max_line_size=1 << 17,
            max_field_size=1 << 17,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]

    async def release(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def configuration(self) -> dict[str, Any]:
        return self.configuration_at("127.0.0.1", self._port or 1)

    def endpoint(self) -> tuple[str, int]:
        return "127.0.0.1", self._port

    def configuration_at(self, host: str, port: int) -> dict[str, Any]:
        return {"url": f"http://{host}:{port}/api", "authentication": "bearer"}

    def secrets(self) -> dict[str, str]:
        return dict(_SECRETS)

    def wrong_secrets(self) -> dict[str, str]:
        return dict(_WRONG)

    def echo(self, text: str, *, place: str = "json") -> Call:
        if super().refuses(text, place=place) and place in ("path", "json"):
            place = "query"  # bytes cannot hold half a character: only the places that the driver encodes can be asked
        return Call(payload=_ECHOES[place](text))

    def echoed(self, result: Result) -> Cell:
        assert result.body is not None
        assert result.body.status == 200, f"the API answered {result.body.status}"
        return result.body.value if result.body.kind == "binary" else result.body.value.decode()

    def refuses(self, text: str, *, place: str) -> bool:
        if super().refuses(text, place=place):
            return True
        match place:
            case "header":
                padded = text != text.strip(_ENDS)
                return padded or len(text) > _LONGEST or not (text.isascii() and text.replace("\t", " ").isprintable())
            case "path" | "query":
                room = 2 * _LONGEST - 100
                if len(text) > room or len(quote(text, safe="")) > room:
                    return True
                return place == "path" and _steps_out(text)
            case _:
                return False

    def value_cases(self) -> Sequence[ValueCase]:
        return [
            ValueCase(
                name=f"{kind} {text!r}",
                call=Call(payload=HttpRequest(method="GET", path="typed", query=(("type", kind), ("text", text)))),
                expected=expected,
            )
            for kind, text, expected in _TYPED
        ]

    def large(self, size: int) -> Call:
        return Call(payload=HttpRequest(method="GET", path=f"large/{size}"))

    def slow(self, seconds: float) -> Call:
        return Call(payload=HttpRequest(method="GET", path=f"slow/{seconds}"))

    async def activity(self) -> int:
        return self._running

    def write(self, rows: int = 1) -> Call:
        return Call(payload=HttpRequest(method="POST", path=f"rows/{rows}"))

    def count(self) -> Call:
        return Call(payload=HttpRequest(method="GET", path="rows"))

    def sneaky_writes(self) -> Sequence[Call]:
        return [Call(payload=HttpRequest(method=method, path="rows/1")) for method in ("PUT", "PATCH", "DELETE")]

    def refused(self) -> Call:
        return Call(payload=HttpRequest(method="GET", path="kit_marker/../../kit_marker"))

    def secret_echoes(self) -> Sequence[Call]:
        forms = ("plain", "json", "base64", "url", "hex", "redirect")
        return [Call(payload=HttpRequest(method="GET", path=f"reflect/{form}")) for form in forms]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        sent = (token, request.query.get("key"), request.headers.get("X-Key"))
        if sent != tuple(_SECRETS.values()):
            return web.Response(status=401, text=f"refused: {sent}")
        match request.match_info.get("what", "").partition("/")[0]:
            case "slow":
                return await self._slow(float(request.path.rpartition("/")[2]))
            case "rows" if request.method == "GET":
                return web.json_response(self._rows)
            case "rows":
                self._rows += int(request.path.rpartition("/")[2])
                return web.json_response(self._rows)
            case "large":
                return web.Response(text="x" * int(request.path.rpartition("/")[2]))
            case "typed":
                return web.Response(
                    body=request.query["text"].encode(), headers={"Content-Type": request.query["type"]}
                )
            case "reflect":
                return _reflected(request, " ".join(map(str, sent)))
            case what:
                return web.Response(body=(await _found(request, what)).encode(), content_type="text/plain")

    async def _slow(self, seconds: float) -> web.StreamResponse:
        self._running += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._running -= 1
        return web.json_response("done")


class TestRest(Conformance):
    """The whole kit, against a real HTTP server."""

    harness_type = RestHarness


_ECHOES: Mapping[str, Callable[[str], HttpRequest]] = {
    "path": lambda text: HttpRequest(method="GET", path=f"path/{quote(text, safe='')}"),
    "query": lambda text: HttpRequest(method="GET", path="query", query=(("text", text),)),
    "header": lambda text: HttpRequest(method="GET", path="header", headers=(("X-Text", text),)),
    "json": lambda text: HttpRequest(method="POST", path="json", body=json.dumps(text).encode(), body_type="json"),
    "multipart": lambda text: HttpRequest(
        method="POST", path="multipart", form=(("text", text),), body_type="multipart"
    ),
}


async def _found(request: web.Request, what: str) -> str:
    """Return the text that a request holds at a place, read with the standard library."""
    body = (await request.read()).decode()
    target, _, query = request.raw_path.partition("?")
    match what:
        case "path":
            return unquote(target.removeprefix("/api/path/"), errors="strict")
        case "query":
            return dict(parse_qsl(query, keep_blank_values=True, errors="strict"))["text"]
        case "header":
            return request.headers["X-Text"]
        case "json":
            return str(json.loads(body))
        case "multipart":
            boundary = request.headers["Content-Type"].partition("boundary=")[2]
            return body.partition("\r\n\r\n")[2].removesuffix(f"\r\n--{boundary}--\r\n")
    return "still here"


def _reflected(request: web.Request, sent: str) -> web.Response:
    form = request.path.rpartition("/")[2]
    if form == "redirect":
        where = "http://localhost:1/?stolen=" + quote(sent, safe="")
        return web.Response(status=302, headers={"Location": where}, reason="elsewhere")
    if form == "json":
        return web.json_response({"sent": sent}, headers={"X-Sent": sent})
    return web.Response(text=_FORMS[form](sent), headers={"X-Sent": sent}, reason=sent)


_FORMS: Mapping[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "url": lambda text: quote(text, safe=""),
    "hex": lambda text: text.encode().hex(),
}


def _steps_out(text: str) -> bool:
    """Return whether the driver says that a text is no segment; its own tests judge what it says."""
    try:
        below(parse_base("http://127.0.0.1/api"), f"path/{quote(text, safe='')}", ())
    except StatementInvalid:
        return re.search(r"\.|[\x00-\x1f\x7f-\x9f]|%", text) is not None or not text.isascii()
    return False
