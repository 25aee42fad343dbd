"""Cutting JSON texts out of an answer's bytes: a row of one text and NULLs is cut by its lengths, and never made an object.

::

    'D'  length  cells  length of the text  text …  -1  -1  …
     1      4      2            4                    4   4

PostgreSQL's protocol, "Message Formats", DataRow.
"""

from collections.abc import Callable
from operator import itemgetter
from struct import Struct
from typing import Final

ROW: Final = ord("D")
ROW_HEADER: Final = 11
"""Bytes of a row up to its first cell's own."""
NULL: Final = b"\xff\xff\xff\xff"
"""A cell that is NULL."""

row_header: Final[Callable[..., tuple[int, int, int]]] = Struct("!BI2xi").unpack_from
"""Kind and length of a message, and the length of its first cell."""
_text_of: Final[Callable[[bytes], bytes]] = itemgetter(slice(ROW_HEADER, None))


def cut_out(data: bytes, nulls: bytes) -> tuple[list[bytes], int]:
    """Return the texts of the whole rows with which some bytes begin, and where the rest begins; none if there is a doubt.

    Rows are split at their NULLs, whose bytes no UTF-8 has, and then each is held to its own lengths: so what is found is
    what reading one row after the other finds. Each step is one call for all rows.

    Args:
        data: begins with a message.
        nulls: with which a row ends.
    """
    rows = data.split(nulls)
    rest = rows.pop()
    if not rows or min(map(len, rows)) <= ROW_HEADER:
        return [], 0
    texts = [*map(_text_of, rows)]
    kinds, lengths, widths = zip(*map(row_header, rows), strict=True)
    overhead = ROW_HEADER - 1 + len(nulls)
    if (
        kinds.count(ROW) != len(rows)
        or widths != tuple(map(len, texts))
        or lengths != tuple(map(overhead.__add__, widths))
    ):
        return [], 0
    return texts, len(data) - len(rest)
