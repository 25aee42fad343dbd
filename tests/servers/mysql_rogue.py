"""A server of MySQL's protocol that a test plays: it greets, lets in, prepares, and answers as it is told to."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from appsmith_proxy_mysql.protocol import Client
from appsmith_proxy_mysql.reset import HOME
from tests.servers.tcp import tcp_server

SALT = b"12345678901234567890"
USUAL = (
    Client.MYSQL
    | Client.FOUND_ROWS
    | Client.LONG_FLAG
    | Client.CONNECT_WITH_DB
    | Client.LOCAL_FILES
    | Client.PROTOCOL_41
    | Client.TRANSACTIONS
    | Client.SECURE_CONNECTION
    | Client.MULTI_STATEMENTS
    | Client.MULTI_RESULTS
    | Client.PS_MULTI_RESULTS
    | Client.PLUGIN_AUTH
    | Client.CONNECT_ATTRS
    | Client.PLUGIN_AUTH_LENENC_CLIENT_DATA
    | Client.DEPRECATE_EOF
)
_TLS_REQUEST = 36
NATIVE = "mysql_native_password"


def packet(sequence: int, payload: bytes) -> bytes:
    """Return one packet."""
    return len(payload).to_bytes(3, "little") + bytes((sequence & 0xFF,)) + payload


def packets(*payloads: bytes, start: int = 1) -> bytes:
    """Return packets that follow each other."""
    return b"".join(packet(start + index, payload) for index, payload in enumerate(payloads))


def greeting(
    *, flags: Client = USUAL, way: str = NATIVE, version: bytes = b"8.0.36", salt: bytes = SALT, protocol: int = 10
) -> bytes:
    """Return the payload of a server's greeting."""
    low, high = int(flags) & 0xFFFF, int(flags) >> 16 & 0xFFFF
    return (
        bytes((protocol,))
        + version
        + b"\0"
        + struct.pack("<I", 77)
        + salt[:8]
        + b"\0"
        + struct.pack("<HBHHB", low, 45, 2, high, 21)
        + bytes(10)
        + salt[8:]
        + b"\0"
        + way.encode()
        + b"\0"
    )


def okay(affected: int = 0, *, status: int = 2, mark: int = 0) -> bytes:
    """Return an OK; with another mark the end of rows."""
    return bytes((mark, affected, 0)) + struct.pack("<HH", status, 0)


def end(status: int = 2) -> bytes:
    """Return the end of rows."""
    return okay(status=status, mark=0xFE)


def failure(number: int, state: str = "HY000", words: str = "words") -> bytes:
    """Return an error."""
    return b"\xff" + struct.pack("<H", number) + f"#{state}{words}".encode()


def column(name: str, type_: int, *, charset: int = 45, flags: int = 0, decimals: int = 0) -> bytes:
    """Return the description of a column."""
    texts = (b"def", b"", b"t", b"t", name.encode(), name.encode())
    return (
        b"".join(bytes((len(text),)) + text for text in texts)
        + b"\x0c"
        + struct.pack("<HIBHB", charset, 255, type_, flags, decimals)
        + b"\0\0"
    )


TEXT = column("v", 253)


def row(*values: bytes | None) -> bytes:
    """Return a row of texts."""
    nulls = sum(1 << index + 2 for index, value in enumerate(values) if value is None)
    written = b"".join(bytes((len(value),)) + value for value in values if value is not None)
    return b"\0" + nulls.to_bytes((len(values) + 9) // 8, "little") + written


def prepared(id_: int, columns: Sequence[bytes], *, parameters: int = 0) -> bytes:
    """Return the answer to a prepare."""
    head = b"\0" + struct.pack("<IHH", id_, len(columns), parameters) + b"\0\0\0"
    return packets(head, *(column("?", 253) for _ in range(parameters)), *columns)


@dataclass(kw_only=True)
class Rogue:
    """What such a server does. ``heard`` is what it was told, packet by packet."""

    greeting: bytes = field(default_factory=lambda: packet(0, greeting()))
    login: Sequence[bytes] = (packet(2, okay()),)
    """What it says after each packet of the login."""
    columns: Sequence[bytes] = (TEXT,)
    parameters: int = 0
    prepare: bytes | None = None
    """The answer to a prepare, in place of the usual one."""
    answer: bytes = packets(b"\x01", TEXT, row(b"x"), end())
    for_ever: bytes = b""
    """Said after that, again and again."""
    query: bytes = packets(okay())
    reset: bytes = packets(okay())
    tls: ssl.SSLContext | None = None
    heard: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        if self.tls is None:
            writer.write(self.greeting)
        for said in self.login:
            self.heard.append(await _read(reader))
            writer.write(said)
        while True:
            command = await _read(reader)
            self.heard.append(command)
            said = self._answer(command)
            if not said and command[0] == 0x17:
                return
            writer.write(said)
            while self.for_ever and command[:1] == b"\x17" and command[1] != 1:
                writer.write(self.for_ever)
                await writer.drain()

    def _answer(self, command: bytes) -> bytes:
        match command[0]:
            case 0x03:
                return self.query
            case 0x16 if command[1:] == HOME.text.encode():
                return prepared(1, (TEXT, TEXT))
            case 0x16:
                return prepared(2, self.columns, parameters=self.parameters) if self.prepare is None else self.prepare
            case 0x17 if command[1] == 1:
                return packets(b"\x02", TEXT, TEXT, row(b"home", None), end())
            case 0x17:
                return self.answer
            case 0x1F:
                return self.reset
            case _:
                return b""


@asynccontextmanager
async def listening(rogue: Rogue) -> AsyncIterator[int]:
    """Serve, and give the port."""
    if rogue.tls is None:
        async with tcp_server(rogue.serve) as port:
            yield port
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        accepting = asyncio.create_task(_accept(rogue, rogue.tls, listener))
        try:
            yield listener.getsockname()[1]
        finally:
            accepting.cancel()
            await asyncio.gather(accepting, return_exceptions=True)


async def _accept(rogue: Rogue, tls: ssl.SSLContext, listener: socket.socket) -> None:
    """Serve one connection after the other. Not by a stream: it would read the handshake along with what precedes it."""
    loop = asyncio.get_running_loop()
    while True:
        connection, _ = await loop.sock_accept(listener)
        with connection, suppress(OSError, asyncio.IncompleteReadError):
            await loop.sock_sendall(connection, rogue.greeting)
            asked = b""
            while len(asked) < _TLS_REQUEST and (more := await loop.sock_recv(connection, _TLS_REQUEST - len(asked))):
                asked += more
            rogue.heard.append(asked[4:])
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=tls)  # noqa: B023  # reason: used at once
            try:
                await rogue.serve(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
            finally:
                transport.abort()


async def _read(reader: asyncio.StreamReader) -> bytes:
    header = await reader.readexactly(4)
    return await reader.readexactly(int.from_bytes(header[:3], "little"))
