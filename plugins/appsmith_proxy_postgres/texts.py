"""Cutting JSON texts out of an answer's bytes: a row of one text and NULLs is cut by its lengths, and never made an object.

::

    'D'  length  cells  length of the text  text …  -1  -1  …
     1      4      2            4                    4   4

PostgreSQL's protocol, "Message Formats", DataRow.
"""

from collections.abc import Callable
from struct import Struct
from typing import Final

ROW: Final = ord("D")
ROW_HEADER: Final = 11
"""Bytes of a row up to its first cell's own."""
NULL: Final = 4
"""Bytes of a cell that is NULL."""

row_header: Final[Callable[[bytes, int], tuple[int, int, int]]] = Struct("!BI2xi").unpack_from
"""Kind and length of a message, and the length of its first cell."""


def cut_out(data: bytes, overhead: int) -> tuple[list[bytes], int]:
    """Return the texts of the whole rows with which some bytes begin, and where the first message is that is none.

    Args:
        data: begins with a message.
        overhead: what a row's length says beyond the length of its text.
    """
    texts: list[bytes] = []
    position, size, length = 0, len(data), 0
    append, header, last = texts.append, row_header, size - ROW_HEADER
    while position <= last:
        kind, length, width = header(data, position)
        if kind != ROW or not 0 < width == length - overhead:
            break
        start = position + ROW_HEADER
        append(data[start : start + width])
        position += 1 + length
    if position > size:  # the last one is not whole yet
        texts.pop()
        position -= 1 + length
    return texts, position
