"""An answer's rows and bytes, counted before they become objects: whole messages go on, what is over the limits does not.

asyncpg reads an answer to its end and keeps all of it. This stands before its reader, on the socket's side::

    socket ──chunks──▶ Meter ──whole messages──▶ asyncpg

When an answer reaches a limit, a *read* is ended there: asyncpg is told that the portal is suspended, and the connection,
still full of rows, is given up. Anything that may write runs to its end, its further rows are dropped, and the
connection lives on.

Rows that PostgreSQL has encoded (``derive.py``) end here: a JSON text needs nothing that asyncpg would make of it.
"""

import asyncio
from struct import Struct
from typing import Any, Final

from asyncpg.protocol import Protocol

from appsmith_proxy.sdk import LARGE_ANSWER, Room
from appsmith_proxy_postgres.derive import Derived
from appsmith_proxy_postgres.texts import NULL, ROW, ROW_HEADER, cut_out, row_header

_header: Final = Struct("!BI").unpack_from
_feed: Final = Protocol.data_received
_HEADER: Final = 5
_LENGTH: Final = 4
"""Of a message that is nothing but its length."""
_SMALLEST_ROW: Final = 7
_AUTHENTICATION: Final = ord("R")
_CLEAR_TEXT_PASSWORD: Final = 3
_BIND_COMPLETE: Final = b"2\x00\x00\x00\x04"
"""With which each answer to an execution begins."""
_COMMAND_COMPLETE: Final = ord("C")
_READY: Final = b"Z\x00\x00\x00\x05"
_READY_SIZE: Final = 6
"""With the state of the transaction."""
_SUSPENDED: Final = b"s\x00\x00\x00\x04" + b"Z\x00\x00\x00\x05I"
OWN_ROWS: Final = 100_000
OWN_BYTES: Final = 32 * 1024 * 1024
"""Far beyond what the driver's own statements answer: a server that sends more has gone wrong."""
_LARGEST_MESSAGE: Final = 16 * 1024 * 1024
"""No message but a row is ever this large; a length above it is a server gone wrong."""


class Meter(Protocol):  # type: ignore[misc]  # reason: asyncpg has no types
    """asyncpg's protocol with an eye on what comes in."""

    clear_text_allowed = False
    """Whether the password may be sent as it is: only to a server whose identity was verified."""
    room: Room | None = None
    """Where a large answer finds its place; None: it needs none."""

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
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the socket is closed."""
        self._socket: Any = None
        self._rows = OWN_ROWS
        self._budget = self._size = OWN_BYTES
        self._stop = True
        self._bounded = False
        self._dropping = False
        self._skip = 0
        self._tail = b""
        self._large_at = -1
        """The budget at which the present answer becomes a large one."""
        self._in_room = False
        self._texts: list[bytes] | None = None
        """The JSON texts of the present answer, when its rows are such."""
        self._overhead = 0
        self._free = 0

    def arm(self, rows: int, size: int, *, stop: bool, bounded: bool = False, encoded: Derived | None = None) -> None:
        """Bound the next answer.

        Args:
            rows: how many may pass.
            size: how many bytes of rows may pass.
            stop: end the answer at a limit; else drop rows and read on.
            bounded: the server itself sends hardly more rows: then too many of them do not stop it.
            encoded: its rows are JSON texts, for ``take_texts``.
        """
        self.cut = self.rows_cut = self._dropping = False
        self._rows = rows
        self._budget = self._size = size
        self._texts = None
        if encoded is not None:
            self._texts = []
            self._overhead = ROW_HEADER - 1 + encoded.columns * NULL
            self._free = encoded.names_bytes
        self._stop = stop
        self._bounded = bounded
        # Only a read waits: it keeps nobody from writing while its rows stay at the server.
        self._large_at = size - LARGE_ANSWER if stop and self.room is not None else -1

    def take_texts(self) -> list[bytes]:
        """Hand the JSON texts of the last answer over."""
        texts, self._texts = self._texts or [], None
        return texts

    @property
    def counted(self) -> int:
        """How many bytes of rows have passed."""
        return self._size - self._budget

    def disarm(self) -> None:
        """Let the next answer pass as it is: one of the driver's own statements, which are never near their bounds."""
        self.arm(OWN_ROWS, OWN_BYTES, stop=True)
        self._large_at = -1

    def settle(self) -> None:
        """The present answer is read, or given up: leave the room, if it was large enough to be there."""
        if not self._in_room or self.room is None:
            return
        self._in_room = False
        if self.room.leave(self._go_on):
            self._go_on()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, to be able to stop reading."""
        self._socket = transport  # uvloop's transports are no asyncio.Transport by class, but by what they do
        super().connection_made(transport)

    def connection_lost(self, reason: Exception | None) -> None:
        """Tell whoever waits for it."""
        super().connection_lost(reason)
        self.settle()
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Pass whole messages on, up to the limits."""
        if self._tail or self._skip or self._dropping or self.stopped:
            data = self._still_wanted(data)
            if not data:
                return
        if self._texts is not None:
            self._keep_texts(data, self._texts)
            return
        size = len(data)
        if size > self._budget or size > self._rows * _SMALLEST_ROW:
            self._pass_within(data)
            return
        # No limit can be reached in this chunk: the loop, which runs for every row, does as little as it can.
        rows, start, position, last = 0, 0, 0, size - _HEADER
        if data.startswith(_BIND_COMPLETE):
            position = _HEADER
        while position <= last:
            start = position
            kind, length = _header(data, start)
            position = start + 1 + length
            if kind == ROW and length >= _LENGTH:
                rows += 1
            elif kind == _COMMAND_COMPLETE and position == size - _READY_SIZE and data.startswith(_READY, position):
                position = size
            elif (kind == _AUTHENTICATION or not _LENGTH <= length < _LARGEST_MESSAGE) and not self._acceptable(
                data, start, position
            ):
                return
        if position > size:  # the last message is not complete yet
            if position > self._budget:  # and need not be collected to know that it is too large
                self._pass_within(data)
                return
            rows -= data[start] == ROW
            position = start
        self._rows -= rows
        self._budget -= position
        if position == size:
            _feed(self, data)
        else:
            self._pass_on(data, position)
        if self._budget < self._large_at:
            self._enter_room()

    def _still_wanted(self, data: bytes) -> bytes:
        """Return what is to be looked at after what came before: from where a message begins, and no rows to be dropped."""
        if self.stopped:
            return b""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        data = self._tail + data
        self._tail = b""
        if self._dropping:
            self._drop_rows(data)
            return b""
        return data

    def _keep_texts(self, data: bytes, texts: list[bytes]) -> None:
        """Keep the JSON text of each row, up to the limits; pass all other messages on."""
        if data.startswith(_BIND_COMPLETE):
            _feed(self, _BIND_COMPLETE)
            data = data[_HEADER:]
        size, rows, budget, overhead, free = len(data), self._rows, self._budget, self._overhead, self._free
        found, position = cut_out(data, overhead)
        charge = position - len(found) * free
        if len(found) <= rows and charge <= budget:  # else one after the other, up to the very row
            texts += found
            rows -= len(found)
            budget -= charge
        else:
            position = 0
        while (left := size - position) >= _HEADER:
            # What is too short for a row's header is a row's beginning, or another message.
            kind, length, width = row_header(data, position) if left >= ROW_HEADER else (*_header(data, position), 0)
            end = position + 1 + length
            if kind == _COMMAND_COMPLETE and end == size - _READY_SIZE and data.startswith(_READY, end):
                _feed(self, data[position:])
                end = size
            elif kind != ROW:
                if not self._acceptable(data, position, end):
                    return
                if end > size:
                    break
                _feed(self, data[position:end])
            else:
                charge = end - position - free
                if not rows or charge > budget:
                    self._rows, self._budget, self.rows_cut = rows, budget, not rows
                    self._cut(data[position:], 0)
                    return
                if end > size:
                    break
                if width != length - overhead or width <= 0:  # then it is not one text, and NULLs
                    self.malformed = True
                    self._abort()
                    return
                texts.append(data[position + ROW_HEADER : position + ROW_HEADER + width])
                rows -= 1
                budget -= charge
            position = end
        self._rows, self._budget = rows, budget
        self._tail = data[position:]
        if budget < self._large_at:
            self._enter_room()

    def _enter_room(self) -> None:
        self._large_at = -1
        if self.room is None:
            return
        self._in_room = True
        if not self.room.enter(self._go_on):
            self._socket.pause_reading()

    def _go_on(self) -> None:
        if not self.stopped and not self.lost.done() and not self._socket.is_closing():
            self._socket.resume_reading()

    def _pass_within(self, data: bytes) -> None:
        """Pass messages on while they are within the limits."""
        size, position = len(data), 0
        while size - position >= _HEADER:
            kind, length = _header(data, position)
            end = position + 1 + length
            if kind == ROW and length >= _LENGTH:
                if not self._rows or end - position > self._budget:
                    self.rows_cut = not self._rows
                    self._cut(data, position)
                    return
            elif not self._acceptable(data, position, end):
                return
            if end > size:
                break
            self._rows -= kind == ROW
            self._budget -= end - position
            position = end
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
            kind, length = _header(data, position)
            end = position + 1 + length
            if kind == ROW:
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
        self._abort()
        return False

    def _abort(self) -> None:
        self.stopped = True
        if self._socket is not None:
            self._socket.abort()
