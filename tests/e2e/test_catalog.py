"""The editors' verbs through the API: merge patches, revisions, names, pages, deletions and publication."""

from typing import Any, Final

import pytest

from appsmith_proxy.model.principal import Role
from appsmith_proxy.testing.memory import MemoryServer
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Caller, Proxy, Reply

INTEGER_ID: Final = {"name": "id", "type": "integer"}


async def draft(proxy: Proxy, shop: str, name: str = "lookup", **fields: Any) -> dict[str, Any]:
    """Create an action that is not published."""
    body = {
        "applicationId": proxy.application_id,
        "datasourceId": shop,
        "name": name,
        "configuration": {"body": "SELECT id FROM orders WHERE id = {{ id }}"},
        **fields,
    }
    return await proxy.developer.created("/actions", body)


async def patch(caller: Caller, path: str, revision: int, **values: Any) -> Reply:
    """Send a merge patch."""
    return await caller.call("PATCH", path, {"revision": revision, **values})


# merge patches and revisions


async def test_a_patch_changes_what_it_names_and_null_puts_back_the_default(proxy: Proxy, shop: str) -> None:
    made = await draft(
        proxy,
        shop,
        timeoutMs=500,
        confirmBeforeExecute=True,
        userMessages={"ConstraintViolated": "No.", "Disconnected": "Gone."},
        parameters=[INTEGER_ID],
    )
    path = f"/actions/{made['id']}"
    changed = await patch(proxy.developer, path, made["revision"], timeoutMs=700, userMessages={"Disconnected": None})
    assert changed.status == 200
    assert changed.data["revision"] == made["revision"] + 1
    assert changed.data["timeoutMs"] == 700
    assert changed.data["userMessages"] == {"ConstraintViolated": "No."}
    kept = ("name", "configuration", "confirmBeforeExecute", "parameters", "bindings", "datasourceId")
    assert {name: changed.data[name] for name in kept} == {name: made[name] for name in kept}
    reset = await patch(
        proxy.developer, path, changed.data["revision"], timeoutMs=None, confirmBeforeExecute=None, parameters=None
    )
    assert (reset.data["timeoutMs"], reset.data["confirmBeforeExecute"], reset.data["parameters"]) == (
        10_000,
        False,
        [],
    )


@pytest.mark.parametrize("kind", ["workspaces", "applications", "datasources", "actions"])
async def test_a_stale_revision_changes_nothing(proxy: Proxy, shop: str, kind: str) -> None:
    ids = {
        "workspaces": proxy.workspace_id,
        "applications": proxy.application_id,
        "datasources": shop,
        "actions": (await draft(proxy, shop, parameters=[INTEGER_ID]))["id"],
    }
    path = f"/{kind}/{ids[kind]}"
    before = (await proxy.administrator.call("GET", path)).data
    first = await patch(proxy.administrator, path, before["revision"], name="first")
    assert (first.status, first.data["name"]) == (200, "first")
    for revision in (before["revision"], before["revision"] + 7):
        second = await patch(proxy.administrator, path, revision, name="second")
        assert (second.status, second.error["code"]) == (409, "StaleRevision")
        assert str(first.data["revision"]) in second.error["message"]
    assert (await proxy.administrator.call("GET", path)).data == first.data


async def test_a_patch_that_does_not_compile_changes_nothing(proxy: Proxy, shop: str) -> None:
    made = await draft(proxy, shop, parameters=[INTEGER_ID])
    wrong = {"body": "SELECT id FROM orders\nWHERE 'x{{ id }}' ORDER BY {{ column }}"}
    reply = await patch(proxy.developer, f"/actions/{made['id']}", made["revision"], configuration=wrong)
    assert reply.status == 400
    (problem, *_) = reply.error["details"]
    assert (problem["path"], problem["line"]) == ("configuration.body", 2)
    assert problem["column"] > 1
    assert (await proxy.developer.call("GET", f"/actions/{made['id']}")).data == made


async def test_every_problem_of_a_body_is_told_with_its_path(proxy: Proxy, shop: str) -> None:
    body = {"applicationId": "x", "datasourceId": shop, "nam": "n", "timeoutMs": 0, "parameters": [{"type": "text"}]}
    reply = await proxy.developer.call("POST", "/actions", body)
    assert reply.status == 400
    paths = {row["path"] for row in reply.error["details"]}
    assert {"applicationId", "nam", "name", "timeoutMs", "parameters[0].name"} <= paths


async def test_timeouts_are_bounded_by_the_operator(proxy: Proxy, shop: str) -> None:
    made = await draft(proxy, shop)
    reply = await patch(proxy.developer, f"/actions/{made['id']}", made["revision"], timeoutMs=60_001)
    assert reply.status == 400
    assert reply.error["details"][0]["path"] == "timeoutMs"


# names


async def test_a_name_is_taken_once_in_its_place(proxy: Proxy, shop: str, memory: MemoryServer) -> None:
    await draft(proxy, shop, name="lookup")
    root, developer = proxy.administrator, proxy.developer
    other = await root.created("/workspaces", {"name": "Other"})
    elsewhere = await root.created("/applications", {"workspaceId": other["id"], "name": "Orders"})
    assert elsewhere["name"] == "Orders", "another workspace has names of its own"
    action = {
        "applicationId": proxy.application_id,
        "datasourceId": shop,
        "name": "lookup",
        "configuration": {"body": "SELECT 1 AS one"},
    }
    taken = (
        (root, "/workspaces", {"name": "Other"}),
        (developer, "/applications", {"workspaceId": proxy.workspace_id, "name": "Orders"}),
        (
            developer,
            "/datasources",
            {
                "workspaceId": proxy.workspace_id,
                "name": "shop",
                "kind": "memory",
                "configuration": {"password": memory.password},
            },
        ),
        (developer, "/actions", action),
    )
    for caller, path, body in taken:
        reply = await caller.call("POST", path, body)
        assert (reply.status, reply.error["code"]) == (409, "NameTaken"), path
    second = await draft(proxy, shop, name="second")
    renamed = await patch(developer, f"/actions/{second['id']}", second["revision"], name="lookup")
    assert (renamed.status, renamed.error["code"]) == (409, "NameTaken")


# pages


async def test_lists_come_in_pages_of_ones_own(proxy: Proxy, shop: str) -> None:
    made = {(await draft(proxy, shop, name=f"a{number}"))["id"] for number in range(7)}
    other = await proxy.administrator.created("/workspaces", {"name": "Other"})
    stranger = await proxy.caller(Role.DEVELOPER, other["id"])
    seen: list[str] = []
    after = ""
    while True:
        page = (await proxy.developer.call("GET", f"/actions?limit=3&after={after}")).data
        assert len(page["items"]) <= 3
        seen += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == sorted(made)
    assert (await stranger.call("GET", "/actions")).data == {"items": [], "next": None}
    foreign = f"/applications?workspaceId={proxy.workspace_id}"
    assert (await stranger.call("GET", foreign)).data == {"items": [], "next": None}
    mine = await proxy.developer.call("GET", "/workspaces")
    assert [row["id"] for row in mine.data["items"]] == [proxy.workspace_id]
    narrowed = await proxy.developer.call("GET", f"/actions?applicationId={'0' * 24}")
    assert narrowed.data["items"] == []
    for query in ("limit=0", "limit=x", "after=zz", "limits=3", "limit=1&limit=2"):
        assert (await proxy.developer.call("GET", f"/actions?{query}")).status == 400, query


# deletions


async def test_what_is_in_use_is_not_deleted_and_says_by_what(proxy: Proxy, shop: str) -> None:
    action = await draft(proxy, shop, name="the only one")
    for caller, path, users in (
        (proxy.developer, f"/datasources/{shop}", {(f"actions/{action['id']}", "the only one")}),
        (proxy.developer, f"/applications/{proxy.application_id}", {(f"actions/{action['id']}", "the only one")}),
    ):
        reply = await caller.call("DELETE", path)
        assert (reply.status, reply.error["code"]) == (409, "InUse")
        assert {(row["path"], row["message"]) for row in reply.error["details"]} == users
    whole = await proxy.administrator.call("DELETE", f"/workspaces/{proxy.workspace_id}")
    assert (whole.status, whole.error["code"]) == (409, "InUse")
    assert {row["path"].split("/")[0] for row in whole.error["details"]} >= {"applications"}
    for path in (f"/actions/{action['id']}", f"/datasources/{shop}", f"/applications/{proxy.application_id}"):
        assert (await proxy.developer.call("DELETE", path)).status == 200
        gone = await proxy.developer.call("GET", path)
        assert gone.status == 404
        assert (await proxy.developer.call("DELETE", path)).envelope == gone.envelope


async def test_a_datasource_that_only_viewers_copies_use_is_in_use(
    proxy: Proxy, shop: str, memory: MemoryServer
) -> None:
    """A draft that moved on to another datasource leaves the published copy on the old one."""
    action = await proxy.action(shop, "SELECT 1 AS one")
    second = await proxy.datasource("memory", {"password": memory.password}, name="second")
    got = (await proxy.developer.call("GET", f"/actions/{action}")).data
    assert (await patch(proxy.developer, f"/actions/{action}", got["revision"], datasourceId=second)).status == 200
    reply = await proxy.developer.call("DELETE", f"/datasources/{shop}")
    assert (reply.status, reply.error["code"]) == (409, "InUse")
    assert (await proxy.viewer.execute(action)).data["body"] == [{"one": 1}]
    view = await proxy.viewer.call("GET", f"/actions/view?applicationId={proxy.application_id}")
    assert [row["id"] for row in view.data] == [action]
    await proxy.publish()
    assert (await proxy.developer.call("DELETE", f"/datasources/{shop}")).status == 200


async def test_nothing_crosses_from_one_workspace_to_another(proxy: Proxy, shop: str) -> None:
    root = proxy.administrator
    other = await root.created("/workspaces", {"name": "Other"})
    application = await root.created("/applications", {"workspaceId": other["id"], "name": "Theirs"})
    body = {
        "applicationId": application["id"],
        "datasourceId": shop,
        "name": "crossing",
        "configuration": {"body": "SELECT 1 AS one"},
    }
    assert (await root.call("POST", "/actions", body)).status == 404, "an action's datasource is of its own workspace"
    stranger = await proxy.caller(Role.DEVELOPER, other["id"])
    absent = await stranger.call("GET", f"/datasources/{'0' * 24}")
    for method, path in (
        ("GET", f"/datasources/{shop}"),
        ("GET", f"/datasources/{shop}/structure"),
        ("POST", f"/datasources/{shop}/test"),
        ("DELETE", f"/datasources/{shop}"),
    ):
        reply = await stranger.call(method, path)
        assert (reply.status, reply.envelope) == (404, absent.envelope)


# publication


async def test_publishing_is_all_or_nothing_and_tells_everything(proxy: Proxy, postgres: PostgresServer) -> None:
    database = await postgres.fresh_database()
    async with postgres.session(database) as session:
        await session.execute("CREATE TABLE one (id integer); CREATE TABLE two (id integer)")
        datasource = await proxy.datasource("postgres", postgres.configuration(database, password=postgres.password))
        good = await proxy.action(datasource, "SELECT 'old' AS copy", name="good")
        got = (await proxy.developer.call("GET", f"/actions/{good}")).data
        newer = {"body": "SELECT 'new' AS copy"}
        assert (await patch(proxy.developer, f"/actions/{good}", got["revision"], configuration=newer)).status == 200
        bad = [
            await proxy.action(datasource, f"SELECT id FROM {table}", name=table, publish=False)
            for table in ("one", "two")
        ]
        await session.execute("DROP TABLE one, two")
        reply = await proxy.developer.call("POST", f"/applications/{proxy.application_id}/publish")
        assert (reply.status, reply.error["code"]) == (400, "InvalidRequest")
        assert [row["path"] for row in reply.error["details"]] == [
            f"actions/{each}/configuration.body" for each in sorted(bad)
        ]
        assert (await proxy.viewer.execute(good)).data["body"] == [{"copy": "old"}]
        assert (await proxy.viewer.execute(bad[0])).status == 404
        await session.execute("CREATE TABLE one (id integer); CREATE TABLE two (id integer)")
    await proxy.publish()
    assert (await proxy.viewer.execute(good)).data["body"] == [{"copy": "new"}]
    assert (await proxy.viewer.execute(bad[0])).data["body"] == []


async def test_an_application_is_published_while_its_database_is_down(proxy: Proxy) -> None:
    down = {
        "host": "127.0.0.1",
        "port": 1,
        "database": "d",
        "username": "u",
        "tlsMode": "disable",
        "password": "pw-123456",
    }
    datasource = await proxy.datasource("postgres", down)
    action = await proxy.action(datasource, "SELECT 1 AS one", name="later", publish=False)
    reply = await proxy.developer.call("POST", f"/applications/{proxy.application_id}/publish")
    assert reply.status == 200
    (published,) = reply.data["actions"]
    assert published["id"] == action
    assert any("ConnectFailed" in warning for warning in published["warnings"])
    assert reply.data["application"]["publishedAt"]


async def test_editors_are_told_which_bindings_have_no_type(proxy: Proxy, shop: str, postgres: PostgresServer) -> None:
    """Where the database reports no types; one that does, or a place that is text in any case, needs no word."""
    body = "SELECT id FROM orders WHERE id = {{ id }} AND id <> {{ id }} AND customer LIKE '%{{ part }}%'"
    body += " AND customer <> '{{ declared }}' AND customer <> {{ appsmith.user.email }}"
    action: dict[str, Any] = {
        "configuration": {"body": body},
        "parameters": [{"name": "declared", "type": "text"}],
    }
    said = ["the datasource reports no type for {{ id }}, so its values are sent as text: declare its type"]
    saved = await draft(proxy, shop, **action)
    assert (saved["warnings"], saved["checked"]) == (said, True)
    reply = await proxy.developer.call("POST", f"/applications/{proxy.application_id}/publish")
    assert [row["warnings"] for row in reply.data["actions"]] == [said]
    database = await postgres.fresh_database()
    async with postgres.session(database) as session:
        await session.execute("CREATE TABLE orders (id integer, cents integer, customer text)")
    typed = await proxy.datasource("postgres", postgres.configuration(database, password=postgres.password))
    assert (await draft(proxy, typed, name="typed", **action))["warnings"] == []


# trying datasources


async def test_tests_of_a_database_tell_editors_what_is_wrong(proxy: Proxy, postgres: PostgresServer) -> None:
    async def tried(**changes: Any) -> dict[str, Any]:
        configuration = postgres.configuration(**{"tls": True, "password": postgres.password, **changes})
        body = {"workspaceId": proxy.workspace_id, "name": "t", "kind": "postgres", "configuration": configuration}
        reply = await proxy.developer.call("POST", "/datasources/test", body)
        assert reply.status == 200, reply.envelope
        data: dict[str, Any] = reply.data
        return data

    fine = await tried()
    assert (fine["success"], fine["error"]) == (True, None)
    assert "PostgreSQL" in fine["server"]
    wrong = await tried(password="hardly-the-password")
    assert wrong["error"]["code"] == "CredentialsRejected"
    assert "hardly" not in str(wrong)
    untrusted = await tried(tlsCa=None)
    assert untrusted["error"]["code"] == "TlsFailed"
    assert untrusted["chain"]
    assert all("CERTIFICATE" not in line for line in untrusted["chain"])
    mismatch = await tried(host="127.0.0.1", tlsPinnedKey="A" * 43 + "=")
    assert (mismatch["error"]["code"], bool(mismatch["chain"])) == ("TlsFailed", True)
    nobody = await tried(port=1)
    assert (nobody["error"]["code"], nobody["chain"]) == ("ConnectFailed", [])
    assert (await proxy.developer.call("GET", "/datasources")).data["items"] == [], "nothing of it is kept"


async def test_the_structure_of_a_database_gives_starters_that_can_be_saved(
    proxy: Proxy, postgres: PostgresServer
) -> None:
    database = await postgres.fresh_database()
    async with postgres.session(database) as session:
        await session.execute(
            "CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);"
            "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer bigint REFERENCES customers (id))"
        )
    datasource = await proxy.datasource("postgres", postgres.configuration(database, password=postgres.password))
    reply = await proxy.developer.call("GET", f"/datasources/{datasource}/structure")
    tables = {table["name"]: table for table in reply.data["tables"]}
    assert set(tables) == {"customers", "orders"}
    (foreign,) = [key for key in tables["orders"]["keys"] if key["referencedTable"]]
    assert (foreign["columns"], foreign["referencedTable"], foreign["referencedColumns"]) == (
        ["customer"],
        "customers",
        ["id"],
    )
    for number, starter in enumerate(tables["orders"]["templates"]):
        saved = await draft(proxy, datasource, name=f"starter {number}", configuration={"body": starter["body"]})
        assert saved["checked"] is True
    assert (await proxy.viewer.call("GET", f"/datasources/{datasource}/structure")).status == 403
