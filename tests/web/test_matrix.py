"""Role × route: the table of what each role may call, kept here by hand and compared with what the routes do."""

from typing import Any, Final

import pytest

from appsmith_proxy.access.policy import Permission
from appsmith_proxy.web.route import ID, Route
from appsmith_proxy.web.routes import ROUTES
from tests.web.client import Answered, Client
from tests.web.fakes import ACTION, APPLICATION, CANARIES, DATASOURCE, NOBODY, WORKSPACE, FakeRuntime

PUBLIC: Final = {"GET /health/live", "GET /health/ready"}
VIEWER: Final = PUBLIC | {"POST /actions/execute", "GET /actions/view", "GET /me"}
ADMINISTRATOR_ONLY: Final = {"POST /workspaces", "PATCH /workspaces/{id}", "DELETE /workspaces/{id}"}
EVERYTHING: Final = {
    "POST /actions/execute",
    "GET /actions/view",
    "POST /workspaces",
    "GET /workspaces",
    "GET /workspaces/{id}",
    "PATCH /workspaces/{id}",
    "DELETE /workspaces/{id}",
    "POST /workspaces/{id}/plans/check",
    "POST /applications",
    "GET /applications",
    "GET /applications/{id}",
    "PATCH /applications/{id}",
    "DELETE /applications/{id}",
    "POST /applications/{id}/publish",
    "POST /datasources",
    "GET /datasources",
    "GET /datasources/{id}",
    "PATCH /datasources/{id}",
    "DELETE /datasources/{id}",
    "POST /datasources/test",
    "POST /datasources/{id}/test",
    "GET /datasources/{id}/structure",
    "POST /actions",
    "POST /actions/compile",
    "GET /actions",
    "GET /actions/{id}",
    "PATCH /actions/{id}",
    "DELETE /actions/{id}",
    "GET /plugins",
    "GET /me",
    "GET /health/live",
    "GET /health/ready",
}
MAY: Final = {
    None: PUBLIC,
    "nobody": PUBLIC,
    "viewer": VIEWER,
    "developer": EVERYTHING - ADMINISTRATOR_ONLY,
    "administrator": EVERYTHING,
    "root": EVERYTHING,
}

BODIES: Final[dict[str, Any]] = {
    "POST /actions/execute": {"actionId": ACTION},
    "POST /workspaces": {"name": "n"},
    "PATCH /workspaces/{id}": {"revision": 3, "name": "n"},
    "POST /applications": {"workspaceId": WORKSPACE, "name": "n"},
    "PATCH /applications/{id}": {"revision": 1, "name": "n"},
    "POST /datasources": {"workspaceId": WORKSPACE, "name": "n", "kind": "memory", "configuration": {}},
    "PATCH /datasources/{id}": {"revision": 1, "name": "n"},
    "POST /datasources/test": {"workspaceId": WORKSPACE, "name": "n", "kind": "memory", "configuration": {}},
    "POST /actions": {"applicationId": APPLICATION, "datasourceId": DATASOURCE, "name": "n", "configuration": {}},
    "PATCH /actions/{id}": {"revision": 1, "name": "n"},
    "POST /actions/compile": {"datasourceId": DATASOURCE, "configuration": {}},
}
RECORDS: Final = {
    "workspaces": WORKSPACE,
    "applications": APPLICATION,
    "datasources": DATASOURCE,
    "actions": ACTION,
}


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def path(route: Route, record_id: str | None = None) -> str:
    query = f"?applicationId={APPLICATION}" if route.path == "/actions/view" else ""
    return route.path.replace(ID, record_id or RECORDS.get(route.path.split("/")[1], "")) + query


async def call(client: Client, route: Route, token: str | None, record_id: str | None = None) -> Answered:
    return await client.call(route.method, path(route, record_id), BODIES.get(name(route)), token=token)


def test_the_table_knows_every_route() -> None:
    assert {name(route) for route in ROUTES} == EVERYTHING
    assert {name(route) for route in ROUTES if route.permission is Permission.PUBLIC} == PUBLIC


@pytest.mark.parametrize("token", MAY, ids=str)
@pytest.mark.parametrize("route", ROUTES, ids=name)
async def test_role_and_route(client: Client, runtime: FakeRuntime, route: Route, token: str | None) -> None:
    answered = await call(client, route, token)
    if name(route) in MAY[token]:
        assert answered.status in (200, 201, 409), answered.body
    elif token in (None, "nobody"):
        assert (answered.status, answered.headers["WWW-Authenticate"]) == (401, "Bearer")
    else:
        assert answered.status == 403
    if name(route) not in MAY[token]:
        assert not runtime.counter
        assert runtime.executor.calls == []
    if token in (None, "nobody", "viewer"):
        assert not [canary for canary in CANARIES.values() if canary.encode() in answered.body]


@pytest.mark.parametrize("route", [route for route in ROUTES if route.permission is not Permission.PUBLIC], ids=name)
async def test_nothing_is_read_before_the_caller_is_known(client: Client, route: Route) -> None:
    answered = await client.call(
        route.method, path(route) + ("&" if "?" in path(route) else "?") + "x=1", raw=b"{broken", token=None
    )
    assert answered.status == 401
    if name(route) not in VIEWER:
        answered = await client.call(
            route.method, path(route) + ("&" if "?" in path(route) else "?") + "x=1", raw=b"{broken", token="viewer"
        )
        assert answered.status == 403


@pytest.mark.parametrize("route", [route for route in ROUTES if ID in route.path], ids=name)
async def test_not_found_is_the_same_bytes_whatever_was_not_found(client: Client, route: Route) -> None:
    missing = await call(client, route, "developer" if name(route) not in ADMINISTRATOR_ONLY else "root", NOBODY)
    nowhere = await client.call("GET", "/nowhere", token=None)
    malformed = await client.call(route.method, path(route, "not-an-id"), token=None)
    assert missing.status == nowhere.status == malformed.status == 404
    assert missing.body == nowhere.body == malformed.body


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "bearer viewer",
        "Basic dXNlcg==",
        "viewer",
        "Bearer viewer x",
        "Bearer  viewer",
    ],
)
async def test_a_wrong_token_gets_no_detail(client: Client, header: str | None) -> None:
    right = await client.call("GET", "/me", token="viewer")
    assert right.status == 200
    answered = await client.call("GET", "/me", token=None, headers={"Authorization": header} if header else None)
    none = await client.call("GET", "/me", token=None)
    assert answered.status == 401
    assert answered.body == none.body
    assert "details" not in answered.error
    assert "must not get out" not in answered.body.decode()


async def test_two_tokens_are_none(client: Client) -> None:
    answer = await client.exchange(
        b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer viewer\r\nAuthorization: Bearer root\r\n"
        b"Connection: close\r\n\r\n"
    )
    assert answer.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 400 "))


async def test_who_calls_is_never_read_from_other_headers(client: Client, runtime: FakeRuntime) -> None:
    headers = {
        "X-User": "root",
        "X-Forwarded-User": "root",
        "X-Workspace-Id": NOBODY,
        "X-Appsmith-EnvironmentId": NOBODY,
        "X-Role": "administrator",
        "X-Request-Id": "forged",
        "Cookie": "session=root",
        "X-HTTP-Method-Override": "DELETE",
        "branchName": "other",
    }
    answered = await client.call("GET", "/me", token="viewer", headers=headers)
    assert (answered.data["role"], answered.data["workspaceId"]) == ("viewer", WORKSPACE)
    assert answered.headers["X-Request-Id"] != "forged"
    await client.call("POST", "/actions/execute", {"actionId": ACTION}, token="viewer", headers=headers)
    assert runtime.executor.calls[0].principal is runtime.authenticator.principals["Bearer viewer"]
