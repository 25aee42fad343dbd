"""The only way out is the guard: addresses, TLS and literals, each with a test that fails when its check is gone."""

import asyncio
import ssl
from typing import Any

import pytest
import uvloop

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.gateway.network_tls import key_pin
from appsmith_proxy.sdk import ConnectFailed, Disconnected, ExecutionTimeout, Outcome, TlsFailed
from tests.servers.certificates import Authority, chain_of, key_of
from tests.servers.http import HttpUpstream
from tests.servers.rest import rest_client, send
from tests.servers.sockets import watched_connects

NAME = "api.example"
AUTHORITY = Authority.new()


async def resolve(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def named() -> Guard:
    return Guard(allow_loopback=True, resolver=resolve)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]", "0.0.0.0", "127.0.0.1", "localhost", "[::1]"),
        *("2130706433", "0x7f.1", "127.1", "127.0.0.1.", "evil.example"),
    ],
)
async def test_a_denied_host_gets_no_connection(host: str, scheme: str) -> None:
    async def denied(name: str, port: int) -> list[str]:
        return ["8.8.8.8", "169.254.169.254"]

    guard = Guard(resolver=denied)
    async with rest_client(f"{scheme}://{host}:8080/x", guard=guard) as client:
        with watched_connects() as seen:
            for method in ("GET", "HEAD", "POST"):
                with pytest.raises(ConnectFailed) as caught:
                    await send(client, method=method)
                assert caught.value.outcome is Outcome.NOT_SENT
            with pytest.raises(ConnectFailed):
                await client.check()
        assert seen == []
    assert guard.denials == 4


async def test_the_dialled_address_is_the_checked_one(upstream: HttpUpstream) -> None:
    asked: list[str] = []

    async def counting(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    guard = Guard(allow_loopback=True, resolver=counting)
    async with rest_client(f"http://{NAME}:{upstream.port}", guard=guard) as client:
        with watched_connects() as seen:
            await send(client, "echo")
            await send(client, "echo")  # over the kept connection: nobody is asked again
            assert asked == [NAME]
            with pytest.raises(ConnectFailed):
                await asyncio.gather(send(client, "slow/0.1"), send(client, "slow/0.1"))
        assert [address[:2] for address in seen] == [("127.0.0.1", upstream.port)]
    assert upstream.last.header("Host") == f"{NAME}:{upstream.port}"


async def test_each_new_connection_is_checked_again(upstream: HttpUpstream) -> None:
    """Nobody dials a name, and no address outlives the connection that it was checked for."""
    answers = iter(["127.0.0.1", "127.0.0.1", "169.254.169.254"])

    async def changing(host: str, port: int) -> list[str]:
        return [next(answers)]

    guard = Guard(allow_loopback=True, resolver=changing)
    async with rest_client(f"http://{NAME}:{upstream.port}", guard=guard) as client:
        with watched_connects() as seen:
            for _ in range(2):
                with pytest.raises(Disconnected):
                    await send(client, "drop")
            with pytest.raises(ConnectFailed):
                await send(client, "echo")
        assert [address[:2] for address in seen] == [("127.0.0.1", upstream.port)] * 2
    assert guard.denials == 1


async def test_the_next_address_is_tried(upstream: HttpUpstream) -> None:
    async def two(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]  # at the first nobody listens

    async with rest_client(f"http://{NAME}:{upstream.port}", guard=Guard(allow_loopback=True, resolver=two)) as client:
        await send(client, "echo")
    assert upstream.last.target == "/echo"


async def tls_echo(configuration: dict[str, Any], *names: str, wants_client: bool = False, **more: Any) -> Any:
    context = AUTHORITY.server_context(AUTHORITY.issue(*names), wants_client=wants_client)
    async with HttpUpstream(context=context) as upstream:
        url = f"https://{NAME}:{upstream.port}"
        async with rest_client(url, guard=named(), tlsCa=AUTHORITY.pem, **configuration, **more) as client:
            await send(client, "echo")
            await send(client, "echo")
            assert len({arrived.connection for arrived in upstream.arrived}) == 1
            return upstream.last


async def test_tls_verifies_the_name_of_the_url() -> None:
    assert (await tls_echo({}, NAME)).target == "/echo"
    for names in (["other.example"], ["127.0.0.1"]):
        with pytest.raises(TlsFailed) as caught:
            await tls_echo({}, *names)
        assert caught.value.outcome is Outcome.NOT_SENT


async def test_tls_modes_pins_and_client_certificates() -> None:
    await tls_echo({"tlsMode": "verify-ca"}, "other.example")
    await tls_echo({"tlsMode": "require"}, "other.example")
    with pytest.raises(TlsFailed):
        await tls_echo({"tlsPinnedKey": "A" * 43 + "="}, NAME)
    mine = AUTHORITY.issue("me.example")
    await tls_echo({"tlsCertificate": chain_of(mine)}, NAME, wants_client=True, secrets={"tlsKey": key_of(mine)})


async def test_a_pinned_key_is_accepted() -> None:
    certificate = AUTHORITY.issue(NAME)
    pin = key_pin(ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode()))
    async with HttpUpstream(context=AUTHORITY.server_context(certificate)) as upstream:
        url = f"https://{NAME}:{upstream.port}"
        async with rest_client(url, guard=named(), tlsCa=AUTHORITY.pem, tlsPinnedKey=pin) as client:
            await send(client, "echo")


async def test_own_authorities_do_not_count_for_a_redirect_elsewhere() -> None:
    certificate = AUTHORITY.issue(NAME, "other.example")
    context = AUTHORITY.server_context(certificate)
    async with HttpUpstream(context=context) as upstream, HttpUpstream(context=context) as other:
        url = f"https://{NAME}:{upstream.port}"
        async with rest_client(url, guard=named(), tlsCa=AUTHORITY.pem) as client:
            with pytest.raises(TlsFailed):
                await send(client, "to", query=(("url", f"https://other.example:{other.port}/"),))
        assert other.arrived == []


async def test_a_client_closed_over_tls_leaves_nothing() -> None:
    before = set(asyncio.all_tasks())
    await tls_echo({}, NAME)
    assert set(asyncio.all_tasks()) <= before


def test_it_works_on_uvloop_too() -> None:
    """The server runs on it: TLS with a fixed name and a pin, an answer cut, a cancelled request, nothing left."""

    async def scenario() -> None:
        await tls_echo({}, NAME)
        with pytest.raises(TlsFailed):
            await tls_echo({}, "other.example")
        with pytest.raises(TlsFailed):
            await tls_echo({"tlsPinnedKey": "A" * 43 + "="}, NAME)
        async with HttpUpstream() as upstream, rest_client(upstream.url) as client:
            assert (await send(client, "endless", limit=1000)).truncated
            with pytest.raises(ExecutionTimeout):
                await send(client, "slow/30", seconds=0.1)
            with pytest.raises(ConnectFailed):
                await send(client, "to", query=(("url", "http://169.254.169.254/"),))
            await send(client, "echo")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


async def test_a_name_that_is_not_resolved_in_time_was_not_sent() -> None:
    async def stalled(host: str, port: int) -> list[str]:
        await asyncio.sleep(3600)
        return []

    async with rest_client(f"http://{NAME}", guard=Guard(resolver=stalled)) as client:
        async with asyncio.timeout(2):
            with pytest.raises(ConnectFailed) as caught:
                await send(client, "echo", seconds=0.1)
    assert caught.value.outcome is Outcome.NOT_SENT
