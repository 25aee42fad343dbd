"""Servers that lie, downgrade or go on for ever: a connection is refused or dropped, in bounded time and memory."""

import asyncio
import ssl
import struct
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from appsmith_proxy.sdk import (
    BadResponse,
    ConnectFailed,
    CredentialsRejected,
    DatasourceError,
    Disconnected,
    Limits,
    Outcome,
    ResourceExhausted,
    Room,
    SqlLogin,
    Statement,
    TlsFailed,
)
from appsmith_proxy_mysql import faults
from appsmith_proxy_mysql.conversation import Conversation
from appsmith_proxy_mysql.decode import Shape
from appsmith_proxy_mysql.login import _Session
from appsmith_proxy_mysql.packets import Packets
from appsmith_proxy_mysql.protocol import LARGEST, Client, Malformed, Reported, done_at, reported_at
from appsmith_proxy_mysql.replies import Acknowledged, Features, Kept, PreparedReply
from appsmith_proxy_mysql.rows import MAX_SHAPES, RowsReply
from appsmith_proxy_mysql.types import Definition
from tests.servers.certificates import Authority
from tests.servers.mysql_rogue import (
    SALT,
    TEXT,
    USUAL,
    Rogue,
    column,
    end,
    failure,
    greeting,
    listening,
    okay,
    packet,
    packets,
    prepared,
    row,
)
from tests.servers.mysql_wire import answer, login_at, rows, wired

_SESAME = b"sesame"
_HEAD = (b"\x01", TEXT)
_LOCAL_FILE = b"\xfb/etc/passwd"


async def test_an_honest_one_is_understood() -> None:
    """The server that the tests below play is one that lets in and answers."""
    async with listening(Rogue()) as port, wired(login_at(port)) as wire:
        for _ in range(2):
            assert await rows(wire, "SELECT 1") == [("x",)]
        await wire.reset()
        assert await rows(wire, "SELECT 1") == [("x",)]
        assert wire.server.product == "MySQL"


async def test_one_without_short_ends_is_understood() -> None:
    """Servers and proxies of before MySQL 5.7.5 end the list of columns with a packet."""
    flags = USUAL & ~Client.DEPRECATE_EOF
    old_end = b"\xfe\0\0\2\0"
    home = packets(b"\x02", TEXT, TEXT, old_end, row(b"home", None), old_end)

    class Old(Rogue):
        def _answer(self, command: bytes) -> bytes:
            if command[0] == 0x16:
                count = 2 if b"DATABASE" in command else 1
                head = b"\0" + struct.pack("<IHH", count % 2 + 1, count, count % 2) + b"\0\0\0"
                parameters = (TEXT, old_end) if count == 1 else ()
                return packets(head, *parameters, *[TEXT] * count, old_end)
            if command[0] == 0x17:
                return home if command[1] == 1 else packets(*_HEAD, old_end, row(b"x"), row(None), old_end)
            return super()._answer(command)

    async with listening(Old(greeting=packet(0, greeting(flags=flags)))) as port, wired(login_at(port)) as wire:
        for _ in range(2):
            assert await rows(wire, "SELECT ?", 1) == [("x",), (None,)]


@pytest.mark.parametrize(("charset", "shown"), [(45, ("x", "text")), (63, (b"x", "bytes"))])
async def test_a_type_that_nobody_knows_is_shown_as_it_came(charset: int, shown: tuple[Any, str]) -> None:
    unknown = column("v", 200, charset=charset)
    rogue = Rogue(answer=packets(b"\x01", unknown, row(b"x"), end()))
    async with listening(rogue) as port, wired(login_at(port)) as wire:
        found = await answer(wire, "SELECT 1")
    assert (found.rows, found.columns[0].type) == ([(shown[0],)], shown[1])


_WORDY = TEXT.replace(b"\x03def\0\x01t\x01t", (b"\xfa" + b"w" * 250) * 4) + b"w" * 300
_LIES = {
    "a wrong number on the first packet": packets(*_HEAD, row(b"x"), end(), start=2),
    "a wrong number on a column": packet(1, b"\x01") + packet(3, TEXT) + packets(row(b"x"), end(), start=3),
    "a wrong number on a row": packets(*_HEAD) + packet(7, row(b"x")) + packet(4, end()),
    "a wrong number on the end": packets(*_HEAD, row(b"x")) + packet(9, end()),
    "more columns than are described": packets(b"\x03", TEXT, row(b"x"), end()),
    "fewer columns than are described": packets(b"\x01", TEXT, TEXT, row(b"x"), end()),
    "no columns": packets(b"\xfc\0\0", end()),
    "65,535 columns": packets(b"\xfc\xff\xff", TEXT, row(b"x"), end()),
    "5,000 columns, all of them described": packets(b"\xfc\x88\x13", *[TEXT] * 5_000, end()),
    "columns of 5 MB": packets(b"\xfc\xa0\x0f", *[_WORDY] * 4_000, end()),
    "2^63 columns": packets(b"\xfe" + bytes(7) + b"\x80", TEXT, row(b"x"), end()),
    "a number of columns that is none": packets(b"\xff", TEXT, row(b"x"), end()),
    "a column without a description": packets(b"\x01", b"\x03def", row(b"x"), end()),
    "a column whose name is longer than its packet": packets(b"\x01", b"\x03def\0\0\0\xfa", row(b"x"), end()),
    "a column whose name is no UTF-8": packets(
        b"\x01", TEXT.replace(b"\x01v\x01v", b"\x01\xff\x01v"), row(b"x"), end()
    ),
    "a column of 16 MiB": packets(b"\x01") + b"\xff\xff\xff\x02" + b"x" * 100_000,
    "a row with a value too many": packets(*_HEAD, row(b"x", b"y"), end()),
    "a row with a value too few": packets(*_HEAD, b"\0\0", end()),
    "a row that ends in its bitmap": packets(*_HEAD, b"\0", end()),
    "a value longer than its row": packets(*_HEAD, b"\0\0\x09x", end()),
    "a value of 2^63 bytes": packets(*_HEAD, b"\0\0\xfe" + bytes(7) + b"\x80" + b"x", end()),
    "a value whose length is none": packets(*_HEAD, b"\0\0\xffx", end()),
    "a value that is no UTF-8": packets(*_HEAD, row(b"\xff"), end()),
    "a bitmap with NULLs and values": packets(*_HEAD, b"\0\x04\x01x", end()),
    "an empty packet in the place of a row": packets(*_HEAD, b"", end()),
    "an empty packet in the first place": packets(b"", TEXT, row(b"x"), end()),
    "neither a row nor an end": packets(*_HEAD, b"\x07\0\x01x", end()),
    "an end that ends too early": packets(*_HEAD, row(b"x"), b"\xfe\0\0\0\0\0\0\0\0\0"[:1] + b"\xff" * 9),
    "an error that ends too early": packets(b"\xff\x01"),
    "an OK that ends too early": packets(b"\0\0"),
    "a date of five bytes": packets(b"\x01", column("v", 10), row(b"12345"), end()),
    "a timestamp of three bytes": packets(b"\x01", column("v", 12, decimals=6), row(b"123"), end()),
    "a time of two bytes": packets(b"\x01", column("v", 11), row(b"12"), end()),
    "a number that ends too early": packets(b"\x01", column("v", 8), b"\0\0\x01\x02", end()),
    "a geometry of no kind": packets(b"\x01", column("v", 255), row(bytes(4) + b"\x01\x63\0\0\0"), end()),
    "a geometry of 2^32 points": packets(
        b"\x01", column("v", 255), row(bytes(4) + b"\x01\x02\0\0\0\xff\xff\xff\xff"), end()
    ),
    "a geometry in a geometry in a geometry": packets(
        b"\x01", column("v", 255), row(bytes(4) + b"\x01\x07\0\0\0\x01\0\0\0" * 25 + b"\x01"), end()
    ),
    "a request for a file of ours": packets(_LOCAL_FILE),
    "a request for a file after the columns": packets(*_HEAD, _LOCAL_FILE),
    "a wish to log in anew": packets(b"\xfemysql_clear_password\0"),
    "something after the end": packets(*_HEAD, row(b"x"), end(), okay()),
    "results for ever": packets(*[okay(status=10)] * 120),
    "the end": b"",
}


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The names of the files that are opened while a test runs."""
    names: list[str] = []
    listening_now = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and listening_now:
            names.append(str(arguments[0]))

    sys.addaudithook(hook)
    yield names
    listening_now.clear()


@pytest.mark.parametrize("encode", [False, True])
@pytest.mark.parametrize("lie", _LIES.values(), ids=_LIES)
async def test_lies_are_errors(lie: bytes, encode: bool, opened: list[str]) -> None:
    rogue = Rogue(answer=lie)
    async with listening(rogue) as port, wired(login_at(port)) as wire:
        with pytest.raises(faults.RAISED) as caught:
            await answer(wire, "SELECT 1", encode=encode, seconds=5)
        assert not wire.alive
        translated = faults.translate(caught.value)
        assert type(translated) in (BadResponse, Disconnected), "it is known before the deadline"
        assert translated.outcome is Outcome.UNKNOWN
    assert not [name for name in opened if "passwd" in name]
    assert not [told for told in rogue.heard if b"root:" in told]


@pytest.mark.parametrize("lie", _LIES.values(), ids=_LIES)
async def test_lies_are_errors_however_they_arrive(lie: bytes) -> None:
    """Byte by byte, or nearly so, the connection is given up not later than at the last one."""
    protocol = Packets(Room())
    protocol.connection_made(_Paper())
    reply = _reply()
    asking = asyncio.create_task(protocol.ask(b"\x17", reply, timeout=5))
    await asyncio.sleep(0)
    size = 1 + len(lie) // 10_000
    for at in range(0, len(lie), size):
        protocol.data_received(lie[at : at + size])
    protocol.connection_lost(None)
    with suppress(*faults.RAISED):
        await asking
        assert lie.endswith(packet(5, okay())), "it was told the truth, and then more"
    assert not protocol.alive


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
async def test_the_truth_is_understood_however_it_arrives(size: int) -> None:
    rows_ = [row(b"x" * (number % 260 % 250)) for number in range(600)]
    said = packets(*_HEAD, *rows_, end())
    for limit, stop in ((1000, True), (600, True), (300, False)):
        protocol = Packets(Room())
        protocol.connection_made(_Paper())
        reply = _reply(rows=limit, stop=stop)
        asking = asyncio.create_task(protocol.ask(b"\x17", reply, timeout=5))
        await asyncio.sleep(0)
        for at in range(0, len(said), size):
            protocol.data_received(said[at : at + size])
        await asking
        assert reply.rows == [("x" * (number % 260 % 250),) for number in range(min(600, limit))]
        assert reply.cut == (limit == 300)
        assert protocol.alive


async def test_columns_that_have_no_end_where_there_must_be_one() -> None:
    protocol = Packets(Room())
    protocol.connection_made(_Paper())
    asking = asyncio.create_task(protocol.ask(b"\x17", _reply(short_ends=False), timeout=5))
    await asyncio.sleep(0)
    protocol.data_received(packets(*_HEAD, row(b"x" * 20), row(b"x" * 20)))
    with pytest.raises(Malformed):
        await asyncio.wait_for(asking, 1)


async def test_rows_that_are_dropped_must_have_their_numbers_too() -> None:
    protocol = Packets(Room())
    protocol.connection_made(_Paper())
    asking = asyncio.create_task(protocol.ask(b"\x17", _reply(rows=1, stop=False), timeout=5))
    await asyncio.sleep(0)
    protocol.data_received(packets(*_HEAD, row(b"x"), row(b"y")) + packet(6, row(b"z")) + packet(6, end()))
    with pytest.raises(Malformed):
        await asyncio.wait_for(asking, 1)


async def test_columns_that_are_others_each_time_are_not_all_remembered() -> None:
    kept = Kept(statement=Statement(text="SELECT 1"), id=2, parameter_count=0, shape=Shape(()))
    for number in range(3 * MAX_SHAPES):
        reply = _reply(kept=kept)
        reply.feed(packets(b"\x01", column(f"v{number}", 253), row(b"x"), end()))
        assert reply.rows == [("x",)]
        assert len(kept.shapes) <= MAX_SHAPES


def test_rows_that_each_claim_to_hold_all_the_others_are_not_copied() -> None:
    said = packets(*_HEAD, *[b"\0\0\xfc\xff\xff"] * 8_000, end())
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            _reply(rows=10_000).feed(said)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_a_request_for_a_file_is_called_so() -> None:
    """Who reads the cause must not have to guess."""
    for reply in (_reply(), Acknowledged(), PreparedReply(Features(short_ends=True, extended=False))):
        with pytest.raises(Malformed, match="asks for a file"):
            reply.feed(packets(_LOCAL_FILE))


def test_what_ends_within_a_packet_is_not_read_on_in_the_next_one() -> None:
    with pytest.raises(Malformed):
        done_at(b"\0\0\0\x08\0", 0, 3)
    with pytest.raises(Malformed):
        reported_at(b"\xff\x15\x04more", 0, 2)
    with pytest.raises(Malformed):
        Definition.read(TEXT + bytes(20), 0, len(TEXT) - 4, extended=False)


@pytest.mark.parametrize("number", [4, 5])
async def test_a_row_of_several_packets_must_have_their_numbers(number: int) -> None:
    value = b"\xfd" + (LARGEST - 6).to_bytes(3, "little") + b"x" * (LARGEST - 6)
    said = packets(*_HEAD) + packet(3, b"\0\0" + value) + packet(number, b"") + packet(5, end())
    protocol = Packets(Room())
    protocol.connection_made(_Paper())
    reply = _reply(size=1 << 26)
    asking = asyncio.create_task(protocol.ask(b"\x17", reply, timeout=5))
    await asyncio.sleep(0)
    protocol.data_received(said)
    if number == 4:
        await asking
        assert [len(text) for (text,) in reply.rows] == [LARGEST - 6]
    else:
        with pytest.raises(Malformed):
            await asking


class _Paper(asyncio.Transport):
    """A socket of paper."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Forget it."""

    def abort(self) -> None:
        """Do nothing: the test says when the connection is lost."""

    def is_closing(self) -> bool:
        """It never does."""
        return False


def _reply(
    *, rows: int = 1000, stop: bool = True, size: int = 1_000_000, short_ends: bool = True, kept: Kept | None = None
) -> RowsReply:
    kept = kept or Kept(statement=Statement(text="SELECT 1"), id=2, parameter_count=0, shape=Shape(()))
    features = Features(short_ends=short_ends, extended=False)
    return RowsReply(kept, features, rows=rows, size=size, stop=stop, encode=False)


_ENDLESS = {
    "rows": packets(*[row(b"x" * 200)] * 256, start=3),
    "a row": b"\xff\xff\xff\x03\0\0\xfe\0\0\0\x80\0\0\0\0" + b"x" * 500_000,
}


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("what", _ENDLESS.values(), ids=_ENDLESS)
async def test_what_never_ends_is_not_kept(what: bytes, stop: bool) -> None:
    rogue = Rogue(answer=packets(*_HEAD) + what, for_ever=what if what[:1] != b"\xff" else b"x" * 500_000)
    async with listening(rogue) as port, wired(login_at(port)) as wire:
        tracemalloc.start()
        try:
            found = None
            with suppress(TimeoutError, Malformed):
                found = await answer(
                    wire, "SELECT 1", limits=Limits(bytes=1_000_000), stop=stop, seconds=20 if stop else 1
                )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (found is not None and found.cut) == stop
        assert peak < 8_000_000
        assert not wire.alive


_PREPARES = {
    "an id too short": packets(b"\0\1"),
    "65,535 columns": packets(b"\0" + struct.pack("<IHH", 2, 65_535, 0) + b"\0\0\0"),
    "65,535 parameters of 60 kB that do not end": packets(b"\0" + struct.pack("<IHH", 2, 0, 65_535) + b"\0\0\0")
    + packet(2, b"x" * 60_000) * 3,
    "a column without a description": prepared(2, (b"\x03def",)),
    "a request for a file of ours": packets(_LOCAL_FILE),
    "rows": packets(*_HEAD, row(b"x"), end()),
    "two answers": prepared(2, (TEXT,)) + prepared(2, (TEXT,)),
}


@pytest.mark.parametrize("said", _PREPARES.values(), ids=_PREPARES)
async def test_lies_about_a_statement_are_errors(said: bytes) -> None:
    async with listening(Rogue(prepare=said)) as port, wired(login_at(port)) as wire:
        with pytest.raises(faults.RAISED):
            await answer(wire, "SELECT 1", seconds=0.5)
        assert not wire.alive


@pytest.mark.parametrize(
    "said", [packets(_LOCAL_FILE), packets(*_HEAD, row(b"x"), end()), packets(okay(), okay()), packet(5, okay())]
)
async def test_lies_about_a_script_are_errors(said: bytes, opened: list[str]) -> None:
    async with listening(Rogue(reset=said)) as port, wired(login_at(port)) as wire:
        with pytest.raises(faults.RAISED):
            await wire.reset()
        assert not wire.alive
    assert not [name for name in opened if "passwd" in name]


async def test_what_nobody_asked_for_ends_the_connection() -> None:
    async with listening(Rogue(query=packets(okay()))) as port, wired(login_at(port)) as wire:
        protocol = wire._packets
        protocol.data_received(packets(okay()))
        assert not wire.alive


async def test_a_server_that_goes_down_says_so_out_of_turn() -> None:
    async with listening(Rogue(answer=packet(0, failure(1053, "08S01")))) as port, wired(login_at(port)) as wire:
        with pytest.raises(Reported) as caught:
            await answer(wire, "SELECT 1")
        assert not wire.alive
        assert isinstance(faults.translate(caught.value), Disconnected)
        assert faults.translate(caught.value).outcome is Outcome.UNKNOWN


_GREETINGS = {
    "silence": b"",
    "garbage": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "an old protocol": packet(0, greeting(protocol=9)),
    "a future protocol": packet(0, greeting(protocol=11)),
    "too short": packet(0, greeting()[:12]),
    "no version": packet(0, b"\x0a" + b"9" * 300),
    "a version that is none": packet(0, greeting(version=b"new")),
    "a wrong number": packet(3, greeting()),
    "16 MiB": b"\xff\xff\xff\0" + b"x" * 100_000,
    "64 KiB": packet(0, greeting() + bytes(66_000)),
    "nothing that we need": packet(0, greeting(flags=Client(0))),
    "a request for a file": packet(0, _LOCAL_FILE),
    "an OK": packet(0, okay()),
    "an error": packet(0, b"\xff\x10\x04too many"),
}


@pytest.mark.parametrize("said", _GREETINGS.values(), ids=_GREETINGS)
async def test_greetings_that_are_none_are_refused(said: bytes) -> None:
    rogue = Rogue(greeting=said)
    async with listening(rogue) as port:
        with pytest.raises((ConnectFailed, ResourceExhausted)) as caught:
            async with wired(login_at(port), seconds=0.5):
                pass
    assert caught.value.outcome is Outcome.NOT_SENT
    assert not [told for told in rogue.heard if _SESAME in told]


async def test_a_greeting_without_end_is_not_waited_for() -> None:
    async with listening(Rogue(greeting=b"\xff\xff\xff\0" + b"x" * 200_000)) as port:
        loop = asyncio.get_running_loop()
        start = loop.time()
        with pytest.raises(ConnectFailed):
            async with wired(login_at(port), seconds=30):
                pass
        assert loop.time() - start < 15


_ASKING = {
    "in clear text": (b"\xfemysql_clear_password\0", CredentialsRejected),
    "sha256, with a key of its own": (b"\xfesha256_password\0" + SALT + b"\0", CredentialsRejected),
    "the old way": (b"\xfe", ConnectFailed),
    "the old way, by name": (b"\xfemysql_old_password\0" + SALT[:8] + b"\0", ConnectFailed),
    "in a way that nobody knows": (b"\xfedialog\0password:", ConnectFailed),
    "the whole password": (b"\x01\x04", CredentialsRejected),
    "a file": (_LOCAL_FILE, ConnectFailed),
    "too much": (b"\x01" + b"x" * 60_000, ConnectFailed),
}


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(("said", "refused"), _ASKING.values(), ids=_ASKING)
async def test_the_password_is_not_told_to_who_may_be_anybody(
    said: bytes, refused: type[DatasourceError], encrypted: bool, opened: list[str]
) -> None:
    """Neither without TLS nor with one that proves nothing. Nothing is sent after the question."""
    context = None
    rogue = Rogue(greeting=packet(0, greeting(way="caching_sha2_password", flags=USUAL | Client.SSL)))
    if encrypted:
        authority = Authority.new()
        rogue.tls = authority.server_context(authority.issue("localhost"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    rogue.login = (packet(3 if encrypted else 2, said), b"")
    async with listening(rogue) as port:
        with pytest.raises(refused) as caught:
            await _log_in_from_afar(login_at(port, context=context))
    assert caught.value.outcome is Outcome.NOT_SENT
    assert len(rogue.heard) == 1 + encrypted
    assert not [told for told in rogue.heard if _SESAME in told]
    assert not [name for name in opened if "passwd" in name]


async def _log_in_from_afar(login: SqlLogin) -> None:
    """Log in as if the address were not loopback's."""
    packets_ = Packets(Room())
    loop = asyncio.get_running_loop()
    conversation = Conversation(packets_, loop.time() + 5)
    packets_.listener = conversation
    await loop.create_connection(lambda: packets_, "127.0.0.1", login.target.port)
    try:
        await _Session(login, conversation, loopback=False).log_in(login)
    except faults.RAISED as error:
        raise faults.translate_connect(error) from None
    finally:
        packets_.abort()
        await packets_.lost


@pytest.mark.parametrize("way", ["mysql_clear_password", "sha256_password", "mysql_old_password", "", "\xff"])
async def test_a_greeting_that_asks_for_the_password_gets_none(way: str) -> None:
    rogue = Rogue(greeting=packet(0, greeting().rpartition(b"mysql_native")[0] + way.encode() + b"\0"))
    async with listening(rogue) as port, wired(login_at(port)) as wire:
        assert await rows(wire, "SELECT 1") == [("x",)]
    assert not [told for told in rogue.heard if _SESAME in told]
    assert b"mysql_native_password" in rogue.heard[0]


async def test_stripped_tls_is_refused() -> None:
    """Somebody in the middle says that there is no TLS: nothing is sent at all."""
    rogue = Rogue(greeting=packet(0, greeting()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with listening(rogue) as port:
        with pytest.raises(TlsFailed):
            async with wired(login_at(port, context=context)):
                pass
    assert rogue.heard == []


async def test_words_before_tls_do_not_count() -> None:
    """What somebody in the middle has put before the handshake must not be taken for the server's."""
    authority = Authority.new()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.pem)
    rogue = Rogue(
        greeting=packet(0, greeting(flags=USUAL | Client.SSL)) + packet(2, okay()),
        tls=authority.server_context(authority.issue("localhost")),
    )
    async with listening(rogue) as port:
        with pytest.raises(ConnectFailed):
            async with wired(login_at(port, host="localhost", context=context, verified=True), seconds=2):
                pass


async def test_a_server_that_goes_on_after_the_login_is_refused() -> None:
    async with listening(Rogue(login=(packet(2, okay()) + packet(3, okay()),))) as port:
        with pytest.raises(ConnectFailed):
            async with wired(login_at(port), seconds=1):
                pass
