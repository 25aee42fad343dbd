"""Secrets follow the fields that apply: what does not is refused when it comes, and not kept when it stays behind."""

from tests.servers.http import HttpUpstream
from tests.servers.proxy import Proxy


async def test_a_secret_that_does_not_apply_is_refused(proxy: Proxy) -> None:
    body = {
        "workspaceId": proxy.workspace_id,
        "name": "api",
        "kind": "rest",
        "configuration": {"url": "http://127.0.0.1:9", "authentication": "none", "bearerToken": "sesame-seeds"},
    }
    reply = await proxy.developer.call("POST", "/datasources", body)
    assert reply.status == 400
    assert [problem["path"] for problem in reply.error["details"]] == ["configuration.bearerToken"]
    assert b"sesame" not in reply.raw


async def test_a_secret_whose_field_no_longer_applies_is_not_kept(proxy: Proxy) -> None:
    async with HttpUpstream() as upstream:
        api = await proxy.datasource(
            "rest", {"url": upstream.url, "authentication": "bearer", "bearerToken": "sesame-seeds"}
        )
        changed = await proxy.developer.call(
            "PATCH",
            f"/datasources/{api}",
            {"revision": 1, "configuration": {"authentication": "basic", "username": "me", "password": "poppy-seeds"}},
        )
        assert changed.status == 200, changed.envelope
        assert changed.data["secretsSet"] == ["password"]
