"""What the server answers to an execution: rows, read as they come, within bounds.

::

    OK
    columns · row · row · … · end          and again from the top while the server says that more results follow

An answer that reaches a limit is ended there when the statement only reads, and the connection, still full of rows, is
given up. Anything that may write runs to its end; its further rows are dropped, and the connection lives on.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from appsmith_proxy.sdk import LARGE_ANSWER
from appsmith_proxy_mysql.decode import Shape
from appsmith_proxy_mysql.packets import Reply
from appsmith_proxy_mysql.protocol import (
    CURSOR,
    END,
    ERROR,
    HEADER,
    LARGEST,
    LOCAL_FILE,
    MORE_RESULTS,
    OK,
    Done,
    Malformed,
    done_at,
    length_at,
    reported_at,
)
from appsmith_proxy_mysql.replies import MAX_COLUMNS, MAX_PACKET, Features, Kept, grown, unasked
from appsmith_proxy_mysql.types import Definition

MAX_RESULTS: Final = 100
"""Results of one procedure."""
MAX_SHAPES: Final = 4
"""Shapes kept of one statement: its columns can depend on the types of its parameters."""


Step: TypeAlias = Callable[["RowsReply", bytes, int], int]
"""Takes from data at a place, and returns where it stopped."""


class RowsReply(Reply):
    """The answer to an execution.

    Args:
        kept: the statement.
        features: of the connection.
        rows: how many may come.
        size: how many bytes of rows may come.
        stop: end the answer at a limit, and with it the connection; else drop further rows and read on.
        encode: give each row as a JSON object, else as a tuple of cells.
    """

    affected = 0
    status = 0
    cut = False
    """A limit was reached."""
    rows_cut = False
    """It was that of rows."""
    results = 0
    """Results that have ended. Only the first one's rows are kept."""
    returns_rows = False
    _columns = 0
    _continued = False

    def __init__(self, kept: Kept, features: Features, *, rows: int, size: int, stop: bool, encode: bool) -> None:
        self.rows: list[Any] = []
        self._kept = kept
        self._features = features
        self._rows_left = rows
        self._size_left = size
        self._stop = stop
        self._encode = encode
        self._large_at = size - LARGE_ANSWER if stop else -1
        """What is left of the bytes when the answer is a large one. Only a read waits: it keeps nobody from writing."""
        self._shape = kept.shape
        # Of the class, not of this reply: it would hold itself, and its rows until garbage is collected.
        self._step: Step = RowsReply._first

    def feed(self, data: bytes) -> int:
        """Take what is there, one step after the other."""
        at, size = 0, len(data)
        while not self.finished and at < size:
            step, before = self._step, at
            at = step(self, data, at)
            if at == before and self._step is step:
                break
        return at

    @property
    def left(self) -> tuple[int, int]:
        """Rows and bytes that may still come."""
        return self._rows_left, self._size_left

    def _first(self, data: bytes, at: int) -> int:
        """OK, an error, or how many columns there are."""
        head = self._kept.head
        if head and not self.results and data.startswith(head):
            self.sequence = self._kept.head_end
            self._to_rows()
            return len(head)
        end = self.whole(data, at, most=MAX_PACKET)
        if not end:
            return at
        mark = data[at + HEADER]
        if mark == OK:
            done = done_at(data, at + HEADER, end)
            self.affected = done.affected
            self._end_result(done)
        elif mark == ERROR:
            self._fail(data, at, end)
        elif mark == LOCAL_FILE:
            raise unasked(mark)
        else:
            self._columns, _ = length_at(data, at + HEADER)
            if not 0 < self._columns <= MAX_COLUMNS:
                raise Malformed("an answer has a number of columns that none has")
            self._head = bytearray(data[at:end])
            self._definitions: list[Definition] = []
            self._step = RowsReply._definition
        return end

    def _definition(self, data: bytes, at: int) -> int:
        end = self.whole(data, at, most=MAX_PACKET)
        if not end:
            return at
        grown(len(self._head), end - at)
        self._head += data[at:end]
        if self._columns:
            self._definitions.append(Definition.read(data, at + HEADER, end, extended=self._features.extended))
            self._columns -= 1
            if self._columns or not self._features.short_ends:
                return end
        elif data[at + HEADER] != END:
            raise Malformed("the columns of an answer have no end")
        elif (done := done_at(data, at + HEADER, end)).status & CURSOR:
            self._learn_shape()
            self._end_result(done)
            return end
        self._learn_shape()
        self._to_rows()
        return end

    def _rows(self, data: bytes, at: int) -> int:
        """Whole rows, as many as there are; then what follows them."""
        start = at
        rows, at, self.sequence = self._shape.read(
            data, at, self.sequence, rows=self._rows_left, size=self._size_left, encode=self._encode
        )
        if rows:
            self.rows += rows
            self._rows_left -= len(rows)
            self._size_left -= at - start
            if self._size_left < self._large_at:
                self._large_at = -1
                self.large = True
        if len(data) - at <= HEADER:
            self.needed = HEADER + 1
            return at
        if data[at + HEADER] != OK:
            return self._end_of_rows(data, at)
        length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        if not self._rows_left or HEADER + length > self._size_left:
            self._cut()
        elif length == LARGEST:
            return self._huge_row(data, at)
        elif at + HEADER + length > len(data):
            self._await(HEADER + length)
        elif at == start:
            raise Malformed("a row cannot be read")
        return at

    def _huge_row(self, data: bytes, at: int) -> int:
        """Return where a row ends that comes in several packets; they are joined when all are there."""
        parts: list[bytes] = []
        position, length, sequence = at, LARGEST, self.sequence
        while length == LARGEST:
            if len(data) - position < HEADER:
                self._await(position - at + HEADER)
                return at
            length = data[position] | data[position + 1] << 8 | data[position + 2] << 16
            end = position + HEADER + length
            if end - at > self._size_left:
                self._cut()
                return at
            if end > len(data):
                self._await(end - at + (HEADER if length == LARGEST else 0))
                return at
            if data[position + 3] != sequence:
                raise Malformed("a packet has a wrong number")
            sequence = sequence + 1 & 0xFF
            parts.append(data[position + HEADER : end])
            position = end
        self.rows.append(self._shape.read_one(b"".join(parts), encode=self._encode))
        self._rows_left -= 1
        self._size_left -= position - at
        self.sequence = sequence
        return position

    def _drop(self, data: bytes, at: int) -> int:
        """Pass over rows, not waiting until they are there."""
        if len(data) - at < HEADER + (not self._continued):
            self.needed = HEADER + (not self._continued)
            return at
        if not self._continued and data[at + HEADER] != OK:
            return self._end_of_rows(data, at)
        if data[at + 3] != self.sequence:
            raise Malformed("a packet has a wrong number")
        self.sequence = self.sequence + 1 & 0xFF
        length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        self._continued = length == LARGEST
        return at + HEADER + length

    def _end_of_rows(self, data: bytes, at: int) -> int:
        end = self.whole(data, at, most=MAX_PACKET)
        if not end:
            return at
        if data[at + HEADER] == ERROR:
            self._fail(data, at, end)
        elif data[at + HEADER] == END:
            self._end_result(done_at(data, at + HEADER, end))
        else:
            raise Malformed("neither a row nor an end")
        return end

    def _end_result(self, done: Done) -> None:
        self.status = done.status
        self.results += 1
        self.finished = not done.status & MORE_RESULTS
        if self.results > MAX_RESULTS:
            raise Malformed("an answer has more results than there can be")
        self._step = RowsReply._first

    def _fail(self, data: bytes, at: int, end: int) -> None:
        self.error = reported_at(data, at + HEADER, end)
        self.finished = True

    def _to_rows(self) -> None:
        if self.results:
            self._step = RowsReply._drop
        else:
            self.returns_rows = True
            self._shape = self._kept.shape
            self._step = RowsReply._rows

    def _learn_shape(self) -> None:
        """Find the shape of rows with this head, or make it. Of further results nothing is kept."""
        if self.results:
            return
        kept, head = self._kept, bytes(self._head)
        shape = kept.shapes.get(head)
        if shape is None:
            if len(kept.shapes) >= MAX_SHAPES:
                kept.shapes.clear()
            shape = kept.shapes[head] = Shape(self._definitions)
        kept.shape, kept.head, kept.head_end = shape, head, self.sequence

    def _cut(self) -> None:
        self.cut = True
        self.rows_cut = not self._rows_left
        if self._stop:
            self.finished = self.given_up = True
        else:
            self._step = RowsReply._drop

    def _await(self, size: int) -> None:
        self.needed = size
        if size > LARGE_ANSWER and self._large_at >= 0:
            self._large_at = -1
            self.large = True


class FetchReply(RowsReply):
    """The answer to a fetch from a cursor: rows of a statement whose columns are known."""

    def __init__(self, kept: Kept, features: Features, *, rows: int, size: int, encode: bool) -> None:
        super().__init__(kept, features, rows=rows, size=size, stop=False, encode=encode)
        self._to_rows()
