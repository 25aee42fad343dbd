"""Finding routes: by the very bytes of a target, and only those of the table."""

from typing import Any

import pytest

from appsmith_proxy.access.policy import Permission
from appsmith_proxy.errors import NotFound
from appsmith_proxy.web.handlers import me
from appsmith_proxy.web.route import ID, Route
from appsmith_proxy.web.router import Router
from appsmith_proxy.web.routes import ROUTES
from appsmith_proxy.web.statuses import Refused
from tests.web.client import Client
from tests.web.fakes import ACTION, FakeRuntime

ROUTER = Router(ROUTES)


def row(**changes: Any) -> Route:
    values: dict[str, Any] = {
        "method": "GET",
        "path": "/x",
        "handler": me,
        "summary": "",
        "permission": Permission.PUBLIC,
    }
    return Route(**values | changes)


def test_a_route_without_a_permission_cannot_be_built() -> None:
    values: dict[str, Any] = {"method": "GET", "path": "/x", "handler": me, "summary": ""}
    with pytest.raises(TypeError, match="permission"):
        Route(**values)
    for unknown in (None, "", "action:execute", "everybody"):
        with pytest.raises(TypeError, match="needs a Permission"):
            row(permission=unknown)


def test_a_route_cannot_stand_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        Router((row(), row()))


def test_nobody_executes_without_being_known() -> None:
    with pytest.raises(ValueError, match="nobody executes"):
        Route(method="POST", path="/x", permission=Permission.PUBLIC, summary="")


def test_a_row_is_a_method_and_a_path() -> None:
    for changes in ({"method": "TRACE"}, {"method": "get"}, {"path": "x"}):
        with pytest.raises(ValueError, match="not a method and a path"):
            row(**changes)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_finds_each_route_by_its_own_path(route: Route) -> None:
    found, record_id, query = ROUTER.find(route.method, route.full_path.replace(ID, ACTION) + "?a=b?c")
    assert found is route
    assert record_id == (ACTION if ID in route.path else "")
    assert query == "a=b?c"


def spellings(path: str) -> list[str]:
    """Return other ways to write a path, which some servers read as the same."""
    head, _, tail = path.rpartition("/")
    return [
        "/" + path,
        path.replace("/api", "//api"),
        path + "/",
        path + "//",
        path + "/.",
        path + "/..",
        path + "/x/..",
        head + "/./" + tail,
        head + "//" + tail,
        head + "/x/../" + tail,
        head + "/%2e/" + tail,
        head + "/x/%2e%2e/" + tail,
        head + "%2f" + tail,
        head + "%2F" + tail,
        head + "%252f" + tail,
        head + "\\" + tail,
        head + "%5c" + tail,
        path + ";",
        path + ";x=1",
        head + ";x=1/" + tail,
        path + "%00",
        path + "%20",
        path + "+",
        path + ".json",
        path + "#x",
        path + "%23x",
        path + "%3Fx=1",
        path.upper(),
        path.title(),
        path.replace("a", "%61", 1),
        path.replace("api", "%61pi"),
        path.replace("api", "API"),
        path.replace("v1", "v%31"),
        path.replace("v1", "v1.0"),
        path.replace("/api/v1", ""),
        path.replace("/api", ""),
        path.replace("/", "/\u200b"),
        path[:-1],
        "*",
        "",
        "x" + path,
        f"http://127.0.0.1{path}",
        f"http://other.example{path}",
        f"//other.example{path}",
        f"https://user@other.example{path}",
        path.lstrip("/"),
    ]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_finds_nothing_by_another_spelling(route: Route) -> None:
    path = route.full_path.replace(ID, ACTION)
    others = [spelling for spelling in spellings(path) if spelling != path]
    assert len(others) >= 40
    for spelling in others:
        with pytest.raises((NotFound, Refused)):
            ROUTER.find(route.method, spelling)


@pytest.mark.parametrize(
    "record_id",
    [
        "",
        "x",
        ID,
        ACTION[:-1],
        ACTION + "d",
        ACTION.upper(),
        ACTION[:-1] + "%64",
        "..",
        "D" * 24,
        "１" * 24,
        ACTION + "\n",
    ],
)
def test_an_id_is_an_id(record_id: str) -> None:
    with pytest.raises((NotFound, Refused)):
        ROUTER.find("GET", f"/api/v1/actions/{record_id}/")
    with pytest.raises((NotFound, Refused)):
        ROUTER.find("PATCH", f"/api/v1/actions/{record_id}")


async def test_other_spellings_on_the_wire_reach_no_handler(client: Client, runtime: FakeRuntime) -> None:
    wire = [
        spelling.encode("utf-8", "replace")
        for route in ROUTES
        if route.permission is not Permission.PUBLIC
        for spelling in spellings(route.full_path.replace(ID, ACTION))
        if spelling != route.full_path.replace(ID, ACTION)
    ]
    for target in wire[::7]:
        answer = await client.exchange(
            b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\nConnection: close\r\n\r\n"
        )
        assert answer.split(b" ", 2)[1] in (b"400", b"401", b"404", b"405"), target
    assert not runtime.counter
    assert runtime.executor.calls == []


@pytest.mark.parametrize("method", ["TRACE", "PUT", "HEAD", "CONNECT", "PROPFIND", "OPTIONS", "QUERY"])
async def test_other_methods_are_refused(client: Client, runtime: FakeRuntime, method: str) -> None:
    answer = await client.exchange(
        f"{method} /api/v1/actions/{ACTION} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    assert answer.split(b" ", 2)[1] in (b"400", b"404", b"405")
    if b"405" in answer[:15]:
        assert b"Allow: DELETE, GET, PATCH\r\n" in answer
    assert not runtime.counter
