"""An answer's rows and bytes, counted before they become objects: whole messages go on, what is over the limits does not.

asyncpg reads an answer to its end and keeps all of it. This stands before its reader, on the socket's side::

    socket ──chunks──▶ Meter ──whole messages──▶ asyncpg

When an answer reaches a limit, a *read* is ended there: asyncpg is told that the portal is suspended, and the connection,
still full of rows, is given up. Anything that may write runs to its end, its further rows are dropped, and the
connection lives on.
"""

import asyncio
import sys
from struct import Struct
from typing import Final

from asyncpg.protocol import Protocol

_length: Final = Struct("!I").unpack_from
_feed: Final = Protocol.data_received
_HEADER: Final = 5
_ROW: Final = ord("D")
_AUTHENTICATION: Final = ord("R")
_CLEAR_TEXT_PASSWORD: Final = 3
_SUSPENDED: Final = b"s\x00\x00\x00\x04" + b"Z\x00\x00\x00\x05I"
_LARGEST_MESSAGE: Final = 16 * 1024 * 1024
"""No message but a row is ever this large; a length above it is a server gone wrong."""


class Meter(Protocol):  # type: ignore[misc]  # reason: asyncpg has no types
    """asyncpg's protocol with an eye on what comes in."""

    clear_text_allowed = False
    """Whether the password may be sent as it is: only to a server whose identity was verified."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.cut = False
        """The present answer reached a limit."""
        self.rows_cut = False
        """It was the limit of rows."""
        self.stopped = False
        """What else comes is ignored: the connection is of no further use."""
        self.clear_text_refused = False
        self.malformed = False
        self._socket: asyncio.Transport | None = None
        self._rows = sys.maxsize
        self._budget = sys.maxsize
        self._stop = False
        self._bounded = False
        self._dropping = False
        self._skip = 0
        self._tail = b""

    def arm(self, *, rows: int, size: int, stop: bool, bounded: bool = False) -> None:
        """Bound the next answer.

        Args:
            rows: how many may pass.
            size: how many bytes of rows may pass.
            stop: end the answer at a limit; else drop rows and read on.
            bounded: the server itself sends hardly more rows: then too many of them do not stop it.
        """
        self.cut = self.rows_cut = self._dropping = False
        self._rows = rows
        self._budget = size
        self._stop = stop
        self._bounded = bounded

    def disarm(self) -> None:
        """Let the next answers pass as they are: the driver's own statements."""
        self.arm(rows=sys.maxsize, size=sys.maxsize, stop=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, to be able to stop reading."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # reason: narrows the type; TCP and TLS are
        self._socket = transport
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass whole messages on, up to the limits."""
        if self.stopped:
            return
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self._tail:
            data = self._tail + data
            self._tail = b""
        if self._dropping:
            self._drop_rows(data)
            return
        rows, budget, position, size = self._rows, self._budget, 0, len(data)
        while size - position >= _HEADER:
            end = position + 1 + _length(data, position + 1)[0]
            if data[position] == _ROW:
                if not rows or end - position > budget:
                    self.rows_cut = not rows
                    self._cut(data, position)
                    return
                if end > size:
                    break
                rows -= 1
                budget -= end - position
            elif not self._acceptable(data, position, end):
                return
            elif end > size:
                break
            position = end
        self._rows, self._budget = rows, budget
        self._pass_on(data, position)

    def _pass_on(self, data: bytes, position: int) -> None:
        if position == len(data):
            _feed(self, data)
            return
        self._tail = data[position:]
        if position:
            _feed(self, data[:position])

    def _cut(self, data: bytes, position: int) -> None:
        self.cut = True
        if position:
            _feed(self, data[:position])
        if not self._stop or (self.rows_cut and self._bounded):
            self._dropping = True
            self._drop_rows(data[position:])
            return
        self.stopped = True
        if self._socket is not None:
            self._socket.pause_reading()
        _feed(self, _SUSPENDED)

    def _drop_rows(self, data: bytes) -> None:
        position, size = 0, len(data)
        while size - position >= _HEADER:
            end = position + 1 + _length(data, position + 1)[0]
            if data[position] == _ROW:
                if end > size:
                    self._skip = end - size
                    return
            elif not self._acceptable(data, position, end):
                return
            elif end > size:
                break
            else:
                _feed(self, data[position:end])
            position = end
        self._tail = data[position:]

    def _acceptable(self, data: bytes, position: int, end: int) -> bool:
        length = end - position
        if length < _HEADER or length > _LARGEST_MESSAGE:
            self.malformed = True
        elif (
            data[position] == _AUTHENTICATION
            and not self.clear_text_allowed
            and data[position + _HEADER : position + _HEADER + 4] == _CLEAR_TEXT_PASSWORD.to_bytes(4, "big")
        ):
            self.clear_text_refused = True
        else:
            return True
        self.stopped = True
        if self._socket is not None:
            self._socket.abort()
        return False
