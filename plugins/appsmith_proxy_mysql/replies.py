"""What the server answers to each command but an execution (``rows.py``), bounded before anything is kept.

::

    Acknowledged   OK
    PreparedReply  OK with an id · parameters · columns
"""

import struct
from dataclasses import dataclass, field
from typing import Final

from appsmith_proxy.sdk import Column, Statement
from appsmith_proxy_mysql.decode import Shape
from appsmith_proxy_mysql.encode import Writer, writers_of
from appsmith_proxy_mysql.packets import Reply
from appsmith_proxy_mysql.protocol import (
    ERROR,
    HEADER,
    LOCAL_FILE,
    OK,
    Done,
    Malformed,
    done_at,
    reported_at,
)
from appsmith_proxy_mysql.types import Definition

MAX_PACKET: Final = 64 * 1024
"""No packet but a row is ever larger."""
MAX_COLUMNS: Final = 4096
"""The server's own limit."""
MAX_HEAD: Final = 4 * 1024 * 1024
"""Bytes of all columns of one answer."""

_prepared: Final = struct.Struct("<IHH").unpack_from
_PREPARED_SIZE: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What was agreed with the server, as far as it changes how its answers are read."""

    short_ends: bool
    """No packet ends the list of columns."""
    extended: bool
    """Columns say more of their types."""


@dataclass(slots=True, kw_only=True)
class Kept:
    """One prepared statement of one connection."""

    statement: Statement
    id: int
    parameter_count: int
    shape: Shape
    """Of the last execution; before the first one, what the server said when it prepared."""
    writers: tuple[Writer, ...] = ()
    """Of the statement's parameters."""
    head: bytes = b""
    """What came before the first row of the last execution: when it comes again, the shape is the same."""
    head_end: int = 0
    """The number of the packet after that."""
    shapes: dict[bytes, Shape] = field(default_factory=dict)

    def writers_for(self, statement: Statement) -> tuple[Writer, ...]:
        """Return what writes the values of a statement with this text. Another action's may declare other types."""
        if statement is not self.statement:
            self.statement, self.writers = statement, writers_of(statement.parameters)
        return self.writers

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, with unique names."""
        return self.shape.columns

    @property
    def messages(self) -> tuple[str, ...]:
        """What there is to say of the columns."""
        return self.shape.messages


class Acknowledged(Reply):
    """OK, or an error: whatever else comes is not what was asked for."""

    done = Done(0, 0)

    def feed(self, data: bytes) -> int:
        """Take the one packet."""
        end = self.whole(data, 0, most=MAX_PACKET)
        if not end:
            return 0
        if data[HEADER] == ERROR:
            self.error = reported_at(data, HEADER, end)
        elif data[HEADER] == OK:
            self.done = done_at(data, HEADER, end)
        else:
            raise unasked(data[HEADER])
        self.finished = True
        return end


class PreparedReply(Reply):
    """The answer to a prepare."""

    def __init__(self, features: Features) -> None:
        self.id = 0
        self.parameter_count = 0
        self.definitions: list[Definition] = []
        self._features = features
        self._begun = False
        self._passing = 0
        """Packets of parameters, and their end, which tell nothing."""
        self._columns = 0
        self._ends = 0
        self._size = 0

    def feed(self, data: bytes) -> int:
        """Take the packets, one after the other."""
        at = 0
        while not self.finished and (end := self.whole(data, at, most=MAX_PACKET)):
            self._take(data, at + HEADER, end)
            at = end
        return at

    def _take(self, data: bytes, at: int, end: int) -> None:
        if not self._begun:
            self._begin(data, at, end)
        elif self._passing:
            self._passing -= 1
        elif self._columns:
            self._size = grown(self._size, end - at)
            self.definitions.append(Definition.read(data, at, end, extended=self._features.extended))
            self._columns -= 1
        else:
            self._ends = 0
        if not self._passing and not self._columns and not self._ends:
            self.finished = True

    def _begin(self, data: bytes, at: int, end: int) -> None:
        self._begun = True
        if data[at] == ERROR:
            self.error = reported_at(data, at, end)
            return
        if data[at] != OK or end - at < _PREPARED_SIZE:
            raise unasked(data[at])
        self.id, self._columns, self.parameter_count = _prepared(data, at + 1)
        if self._columns > MAX_COLUMNS:
            raise Malformed("a statement has more columns than there can be")
        ends = not self._features.short_ends
        self._passing = self.parameter_count + (ends and self.parameter_count > 0)
        self._ends = int(ends and self._columns > 0)


def grown(size: int, more: int) -> int:
    """Return how large the columns of an answer have become, while that is bearable."""
    if size + more > MAX_HEAD:
        raise Malformed("the columns of an answer are too large")
    return size + more


def unasked(mark: int) -> Malformed:
    """Return the error for an answer that begins with what was not asked for."""
    if mark == LOCAL_FILE:
        return Malformed("the server asks for a file")
    return Malformed("the server answers what was not asked for")
