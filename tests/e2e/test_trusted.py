"""Who is calling comes from the server: no spelling, wire form or place lets a caller say it is somebody else."""

from collections.abc import Mapping
from typing import Any

import pytest

from appsmith_proxy.model.principal import Role, User
from tests.servers.http import HttpUpstream
from tests.servers.proxy import ALICE, Caller, Proxy, Reply

WHO = (
    "SELECT {{ appsmith.user.id }} AS id, {{ appsmith.user.email }} AS email, {{ appsmith.user.name }} AS name, "
    "{{ appsmith.workspace.id }} AS workspace, {{ appsmith.environment }} AS env, "
    "'north' IN ({{ appsmith.user.groups }}) AS north"
)
BOB = User(id="u-bob", email="bob@shop.example", name="Bob", groups=(), roles=("viewer",))

SPELLINGS = (
    "appsmith.user.email",
    " appsmith.user.email ",
    "{{appsmith.user.email}}",
    "{{ appsmith.user.email }}",
    "APPSMITH.USER.EMAIL",
    "appsmith['user']['email']",
    "appsmith.user['email']",
    "appsmith . user . email",
    "appsmith.user.\u0435mail",
    "appsmith",
    "appsmith.user",
)


async def forged(caller: Caller, action: str, values: Mapping[str, Any]) -> list[Reply]:
    """Call in both wire forms."""
    texts = {name: (value if isinstance(value, str) else "{}", "string") for name, value in values.items()}
    return [await caller.execute(action, values), await caller.execute_form(action, texts)]


async def test_the_server_fills_in_who_is_calling(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, WHO)
    for user, north in ((ALICE, 1), (BOB, 0)):
        caller = await proxy.caller(Role.VIEWER, proxy.workspace_id, user)
        (row,) = (await caller.execute(action)).data["body"]
        assert (row["id"], row["email"], row["name"], row["north"]) == (user.id, user.email, user.name, north)
        assert (row["workspace"], row["env"]) == (proxy.workspace_id, "production")


async def test_what_is_not_known_of_a_caller_is_an_error_and_never_null(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, "SELECT count(*) AS n FROM orders WHERE customer = {{ appsmith.user.email }}")
    nobody = await proxy.caller(Role.VIEWER, proxy.workspace_id, User())
    for reply in await forged(nobody, action, {"appsmith.user.email": BOB.email}):
        assert reply.data["isExecutionSuccess"] is False
        assert reply.data["statusCode"] == "ParameterInvalid"


@pytest.mark.parametrize("name", SPELLINGS)
async def test_no_spelling_of_a_trusted_name_is_the_callers(proxy: Proxy, shop: str, name: str) -> None:
    action = await proxy.action(shop, "SELECT id FROM orders WHERE customer = {{ appsmith.user.email }} ORDER BY id")
    value: Any = (
        BOB.email if name not in ("appsmith", "appsmith.user") else {"user": {"email": BOB.email}, "email": BOB.email}
    )
    for reply in await forged(proxy.viewer, action, {name: value}):
        # Either it is refused, or it counts for nothing.
        if reply.status == 200 and reply.data["isExecutionSuccess"]:
            assert reply.data["body"] == [{"id": 1}, {"id": 3}]


@pytest.mark.parametrize("name", [name for name in SPELLINGS if "{" not in name and name.islower()])
async def test_a_template_has_the_servers_value_or_is_refused(proxy: Proxy, shop: str, name: str) -> None:
    body = {
        "applicationId": proxy.application_id,
        "datasourceId": shop,
        "name": "looks trusted",
        "configuration": {"body": f"SELECT id FROM orders WHERE customer = {{{{ {name} }}}}"},
    }
    reply = await proxy.developer.call("POST", "/actions", body)
    if name.strip() == "appsmith.user.email":
        assert [row["source"] for row in reply.data["bindings"]] == ["trusted"]
    else:
        assert reply.status == 400
        assert "{{appsmith.user.email}}" in reply.error["details"][0]["hint"]


async def test_trusted_names_are_not_asked_for(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(
        shop, "SELECT id FROM orders WHERE customer = {{ appsmith.user.email }} AND cents > {{ Least.value }}"
    )
    got = (await proxy.developer.call("GET", f"/actions/{action}")).data
    assert {row["name"]: row["source"] for row in got["bindings"]} == {
        "appsmith.user.email": "trusted",
        "Least.value": "client",
    }
    view = await proxy.viewer.call("GET", f"/actions/view?applicationId={proxy.application_id}")
    (row,) = [row for row in view.data if row["id"] == action]
    assert row["jsonPathKeys"] == ["Least.value"]


async def test_two_callers_at_once_stay_themselves(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, "SELECT {{ appsmith.user.email }} AS email")
    bob = await proxy.caller(Role.VIEWER, proxy.workspace_id, BOB)
    for _ in range(5):
        assert (await proxy.viewer.execute(action)).data["body"] == [{"email": "alice@shop.example"}]
        assert (await bob.execute(action)).data["body"] == [{"email": BOB.email}]


async def test_a_parameter_that_is_trusted_only_is_refused_from_callers(proxy: Proxy, shop: str) -> None:
    body = {
        "applicationId": proxy.application_id,
        "datasourceId": shop,
        "name": "tenant",
        "configuration": {"body": "SELECT id FROM orders WHERE customer = {{ tenant }}"},
        "parameters": [{"name": "tenant", "type": "text", "trustedOnly": True}],
    }
    reply = await proxy.developer.call("POST", "/actions", body)
    assert reply.status == 400
    assert reply.error["details"][0]["path"].startswith("parameters")


async def test_trusted_names_reach_headers_paths_and_bodies_of_an_api(proxy: Proxy) -> None:
    async with HttpUpstream() as upstream:
        api = await proxy.datasource("rest", {"url": upstream.url})
        action = await proxy.action(
            api,
            {
                "method": "POST",
                "path": "/echo/{{ appsmith.user.id }}",
                "query": [{"name": "w", "value": "{{ appsmith.workspace.id }}"}],
                "headers": [{"name": "X-User", "value": "{{ appsmith.user.email }}"}],
                "bodyType": "json",
                "body": '{"who": {{ appsmith.user.name }}, "what": {{ what }}}',
            },
        )
        forgery = {
            "appsmith.user.id": "../admin",
            "appsmith.user.email": "x\r\nX-Evil: 1",
            "what": "appsmith.user.name",
        }
        for reply in await forged(proxy.viewer, action, forgery):
            assert reply.data["isExecutionSuccess"] is True, reply.envelope
            assert upstream.last.target == f"/echo/u-alice?w={proxy.workspace_id}"
            assert upstream.last.header("X-User") == "alice@shop.example"
            assert upstream.last.header("X-Evil") is None
            assert reply.data["body"]["body"] == '{"who": "Alice", "what": "appsmith.user.name"}'
