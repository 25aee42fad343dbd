"""A real HTTP(S) upstream on loopback. It records what arrives and misbehaves on request.

=======================  ============================================================================================
path                     answer (``/v1`` and ``/v2`` in front count for nothing)
=======================  ============================================================================================
``/echo…``               JSON: method, target, headers, body (as text), exactly as they arrived
``/status/{n}``          that status with a JSON body
``/type``                the body of query ``text`` with content type ``type``
``/redirect/{n}``        n redirects (status from query ``status``), then ``/echo``
``/to``                  a redirect to query ``url``
``/slow/{seconds}``      an answer after a while; ``running`` counts the handlers that wait
``/big/{n}``             n bytes of text;  ``/bigjson/{n}``: a JSON list of at least n bytes
``/bomb/{n}``            n bytes of text, gzip
``/endless``             chunks without end;  ``/endless-gzip``: gzip blocks without content, without end
``/encoded/{how}``       a small text as gzip, deflate, raw deflate, two members, cut, wrong, br
``/broken``              what claims to be JSON and is not
``/cut``                 less than Content-Length promises
``/drop``                the connection, closed without an answer
``/cookies``             sets cookies;  ``/headers``: many headers
``/reflect/{form}``      every secret that it was sent, in one form
``/token``               an OAuth2 token endpoint: see ``TokenDesk``
=======================  ============================================================================================
"""

import asyncio
import base64
import gzip
import html
import json
import re
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_plus

from aiohttp import web

SMALL: Final = b"a small text"


@dataclass(frozen=True)
class Arrived:
    """One request as it arrived."""

    method: str
    target: str
    """The request target, byte for byte."""
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    """The client's port: equal for requests over one connection."""

    def header(self, name: str) -> str | None:
        """Return the one value of a header, or None."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


@dataclass
class TokenDesk:
    """What the token endpoint does next, and what it was asked."""

    lifetime: object = 3600
    status: int = 200
    answer: Mapping[str, object] | None = None
    """Instead of a good answer."""
    given: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Tokens that ``/guarded`` answers with 401."""
    gate: asyncio.Event | None = None
    """The answer waits for it."""


class HttpUpstream:
    """The server; an async context manager."""

    def __init__(self, *, context: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self.arrived: list[Arrived] = []
        self.running = 0
        self.tokens = TokenDesk()
        self._context = context
        self._host = host
        self._runner: web.AppRunner | None = None
        self.port = port
        """A free one unless it was given: that of an earlier upstream, which is back."""

    @property
    def url(self) -> str:
        """The origin, without a slash at the end."""
        return f"{'https' if self._context else 'http'}://{self._host}:{self.port}"

    async def __aenter__(self) -> "HttpUpstream":
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port, ssl_context=self._context)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def last(self) -> Arrived:
        """The request that came last."""
        return self.arrived[-1]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.arrived.append(
            Arrived(
                method=request.method,
                target=request.raw_path,
                headers=tuple((str(name), value) for name, value in request.headers.items()),
                body=await request.read(),
                connection=request.transport.get_extra_info("peername")[1],
            )
        )
        first, _, rest = re.sub("^/(v[12]/)?", "", request.path).partition("/")
        handler = _HANDLERS.get(first, _echo)
        return await handler(self, request, rest)


Handler = Callable[[HttpUpstream, web.Request, str], Awaitable[web.StreamResponse]]


async def _echo(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    last = upstream.last
    return web.json_response(
        {
            "method": last.method,
            "target": last.target,
            "headers": [list(pair) for pair in last.headers],
            "body": last.body.decode("utf-8", "replace"),
        }
    )


async def _status(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    return web.json_response({"status": int(rest)}, status=int(rest))


async def _type(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    body = request.query.get("text", "").encode()
    if "base64" in request.query:
        body = base64.b64decode(request.query["base64"])
    if "type" in request.query:
        return web.Response(body=body, headers={"Content-Type": request.query["type"]})
    assert request.transport is not None
    request.transport.write(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )  # aiohttp adds a type
    request.transport.close()
    return web.Response()


async def _redirect(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    left = int(rest)
    status = int(request.query.get("status", "302"))
    where = "/echo" if left <= 1 else f"/redirect/{left - 1}?status={status}"
    return web.Response(status=status, headers={"Location": where})


async def _to(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    return web.Response(status=int(request.query.get("status", "302")), headers={"Location": request.query["url"]})


async def _slow(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    upstream.running += 1
    try:
        await asyncio.sleep(float(rest))
    finally:
        upstream.running -= 1
    return web.json_response("done")


async def _big(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    return web.Response(text="é" * (int(rest) // 2), content_type="text/plain")


async def _bigjson(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    return web.json_response(["x" * int(rest)])


async def _bomb(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    body = gzip.compress(b"a" * int(rest), mtime=0)
    return web.Response(body=body, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})


async def _endless(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    return await _stream(request, {"Content-Type": "text/plain"}, b"", b"endless " * 4096)


async def _endless_gzip(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    stream = zlib.compressobj(wbits=31)
    start = stream.flush(zlib.Z_SYNC_FLUSH)
    nothing = b"\x00\x00\x00\xff\xff" * 4096  # stored blocks of no bytes
    return await _stream(request, {"Content-Type": "text/plain", "Content-Encoding": "gzip"}, start, nothing)


async def _stream(request: web.Request, headers: Mapping[str, str], start: bytes, chunk: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(start or chunk)
    while True:
        await response.write(chunk)


async def _encoded(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    encoding, body = _ENCODINGS[rest]
    return web.Response(body=body, headers={"Content-Encoding": encoding, "Content-Type": "text/plain"})


def _raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


_ENCODINGS: Final[Mapping[str, tuple[str, bytes]]] = {
    "gzip": ("gzip", gzip.compress(SMALL, mtime=0)),
    "upper": ("GZIP", gzip.compress(SMALL, mtime=0)),
    "deflate": ("deflate", zlib.compress(SMALL)),
    "raw": ("deflate", _raw_deflate(SMALL)),
    "members": ("gzip", gzip.compress(SMALL[:5], mtime=0) + gzip.compress(SMALL[5:], mtime=0)),
    "cut": ("gzip", gzip.compress(SMALL * 100, mtime=0)[:-12]),
    "wrong": ("gzip", SMALL),
    "br": ("br", SMALL),
    "nested": ("gzip, gzip", gzip.compress(gzip.compress(SMALL, mtime=0), mtime=0)),
    "identity": ("identity", SMALL),
}


async def _broken(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    return web.Response(text='{"a": 1,}', content_type="application/json")


async def _cut(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"a": 1}')
    assert request.transport is not None
    request.transport.close()
    return response


async def _drop(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def _cookies(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    response = web.json_response({})
    response.set_cookie("session", "cookie-canary")
    response.headers.add("Set-Cookie2", "old=cookie-canary")
    return response


async def _headers(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    response = web.json_response({})
    for number in range(40):
        response.headers[f"X-Header-{number}"] = str(number)
    response.headers["Keep-Alive"] = "timeout=5"
    response.headers["Content-Security-Policy"] = "default-src *"
    return response


async def _reflect(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    """Answer with everything that was sent, in one form: in the body, a header and the reason."""
    last = upstream.last
    sent = [value for _, value in last.headers] + [unquote_plus(last.target), last.body.decode()]
    text, kind = _REFLECTIONS[rest]("\n".join(sent))
    headers = {"Content-Type": kind}
    for number, value in enumerate(sent[:-1]):
        if "\n" not in value and value.isprintable():
            headers[f"X-Sent-{number}"] = value.encode("ascii", "replace").decode()
    return web.Response(body=text, headers=headers, reason=(last.header("X-Secret") or "fine"))


def _json_escaped(text: str) -> bytes:
    return ('"' + "".join(f"\\u{ord(character):04x}" for character in text) + '"').encode()


_REFLECTIONS: Final[Mapping[str, Callable[[str], tuple[bytes, str]]]] = {
    "text": lambda text: (text.encode(), "text/plain"),
    "json": lambda text: (json.dumps({"sent": text}).encode(), "application/json"),
    "slashes": lambda text: (json.dumps(text).replace("/", "\\/").encode(), "application/json"),
    "unicode": lambda text: (_json_escaped(text), "application/json"),
    "upper": lambda text: (_json_escaped(text).upper().replace(b"\\U", b"\\u"), "application/json"),
    "url": lambda text: (quote(text, safe="").encode(), "text/plain"),
    "urllower": lambda text: (quote(text, safe="").lower().encode(), "text/plain"),
    "everybyte": lambda text: ("".join(f"%{byte:02X}" for byte in text.encode()).encode(), "text/plain"),
    "html": lambda text: (html.escape(text).encode(), "text/html"),
    "entities": lambda text: ("".join(f"&#{ord(character)};" for character in text).encode(), "text/html"),
    "hexentities": lambda text: ("".join(f"&#x{ord(character):X};" for character in text).encode(), "text/html"),
    "hex": lambda text: (text.encode().hex().encode(), "text/plain"),
    "base64": lambda text: (base64.b64encode(text.encode()), "text/plain"),
    "base64a": lambda text: (base64.b64encode(b"a" + text.encode()), "text/plain"),
    "base64b": lambda text: (base64.urlsafe_b64encode(b"ab" + text.encode()), "text/plain"),
    "binary": lambda text: (b"\xff\xfe\x00" + text.encode(), "application/octet-stream"),
    "utf16": lambda text: (text.encode("utf-16"), "text/plain; charset=utf-16"),
    "number": lambda text: (b'{"a": 12345678, "b": [912345678], "c": "12345678"}', "application/json"),
}


async def _token(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    desk = upstream.tokens
    if desk.gate is not None:
        await desk.gate.wait()
    if desk.status != 200 or desk.answer is not None:
        return web.json_response(desk.answer or {"error": "invalid_client"}, status=desk.status)
    asked = dict(parse_qsl((await request.read()).decode()))
    assert asked["grant_type"] == "client_credentials"
    token = f"token-canary-{len(desk.given)}"
    desk.given.append(token)
    return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": desk.lifetime})


async def _guarded(upstream: HttpUpstream, request: web.Request, rest: str) -> web.StreamResponse:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token in upstream.tokens.refused or not token:
        return web.json_response({"error": "expired"}, status=401)
    return await _echo(upstream, request, rest)


_HANDLERS: Final[Mapping[str, Handler]] = {
    "big": _big,
    "bigjson": _bigjson,
    "bomb": _bomb,
    "broken": _broken,
    "cookies": _cookies,
    "cut": _cut,
    "drop": _drop,
    "encoded": _encoded,
    "endless": _endless,
    "endless-gzip": _endless_gzip,
    "guarded": _guarded,
    "headers": _headers,
    "redirect": _redirect,
    "reflect": _reflect,
    "slow": _slow,
    "status": _status,
    "to": _to,
    "token": _token,
    "type": _type,
}
