"""The same headers on every answer, whatever it is: routes, errors, malformed requests, preflights."""

import re
from collections.abc import Mapping
from typing import Final

import pytest

from appsmith_proxy.errors import StoreStale
from appsmith_proxy.server import Server
from appsmith_proxy.settings import Settings
from appsmith_proxy.web.route import Route
from appsmith_proxy.web.routes import ROUTES
from tests.web.client import Answered, Client
from tests.web.fakes import FakeRuntime
from tests.web.test_matrix import call, name

ALWAYS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Content-Type": "application/json",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
CHANGING: Final = frozenset({"Date", "X-Request-Id", "Content-Length"})
ORIGIN: Final = "https://apps.example"


def check(headers: Mapping[str, str], *more: str) -> None:
    found = {name.lower(): value for name, value in headers.items()}
    assert {name: found[name.lower()] for name in ALWAYS} == ALWAYS
    assert set(found) == {name.lower() for name in (*ALWAYS, *CHANGING, *more)}
    assert re.fullmatch("[0-9a-f]{24}", found["x-request-id"])


def raw_headers(answer: bytes) -> dict[str, str]:
    head = answer.partition(b"\r\n\r\n")[0].decode("latin-1")
    return dict(line.split(": ", 1) for line in head.split("\r\n")[1:])


@pytest.mark.parametrize("route", ROUTES, ids=name)
async def test_on_every_route(client: Client, route: Route) -> None:
    for token, more in (("root", ()), ("viewer", ()), (None, ("WWW-Authenticate",))):
        answered = await call(client, route, token)
        check(answered.headers, *(more if answered.status == 401 else ()))


async def test_on_every_kind_of_failure(client: Client, runtime: FakeRuntime) -> None:
    async def failures() -> list[tuple[int, Answered, tuple[str, ...]]]:
        runtime.unready = StoreStale("the store does not answer")
        big = b'{"name": "' + b"x" * 2_000_000 + b'"}'
        return [
            (400, await client.call("POST", "/workspaces", raw=b"{"), ()),
            (401, await client.call("GET", "/me", token=None), ("WWW-Authenticate",)),
            (403, await client.call("GET", "/actions", token="viewer"), ()),
            (404, await client.call("GET", "/nowhere"), ()),
            (405, await client.call("PUT", "/me"), ("Allow",)),
            (409, await client.call("PATCH", f"/workspaces/{'a' * 24}", {"revision": 1, "name": "n"}), ()),
            (413, await client.call("POST", "/workspaces", raw=big), ("Connection",)),
            (415, await client.call("POST", "/workspaces", raw=b"a=1", headers={"Content-Type": "text/plain"}), ()),
            (503, await client.call("GET", "/health/ready"), ("Retry-After",)),
        ]

    for status, answered, more in await failures():
        assert answered.status == status
        assert answered.json["responseMeta"] == {"status": status, "success": False, "error": answered.error}
        check(answered.headers, *more)


MALFORMED: Final = {
    "control character in a header": b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: canary\x01\r\n\r\n",
    "no HTTP": b"canary\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03canary",
    "bad version": b"GET / HTTP/9.9\r\nHost: canary\r\n\r\n",
    "bad method": b"G@T / HTTP/1.1\r\nHost: canary\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost : canary\r\n\r\n",
    "length and chunked": b"POST / HTTP/1.1\r\nHost: canary\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: canary\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "signed length": b"POST / HTTP/1.1\r\nHost: canary\r\nContent-Length: +1\r\n\r\nx",
    "two hosts": b"GET / HTTP/1.1\r\nHost: canary\r\nHost: y\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: x\r\nX: canary\r\n folded\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: x\r\nX: canary" + b"x" * 9_000 + b"\r\n\r\n",
    "long target": b"GET /canary" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n"
    + b"".join(b"X-%d: canary\r\n" % at for at in range(200))
    + b"\r\n",
    "unknown coding": b"POST / HTTP/1.1\r\nHost: canary\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_malformed_requests_are_neither_echoed_nor_logged(
    client: Client, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    caplog.set_level("DEBUG")
    answer = await client.exchange(MALFORMED[case])
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    check(raw_headers(answer), "Connection", *(["WWW-Authenticate"] if b" 401 " in answer[:16] else []))
    assert b"canary" not in answer
    assert "canary" not in caplog.text
    assert "Traceback" not in caplog.text


async def test_cross_origin_pages_get_nothing_unless_listed(client: Client) -> None:
    answered = await client.call("GET", "/me", headers={"Origin": ORIGIN})
    check(answered.headers)
    preflight = await client.call(
        "OPTIONS", "/me", token=None, headers={"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    )
    assert preflight.status == 405
    check(preflight.headers, "Allow")


@pytest.mark.parametrize(
    "origin",
    [
        "https://apps.example.evil",
        "http://apps.example",
        "https://apps.example:444",
        "https://APPS.example",
        "null",
        "*",
        "",
    ],
)
async def test_origins_are_compared_exactly(origin: str) -> None:
    runtime = FakeRuntime(settings=Settings(port=0, allowed_origins=frozenset({ORIGIN})))
    async with Server(runtime) as server, Client(server.port) as client:
        answered = await client.call("GET", "/me", headers={"Origin": origin})
        check(answered.headers, "Vary")
        preflight = await client.call(
            "OPTIONS", "/me", token=None, headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
        )
        assert preflight.status == 405


@pytest.mark.parametrize("origins", [0, 2])
async def test_one_origin_is_asked_for_or_none(origins: int) -> None:
    """Programs send none; two are nobody's."""
    runtime = FakeRuntime(settings=Settings(port=0, allowed_origins=frozenset({ORIGIN})))
    async with Server(runtime) as server, Client(server.port) as client:
        answer = await client.exchange(
            b"GET /api/v1/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            + f"Origin: {ORIGIN}\r\n".encode() * origins
            + b"\r\n"
        )
        assert answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))
        assert b"Access-Control-Allow-Origin" not in answer
        assert origins or b"Vary: Origin" in answer


async def test_a_listed_origin_may_call_without_cookies() -> None:
    runtime = FakeRuntime(settings=Settings(port=0, allowed_origins=frozenset({ORIGIN})))
    allowed = {"Vary": "Origin", "Access-Control-Allow-Origin": ORIGIN, "Access-Control-Expose-Headers": "X-Request-Id"}
    async with Server(runtime) as server, Client(server.port) as client:
        for token in ("root", None):
            answered = await client.call("GET", "/me", token=token, headers={"Origin": ORIGIN})
            check(answered.headers, *allowed, *([] if token else ["WWW-Authenticate"]))
            assert allowed.items() <= dict(answered.headers).items()
        asked = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        preflight = await client.call("OPTIONS", "/actions/execute", token=None, headers=asked)
        assert (preflight.status, preflight.body) == (204, b"")
        assert preflight.headers["Access-Control-Allow-Methods"] == "POST"
        sent = {
            "authorization",
            "content-type",
            "x-appsmith-environmentid",
            "x-xsrf-token",
            "branchname",
            "traceparent",
        }
        assert sent <= set(preflight.headers["Access-Control-Allow-Headers"].lower().split(", "))
        assert "Access-Control-Allow-Credentials" not in preflight.headers
        assert (await client.call("OPTIONS", "/nowhere", token=None, headers=asked)).status == 404


async def test_no_answer_sets_cookies_or_names_software(client: Client) -> None:
    answered = await client.call("GET", "/me")
    assert not {"Set-Cookie", "Server", "X-Powered-By", "Location"} & set(answered.headers)
