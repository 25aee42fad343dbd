"""Secrets go in and never come out: not by reflection, not in an error, not in a repr."""

import html
import json
import traceback
from typing import Any
from urllib.parse import unquote, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.sdk import DatasourceError, ParameterInvalid, Result, StatementInvalid, is_json
from appsmith_proxy.testing.secrecy import spellings
from appsmith_proxy_rest.redaction import Redactor
from tests.servers.http import HttpUpstream
from tests.servers.rest import rest_client, send

SECRETS = {
    "secretHeaders.X-Secret": 'h3ader/"c\\anary"&<x>',
    "secretQuery.key": "query canary é/?",
    "secretBody.pin": "body-canary'",
    "password": "password-c:nary",
}
FORMS = ["text", "json", "slashes", "unicode", "upper", "url", "urllower", "everybyte", "html", "entities"]
FORMS += ["hexentities", "hex", "base64", "base64a", "base64b", "binary", "utf16"]


def shown(result: Result) -> str:
    """Return everything of a result, with the usual escapes undone as a reader would."""
    assert result.body is not None
    text = f"{result.body.headers} {result.body.reason} {result.messages} "
    return text + result.body.value.decode("utf-8", "replace")


@pytest.mark.parametrize("form", FORMS)
async def test_an_upstream_that_echoes_a_secret_does_not_leak_it(upstream: HttpUpstream, form: str) -> None:
    async with rest_client(upstream.url, secrets=SECRETS, authentication="basic", username="me") as client:
        result = await send(client, f"reflect/{form}", method="POST", body=b'{"own": 1}', body_type="json")
    assert result.body is not None
    said = shown(result)
    assert "***" in said
    redactor = Redactor(SECRETS.values())
    assert not redactor.found_in(said.encode())
    for secret in SECRETS.values():
        for view in (said, html.unescape(said), unquote(said), unquote_plus(said)):
            assert not [spelling for spelling in spellings(secret) if spelling in view]
    if form in ("json", "slashes", "unicode", "upper"):
        assert is_json(result.body.value)
        for secret in SECRETS.values():
            assert secret not in str(json.loads(result.body.value))


async def test_json_stays_json_where_a_secret_looks_like_a_number(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url, secrets={"secretHeaders.X-Pin": "12345678"}) as client:
        result = await send(client, "reflect/number")
    assert result.body is not None
    assert json.loads(result.body.value) == {"a": "***", "b": ["***"], "c": "***"}


@pytest.mark.parametrize("how", ["apiKey header", "apiKey query", "bearer"])
async def test_each_authentication_is_injected_and_masked(upstream: HttpUpstream, how: str) -> None:
    configuration: dict[str, Any] = {"authentication": how.partition(" ")[0]}
    name = "bearerToken"
    if how != "bearer":
        name = "apiKeyValue"
        configuration |= {"apiKeyName": "X-Key", "apiKeyIn": how.partition(" ")[2]}
    async with rest_client(upstream.url, secrets={name: "auth-canary"}, **configuration) as client:
        result = await send(client, "echo", query=(("own", "1"),))
    arrived = upstream.last
    injected = {
        "apiKey header": arrived.header("X-Key"),
        "apiKey query": arrived.target,
        "bearer": arrived.header("Authorization"),
    }[how]
    assert injected in ("auth-canary", "/echo?own=1&X-Key=auth-canary", "Bearer auth-canary")
    assert "auth-canary" not in shown(result)


async def test_a_basic_header_is_injected_and_masked(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url, secrets={"password": "pä"}, authentication="basic", username="me") as client:
        result = await send(client, "echo")
    assert upstream.last.header("Authorization") == "Basic bWU6cMOk"
    assert "bWU6cMOk" not in shown(result)


@pytest.mark.parametrize(
    ("body_type", "parts", "sent"),
    [
        (
            "json",
            {"body": b'{ "a": 1.50, "pin" : [1], "b": {"pin": 2} }'},
            b'{"a": 1.50,"b": {"pin": 2},"pin":"body-canary\'"}',
        ),
        ("json", {"body": b" {} "}, b'{"pin":"body-canary\'"}'),
        ("json", {"body": b'{"p\\u0069n":1}'}, b'{"pin":"body-canary\'"}'),
        ("form", {"form": (("a", "1"), ("pin", "own"))}, b"a=1&pin=body-canary%27"),
        ("text", {"body": b"plain"}, b"plain"),
        ("none", {}, b""),
    ],
)
async def test_secret_members_are_added_to_the_body(
    upstream: HttpUpstream, body_type: str, parts: dict[str, Any], sent: bytes
) -> None:
    async with rest_client(upstream.url, secrets={"secretBody.pin": "body-canary'"}) as client:
        await send(client, "echo", method="POST", body_type=body_type, **parts)
    assert upstream.last.body == sent


async def test_secret_members_are_added_to_multipart(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url, secrets={"secretBody.pin": "body-canary"}) as client:
        await send(client, "echo", method="POST", body_type="multipart", form=(("pin", "own"), ("a", "1")))
    assert b'name="pin"\r\n\r\nbody-canary\r\n' in upstream.last.body
    assert b"own" not in upstream.last.body


@pytest.mark.parametrize(
    "body", [b"[1]", b'"x"', b"", b"{", b'{"a":1} x', b'{"a" 1}', b'{"a":1,}', b"{1:2}", b"{\xff}"]
)
async def test_secret_members_need_an_object(upstream: HttpUpstream, body: bytes) -> None:
    async with rest_client(upstream.url, secrets={"secretBody.pin": "body-canary"}) as client:
        with pytest.raises(StatementInvalid, match="JSON object"):
            await send(client, "echo", method="POST", body_type="json", body=body)
    assert upstream.arrived == []


@pytest.mark.parametrize(
    "parts",
    [
        {"headers": (("authorization", "mine"),)},
        {"headers": (("x-secret", "mine"),)},
        {"query": (("key", "mine"),)},
    ],
)
async def test_an_action_cannot_stand_in_for_a_secret(upstream: HttpUpstream, parts: dict[str, Any]) -> None:
    secrets = {"secretHeaders.X-Secret": "canary-1", "secretQuery.key": "canary-2", "bearerToken": "canary-3"}
    async with rest_client(upstream.url, secrets=secrets, authentication="bearer") as client:
        with pytest.raises(StatementInvalid):
            await send(client, "echo", **parts)
    assert upstream.arrived == []


@pytest.mark.parametrize("secret", ["canary\r\nX: y", "canary\n", "canaryé", "canary\0"])
async def test_a_secret_that_is_no_header_is_refused_and_not_quoted(upstream: HttpUpstream, secret: str) -> None:
    with pytest.raises(DatasourceError) as caught:
        async with rest_client(upstream.url, secrets={"bearerToken": secret}, authentication="bearer"):
            pass
    assert "canary" not in "".join(traceback.format_exception(caught.value))


async def test_no_error_shows_a_secret(upstream: HttpUpstream) -> None:
    secrets = {"secretHeaders.X-Key": "canary-header", "secretQuery.key": "canary-query"}
    async with rest_client(upstream.url, secrets=secrets) as client:
        for path, parts in (
            ("cut", {}),
            ("drop", {}),
            ("encoded/wrong", {}),
            ("encoded/br", {}),
            ("redirect/9", {}),
            ("slow/5", {"seconds": 0.05}),
            ("bigjson/999", {"limit": 9}),
            ("..", {}),
            ("a", {"headers": (("X", "\n"),)}),
        ):
            with pytest.raises(DatasourceError) as caught:
                await send(client, path, **parts)
            text = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
            assert "canary" not in text
            assert caught.value.__cause__ is None
        assert "canary" not in repr(client)
        assert "canary" not in repr(vars(client))


async def test_a_bad_value_is_not_quoted(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(ParameterInvalid) as caught:
            await send(client, "echo", headers=(("X", "value-canary\n"),))
    assert "canary" not in str(caught.value)


@given(st.text(min_size=4, max_size=12), st.text(max_size=6), st.text(max_size=6))
def test_no_json_writer_hides_a_secret(secret: str, before: str, after: str) -> None:
    try:
        redactor = Redactor([secret])
        text = f"{before}{secret}{after}"
        texts = [json.dumps({"k": text}), json.dumps([text], ensure_ascii=False), json.dumps({text: 1})]
        for written in texts:
            cleaned = redactor.clean_json(written.encode())
            assert is_json(cleaned)
            assert secret not in str(json.loads(cleaned)) or secret in "{'k': '***'}['***']{'***': 1}"
    except UnicodeEncodeError:
        return


def test_short_secrets_are_not_looked_for() -> None:
    assert Redactor(["abc", ""]).clean(b"abcabc") == b"abcabc"
    assert Redactor([]).clean(b"abcabc%41&#65;\\u0041") == b"abcabc%41&#65;\\u0041"


def test_a_secret_at_the_cut_is_masked_before_it_is_cut() -> None:
    """The margin covers the longest escaped form of the longest secret."""
    assert Redactor(["canary"]).margin >= len("\\u0063" * 6)


async def test_a_limit_inside_a_secret_shows_no_part_of_it(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url, secrets={"secretHeaders.A": "canary-canary"}) as client:
        whole = await send(client, "reflect/text")
        assert whole.body is not None
        at = whole.body.value.index(b"***")
        for limit in range(at, at + 16):
            result = await send(client, "reflect/text", limit=limit)
            assert "can" not in shown(result).replace("X-Sent", "")
