"""The management routes: what goes in, what comes out, and what bad input gets."""

from typing import Any

import pytest

from appsmith_proxy.errors import AuditUnavailable, ConnectFailed, NameTaken, SecretRequired, StoreStale
from appsmith_proxy.sdk import ParameterType
from tests.web.client import Client
from tests.web.fakes import ACTION, APPLICATION, CANARIES, DATASOURCE, NOBODY, WORKSPACE, FakeRuntime

ACTION_BODY: dict[str, Any] = {
    "applicationId": APPLICATION,
    "datasourceId": DATASOURCE,
    "name": "find",
    "configuration": {"body": "SELECT {{id}}"},
}


async def test_creates_reads_lists_changes_and_deletes(client: Client) -> None:
    made = await client.call("POST", "/workspaces", {"name": "Second"})
    assert (made.status, made.json["responseMeta"]) == (201, {"status": 201, "success": True})
    assert made.json["errorDisplay"] == ""
    path = f"/workspaces/{made.data['id']}"
    assert (await client.call("GET", path)).data == {"id": made.data["id"], "name": "Second", "revision": 1}
    changed = await client.call("PATCH", path, {"revision": 1, "name": "Third"})
    assert (changed.status, changed.data["name"], changed.data["revision"]) == (200, "Third", 2)
    stale = await client.call("PATCH", path, {"revision": 1, "name": "Fourth"})
    assert (stale.status, stale.error["code"]) == (409, "StaleRevision")
    gone = await client.call("DELETE", path)
    assert (gone.status, gone.data) == (200, None)
    assert (await client.call("GET", path)).status == 404


async def test_lists_page_by_page(client: Client) -> None:
    for name in "xyz":
        await client.call("POST", "/applications", {"workspaceId": WORKSPACE, "name": name})
    seen: list[str] = []
    after = ""
    while True:
        page = (await client.call("GET", f"/applications?limit=2&after={after}&workspaceId={WORKSPACE}")).data
        seen += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == sorted(seen)
    assert len(set(seen)) == 4
    assert (await client.call("GET", f"/applications?workspaceId={NOBODY}")).data == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/workspaces?limit=0", "query.limit"),
        ("/workspaces?limit=501", "query.limit"),
        ("/workspaces?limit=-1", "query.limit"),
        ("/workspaces?limit=1_0", "query.limit"),
        ("/workspaces?limit=99999999999999999999", "query.limit"),
        ("/workspaces?limit=1&limit=2", "query.limit"),
        ("/workspaces?after=x", "query.after"),
        ("/workspaces?offset=1", "query.offset"),
        ("/workspaces?%ff=1", "query"),
        ("/workspaces?limit", "query"),
        ("/workspaces?" + "&".join(f"a{number}=1" for number in range(99)), "query"),
        ("/actions/view", "query.applicationId"),
        ("/actions/view?applicationId=", "query.applicationId"),
        ("/me?verbose=1", "query"),
        (f"/datasources/{DATASOURCE}/structure?page=1&page=2", "query.page"),
    ],
)
async def test_refuses_bad_queries(client: Client, path: str, problem: str) -> None:
    answered = await client.call("GET", path)
    assert (answered.status, answered.paths) == (400, {problem})


async def test_in_use_says_by_whom(client: Client) -> None:
    answered = await client.call("DELETE", f"/applications/{APPLICATION}")
    assert (answered.status, answered.error["code"]) == (409, "InUse")
    assert answered.error["details"] == [{"path": f"actions/{ACTION}", "message": "find_customer"}]


async def test_a_datasource_shows_which_secrets_are_set_and_never_what_they_are(client: Client) -> None:
    answered = await client.call("GET", f"/datasources/{DATASOURCE}")
    assert answered.data == {
        "id": DATASOURCE,
        "workspaceId": WORKSPACE,
        "name": "db",
        "kind": "memory",
        "configuration": {"host": "db.example"},
        "secretsSet": ["password"],
        "revision": 1,
    }
    assert CANARIES["secret"].encode() not in answered.body


async def test_a_test_shows_editors_why_and_the_chain(client: Client) -> None:
    answered = await client.call("POST", f"/datasources/{DATASOURCE}/test", token="developer")
    assert answered.status == 200
    assert answered.data["success"] is False
    assert answered.data["chain"] == ["CN=db"]
    assert answered.data["error"]["code"] == "TlsFailed"
    assert answered.data["error"]["nativeMessage"] == CANARIES["native"]
    body = {"workspaceId": WORKSPACE, "name": "n", "kind": "memory", "configuration": {"password": "p"}}
    assert (await client.call("POST", "/datasources/test", body)).data["server"] == "Memory 1"


async def test_structure_takes_a_path_and_a_page(client: Client) -> None:
    answered = await client.call("GET", f"/datasources/{DATASOURCE}/structure?path=a&path=b.c&page=2")
    assert answered.data["tables"][0]["schema"] == "a.b.c"
    assert answered.data["next"] == "2"


async def test_an_action_comes_back_as_it_was_given(client: Client, runtime: FakeRuntime) -> None:
    body = ACTION_BODY | {
        "parameters": [
            {"name": "id", "type": "integer", "list": True, "min": 1, "default": [1, 2.5], "maxItems": 10},
            {"name": "q"},
        ],
        "timeoutMs": 500,
        "readOnly": True,
        "maxAffectedRows": 0,
        "numbers": "number",
        "confirmBeforeExecute": True,
        "userMessages": {"ConstraintViolated": "taken"},
    }
    made = await client.call("POST", "/actions", body)
    assert made.status == 201
    for name in set(body) - {"parameters"}:
        assert made.data[name] == body[name]
    assert body["parameters"][0].items() <= made.data["parameters"][0].items()
    assert made.data["bindings"] == [{"name": "id", "source": "client"}]
    assert (made.data["checked"], made.data["warnings"], made.data["published"]) == (False, ["w"], False)
    declared = runtime.catalog.actions.actions[made.data["id"]].draft.parameters
    assert (declared[0].type, declared[0].is_list, declared[0].has_default) == (ParameterType.INTEGER, True, True)
    assert (declared[1].type, declared[1].has_default) == (None, False)
    again = await client.call("POST", "/actions", ACTION_BODY | {"parameters": made.data["parameters"]})
    assert again.data["parameters"] == made.data["parameters"]


async def test_a_patch_holds_only_what_was_given(client: Client, runtime: FakeRuntime) -> None:
    path = f"/actions/{ACTION}"
    headers = {"Content-Type": "application/merge-patch+json"}
    await client.call("PATCH", path, {"revision": 1, "readOnly": None}, headers=headers)
    await client.call("PATCH", path, {"revision": 1, "configuration": {"body": None}, "userMessages": {"x": None}})
    await client.call("PATCH", path, {"revision": 1, "parameters": [{"name": "id"}]})
    first, second, third = runtime.catalog.actions.patched
    assert first == {"read_only": None}
    assert second == {"configuration": {"body": None}, "user_messages": {"x": None}}
    assert third["parameters"][0].name == "id"


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ([], {""}),
        ({}, {"applicationId", "datasourceId", "name", "configuration"}),
        (ACTION_BODY | {"name": ""}, {"name"}),
        (ACTION_BODY | {"name": " "}, {"name"}),
        (ACTION_BODY | {"name": "a\nb"}, {"name"}),
        (ACTION_BODY | {"name": None}, {"name"}),
        (ACTION_BODY | {"name": 5, "timeoutMs": "5"}, {"name", "timeoutMs"}),
        (ACTION_BODY | {"applicationId": "B" * 24}, {"applicationId"}),
        (ACTION_BODY | {"applicationId": "b" * 24 + "\n"}, {"applicationId"}),
        (ACTION_BODY | {"workspaceId": WORKSPACE}, {"workspaceId"}),
        (ACTION_BODY | {"id": ACTION, "revision": 1}, {"id", "revision"}),
        (ACTION_BODY | {"timeout_ms": 5}, {"timeout_ms"}),
        (ACTION_BODY | {"numbers": "decimal"}, {"numbers"}),
        (ACTION_BODY | {"readOnly": 1}, {"readOnly"}),
        (ACTION_BODY | {"timeoutMs": 1.5}, {"timeoutMs"}),
        (ACTION_BODY | {"userMessages": {"a": 1}}, {"userMessages.a"}),
        (
            ACTION_BODY | {"parameters": [{"name": "a"}, {"type": "int", "min": [], "x": 1}]},
            {"parameters[1].name", "parameters[1].type", "parameters[1].min", "parameters[1].x"},
        ),
    ],
)
async def test_every_problem_has_its_path(client: Client, runtime: FakeRuntime, body: Any, problems: set[str]) -> None:
    answered = await client.call("POST", "/actions", body)
    assert (answered.status, answered.error["code"]) == (400, "InvalidRequest")
    assert answered.paths == problems
    assert runtime.counter["Action.create"] == 0


@pytest.mark.parametrize(
    ("patch", "problems"),
    [
        ({"name": None}, {"name"}),
        ({"datasourceId": None}, {"datasourceId"}),
        ({"configuration": None}, {"configuration"}),
        ({"applicationId": APPLICATION}, {"applicationId"}),
        ({"userMessages": {"x": "m" * 1_025}}, {"userMessages.x"}),
        ({"userMessages": {str(number): "m" for number in range(101)}}, {"userMessages"}),
    ],
)
async def test_a_patch_is_bounded_like_a_new_record(client: Client, patch: Any, problems: set[str]) -> None:
    answered = await client.call("PATCH", f"/actions/{ACTION}", {"revision": 1, **patch})
    assert (answered.status, answered.paths) == (400, problems)
    assert (await client.call("PATCH", f"/actions/{ACTION}", patch)).paths == problems | {"revision"}


async def test_problems_never_quote_values(client: Client) -> None:
    body = ACTION_BODY | {"name": 7_301_944, "applicationId": "canary-value", "numbers": "canary-value"}
    answered = await client.call("POST", "/actions", body)
    assert b"canary-value" not in answered.body
    assert b"7301944" not in answered.body


async def test_names_of_the_stored_model_cannot_be_assigned(client: Client, runtime: FakeRuntime) -> None:
    before = dict(runtime.catalog.datasources.records)
    for name in ("id", "workspaceId", "kind", "secrets", "secretsSet", "environment", "createdAt", "owner"):
        answered = await client.call("PATCH", f"/datasources/{DATASOURCE}", {"revision": 1, name: "x"})
        assert (answered.status, answered.paths) == (400, {name})
    assert runtime.catalog.datasources.records == before


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NameTaken("there is one of that name"), 409),
        (SecretRequired("give the password again"), 409),
        (ConnectFailed("nobody listens there"), 502),
        (StoreStale("the store does not answer"), 503),
        (AuditUnavailable("no sink accepted it"), 503),
        (ValueError("canary-exception-text"), 500),
    ],
)
async def test_errors_have_their_status_and_no_traceback(
    client: Client, runtime: FakeRuntime, caplog: pytest.LogCaptureFixture, error: Exception, status: int
) -> None:
    runtime.catalog.workspaces.fails = error
    answered = await client.call("GET", f"/workspaces/{WORKSPACE}")
    assert answered.status == status
    assert answered.json["responseMeta"]["status"] == status
    assert answered.json["data"] is None
    assert b"Traceback" not in answered.body
    assert "canary-exception-text" not in answered.body.decode() + caplog.text
    if status == 503:
        assert answered.headers["Retry-After"] == "1"
    if status >= 500 and status != 502:
        assert answered.headers["X-Request-Id"] in caplog.text
    assert answered.json["errorDisplay"].startswith(answered.error["code"] + ": ")


async def test_who_am_i(client: Client) -> None:
    answered = await client.call("GET", "/me", token="viewer")
    assert answered.data["role"] == "viewer"
    assert answered.data["workspaceId"] == WORKSPACE
    assert "action:execute" in answered.data["permissions"]
    assert answered.data["user"] == {
        "id": "u1",
        "email": "u1@example.org",
        "name": None,
        "groups": None,
        "roles": None,
    }


async def test_plugins_show_their_fields_and_the_report(client: Client) -> None:
    answered = await client.call("GET", "/plugins")
    (kind,) = answered.data["kinds"]
    assert kind["kind"] == "memory"
    assert kind["configuration"]["type"] == "object"
    assert kind["action"]["properties"]
    assert answered.data["report"][0]["status"] == "active"


async def test_the_view_has_exactly_the_familys_fields(client: Client) -> None:
    answered = await client.call("GET", f"/actions/view?applicationId={APPLICATION}", token="viewer")
    first, second = answered.data
    assert first == {
        "id": ACTION,
        "baseId": ACTION,
        "name": "find_customer",
        "pageId": None,
        "timeoutInMillisecond": 10_000,
        "confirmBeforeExecute": False,
        "jsonPathKeys": ["id"],
    }
    assert set(second) == set(first) - {"jsonPathKeys"}


async def test_publish_says_what_was_published(client: Client) -> None:
    answered = await client.call("POST", f"/applications/{APPLICATION}/publish", token="developer")
    assert answered.data["actions"] == [{"id": ACTION, "name": "find_customer", "warnings": ["slow"]}]
    assert answered.data["application"]["id"] == APPLICATION


async def test_health(client: Client, runtime: FakeRuntime) -> None:
    assert (await client.call("GET", "/health/live", token=None)).data == {"status": "live"}
    assert (await client.call("GET", "/health/ready", token=None)).data == {"status": "ready"}
    runtime.unready = StoreStale("the store does not answer")
    assert (await client.call("GET", "/health/ready", token=None)).status == 503
    assert (await client.call("GET", "/health/live", token=None)).status == 200
