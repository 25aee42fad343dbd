"""TLS of the guard against real servers, on both event loops: names, authorities, pins, client certificates."""

import asyncio
import contextlib
import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import uvloop

from appsmith_proxy.errors import TlsFailed
from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.gateway.network_tls import key_pin, tls_context
from appsmith_proxy.sdk import Target, TlsMode, TlsOptions
from tests.servers.certificates import Authority, chain_of, encrypted_key, files_below_temp, key_of
from tests.servers.tcp import tcp_server

Run: TypeAlias = Callable[[Callable[[], Awaitable[None]]], None]
NAME = "db.example"
TRUSTED = Authority.new()
OTHER = Authority.new()
RIGHT = TRUSTED.issue(NAME)
PIN = key_pin(ssl.PEM_cert_to_DER_cert(RIGHT.cert_chain_pems[0].bytes().decode()))


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def runs(test: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            await test()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main())

    return runs


async def resolve(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def guard() -> Guard:
    return Guard(allow_loopback=True, resolver=resolve, connect_seconds=5)


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    ssl_object = writer.get_extra_info("ssl_object")
    writer.write(f"hello {bool(ssl_object and ssl_object.getpeercert(binary_form=True))}".encode())
    await writer.drain()
    await reader.read()


def server(context: ssl.SSLContext | None) -> contextlib.AbstractAsyncContextManager[int]:
    return tcp_server(greet, context=context)


async def greeting(options: TlsOptions, context: ssl.SSLContext | None, host: str = NAME) -> str:
    async with server(context) as port:
        reader, writer = await guard().connect(host, port, tls=options)
        try:
            return (await reader.read(100)).decode()
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def serving(names: str = NAME, authority: Authority = TRUSTED, *, wants_client: bool = False) -> ssl.SSLContext:
    return authority.server_context(authority.issue(names), wants_client=wants_client)


@pytest.mark.parametrize(
    ("options", "names", "authority"),
    [
        (TlsOptions(ca=TRUSTED.pem), NAME, TRUSTED),
        (TlsOptions(mode=TlsMode.VERIFY_CA, ca=TRUSTED.pem), "another.example", TRUSTED),
        (TlsOptions(mode=TlsMode.REQUIRE), "another.example", OTHER),
    ],
)
def test_each_mode_accepts_what_it_should(run: Run, options: TlsOptions, names: str, authority: Authority) -> None:
    async def test() -> None:
        assert await greeting(options, serving(names, authority)) == "hello False"

    run(test)


@pytest.mark.parametrize(
    ("options", "names", "authority"),
    [
        (TlsOptions(ca=TRUSTED.pem), "another.example", TRUSTED),
        (TlsOptions(ca=TRUSTED.pem), "127.0.0.1", TRUSTED),
        (TlsOptions(ca=TRUSTED.pem), NAME, OTHER),
        (TlsOptions(), NAME, TRUSTED),
        (TlsOptions(mode=TlsMode.VERIFY_CA, ca=TRUSTED.pem), NAME, OTHER),
        (TlsOptions(ca=TRUSTED.pem, pinned_key=PIN), NAME, TRUSTED),
        (TlsOptions(mode=TlsMode.REQUIRE, pinned_key=PIN), NAME, TRUSTED),
    ],
    ids=["other name", "the address's name", "other authority", "system authorities", "ca only", "pin", "bare pin"],
)
def test_a_server_that_cannot_prove_itself_is_refused(
    run: Run, options: TlsOptions, names: str, authority: Authority
) -> None:
    async def test() -> None:
        with pytest.raises(TlsFailed):
            await greeting(options, serving(names, authority))

    run(test)


@pytest.mark.parametrize("mode", [TlsMode.REQUIRE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
def test_a_pinned_key_is_accepted(run: Run, mode: TlsMode) -> None:
    async def test() -> None:
        options = TlsOptions(mode=mode, ca=TRUSTED.pem, pinned_key=PIN)
        assert await greeting(options, TRUSTED.server_context(RIGHT)) == "hello False"

    run(test)


def test_tls_below_1_2_is_refused(run: Run) -> None:
    context = tls_context(Target(host=NAME, port=1, addresses=()), TlsOptions())
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_server_without_tls_is_refused(run: Run) -> None:
    async def test() -> None:
        with pytest.raises(TlsFailed):
            await greeting(TlsOptions(mode=TlsMode.REQUIRE), None)

    run(test)


def test_an_address_is_verified_as_an_address(run: Run) -> None:
    async def test() -> None:
        options = TlsOptions(ca=TRUSTED.pem)
        assert await greeting(options, serving("127.0.0.1"), host="127.0.0.1") == "hello False"
        with pytest.raises(TlsFailed):
            await greeting(options, serving("127.0.0.2"), host="127.0.0.1")

    run(test)


@pytest.mark.parametrize("claimed", ["other.example", "127.0.0.1", "", None])
def test_the_name_is_fixed_whatever_a_library_passes(run: Run, claimed: str | None) -> None:
    """Libraries that dial the checked address pass the address, or nothing."""

    async def test() -> None:
        context = guard().tls(Target(host=NAME, port=1, addresses=()), TlsOptions(ca=TRUSTED.pem))
        async with server(serving(claimed or "elsewhere.example")) as port:
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=claimed)
        async with server(serving(NAME)) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=claimed)
            writer.transport.abort()

    run(test)


def test_a_blocking_socket_is_checked_the_same_way() -> None:
    def connect(options: TlsOptions, certificate_name: str) -> None:
        context = tls_context(Target(host=NAME, port=1, addresses=()), options)
        assert context is not None
        ours, theirs = socket.socketpair()
        server_side = serving(certificate_name)

        def serve() -> None:
            with contextlib.suppress(OSError), theirs:
                server_side.wrap_socket(theirs, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with ours, context.wrap_socket(ours, server_hostname="ignored.example"):
                pass
        finally:
            ours.close()
            thread.join()

    connect(TlsOptions(ca=TRUSTED.pem), NAME)
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(TlsOptions(ca=TRUSTED.pem), "ignored.example")
    with pytest.raises(ssl.SSLCertVerificationError, match="pinned"):
        connect(TlsOptions(ca=TRUSTED.pem, pinned_key=PIN), NAME)


def test_a_client_certificate_is_presented_and_never_written(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where nobody else writes
    mine = TRUSTED.issue("client.example")

    async def test() -> None:
        options = TlsOptions(ca=TRUSTED.pem, certificate=chain_of(mine), key=key_of(mine))
        before = files_below_temp()
        assert await greeting(options, serving(wants_client=True)) == "hello True"
        assert files_below_temp() == before

    run(test)
    if hasattr(os, "memfd_create"):  # the way of systems without it
        monkeypatch.delattr(os, "memfd_create")
        run(test)


@pytest.mark.parametrize(
    "options",
    [
        TlsOptions(ca="no certificate"),
        TlsOptions(ca="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        TlsOptions(certificate="x", key="canary-key"),
        TlsOptions(certificate=chain_of(RIGHT)),
        TlsOptions(key=key_of(RIGHT)),
        TlsOptions(certificate=chain_of(RIGHT), key=key_of(TRUSTED.issue("other.example"))),
        TlsOptions(certificate=chain_of(RIGHT), key=encrypted_key()),
        TlsOptions(ca="ü"),
    ],
)
def test_unreadable_certificates_are_named_and_not_quoted(options: TlsOptions) -> None:
    with pytest.raises(TlsFailed) as caught:
        tls_context(Target(host=NAME, port=1, addresses=()), options)
    assert "canary" not in str(caught.value)
    assert caught.value.hint


def test_a_key_never_shows_in_a_repr() -> None:
    assert "canary" not in repr(TlsOptions(key="canary"))


def test_disabled_tls_is_none() -> None:
    assert tls_context(Target(host=NAME, port=1, addresses=()), TlsOptions(mode=TlsMode.DISABLE)) is None


def test_the_presented_chain_is_described(run: Run) -> None:
    async def test() -> None:
        async with server(TRUSTED.server_context(RIGHT)) as port:
            chain = await guard().presented_chain(NAME, port)
        assert f"key pin {PIN}" in chain[0]
        assert "issuer" in chain[0]

    run(test)


def test_the_chain_of_a_postgres_server_is_asked_for_its_way(run: Run) -> None:
    async def test() -> None:
        context = TRUSTED.server_context(RIGHT)

        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readexactly(8) == b"\0\0\0\x08\x04\xd2\x16\x2f"
            writer.write(b"S")
            await writer.start_tls(context)

        async with tcp_server(speak) as port:
            chain = await guard().presented_chain(NAME, port, protocol="postgres")
        assert f"key pin {PIN}" in chain[0]

    run(test)


MYSQL_GREETING = b"\x0a8.4.0\0" + b"\x07\0\0\0" + b"scramble" + b"\0" + b"%b" + b"\x2d\x02\0\xff\xff" + b"\0" * 24


@pytest.mark.parametrize("offered", [True, False])
def test_the_chain_of_a_mysql_server_is_asked_for_its_way(run: Run, *, offered: bool) -> None:
    asked: list[bytes] = []

    async def test() -> None:
        context = TRUSTED.server_context(RIGHT)

        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            greeting = MYSQL_GREETING % (b"\xff\xff" if offered else b"\xff\xf7")
            writer.write(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
            if not offered:
                return
            asked.append(await reader.readexactly(36))
            # By hand: this client does not wait for an answer, so its first words may be in the reader already.
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            handshake = context.wrap_bio(incoming, outgoing, server_side=True)
            with contextlib.suppress(ssl.SSLWantReadError):
                incoming.write(await reader.read(16_384))
                handshake.do_handshake()
            writer.write(outgoing.read())
            await reader.read()

        async with tcp_server(speak) as port:
            chain = await guard().presented_chain(NAME, port, protocol="mysql")
        assert [f"key pin {PIN}" in line for line in chain[:1]] == ([True] if offered else [])

    run(test)
    # the length 32, number 1; protocol 4.1, TLS and authentication of 4.1; no limit; utf8mb4: nothing of a login
    assert asked == ([b"\x20\0\0\x01" + b"\x00\x8a\0\0" + b"\0" * 4 + b"\x2d" + b"\0" * 23] if offered else [])


@pytest.mark.parametrize("greeting", [b"", b"\0\0\0\0", b"\x05\0\0\0\x0a8.4", b"\xff\xff\xff\0" + b"\xff" * 2_000])
def test_a_server_that_greets_like_no_mysql_has_no_chain(run: Run, greeting: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.write_eof()
        await reader.read()

    async def test() -> None:
        async with tcp_server(speak) as port:
            assert await guard().presented_chain(NAME, port, protocol="mysql") == ()

    run(test)


def test_no_chain_where_there_is_no_tls(run: Run) -> None:
    async def test() -> None:
        async with server(None) as port:
            assert await guard().presented_chain(NAME, port) == ()
            assert await guard().presented_chain(NAME, port, protocol="postgres") == ()

    run(test)
