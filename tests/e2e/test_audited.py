"""What an audit of the specification found missing once, and is held now."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.store.memory import MemoryData, MemoryStore
from appsmith_proxy.testing.memory import MemoryServer
from tests.e2e.conftest import MemoryPlugin
from tests.servers.http import HttpUpstream
from tests.servers.proxy import Proxy, running_proxy


async def test_null_puts_the_user_messages_back_to_none(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, "SELECT 1 AS one", userMessages={"ConstraintViolated": "no"})
    reply = await proxy.developer.call("PATCH", f"/actions/{action}", {"revision": 2, "userMessages": None})
    assert reply.status == 200, reply.envelope
    assert reply.data["userMessages"] == {}


async def test_a_kind_that_there_is_not_is_the_callers_mistake(proxy: Proxy) -> None:
    body = {"workspaceId": proxy.workspace_id, "name": "x", "kind": "oracle_of_delphi", "configuration": {}}
    for path in ("/datasources", "/datasources/test"):
        reply = await proxy.developer.call("POST", path, body)
        assert reply.status == 400, reply.envelope
        assert [problem["path"] for problem in reply.error["details"]] == ["kind"]


async def test_a_missing_driver_hides_neither_its_actions_nor_the_others(
    paths: SimpleNamespace, memory: MemoryServer, tmp_path: Path
) -> None:
    data = MemoryData()
    async with running_proxy(paths.own, store=MemoryStore(data), plugins=[MemoryPlugin(memory)]) as proxy:
        shop = await proxy.datasource("memory", {"password": memory.password})
        orphan = await proxy.action(shop, "SELECT {{ x }} AS one", name="orphan")
        application_id, workspace_id = proxy.application_id, proxy.workspace_id
        tokens = {role: caller.token for role, caller in proxy.callers.items()}
    async with running_proxy(paths.own, store=MemoryStore(data), registry=Registry.discover(), furnish=False) as proxy:
        callers = {role: type(proxy.anonymous)(proxy.base, proxy.session, token) for role, token in tokens.items()}
        _, developer, viewer = callers.values()
        listed = await developer.call("GET", f"/actions?applicationId={application_id}")
        assert listed.status == 200, listed.envelope
        assert [(item["id"], item["bindings"]) for item in listed.data["items"]] == [(orphan, [])]
        assert "driver" in listed.data["items"][0]["warnings"][0]
        seen = await viewer.call("GET", f"/actions/view?applicationId={application_id}")
        assert seen.status == 200
        assert workspace_id


async def test_an_editor_sees_the_whole_request_and_a_viewer_none_of_it(proxy: Proxy) -> None:
    async with HttpUpstream() as upstream:
        api = await proxy.datasource(
            "rest", {"url": upstream.url, "secretHeaders": {"X-Api-Key": "sesame-seeds"}, "headers": {"X-Own": "own"}}
        )
        configuration: dict[str, Any] = {
            "method": "POST",
            "path": "/echo/{{ id }}",
            "query": [{"name": "q", "value": "{{ q }}"}],
            "headers": [{"name": "X-Trace", "value": "t-{{ id }}"}],
            "bodyType": "json",
            "body": '{"text": "{{ q }}"}',
        }
        action = await proxy.action(api, configuration)
        params = {"id": "a/b", "q": "x y&z"}
        seen = (await proxy.developer.execute(action, params, viewMode=False)).data["request"]
        assert seen["query"].splitlines()[0].removeprefix("POST ").lstrip("/") == "echo/a%2Fb?q=x+y%26z"
        assert "X-Trace: t-a/b" in seen["query"]
        assert '{"text": "x y&z"}' in seen["query"]
        assert "sesame" not in seen["query"]
        assert seen["executionParameters"] == ["a/b", "x y&z"]
        assert (await proxy.viewer.execute(action, params)).data["request"] is None


async def test_too_many_changes_have_a_code_of_their_own(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, "UPDATE orders SET cents = cents + 1", maxAffectedRows=1)
    viewers = (await proxy.viewer.execute(action)).data
    assert viewers["statusCode"] == "AffectedLimitExceeded"
    assert viewers["pluginErrorDetails"]["outcome"] is None
    editors = (await proxy.developer.execute(action)).data
    assert editors["pluginErrorDetails"]["outcome"] == "rolled_back"


async def test_the_default_timeout_follows_a_lower_maximum(paths: SimpleNamespace, memory: MemoryServer) -> None:
    async with running_proxy(paths.own, plugins=[MemoryPlugin(memory)], max_timeout_ms=2_000) as proxy:
        shop = await proxy.datasource("memory", {"password": memory.password})
        action = await proxy.action(shop, "SELECT 1 AS one")
        assert (await proxy.developer.call("GET", f"/actions/{action}")).data["timeoutMs"] == 2_000
