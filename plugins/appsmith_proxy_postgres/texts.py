"""Cutting JSON texts out of an answer's bytes: a row of one text and NULLs is cut by its lengths, and never made an object.

::

    'D'  length  cells  length of the text  text …  -1  -1  …
     1      4      2            4                    4   4

PostgreSQL's protocol, "Message Formats", DataRow.
"""

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final, NamedTuple

ROW: Final = ord("D")
ROW_HEADER: Final = 11
"""Bytes of a row up to its first cell's own."""
_NULL: Final = b"\xff" * 4
"""A cell that is NULL: the length -1."""
_ROWS: Final = frozenset({ROW})

_HEADER: Final = Struct("!BI2xi")
row_header: Final[Callable[[bytes, int], tuple[int, int, int]]] = _HEADER.unpack_from
"""Kind and length of a message, and the length of its first cell."""
_row_headers: Final[Callable[[bytes], Iterator[tuple[int, int, int]]]] = _HEADER.iter_unpack


def nulls(columns: int) -> bytes:
    """Return what ends a row: so many cells that are NULL."""
    return _NULL * columns


def overhead(columns: int) -> int:
    """Return what a row's length says beyond the length of its text."""
    return ROW_HEADER - 1 + len(nulls(columns))


class Cut(NamedTuple):
    """The whole rows with which some bytes begin."""

    texts: list[bytes]
    size: int
    """Bytes that they take."""


def cut_out(data: bytes, columns: int) -> Cut | None:
    """Cut the texts out of the whole rows with which some bytes begin. None: there is none, or something else among them.

    All at once and not row by row, which is five times as fast: the rows are found by what ends each, which no UTF-8 text
    contains, and then every length must say the same.

    Args:
        data: begins with a message.
        columns: how many cells, all NULL, follow a row's text; at least one.
    """
    rows = data.split(nulls(columns))
    after = rows.pop()
    heads = b"".join([row[:ROW_HEADER] for row in rows])
    if not rows or len(heads) != len(rows) * ROW_HEADER:
        return None
    kinds, lengths, widths = zip(*_row_headers(heads), strict=True)
    texts = [row[ROW_HEADER:] for row in rows]
    if (
        not _ROWS.issuperset(kinds)
        or 0 in widths
        or widths != tuple(map(len, texts))
        or lengths != tuple(map(overhead(columns).__add__, widths))
    ):
        return None
    return Cut(texts, len(data) - len(after))
