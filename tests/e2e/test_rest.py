"""HTTP APIs, end to end: requests are built where nothing can be changed, and answers come back as they were."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.servers.canaries import Canaries
from tests.servers.certificates import Authority
from tests.servers.http import HttpUpstream
from tests.servers.proxy import Proxy

EXACT = '{"big":12345678901234567890, "decimal": 1.50, "e":1E+2,"text":"\\u00e9\\/", "twice":1,"twice":2}'


@pytest.fixture
async def upstream() -> AsyncIterator[HttpUpstream]:
    """An API."""
    async with HttpUpstream() as server:
        yield server


@pytest.fixture
async def api(proxy: Proxy, upstream: HttpUpstream) -> str:
    """A datasource on it, with a secret header."""
    return await proxy.datasource("rest", {"url": f"{upstream.url}/v1", "secretHeaders": {"X-Key": "the-api-key-4711"}})


def typed(content_type: str, **parts: str) -> dict[str, Any]:
    """Return a request that is answered with this type and content."""
    query = [{"name": "type", "value": content_type}, *({"name": key, "value": text} for key, text in parts.items())]
    return {"path": "/type", "query": query}


async def test_json_is_passed_through_byte_for_byte(proxy: Proxy, api: str) -> None:
    action = await proxy.action(api, typed("application/json", text=EXACT))
    for reply in (await proxy.viewer.execute(action), await proxy.viewer.execute_form(action, {})):
        assert reply.data["isExecutionSuccess"] is True
        assert reply.data["statusCode"] == "200 OK"
        assert f'"body":{EXACT},'.encode() in reply.raw


async def test_text_and_bytes_come_back_as_what_they_are(proxy: Proxy, api: str) -> None:
    text = await proxy.action(api, typed("text/csv; charset=utf-8", text="é;1,50\r\n"), name="text")
    reply = await proxy.viewer.execute(text)
    assert reply.data["body"] == "é;1,50\r\n"
    assert "X-APPSMITH-DATATYPE" not in reply.data["headers"]
    content = b"\x00\xff\xfe binary"
    binary = await proxy.action(
        api, typed("application/octet-stream", base64=base64.b64encode(content).decode()), name="b"
    )
    reply = await proxy.viewer.execute(binary)
    assert base64.b64decode(reply.data["body"], validate=True) == content
    assert reply.data["headers"]["X-APPSMITH-DATATYPE"] == ["BINARY"]


async def test_bindings_go_where_they_stand_and_nowhere_else(proxy: Proxy, api: str, upstream: HttpUpstream) -> None:
    evil = "v2/x?a=b&c#d%2e X-Evil: 1 é"
    worse = f"{evil}\r\nX-Evil: 1"
    action = await proxy.action(
        api,
        {
            "method": "POST",
            "path": "/echo/{{ p }}/end",
            "query": [{"name": "q", "value": "{{ q }}"}],
            "bodyType": "json",
            "body": '{"a": {{ q }}, "b": "x{{ q }}y", "n": {{ n }}}',
        },
    )
    reply = await proxy.viewer.execute(action, {"p": evil, "q": worse, "n": 12345678901})
    assert reply.data["isExecutionSuccess"] is True, reply.envelope
    sent = "v2%2Fx%3Fa%3Db%26c%23d%252e%20X-Evil%3A%201%20%C3%A9"
    assert upstream.last.target == f"/v1/echo/{sent}/end?q={sent}%0D%0AX-Evil%3A%201"
    assert upstream.last.header("X-Evil") is None
    assert json.loads(upstream.last.body) == {"a": worse, "b": f"x{worse}y", "n": 12345678901}
    header = await proxy.action(api, {"path": "/echo", "headers": [{"name": "X-P", "value": "{{ p }}"}]}, name="header")
    before = len(upstream.arrived)
    for name, values in ((header, {"p": worse}), (action, {"p": worse, "q": "x", "n": 1})):
        refused = await proxy.viewer.execute(name, values)
        assert refused.data["statusCode"] == "ParameterInvalid"
    assert len(upstream.arrived) == before


@pytest.mark.parametrize("value", ["..", ".", "%2e%2e", ".%2E"])
async def test_a_path_is_never_left(proxy: Proxy, api: str, upstream: HttpUpstream, value: str) -> None:
    action = await proxy.action(api, {"path": "/echo/{{ p }}/x"})
    reply = await proxy.viewer.execute(action, {"p": value})
    if reply.data["isExecutionSuccess"]:
        assert upstream.last.target.startswith("/v1/echo/%252"), "the per cent sign is data"
    else:
        assert reply.data["statusCode"] == "ParameterInvalid"
        assert upstream.arrived == []


@pytest.mark.parametrize(
    "path", ["//evil.example/x", "http://evil.example/", "/../x", "/a/%2e%2e/b", "\\\\evil", "@evil.example"]
)
async def test_a_path_that_leads_away_is_refused_at_save_or_stays(
    proxy: Proxy, api: str, upstream: HttpUpstream, path: str
) -> None:
    body = {
        "applicationId": proxy.application_id,
        "datasourceId": api,
        "name": "away",
        "configuration": {"path": path},
    }
    reply = await proxy.developer.call("POST", "/actions", body)
    if reply.status == 201:
        await proxy.publish()
        await proxy.viewer.execute(reply.data["id"])
        assert all(arrived.target.startswith("/v1/") for arrived in upstream.arrived)
    else:
        assert reply.status == 400


async def test_an_apis_refusal_is_a_failed_query_with_its_words_for_editors(proxy: Proxy, api: str) -> None:
    for status in (401, 404, 500):
        action = await proxy.action(api, {"path": f"/status/{status}"}, name=f"s{status}")
        shown = await proxy.developer.execute(action)
        assert shown.status == 200, "a datasource's 401 is not ours"
        assert shown.data["isExecutionSuccess"] is False
        assert shown.data["statusCode"] == "BadResponse"
        assert shown.data["body"] == {"status": status}
        assert shown.data["pluginErrorDetails"]["downstreamErrorCode"] == str(status)
        viewers = await proxy.viewer.execute(action)
        assert viewers.data["isExecutionSuccess"] is False
        assert viewers.data["body"] != {"status": status}
        assert viewers.data["headers"] is None


async def test_an_upstream_that_echoes_leaks_no_secret(proxy: Proxy, api: str) -> None:
    canaries = Canaries()
    canaries.plant("secret", "header", "the-api-key-4711")
    for form in ("text", "json", "base64", "url", "hex", "utf16", "binary"):
        action = await proxy.action(api, {"path": f"/reflect/{form}"}, name=form)
        for caller in (proxy.viewer, proxy.developer):
            reply = await caller.execute(action)
            content = reply.raw
            if reply.data["headers"].get("X-APPSMITH-DATATYPE") == ["BINARY"]:
                content += base64.b64decode(reply.data["body"])
            assert canaries.found(content, "secret") == []
            assert reply.data["isExecutionSuccess"] is True


async def test_redirects_are_followed_with_care(proxy: Proxy, api: str, upstream: HttpUpstream) -> None:
    root = await proxy.datasource("rest", {"url": upstream.url, "secretHeaders": {"X-Key": "the-api-key-4711"}})
    near = await proxy.action(root, {"path": "/redirect/2"}, name="near")
    assert (await proxy.viewer.execute(near)).data["isExecutionSuccess"] is True
    assert upstream.last.header("X-Key") == "the-api-key-4711"
    beyond = await proxy.action(api, {"path": "/redirect/2"}, name="beyond the base URL's path")
    await proxy.viewer.execute(beyond)
    assert upstream.last.header("X-Key") is None
    async with HttpUpstream() as other:
        away = await proxy.action(
            api, {"path": "/to", "query": [{"name": "url", "value": f"{other.url}/echo"}]}, name="away"
        )
        assert (await proxy.viewer.execute(away)).data["isExecutionSuccess"] is True
        assert other.last.header("X-Key") is None
        metadata = "http://169.254.169.254/latest/meta-data"
        inwards = await proxy.action(
            api, {"path": "/to", "query": [{"name": "url", "value": metadata}]}, name="inwards"
        )
        assert (await proxy.viewer.execute(inwards)).data["statusCode"] == "ConnectFailed"
    post = await proxy.action(api, {"method": "POST", "path": "/redirect/1"}, name="post")
    before = len(upstream.arrived)
    await proxy.viewer.execute(post)
    assert [arrived.method for arrived in upstream.arrived[before:]] == ["POST"], "only GET and HEAD are repeated"


async def test_the_proxys_own_address_is_no_datasource(proxy: Proxy) -> None:
    own = await proxy.datasource("rest", {"url": proxy.base})
    action = await proxy.action(own, {"path": "/health/live"})
    assert (await proxy.viewer.execute(action)).data["statusCode"] == "ConnectFailed"


async def test_an_answer_over_the_limit_is_refused_and_costs_no_more(proxy: Proxy, api: str) -> None:
    for path in ("/endless", "/bomb/50000000"):
        action = await proxy.action(api, {"path": path}, name=path.strip("/").replace("/", "-"))
        reply = await proxy.viewer.execute(action)
        assert reply.status == 200
        assert len(reply.raw) < 6 * 1024 * 1024
        assert reply.data["truncated"] is True or reply.data["isExecutionSuccess"] is False


async def test_an_api_that_is_back_is_used_again(proxy: Proxy) -> None:
    async with HttpUpstream() as first:
        port = first.port
        api = await proxy.datasource("rest", {"url": first.url})
        action = await proxy.action(api, {"path": "/echo"})
        assert (await proxy.viewer.execute(action)).data["isExecutionSuccess"] is True
    assert (await proxy.viewer.execute(action)).data["statusCode"] == "ConnectFailed"
    async with HttpUpstream(port=port):
        assert (await proxy.viewer.execute(action)).data["isExecutionSuccess"] is True


async def test_tests_of_an_api_tell_editors_what_is_wrong(proxy: Proxy) -> None:
    authority = Authority.new()
    context = authority.server_context(authority.issue("127.0.0.1", "localhost"))
    async with HttpUpstream(context=context) as upstream:
        body = {"workspaceId": proxy.workspace_id, "name": "t", "kind": "rest", "configuration": {"url": upstream.url}}
        failed = await proxy.developer.call("POST", "/datasources/test", body)
        assert failed.status == 200
        assert (failed.data["success"], failed.data["error"]["code"]) == (False, "TlsFailed")
        assert failed.data["chain"], "the presented chain is shown"
        assert any("127.0.0.1" in line or "trustme" in line for line in failed.data["chain"])
        body["configuration"] = {"url": upstream.url, "tlsCa": authority.pem}
        assert (await proxy.developer.call("POST", "/datasources/test", body)).data["success"] is True
        stored = await proxy.datasource("rest", {"url": upstream.url, "tlsCa": authority.pem})
        assert (await proxy.developer.call("POST", f"/datasources/{stored}/test")).data["success"] is True
        action = await proxy.action(stored, {"path": "/echo"})
        assert (await proxy.viewer.execute(action)).data["isExecutionSuccess"] is True
        listed = await proxy.developer.call("GET", "/datasources?limit=50")
        assert [row["id"] for row in listed.data["items"]] == [stored], "a test stores nothing"
    structure = await proxy.developer.call("GET", f"/datasources/{stored}/structure")
    assert (structure.status, structure.error["code"]) == (422, "CapabilityNotSupported")
