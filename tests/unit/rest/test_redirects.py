"""Redirects: five, GET and HEAD only, each checked, with nothing of ours to another place."""

from typing import Any

import pytest

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.sdk import BadResponse, ConnectFailed
from tests.servers.http import Arrived, HttpUpstream
from tests.servers.rest import rest_client, send
from tests.servers.sockets import watched_connects

SECRETS = {
    "secretHeaders.X-Api-Key": "header-canary",
    "secretQuery.key": "query-canary",
    "password": "password-canary",
}
AUTHENTICATED: dict[str, Any] = {"authentication": "basic", "username": "me", "headers": {"X-Plain": "plain-canary"}}


def carried(arrived: Arrived) -> str:
    """Return all that a request brought along."""
    return f"{arrived.target} {arrived.headers} {arrived.body!r}"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_five_redirects_are_followed(upstream: HttpUpstream, method: str, status: int) -> None:
    async with rest_client(upstream.url) as client:
        result = await send(client, "redirect/5", method=method, query=(("status", str(status)),))
    assert result.body is not None
    assert result.body.status == 200
    assert (len(upstream.arrived), upstream.last.target, upstream.last.method) == (6, "/echo", method)


async def test_a_sixth_is_not(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(BadResponse, match="more than 5"):
            await send(client, "redirect/6")
    assert len(upstream.arrived) == 6


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_other_methods_are_answered_with_the_redirect_itself(
    upstream: HttpUpstream, method: str, status: int
) -> None:
    async with rest_client(upstream.url) as client:
        result = await send(client, "redirect/1", method=method, query=(("status", str(status)),))
    assert result.body is not None
    assert result.body.status == status
    assert len(upstream.arrived) == 1


async def test_credentials_stay_with_a_redirect_below_the_base(upstream: HttpUpstream) -> None:
    async with rest_client(upstream.url, secrets=SECRETS, **AUTHENTICATED) as client:
        await send(client, "redirect/1", headers=(("X-Own", "own-canary"),))
    assert upstream.last.header("X-Api-Key") == "header-canary"
    assert upstream.last.header("X-Own") == "own-canary"
    assert upstream.last.header("Authorization")


@pytest.mark.parametrize("where", ["other port", "other path", "there and back"])
async def test_nothing_of_ours_goes_elsewhere(upstream: HttpUpstream, where: str) -> None:
    async with HttpUpstream() as other:
        back = f"{upstream.url}/v1/echo"
        url = {
            "other port": f"{other.url}/echo",
            "other path": "/v2/echo",
            "there and back": f"{other.url}/to?url={back}",
        }[where]
        async with rest_client(f"{upstream.url}/v1", secrets=SECRETS, **AUTHENTICATED) as client:
            await send(
                client,
                "to",
                headers=(("X-Own", "own-canary"),),
                query=(("url", url),),
                body=b"body-canary",
                body_type="text",
            )
        hops = [arrived for arrived in (*upstream.arrived, *other.arrived) if not arrived.target.startswith("/v1/to")]
        assert hops
        for hop in hops:
            assert "canary" not in carried(hop)
            assert hop.header("Authorization") is None


async def test_a_secret_does_not_leave_in_a_location(upstream: HttpUpstream) -> None:
    async with HttpUpstream() as other:
        async with rest_client(upstream.url, secrets=SECRETS) as client:
            for secret in ("header-canary", "header%2Dcanary", "%68%65%61%64%65%72%2D%63%61%6E%61%72%79"):
                with pytest.raises(BadResponse, match="secrets"):
                    await send(client, "to", query=(("url", f"{other.url}/echo?stolen={secret}"),))
        assert other.arrived == []


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://metadata.example/",
        "http://[fe80::1]/",
    ],
)
async def test_each_hop_is_checked_like_a_first_request(upstream: HttpUpstream, url: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["169.254.169.254"]

    guard = Guard(allow_loopback=True, resolver=resolve)
    async with rest_client(upstream.url, guard=guard) as client:
        with watched_connects() as seen, pytest.raises(ConnectFailed):
            await send(client, "to", query=(("url", url),))
        assert [address[:2] for address in seen] == [("127.0.0.1", upstream.port)]
    assert guard.denials == 1


@pytest.mark.parametrize("url", ["ftp://h/", "file:///etc/passwd", "javascript:1", "http://user:pw@127.0.0.1/"])
async def test_a_redirect_that_is_no_plain_url_is_refused(upstream: HttpUpstream, url: str) -> None:
    async with rest_client(upstream.url) as client:
        with pytest.raises(BadResponse) as caught:
            await send(client, "to", query=(("url", url),))
    assert url not in str(caught.value)
