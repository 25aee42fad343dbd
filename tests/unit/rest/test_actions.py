"""From an action's configuration to the wire: compiled, bound and sent, each value in its place."""

from collections.abc import Mapping
from typing import Any

import pytest

from appsmith_proxy.sdk import HttpRequest, ParameterInvalid, Value
from appsmith_proxy.template import bind, compile_action
from appsmith_proxy_rest import RestDriver
from tests.servers.http import Arrived, HttpUpstream
from tests.servers.rest import rest_client, send


def request_of(configuration: Mapping[str, Any], values: Mapping[str, Value]) -> HttpRequest:
    compiled = compile_action(RestDriver(), configuration, (), read_only=None, allow_ddl=False)
    assert compiled.plan is not None, compiled.problems
    payload = bind(compiled.plan, values, lambda name: None).payload
    assert isinstance(payload, HttpRequest)
    return payload


async def sent(upstream: HttpUpstream, configuration: Mapping[str, Any], values: Mapping[str, Value]) -> Arrived:
    payload = request_of(configuration, values)
    async with rest_client(f"{upstream.url}/v1") as client:
        await send(
            client,
            payload.path,
            method=payload.method,
            query=payload.query,
            headers=payload.headers,
            body=payload.body,
            form=payload.form,
            body_type=payload.body_type,
        )
    return upstream.last


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("7", "/v1/users/7/orders"),
        ("a b", "/v1/users/a%20b/orders"),
        ("a/b", "/v1/users/a%2Fb/orders"),
        ("a?b#c", "/v1/users/a%3Fb%23c/orders"),
        ("//evil.example", "/v1/users/%2F%2Fevil.example/orders"),
        ("@evil.example:80", "/v1/users/%40evil.example%3A80/orders"),
        ("é", "/v1/users/%C3%A9/orders"),
        (12, "/v1/users/12/orders"),
    ],
)
async def test_a_path_binding_is_one_segment(upstream: HttpUpstream, value: Value, target: str) -> None:
    assert (await sent(upstream, {"path": "/users/{{id}}/orders"}, {"id": value})).target == target


@pytest.mark.parametrize("value", ["", ".", "..", "../admin", "a/../b", "%2e%2e", "..\\x", "a\r\nb", "a\0"])
async def test_a_path_binding_that_steps_out_is_refused(value: str) -> None:
    with pytest.raises(ParameterInvalid):
        request_of({"path": "/users/{{id}}"}, {"id": value})


async def test_query_and_header_bindings_arrive_as_they_are(upstream: HttpUpstream) -> None:
    arrived = await sent(
        upstream,
        {
            "query": [{"name": "q", "value": "{{q}}"}, {"name": "fixed", "value": "a{{q}}"}],
            "headers": [{"name": "X-Trace", "value": "t-{{t}}"}],
        },
        {"q": "a&b=c", "t": "1 2"},
    )
    assert arrived.target == "/v1?q=a%26b%3Dc&fixed=aa%26b%3Dc"
    assert arrived.header("X-Trace") == "t-1 2"


async def test_json_bindings_stay_values(upstream: HttpUpstream) -> None:
    body = '{ "id": {{id}}, "name": "{{name}}", "note": "for {{name}}", "tags": {{tags}}, "price": 1.50 }'
    values: dict[str, Value] = {"id": 7, "name": 'x", "admin": true, "y": "', "tags": ["a", None, {"b": 1}]}
    arrived = await sent(upstream, {"method": "POST", "bodyType": "json", "body": body}, values)
    quoted = 'x\\", \\"admin\\": true, \\"y\\": \\"'
    assert arrived.body.decode() == (
        f'{{ "id": 7, "name": "{quoted}", "note": "for {quoted}", "tags": ["a",null,{{"b":1}}], "price": 1.50 }}'
    )


@pytest.mark.parametrize("body_type", ["form", "multipart"])
async def test_form_bindings_stay_values(upstream: HttpUpstream, body_type: str) -> None:
    configuration = {"method": "POST", "bodyType": body_type, "body": [{"name": "a", "value": "{{a}}"}]}
    arrived = await sent(upstream, configuration, {"a": "1&b=2"})
    if body_type == "form":
        assert arrived.body == b"a=1%26b%3D2"
    else:
        assert b'name="a"\r\n\r\n1&b=2\r\n' in arrived.body


async def test_text_bindings_are_text(upstream: HttpUpstream) -> None:
    configuration = {"method": "POST", "bodyType": "text", "body": "<a>{{a}}</a>"}
    assert (await sent(upstream, configuration, {"a": "b"})).body == b"<a>b</a>"


def test_methods_decide_what_writes() -> None:
    for method, writes in (("GET", False), ("HEAD", False), ("POST", True), ("DELETE", True)):
        compiled = compile_action(RestDriver(), {"method": method}, (), read_only=None, allow_ddl=False)
        assert compiled.plan is not None
        assert (compiled.plan.writes, compiled.plan.read_only) == (writes, not writes)
