"""OAuth2 client credentials: fetched once, renewed early, refreshed once on 401, never shown."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.sdk import (
    BadResponse,
    ConnectFailed,
    CredentialsRejected,
    DatasourceError,
    ExecutionTimeout,
    Outcome,
    Secret,
    StatementInvalid,
)
from appsmith_proxy_rest.connection import Answer
from appsmith_proxy_rest.credentials import static_credentials
from appsmith_proxy_rest.outgoing import Outgoing
from appsmith_proxy_rest.tokens import TokenSource
from tests.servers.http import HttpUpstream
from tests.servers.rest import rest_client, send
from tests.servers.sockets import watched_connects
from tests.servers.tcp import tcp_server

SECRETS = {"clientSecret": "client/canary+1"}


def configured(upstream: HttpUpstream, **more: Any) -> dict[str, Any]:
    return {
        "authentication": "oauth2ClientCredentials",
        "tokenUrl": f"{upstream.url}/token",
        "clientId": "my client",
        **more,
    }


async def test_a_token_is_fetched_once_and_used(upstream: HttpUpstream) -> None:
    async with rest_client(
        upstream.url, secrets=SECRETS, **configured(upstream, scope="a b", audience="aud")
    ) as client:
        for _ in range(3):
            await send(client, "guarded")
            assert upstream.last.header("Authorization") == "Bearer token-canary-0"
    asked = upstream.arrived[0]
    assert (asked.method, asked.header("Content-Type")) == ("POST", "application/x-www-form-urlencoded")
    assert dict(parse_qsl(asked.body.decode())) == {
        "grant_type": "client_credentials",
        "scope": "a b",
        "audience": "aud",
    }
    assert (
        asked.header("Authorization") == "Basic bXkrY2xpZW50OmNsaWVudCUyRmNhbmFyeSUyQjE="
    )  # encoded first: RFC 6749 §2.3.1
    assert len(upstream.tokens.given) == 1


async def test_the_client_can_prove_itself_in_the_body(upstream: HttpUpstream) -> None:
    async with rest_client(
        upstream.url, secrets=SECRETS, **configured(upstream, clientAuthentication="body")
    ) as client:
        await send(client, "guarded")
    asked = upstream.arrived[0]
    assert asked.header("Authorization") is None
    assert dict(parse_qsl(asked.body.decode()))["client_secret"] == "client/canary+1"


async def test_many_first_requests_fetch_one_token(upstream: HttpUpstream) -> None:
    upstream.tokens.gate = asyncio.Event()
    async with rest_client(upstream.url, secrets=SECRETS, **configured(upstream)) as client:
        waiting = [asyncio.create_task(send(client, "guarded")) for _ in range(20)]
        while not upstream.arrived:
            await asyncio.sleep(0)
        upstream.tokens.gate.set()
        await asyncio.gather(*waiting)
    assert len(upstream.tokens.given) == 1


async def test_a_cancelled_fetch_does_not_take_the_others_along(upstream: HttpUpstream) -> None:
    upstream.tokens.gate = asyncio.Event()
    async with rest_client(upstream.url, secrets=SECRETS, **configured(upstream)) as client:
        first = asyncio.create_task(send(client, "guarded"))
        while not upstream.arrived:
            await asyncio.sleep(0)
        second = asyncio.create_task(send(client, "guarded"))
        await asyncio.sleep(0)
        first.cancel()
        upstream.tokens.gate.set()
        assert (await second).body is not None
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_a_refused_token_is_renewed_once(upstream: HttpUpstream) -> None:
    upstream.tokens.refused = {"token-canary-0"}
    async with rest_client(upstream.url, secrets=SECRETS, **configured(upstream)) as client:
        result = await send(client, "guarded", method="POST", body=b"{}", body_type="json")
        assert result.body is not None
        assert result.body.status == 200
        assert upstream.last.header("Authorization") == "Bearer token-canary-1"
        upstream.tokens.refused |= {f"token-canary-{number}" for number in range(9)}
        before = len(upstream.arrived)
        result = await send(client, "guarded")
        assert result.body is not None
        assert result.body.status == 401
        assert len(upstream.arrived) - before == 3  # refused, one new token, refused


async def test_an_action_cannot_stand_in_for_the_token(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url, secrets=SECRETS, **configured(upstream)) as client:
        with pytest.raises(StatementInvalid):
            await send(client, "echo", headers=(("Authorization", "mine"),))
    assert [arrived.target for arrived in upstream.arrived] == ["/token"]


async def test_the_token_and_the_secret_are_masked(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url, secrets=SECRETS, **configured(upstream)) as client:
        for form in ("text", "base64", "json"):
            result = await send(client, f"reflect/{form}")
            assert "canary" not in repr(result)
            assert "dG9rZW4tY2FuYXJ5" not in repr(result)


@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (401, None, CredentialsRejected),
        (400, {"error": "canary"}, CredentialsRejected),
        (500, None, BadResponse),
        (302, None, BadResponse),
        (200, {}, BadResponse),
        (200, {"access_token": "canary"}, BadResponse),
        (200, {"access_token": "canary", "token_type": "mac"}, BadResponse),
        (200, {"access_token": "canary\r\nX: y", "token_type": "bearer"}, BadResponse),
        (200, {"access_token": ["canary"], "token_type": "bearer"}, BadResponse),
        (200, {"access_token": "c" * 20_000, "token_type": "bearer"}, BadResponse),
        (200, {"access_token": "c" * 200_000, "token_type": "bearer"}, BadResponse),
    ],
)
async def test_a_token_endpoint_that_fails_is_named(
    upstream: HttpUpstream, status: int, answer: Mapping[str, object] | None, error: type[DatasourceError]
) -> None:
    upstream.tokens.status, upstream.tokens.answer = status, answer
    async with rest_client(upstream.url, secrets=SECRETS, **configured(upstream)) as client:
        with pytest.raises(error) as caught:
            await send(client, "guarded")
    assert caught.value.outcome is Outcome.NOT_SENT
    assert "canary" not in str(caught.value)
    assert [arrived.target for arrived in upstream.arrived] == ["/token"]


async def test_the_token_endpoint_is_behind_the_guard(upstream: HttpUpstream) -> None:
    guard = Guard(allow_loopback=True)
    denied = configured(upstream) | {"tokenUrl": "http://169.254.169.254/token"}
    async with rest_client(upstream.url, secrets=SECRETS, guard=guard, **denied) as client:
        with watched_connects() as seen, pytest.raises(ConnectFailed):
            await send(client, "guarded")
        assert seen == []
    assert guard.denials == 1


@pytest.mark.parametrize(
    ("stated", "fetched_after"),
    [(3600, 3541.0), ("3600", 3541.0), (61, 2.0), (60, 0.0), (None, 241.0), ("soon", 241.0), (-5, 0.0)],
)
async def test_a_token_is_renewed_a_minute_early(stated: object, fetched_after: float) -> None:
    now = 1000.0
    asked: list[Outgoing] = []

    async def post(outgoing: Outgoing) -> Answer:
        asked.append(outgoing)
        lifetime = "null" if stated is None else f'"{stated}"' if isinstance(stated, str) else str(stated)
        content = f'{{"access_token": "t{len(asked)}xx", "token_type": "bearer", "expires_in": {lifetime}}}'.encode()
        return Answer(status=200, reason="OK", headers=(), content=content)

    configuration = {
        "authentication": "oauth2ClientCredentials",
        "tokenUrl": "https://h/token",
        "clientId": "c",
        "clientAuthentication": "header",
    }
    secrets = {"clientSecret": Secret("s")}
    source = TokenSource(
        configuration, secrets, credentials=static_credentials(configuration, secrets), post=post, clock=lambda: now
    )
    await source.current()
    if fetched_after:
        now += fetched_after - 2
        assert (await source.current()).token == "t1xx"
        now += 2
    assert (await source.current()).token == "t2xx"


async def test_the_deadline_holds_while_the_token_endpoint_stalls() -> None:
    async def stalled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async with tcp_server(stalled) as port:
        configuration: dict[str, Any] = {
            "authentication": "oauth2ClientCredentials",
            "tokenUrl": f"http://127.0.0.1:{port}/",
            "clientId": "c",
        }
        async with rest_client(f"http://127.0.0.1:{port}", secrets=SECRETS, **configuration) as client:
            async with asyncio.timeout(5):
                first, second = await asyncio.gather(
                    *(send(client, "a", seconds=0.2) for _ in range(2)), return_exceptions=True
                )
    for error in (first, second):
        assert isinstance(error, ExecutionTimeout)
        assert error.outcome is Outcome.NOT_SENT


async def test_what_was_refused_once_is_not_told_as_never_sent() -> None:
    tokens = 0

    async def api(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Give one token, take it for nothing, and give no other."""
        nonlocal tokens
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = b""
            if head.startswith(b"POST /token"):
                tokens += 1
                if tokens == 2:
                    await reader.read(-1)
                    return
                await reader.readuntil(b"grant_type=client_credentials")
                body = b'{"access_token": "first", "token_type": "bearer", "expires_in": 3600}'
            status = b"200 OK" if body else b"401 Unauthorized"
            writer.write(
                b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
            )
            writer.write(body)

    async with tcp_server(api) as port:
        url = f"http://127.0.0.1:{port}"
        configuration: dict[str, Any] = {
            "authentication": "oauth2ClientCredentials",
            "tokenUrl": f"{url}/token",
            "clientId": "c",
        }
        async with rest_client(url, secrets=SECRETS, **configuration) as client:
            with pytest.raises(ExecutionTimeout) as caught:
                await send(client, "a", seconds=0.5)
    assert tokens == 2
    assert caught.value.outcome is Outcome.UNKNOWN
