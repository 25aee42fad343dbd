"""Logging in: what is sent and what is not, over TLS and without, and what a refusal is called."""

import asyncio
import hashlib
import socket
import ssl
import struct
from contextlib import nullcontext
from typing import Any

import pytest
import uvloop
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.sdk import (
    ConnectFailed,
    CredentialsRejected,
    DatasourceError,
    Outcome,
    ResourceExhausted,
    Target,
    TlsFailed,
    TlsMode,
    TlsOptions,
)
from appsmith_proxy_mysql.protocol import Client
from tests.servers.certificates import Authority
from tests.servers.mariadb import MariadbServer
from tests.servers.mysql_rogue import SALT, USUAL, Rogue, failure, greeting, listening, okay, packet
from tests.servers.mysql_wire import login_at, login_to, rows, wired

_PASSWORD = "pässwörd 密"


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _mixed(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _cached_proof(password: str) -> bytes:
    """What ``caching_sha2_password`` sends first, written out again here."""
    once = _sha256(password.encode())
    return _mixed(once, _sha256(_sha256(once), SALT))


def _native_proof(password: str) -> bytes:
    once = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    twice = hashlib.sha1(once, usedforsecurity=False).digest()
    return _mixed(once, hashlib.sha1(SALT + twice, usedforsecurity=False).digest())


async def test_what_is_said_first() -> None:
    """Neither several statements in a text nor local files; and of the machine nothing at all."""
    rogue = Rogue()
    login = login_at(0, username="größe", password=_PASSWORD, database="shop")
    async with listening(rogue) as port, wired(_at(login, port)):
        pass
    said = rogue.heard[0]
    flags, _, charset = struct.unpack_from("<IIB", said)
    assert not flags & (Client.MULTI_STATEMENTS | Client.LOCAL_FILES | Client.SSL)
    assert flags & Client.DEPRECATE_EOF
    assert charset == 45
    assert said[9:32] == bytes(23)
    proof = _native_proof(_PASSWORD)
    attributes = b"\x0cprogram_name\x0eappsmith_proxy"
    assert said[32:] == (
        "größe".encode()
        + b"\0"
        + bytes((len(proof),))
        + proof
        + b"shop\0mysql_native_password\0"
        + bytes((len(attributes),))
        + attributes
    )


async def test_a_server_without_several_statements_is_told_no_more() -> None:
    rogue = Rogue(greeting=packet(0, greeting(flags=Client.PROTOCOL_41 | Client.SECURE_CONNECTION | Client.MYSQL)))
    async with listening(rogue) as port:
        with pytest.raises(ConnectFailed):  # the rogue answers as if ends were short
            async with wired(login_at(port), seconds=1):
                pass
    (flags,) = struct.unpack_from("<I", rogue.heard[0])
    assert not flags & ~(Client.PROTOCOL_41 | Client.SECURE_CONNECTION | Client.MYSQL | Client.MULTI_RESULTS)


async def test_an_empty_name_is_empty_and_not_the_systems() -> None:
    rogue = Rogue()
    async with listening(rogue) as port, wired(login_at(port, username="", password="")):
        pass
    assert rogue.heard[0][32:34] == b"\0\0"


@pytest.mark.parametrize(("username", "database"), [("root\0x", ""), ("root", "shop\0x")])
async def test_a_name_that_would_end_early_is_refused(username: str, database: str) -> None:
    """What follows a NUL would be read as the next part of what we say."""
    rogue = Rogue()
    async with listening(rogue) as port:
        with pytest.raises(ConnectFailed):
            async with wired(login_at(port, username=username, database=database)):
                pass
    assert rogue.heard == []


async def test_the_cached_way_fast() -> None:
    """The server knows the password's hash: it says so and lets in, in one breath."""
    rogue = Rogue(
        greeting=packet(0, greeting(way="caching_sha2_password")),
        login=(packet(2, b"\x01\x03") + packet(3, okay()),),
    )
    async with listening(rogue) as port, wired(login_at(port, password=_PASSWORD)) as wire:
        assert await rows(wire, "SELECT 1") == [("x",)]
    assert _cached_proof(_PASSWORD) in rogue.heard[0]


async def test_the_cached_way_in_full_over_verified_tls() -> None:
    authority = Authority.new()
    rogue = Rogue(
        greeting=packet(0, greeting(way="caching_sha2_password", flags=USUAL | Client.SSL)),
        login=(packet(3, b"\x01\x04"), packet(5, okay())),
        tls=authority.server_context(authority.issue("localhost")),
    )
    context = ssl.create_default_context(cadata=authority.pem)
    login = login_at(0, host="localhost", context=context, verified=True, password=_PASSWORD)
    async with listening(rogue) as port, wired(_at(login, port)) as wire:
        assert wire.encrypted
        assert await rows(wire, "SELECT 1") == [("x",)]
    assert rogue.heard[0][:4] == rogue.heard[1][:4], "both carry the same flags"
    assert rogue.heard[2] == _PASSWORD.encode() + b"\0"


@pytest.mark.parametrize("way", ["mysql_clear_password", "sha256_password"])
async def test_the_password_itself_is_told_to_a_verified_server_alone(way: str) -> None:
    authority = Authority.new()
    rogue = Rogue(
        greeting=packet(0, greeting(flags=USUAL | Client.SSL)),
        login=(packet(3, b"\xfe" + way.encode() + b"\0" + SALT + b"\0"), packet(5, okay())),
        tls=authority.server_context(authority.issue("localhost")),
    )
    context = ssl.create_default_context(cadata=authority.pem)
    login = login_at(0, host="localhost", context=context, verified=True, password=_PASSWORD)
    async with listening(rogue) as port, wired(_at(login, port)) as wire:
        assert await rows(wire, "SELECT 1") == [("x",)]
    assert rogue.heard[2] == _PASSWORD.encode() + b"\0"


async def test_the_cached_way_in_full_on_loopback_is_encrypted() -> None:
    """Without TLS the password goes encrypted for the server's key: on loopback, where nobody is in the middle."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    rogue = Rogue(
        greeting=packet(0, greeting(way="caching_sha2_password")),
        login=(packet(2, b"\x01\x04"), packet(4, b"\x01" + pem), packet(6, okay())),
    )
    async with listening(rogue) as port, wired(login_at(port, password=_PASSWORD)) as wire:
        assert await rows(wire, "SELECT 1") == [("x",)]
    assert rogue.heard[1] == b"\x02"
    opened = key.decrypt(rogue.heard[2], padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))  # noqa: S303  # reason: what the protocol says
    told = _PASSWORD.encode() + b"\0"
    assert opened == _mixed(told, (SALT * 3)[: len(told)])


_REFUSALS = {
    1040: ResourceExhausted,
    1045: CredentialsRejected,
    1049: ConnectFailed,
    1129: ConnectFailed,
    1130: CredentialsRejected,
    1203: ResourceExhausted,
    1698: CredentialsRejected,
    1820: CredentialsRejected,
    3159: CredentialsRejected,
    4151: CredentialsRejected,
    60_000: ConnectFailed,
}


@pytest.mark.parametrize("number", _REFUSALS)
async def test_refusals_have_names(number: int) -> None:
    async with listening(Rogue(login=(packet(2, failure(number)),))) as port:
        with pytest.raises(_REFUSALS[number]) as caught:
            async with wired(login_at(port)):
                pass
    assert caught.value.outcome is Outcome.NOT_SENT
    assert caught.value.native_code == str(number)
    assert "words" not in f"{caught.value} {caught.value.hint}"


async def test_the_real_server_refuses_too(mariadb: MariadbServer) -> None:
    for wrong, kind in (
        ({"password": "wrong"}, CredentialsRejected),
        ({"username": "nobody"}, CredentialsRejected),
        ({"database": "missing"}, ConnectFailed),
    ):
        with pytest.raises(kind) as caught:
            async with wired(login_to(mariadb, **wrong)):
                pass
        assert caught.value.outcome is Outcome.NOT_SENT


async def test_a_password_of_every_script_is_taken(mariadb: MariadbServer) -> None:
    async with mariadb.session() as admin:
        await admin.execute(f"CREATE OR REPLACE USER scripts@'127.0.0.1' IDENTIFIED BY '{_PASSWORD}'")
    async with wired(login_to(mariadb, database="", username="scripts", password=_PASSWORD)) as wire:
        assert await rows(wire, "SELECT DATABASE()") == [(None,)]


async def test_addresses_are_tried_in_their_order_and_each_has_its_share_of_the_time(mariadb: MariadbServer) -> None:
    login = login_to(mariadb, addresses=("127.0.0.2", "127.0.0.1"))
    async with wired(login) as wire:
        assert await rows(wire, "SELECT 1") == [(1,)]
    with pytest.raises(ConnectFailed):
        async with wired(login_to(mariadb, addresses=())):
            pass


async def test_a_server_that_never_greets_costs_the_deadline_and_no_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        loop = asyncio.get_running_loop()
        start = loop.time()
        with pytest.raises(ConnectFailed) as caught:
            async with wired(login_at(silent.getsockname()[1], addresses=("127.0.0.1",) * 2), seconds=0.4):
                pass
        assert 0.3 < loop.time() - start < 3
        assert caught.value.retryable


async def test_a_server_that_falls_silent_after_the_login_costs_the_deadline_too() -> None:
    async with listening(Rogue(query=b"")) as port:
        loop = asyncio.get_running_loop()
        start = loop.time()
        with pytest.raises(ConnectFailed):
            async with wired(login_at(port), seconds=0.4):
                pass
        assert 0.3 < loop.time() - start < 3


_STRANGER = Authority.new()


@pytest.mark.parametrize(
    ("names", "authority", "mode", "accepted"),
    [
        (("localhost",), None, TlsMode.VERIFY_FULL, True),
        (("other.example",), None, TlsMode.VERIFY_FULL, False),
        (("127.0.0.1",), None, TlsMode.VERIFY_FULL, False),
        (("other.example",), None, TlsMode.VERIFY_CA, True),
        (("localhost",), _STRANGER, TlsMode.VERIFY_FULL, False),
        (("localhost",), _STRANGER, TlsMode.VERIFY_CA, False),
        (("localhost",), _STRANGER, TlsMode.REQUIRE, True),
    ],
)
async def test_identity(
    mariadb: MariadbServer, names: tuple[str, ...], authority: Authority | None, mode: TlsMode, accepted: bool
) -> None:
    async with mariadb.presenting(*names, authority=authority):
        with nullcontext() if accepted else pytest.raises(TlsFailed) as refused:
            async with wired(_tls(mariadb, mode)) as wire:
                ((_, cipher),) = await rows(wire, "SHOW STATUS LIKE 'Ssl_cipher'")
                assert cipher
    assert refused is None or refused.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("size", [1_000, 3_000_000])
def test_tls_on_the_other_event_loop(mariadb: MariadbServer, size: int) -> None:
    """The upgrade in the middle of a connection, and large answers and cancels through it."""

    async def use() -> None:
        async with wired(_tls(mariadb, TlsMode.VERIFY_FULL)) as wire:
            ((text,),) = await rows(wire, f"SELECT REPEAT('x', {size})")
            assert len(text) == size
            stopped = await rows(wire, "SELECT seq FROM seq_1_to_1000", stop=True)
            assert len(stopped) == 1000

    uvloop.run(use())


async def test_a_pool_of_addresses_does_not_hide_a_refusal(mariadb: MariadbServer) -> None:
    """A server has answered: asking the next address would count as another wrong password."""
    async with mariadb.session() as admin:
        await admin.execute("FLUSH STATUS")
    with pytest.raises(DatasourceError):
        async with wired(login_to(mariadb, password="wrong", addresses=("127.0.0.1",) * 3)):
            pass
    assert await mariadb.status("Aborted_connects") == 1


def _tls(server: MariadbServer, mode: TlsMode) -> Any:
    target = Target(host="localhost", port=server.port, addresses=("127.0.0.1",))
    context = Guard(allow_loopback=True).tls(target, TlsOptions(mode=mode, ca=server.ca))
    return login_to(server, host="localhost", context=context, verified=mode is not TlsMode.REQUIRE)


def _at(login: Any, port: int) -> Any:
    return login_at(
        port,
        host=login.target.host,
        context=login.context,
        verified=login.verified,
        database=login.database,
        username=login.username,
        password=login.password.reveal(),
    )
