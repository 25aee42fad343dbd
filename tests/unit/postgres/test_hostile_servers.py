"""Servers that lie, downgrade or go on for ever: the Client refuses, in bounded time and memory."""

import asyncio
import datetime as dt
import struct
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme

from appsmith_proxy.sdk import CredentialsRejected, DatasourceError, ExecutionTimeout, Limits, Outcome, TlsFailed
from appsmith_proxy_postgres.client import PostgresClient
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_client import fetch, opened, request
from tests.servers.tls_front import TlsFront

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_READY = b"Z\x00\x00\x00\x05I"


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _parameter(name: str, value: str) -> bytes:
    return _message(b"S", name.encode() + b"\0" + value.encode() + b"\0")


_WELCOME = (
    _message(b"R", struct.pack("!I", 0))
    + _parameter("server_version", "16.0")
    + _parameter("client_encoding", "UTF8")
    + _parameter("default_transaction_read_only", "off")
    + _message(b"K", struct.pack("!II", 1, 1))
    + _READY
)
_PREPARED = (
    _message(b"1", b"")
    + _message(b"t", struct.pack("!H", 0))
    + _message(b"T", struct.pack("!H", 1) + b"x\0" + struct.pack("!IHIhih", 0, 0, 25, -1, -1, 0))
)


@asynccontextmanager
async def _server(after_login: Script, *, login: bytes = _WELCOME) -> AsyncIterator[int]:
    """A server that lets everybody in, answers one prepare, and then does what the script says."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            (length,) = struct.unpack("!I", await reader.readexactly(4))
            await reader.readexactly(length - 4)
            writer.write(login)
            await after_login(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _answers(answer: bytes, *, for_ever: bool = False) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(_PREPARED)
        await reader.read(65536)
        writer.write(_message(b"2", b""))
        while True:
            writer.write(answer)
            await writer.drain()
            if not for_ever:
                await reader.read()
                return

    return script


_ROW = _message(b"D", struct.pack("!HI", 1, 1000) + b"x" * 1000)

_LIES = {
    "a row with a wrong number of columns": _message(b"D", struct.pack("!H", 9)) + _READY,
    "a cell longer than its row": _message(b"D", struct.pack("!HI", 1, 4000) + b"x") + _READY,
    "a cell of negative length": _message(b"D", struct.pack("!Hi", 1, -7)) + _READY,
    "a cell that is no UTF-8": _message(b"D", struct.pack("!HI", 1, 1) + b"\xff") + _READY,
    "a message of length zero": b"C\x00\x00\x00\x00" + _READY,
    "a message of length three": b"C\x00\x00\x00\x03" + _READY,
    "a message of 4 GiB": b"C\xff\xff\xff\xff" + b"x" * 100_000,
    "an error of 1 GiB": b"E\x40\x00\x00\x00" + b"x" * 100_000,
    "an empty row": _message(b"D", b"") + _READY,
    "a message of no known type": _message(b"?", b"abc"),
    "the end": b"",
}


@pytest.mark.parametrize("answer", _LIES.values(), ids=_LIES)
async def test_lies_are_errors(postgres: PostgresServer, answer: bytes) -> None:
    async with _server(_answers(answer)) as port, opened(postgres, port=port) as client:
        with pytest.raises(DatasourceError) as caught:
            await client.execute(request("SELECT 1", seconds=0.7))
        assert caught.value.outcome is not Outcome.ROLLED_BACK


@pytest.mark.parametrize("read_only", [False])
async def test_endless_rows_are_cut_or_end_at_the_deadline(postgres: PostgresServer, read_only: bool) -> None:
    async with _server(_answers(_ROW * 60, for_ever=True)) as port, opened(postgres, port=port) as client:
        tracemalloc.start()
        try:
            with pytest.raises(ExecutionTimeout):
                await client.execute(
                    request("SELECT 1", seconds=0.7, read_only=read_only, limits=Limits(bytes=1_000_000))
                )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8_000_000, "what is over the limit is not kept"


async def test_an_endless_row_is_never_held(postgres: PostgresServer) -> None:
    endless = b"D" + struct.pack("!I", 1 << 30) + struct.pack("!HI", 1, (1 << 30) - 10)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(_PREPARED)
        await reader.read(65536)
        writer.write(_message(b"2", b"") + endless)
        for _ in range(400):
            writer.write(b"x" * 100_000)
            await writer.drain()
        await reader.read()

    async with _server(script) as port, opened(postgres, port=port) as client:
        tracemalloc.start()
        try:
            with pytest.raises(ExecutionTimeout):
                await client.execute(request("SELECT 1", seconds=1, limits=Limits(bytes=1_000_000)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8_000_000


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(_message(b"D", struct.pack("!HI", 1, 1 << 20) + b"x" * (1 << 20)), id="endless large rows"),
        pytest.param(_ROW * 5_000, id="endless small rows"),
        pytest.param(b"D\x40\x00\x00\x00" + b"x" * 100_000, id="an endless row"),
    ],
)
async def test_answers_to_own_statements_are_bounded(postgres: PostgresServer, answer: bytes) -> None:
    """No limit of a request bounds them, and until their deadline a server can send gigabytes."""
    async with _server(_answers(answer, for_ever=True)) as port, opened(postgres, port=port) as client:
        with pytest.raises(DatasourceError) as caught:
            await client.check()
        assert not isinstance(caught.value, ExecutionTimeout), "the bound ends it, not the deadline"


async def test_a_password_in_clear_text_is_not_sent_to_who_may_be_anybody(postgres: PostgresServer) -> None:
    asked: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(65536))

    clear_text = _message(b"R", struct.pack("!I", 3))
    async with _server(listen, login=clear_text) as port, opened(postgres, port=port) as client:
        with pytest.raises(CredentialsRejected):
            await client.check()
    assert asked in ([], [b""]), "the server was told the password"


async def test_a_server_that_ignores_startup_parameters_is_refused(postgres: PostgresServer) -> None:
    login = _WELCOME.replace(_parameter("default_transaction_read_only", "off"), b"")
    async with _server(_answers(b""), login=login) as port, opened(postgres, port=port) as client:
        with pytest.raises(DatasourceError) as caught:
            await client.execute(request("SELECT 1"))
        assert caught.value.code == "ConnectFailed"
        assert "pooler" in caught.value.hint


@asynccontextmanager
async def _behind(front: TlsFront, postgres: PostgresServer, **fields: Any) -> AsyncIterator[PostgresClient]:
    async with opened(postgres, tls=True, port=front.port, **fields) as client:
        yield client


_STRANGER = trustme.CA()


@pytest.mark.parametrize(
    ("names", "options", "mode", "accepted"),
    [
        (("localhost",), {}, "verify-full", True),
        (("other.example",), {}, "verify-full", False),
        (("127.0.0.1",), {}, "verify-full", False),
        (("other.example",), {}, "verify-ca", True),
        (("localhost",), {"authority": _STRANGER}, "verify-full", False),
        (("localhost",), {"authority": _STRANGER}, "verify-ca", False),
        (("localhost",), {"authority": _STRANGER}, "require", True),
        (("localhost",), {"not_after": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "verify-full", False),
        (("localhost",), {"not_after": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "verify-ca", False),
        (("localhost",), {"client_certificates": True}, "verify-full", False),
    ],
)
async def test_identity(
    postgres: PostgresServer, names: tuple[str, ...], options: dict[str, Any], mode: str, accepted: bool
) -> None:
    with TlsFront(postgres.port, postgres.server_context(*names, **options)) as front:
        async with _behind(front, postgres, tlsMode=mode) as client:
            if accepted:
                assert await fetch(client, "SELECT 1") == [(1,)]
                assert front.encrypted == 1
            else:
                with pytest.raises(DatasourceError) as caught:
                    await client.check()
                assert caught.value.code in ("TlsFailed", "ConnectFailed")
                assert caught.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_stripped_tls_is_refused(postgres: PostgresServer, mode: str) -> None:
    """Somebody in the middle answers that there is no TLS: nothing is sent in the clear."""
    with TlsFront(postgres.port, None) as front:
        async with _behind(front, postgres, tlsMode=mode) as client:
            with pytest.raises(TlsFailed):
                await client.check()


async def test_a_client_certificate_is_presented(postgres: PostgresServer) -> None:
    certificate, key = postgres.client_certificate()
    with TlsFront(postgres.port, postgres.server_context(client_certificates=True)) as front:
        async with opened(
            postgres, tls=True, port=front.port, tlsCertificate=certificate, secrets={"tlsKey": key}
        ) as client:
            assert await fetch(client, "SELECT 1") == [(1,)]


async def test_a_cancel_goes_through_verified_tls_too(postgres: PostgresServer) -> None:
    with TlsFront(postgres.port, postgres.server_context()) as front:
        async with _behind(front, postgres) as client:
            with pytest.raises(ExecutionTimeout):
                await client.execute(request("SELECT pg_sleep(10)", seconds=0.3))
            await client.pool.settled()
            assert front.encrypted == front.connections == 2
