"""Making a connection: a checked address, everything explicit, nothing from the environment; and refusing what is unsafe.

aiomysql's public ``connect`` dials by itself, reads the user's name from the system, goes on without TLS where the server
has none, and sends the password to whoever asks for it. Below it are the calls that only log in; they are used here, in
this file alone, over a connection and TLS of ours, with a look at each packet before it is obeyed. ``test_seams`` says
what each must do.
"""

import asyncio
import ipaddress
import ssl
import struct
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import aiomysql
from pymysql.connections import MysqlPacket

from appsmith_proxy.sdk import (
    ConnectFailed,
    CredentialsRejected,
    Outcome,
    Room,
    SqlLogin,
    TlsFailed,
    dial_in_turn,
)
from appsmith_proxy_mysql import faults
from appsmith_proxy_mysql.conversation import Conversation
from appsmith_proxy_mysql.packets import Packets
from appsmith_proxy_mysql.pins import ServerInfo, server_info
from appsmith_proxy_mysql.protocol import LOCAL_FILE, Client, Malformed
from appsmith_proxy_mysql.replies import Features

_WANTED: Final = (
    Client.MYSQL
    | Client.FOUND_ROWS  # UPDATE counts the rows that it matched
    | Client.LONG_FLAG
    | Client.CONNECT_WITH_DB
    | Client.TRANSACTIONS
    | Client.MULTI_RESULTS
    | Client.PS_MULTI_RESULTS  # CALL of a procedure that answers rows
    | Client.PLUGIN_AUTH
    | Client.CONNECT_ATTRS
    | Client.PLUGIN_AUTH_LENENC_CLIENT_DATA
    | Client.DEPRECATE_EOF
    | Client.EXTENDED_METADATA
)
_REQUIRED: Final = Client.PROTOCOL_41 | Client.SECURE_CONNECTION
_CHARSET: Final = "utf8mb4"
_CHARSET_ID: Final = 45
_LARGEST_ANNOUNCED: Final = 0xFFFFFF
_introduction: Final = struct.Struct("<IIB23s").pack
_FURTHER_AT: Final = 28
"""Where MariaDB's further flags stand in what we say first."""
_FURTHER_OFFERED: Final = 28
"""How far after the end of its version they stand in the server's greeting."""
_LOW_FLAGS: Final = 0xFFFFFFFF
_ATTRIBUTES: Final = {"program_name": "appsmith_proxy"}
"""What the server's list of connections says of us: nothing about the machine."""

_NATIVE: Final = "mysql_native_password"
_CACHED: Final = "caching_sha2_password"
_CLEAR: Final = "mysql_clear_password"
_HASHED: Final = frozenset({_NATIVE, _CACHED})
"""Ways of logging in that begin without the password. The second may ask for it later: ``_FULL``."""
_REVEALING: Final = frozenset({_CACHED, "sha256_password", _CLEAR})
_VERSION_10: Final = b"\x0a"
_SWITCH: Final = b"\xfe"
_FULL: Final = b"\x01\x04"
_LOCAL_FILE: Final = bytes((LOCAL_FILE,))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """What a login brought."""

    packets: Packets
    features: Features
    server: ServerInfo
    thread_id: int


async def connect(login: SqlLogin, room: Room, *, deadline: float) -> LoggedIn:
    """Connect and log in, trying one checked address after the other.

    Raises:
        DatasourceError: no address gave a session in time; nothing was sent but the login.
    """
    if "\0" in login.username + login.database:
        raise ConnectFailed("the names of account and database must not hold a NUL", outcome=Outcome.NOT_SENT)
    return await dial_in_turn(
        login.target,
        partial(_dial, login, room, deadline),
        faults.translate_connect,
        raised=faults.RAISED,
        deadline=deadline,
    )


async def _dial(login: SqlLogin, room: Room, deadline: float, address: str) -> LoggedIn:
    loop = asyncio.get_running_loop()
    packets = Packets(room)
    conversation = Conversation(packets, deadline)
    packets.listener = conversation
    await loop.create_connection(lambda: packets, address, login.target.port)
    try:
        session = _Session(login, conversation, loopback=ipaddress.ip_address(address).is_loopback)
        return await session.log_in(login)
    except BaseException:
        packets.abort()
        raise
    finally:
        packets.listener = None


class _Session(aiomysql.Connection):  # type: ignore[misc]  # reason: aiomysql has no types
    """aiomysql's way of logging in, and a guard before each of its steps."""

    def __init__(self, login: SqlLogin, conversation: Conversation, *, loopback: bool) -> None:
        password = login.password.reveal() if login.password is not None else ""
        super().__init__(
            host=login.target.host,
            port=login.target.port,
            user=login.username,
            password=password.encode().decode("latin1"),  # which aiomysql reverses: the server gets UTF-8
            db=login.database,
            charset=_CHARSET,
            local_infile=False,
            loop=asyncio.get_running_loop(),
        )
        self._user = login.username  # for an empty one aiomysql takes the system's
        self._connect_attrs = dict(_ATTRIBUTES)
        self._next_seq_id = 0
        self._reader: Conversation | None = conversation
        self._writer: Conversation | None = conversation
        self._conversation = conversation
        self._verified = login.verified
        self._loopback = loopback
        self._greeting = b""
        self._agreed = Client(0)
        self._introductions = 0
        """Packets still to come in which our flags stand."""

    async def log_in(self, login: SqlLogin) -> LoggedIn:
        """Talk with the server until it has let us in."""
        try:
            await self._get_server_information()
            self._agree(self._offered(), encrypted=login.context is not None)
            if login.context is not None:
                await self._encrypt(login.context, login.target.host)
            offered = self._server_auth_plugin
            self._client_auth_plugin = offered if offered in _HASHED else _NATIVE
            await self._request_authentication()
            if not self._conversation.silent:
                raise Malformed("the server goes on after it has let us in")
            return LoggedIn(
                packets=self._conversation.packets,
                features=Features(
                    short_ends=Client.DEPRECATE_EOF in self._agreed,
                    extended=Client.EXTENDED_METADATA in self._agreed,
                ),
                server=server_info(self.server_version),
                thread_id=self.server_thread_id[0],
            )
        finally:
            self._reader = self._writer = None

    def write_packet(self, payload: bytes) -> None:
        """Send a packet; where our flags stand, with those that only MariaDB knows."""
        if self._introductions:
            self._introductions -= 1
            further = (int(self._agreed) >> 32).to_bytes(4, "little")
            payload = payload[:_FURTHER_AT] + further + payload[_FURTHER_AT + 4 :]
        super().write_packet(payload)

    async def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
        packet = await super()._read_packet(packet_type)
        data = packet.get_all_data()
        if self._greeting:
            self._check(data)
        elif data[:1] != _VERSION_10:
            raise Malformed("the server does not greet as MySQL does")
        else:
            self._greeting = data
        return packet

    def _offered(self) -> Client:
        """Return what the server can do."""
        offered = Client(self.server_capabilities & _LOW_FLAGS)
        if Client.MYSQL not in offered:
            at = self._greeting.index(0, 1) + _FURTHER_OFFERED
            offered |= Client(int.from_bytes(self._greeting[at : at + 4], "little") << 32)
        return offered

    def _agree(self, offered: Client, *, encrypted: bool) -> None:
        if _REQUIRED & ~offered:
            raise ConnectFailed("the server speaks a protocol that is too old", outcome=Outcome.NOT_SENT)
        if encrypted and Client.SSL not in offered:
            raise TlsFailed(
                "the server refused TLS", hint="enable TLS at the server, or lower tlsMode", outcome=Outcome.NOT_SENT
            )
        agreed = _WANTED & offered | _REQUIRED
        if encrypted:
            agreed |= Client.SSL
        if not self.db:
            agreed &= ~Client.CONNECT_WITH_DB
        self._agreed = agreed
        self.client_flag = int(agreed) & _LOW_FLAGS
        self._introductions = 1 + encrypted

    async def _encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Ask for TLS, and go on within it. What was said in the clear counts for nothing after it."""
        packets = self._conversation.packets
        self.write_packet(_introduction(self.client_flag, _LARGEST_ANNOUNCED, _CHARSET_ID, b""))
        if not self._conversation.silent:
            raise Malformed("the server speaks before TLS")
        packets.transport = await asyncio.get_running_loop().start_tls(
            packets.transport, packets, context, server_hostname=host
        )
        if not self._conversation.silent:
            raise Malformed("the server speaks before TLS")
        self._secure = True

    def _check(self, data: bytes) -> None:
        """Refuse what must not be obeyed, before it is."""
        if data[:1] == _SWITCH:
            way = data[1:].partition(b"\0")[0].decode("latin1")
            if way not in _HASHED:
                self._check_way(way)
        elif data[:2] == _FULL:
            self._check_way(_CACHED)
        elif data[:1] == _LOCAL_FILE:
            raise Malformed("the server asks for a file")

    def _check_way(self, way: str) -> None:
        """Refuse a way of logging in that would tell the password to somebody who may be anybody."""
        if way not in _REVEALING:
            raise ConnectFailed(
                "the server wants a way of logging in that is not supported",
                hint="use caching_sha2_password or mysql_native_password for the account",
                outcome=Outcome.NOT_SENT,
            )
        # Without TLS it is encrypted for a key that the server itself sends, which on the way anybody could do.
        safe = self._verified if self._secure else self._loopback and way != _CLEAR
        if not safe:
            raise CredentialsRejected(
                "the server asks for the password itself, and its identity is not verified",
                hint="use a tlsMode that verifies the server",
                outcome=Outcome.NOT_SENT,
            )
