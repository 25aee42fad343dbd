"""The words of MySQL's client protocol: commands, flags, lengths, and the two answers that every command can have.

Facts: the protocol chapters of MySQL's and MariaDB's own documentation. A packet is ``length(3) sequence(1) payload``; a
payload of 16 MiB and more goes in several packets, of which all but the last are ``LARGEST`` long.
"""

import struct
from enum import IntFlag
from typing import Final, NamedTuple

HEADER: Final = 4
LARGEST: Final = 0xFFFFFF
"""The length of a packet that another one continues."""

COM_QUIT: Final = b"\x01"
COM_QUERY: Final = b"\x03"
COM_PING: Final = b"\x0e"
COM_STMT_PREPARE: Final = b"\x16"
COM_STMT_EXECUTE: Final = b"\x17"
COM_STMT_CLOSE: Final = b"\x19"
COM_STMT_RESET: Final = b"\x1a"
COM_STMT_FETCH: Final = b"\x1c"
COM_RESET_CONNECTION: Final = b"\x1f"

OK: Final = 0x00
LOCAL_FILE: Final = 0xFB
"""The server asks for a file of ours."""
END: Final = 0xFE
ERROR: Final = 0xFF


class Client(IntFlag):
    """What a client can do. The two MariaDB ones stand in four further bytes, here shifted as MariaDB counts them."""

    MYSQL = 1 << 0
    """Set by MySQL (``LONG_PASSWORD``), clear where MariaDB's further bits count."""
    FOUND_ROWS = 1 << 1
    LONG_FLAG = 1 << 2
    CONNECT_WITH_DB = 1 << 3
    LOCAL_FILES = 1 << 7
    PROTOCOL_41 = 1 << 9
    SSL = 1 << 11
    TRANSACTIONS = 1 << 13
    SECURE_CONNECTION = 1 << 15
    MULTI_STATEMENTS = 1 << 16
    MULTI_RESULTS = 1 << 17
    PS_MULTI_RESULTS = 1 << 18
    PLUGIN_AUTH = 1 << 19
    CONNECT_ATTRS = 1 << 20
    PLUGIN_AUTH_LENENC_CLIENT_DATA = 1 << 21
    DEPRECATE_EOF = 1 << 24
    EXTENDED_METADATA = 1 << 35
    """A column's definition says more of its type (JSON, UUID …): MariaDB."""


class Status(IntFlag):
    """What a server says of the session with each answer."""

    IN_TRANSACTION = 1 << 0
    MORE_RESULTS = 1 << 3
    CURSOR = 1 << 6
    LAST_ROW_SENT = 1 << 7
    IN_READ_ONLY_TRANSACTION = 1 << 13


# As plain numbers: each answer is looked at, and an operator of IntFlag costs more than reading the whole of an OK.
OPEN_TRANSACTION: Final = int(Status.IN_TRANSACTION | Status.IN_READ_ONLY_TRANSACTION)
MORE_RESULTS: Final = int(Status.MORE_RESULTS)
CURSOR: Final = int(Status.CURSOR)
LAST_ROW_SENT: Final = int(Status.LAST_ROW_SENT)


class Malformed(Exception):
    """The server's bytes are not what the protocol, or we, allow. Its text is ours: what, never what it held."""


class Reported(Exception):
    """The server reported an error; the connection lives on."""

    def __init__(self, number: int, state: str, words: str) -> None:
        super().__init__(number, state)
        self.number = number
        self.state = state
        self.words = words
        """The server's own words, which quote values: for editors, redacted."""


class Done(NamedTuple):
    """What the packet says that ends an answer well."""

    affected: int
    status: int


_short: Final = struct.Struct("<H").unpack_from
_long: Final = struct.Struct("<Q").unpack_from
_end: Final = struct.Struct("<HH").unpack_from
_header: Final = struct.Struct("<I").pack
"""Three bytes of length, and the sequence number 0."""
_NULL: Final = 0xFB
_OLD_END_SIZE: Final = 9
"""An end that is shorter is of the old form: no counts in it."""


def length_at(data: bytes, at: int) -> tuple[int, int]:
    """Read a length-encoded integer; return it and where the next thing begins."""
    first = data[at]
    if first < _NULL:
        return first, at + 1
    if first == 0xFC:
        return _short(data, at + 1)[0], at + 3
    if first == 0xFD:
        return int.from_bytes(data[at + 1 : at + 4], "little"), at + 4
    if first == 0xFE:
        return _long(data, at + 1)[0], at + 9
    raise Malformed("a length of an answer is none")


def text_at(data: bytes, at: int) -> tuple[bytes, int]:
    """Read length-encoded bytes; return them and where the next thing begins, which may be beyond the packet."""
    length, at = length_at(data, at)
    return data[at : at + length], at + length


def done_at(data: bytes, at: int, end: int) -> Done:
    """Read an OK packet, or the end of rows, whichever form it has."""
    if data[at] == END and end - at < _OLD_END_SIZE:
        return Done(0, _end(data, at + 1)[1] if end - at >= 5 else 0)
    affected, at = length_at(data, at + 1)
    _, at = length_at(data, at)  # the last inserted id
    if at + 2 > end:
        raise Malformed("an answer ends too early")
    return Done(affected, _short(data, at)[0])


def reported_at(data: bytes, at: int, end: int) -> Reported:
    """Read an ERR packet."""
    if end - at < 3:
        raise Malformed("an error is too short")
    number = _short(data, at + 1)[0]
    state = ""
    at += 3
    if data[at : at + 1] == b"#" and end - at >= 6:
        state = data[at + 1 : at + 6].decode("ascii", "replace")
        at += 6
    return Reported(number, state, data[at:end].decode("utf-8", "replace"))


def framed(payload: bytes) -> bytes:
    """Return a command as packets, the first of which has the sequence number 0."""
    if len(payload) < LARGEST:
        return _header(len(payload)) + payload
    parts: list[bytes] = []
    for number, at in enumerate(range(0, len(payload) + 1, LARGEST)):
        part = payload[at : at + LARGEST]
        parts += (len(part).to_bytes(3, "little"), bytes((number & 0xFF,)), part)
    return b"".join(parts)


def packet_count(payload: bytes) -> int:
    """Return how many packets ``framed`` makes of a payload."""
    return len(payload) // LARGEST + 1
