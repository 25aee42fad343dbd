"""What goes on the wire: parts in their places, and nothing that a client library adds by itself."""

import json
import os
from typing import Any

import pytest

from appsmith_proxy.sdk import (
    DatasourceError,
    ExecuteRequest,
    Outcome,
    ParameterInvalid,
    PermissionRejected,
    Result,
    Statement,
    StatementInvalid,
)
from tests.servers.http import HttpUpstream
from tests.servers.rest import rest_client, send


def said(result: Result) -> Any:
    assert result.body is not None
    return json.loads(result.body.value)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_each_method_arrives(upstream: HttpUpstream, method: str) -> None:
    async with rest_client(upstream.url) as client:
        assert said(await send(client, "echo", method=method))["method"] == method


async def test_head_arrives_and_has_no_body(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        result = await send(client, "echo", method="HEAD")
        assert result.body is not None
        assert (result.body.status, result.body.value, result.messages) == (200, b"", ())


@pytest.mark.parametrize("method", ["get", "TRACE", "CONNECT", "GET / HTTP/1.1\r\nX: y", ""])
async def test_another_method_is_never_sent(upstream: HttpUpstream, method: str) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(StatementInvalid):
            await send(client, "echo", method=method)
    assert upstream.arrived == []


async def test_the_target_is_sent_byte_for_byte(upstream: HttpUpstream) -> None:
    async with rest_client(f"{upstream.url}/v1/", query={"lang": "en", "page": "1"}) as client:
        await send(
            client, "a%2Fb/%C3%A9;x", query=(("q", "a&b=c #é+ %20/?"), ("page", "2"), ("page", "3"), ("empty", ""))
        )
    assert upstream.last.target == (
        "/v1/a%2Fb/%C3%A9;x?lang=en&q=a%26b%3Dc%20%23%C3%A9%2B%20%2520%2F%3F&page=2&page=3&empty="
    )


async def test_only_our_headers_are_added(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url, headers={"X-Plain": "one", "X-Other": "datasource"}) as client:
        await send(client, "echo", headers=(("x-other", "action"), ("X-Many", "a"), ("X-Many", "b")))
    assert sorted(upstream.last.headers) == sorted(
        [
            ("Accept", "*/*"),
            ("Accept-Encoding", "gzip, deflate"),
            ("Host", upstream.url.removeprefix("http://")),
            ("User-Agent", "appsmith-proxy"),
            ("X-Many", "a"),
            ("X-Many", "b"),
            ("X-Plain", "one"),
            ("x-other", "action"),
        ]
    )


NOT_THE_ACTIONS = (
    *("Host", "content-length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Trailer", "Keep-Alive", "Expect"),
    *("Proxy-Authorization", "Proxy-Connection", "Accept-Encoding", "Cookie", "X-Secret"),
    *("X Y", "X:", "", "X\r\nY", "Xé"),
)


@pytest.mark.parametrize("name", NOT_THE_ACTIONS)
async def test_some_headers_are_not_the_actions(upstream: HttpUpstream, name: str) -> None:
    async with rest_client(upstream.url, secrets={"secretHeaders.X-Secret": "canary-1"}) as client:
        with pytest.raises(StatementInvalid):
            await send(client, "echo", headers=((name, "x"),))
    assert upstream.arrived == []


@pytest.mark.parametrize(
    "value", ["a\r\nX: y", "a\nb", "a\0b", "a\x7fb", "é", "\ud800", "a\x0bb", " a", "a\t", "a" * 16_385]
)
async def test_a_header_value_stays_one_line(upstream: HttpUpstream, value: str) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(ParameterInvalid) as caught:
            await send(client, "echo", headers=(("X-Value", value),))
    assert caught.value.outcome is Outcome.NOT_SENT
    assert upstream.arrived == []


async def test_half_a_character_is_a_bad_value(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        for parts in ({"query": (("q", "\ud800"),)}, {"form": (("f", "\ud800"),), "body_type": "multipart"}):
            with pytest.raises(ParameterInvalid):
                await send(client, "echo", method="POST", **parts)
    assert upstream.arrived == []


@pytest.mark.parametrize(
    ("body_type", "content_type"), [("json", "application/json"), ("text", "text/plain; charset=utf-8")]
)
async def test_a_body_is_sent_as_it_is(upstream: HttpUpstream, body_type: str, content_type: str) -> None:
    body = '{ "a" : 1.50 , "é": "\\u00e9" }'.encode()
    async with rest_client(upstream.url) as client:
        await send(client, "echo", method="POST", body=body, body_type=body_type)
        assert (upstream.last.body, upstream.last.header("Content-Type")) == (body, content_type)
        assert upstream.last.header("Content-Length") == str(len(body))
        own = (("content-type", "application/vnd.x+json"),)
        await send(client, "echo", method="POST", body=body, body_type=body_type, headers=own)
        assert upstream.last.header("Content-Type") == "application/vnd.x+json"


async def test_a_form_is_encoded(upstream: HttpUpstream) -> None:
    pairs = (("a b", "1&2=3"), ("é", "+"), ("é", ""))
    async with rest_client(upstream.url) as client:
        await send(client, "echo", method="POST", form=pairs, body_type="form", headers=(("Content-Type", "x/y"),))
    assert upstream.last.body == b"a+b=1%262%3D3&%C3%A9=%2B&%C3%A9="
    assert upstream.last.header("Content-Type") == "application/x-www-form-urlencoded"


async def test_a_multipart_body_keeps_its_parts_apart(upstream: HttpUpstream) -> None:
    pairs = (("plain", "value"), ('na"me\r\nX: y', "--boundary\r\nContent-Disposition: x"), ("é", "ü"))
    async with rest_client(upstream.url) as client:
        await send(client, "echo", method="POST", form=pairs, body_type="multipart")
    boundary = (upstream.last.header("Content-Type") or "").partition("boundary=")[2].encode()
    parts = upstream.last.body.split(b"--" + boundary)
    assert len(parts) == len(pairs) + 2
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    assert parts[1] == b'\r\nContent-Disposition: form-data; name="plain"\r\n\r\nvalue\r\n'
    assert b'name="na%22me%0D%0AX: y"' in parts[2]


@pytest.mark.parametrize("size", [262_144, 262_145, 2_000_000])
async def test_a_large_body_arrives_whole(upstream: HttpUpstream, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    async with rest_client(upstream.url) as client:
        await send(client, "status/200", method="POST", body=body, body_type="text")
    assert upstream.last.body == body
    assert upstream.last.header("Content-Length") == str(size)
    assert upstream.last.header("Transfer-Encoding") is None


async def test_no_body_where_there_is_none(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        await send(client, "echo", method="DELETE")
    assert upstream.last.body == b""
    assert upstream.last.header("Content-Type") is None


async def test_an_unknown_body_type_is_refused(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(StatementInvalid):
            await send(client, "echo", method="POST", body=b"x", body_type="soap")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_read_only_sends_no_other_method(upstream: HttpUpstream, method: str) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(PermissionRejected) as caught:
            await send(client, "echo", method=method, read_only=True)
        assert caught.value.outcome is Outcome.NOT_SENT
        assert upstream.arrived == []
        await send(client, "echo", read_only=True)


async def test_only_http_requests_are_taken(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(DatasourceError):
            await client.execute(ExecuteRequest(payload=Statement(text="SELECT 1"), deadline=1e9))


async def test_nothing_ambient_is_used(upstream: HttpUpstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Proxy variables and netrc belong to the machine, not to the datasource."""
    async with HttpUpstream() as decoy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, decoy.url)
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine 127.0.0.1 login decoy password decoy-canary\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", os.fspath(netrc))
        monkeypatch.setenv("HOME", os.fspath(tmp_path))
        async with rest_client(upstream.url) as client:
            await send(client, "echo")
        assert decoy.arrived == []
    assert upstream.last.header("Authorization") is None


async def test_cookies_are_not_kept(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        await send(client, "cookies")
        await send(client, "echo")
    assert upstream.last.header("Cookie") is None


async def test_a_kept_connection_is_used_again(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        for _ in range(3):
            await send(client, "echo")
    assert len({arrived.connection for arrived in upstream.arrived}) == 1
