"""Cutting a ``multipart/form-data`` body into its parts (RFC 7578), from memory and nowhere else.

The body is bounded and whole before this starts, so a part is a slice: no temp file, no second reader, and a form of an
execute call costs microseconds. Transfer encodings and nesting, which no browser sends, are refused.
"""

import re
from dataclasses import dataclass
from typing import Final

from appsmith_proxy.errors import InvalidRequest, Problem, TooLarge

MAX_PARTS: Final = 1_100
MAX_HEAD_BYTES: Final = 2_048
MAX_NAME_CHARACTERS: Final = 256

_BOUNDARY: Final = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;|$)', re.IGNORECASE)
_NAME: Final = re.compile(rb';[ \t]*name="((?:[^"\\\r\n]|\\.)*)"', re.IGNORECASE)
_DISPOSITION: Final = re.compile(rb"form-data[ \t]*(?=;|$)", re.IGNORECASE)
_IDENTITY: Final = frozenset({b"binary", b"8bit", b"7bit"})


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its name and its bytes."""

    name: str
    value: bytes


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary that a content type names, None when it is no multipart form."""
    media_type, _, _ = content_type.partition(";")
    match = _BOUNDARY.search(content_type)
    if match is None or media_type.strip().lower() != "multipart/form-data":
        return None
    return (match[1] or match[2]).encode("latin-1", "replace")


def split(body: bytes, boundary: bytes, *, value_bytes: int) -> list[Part]:
    """Cut a body into its parts, in order.

    Raises:
        InvalidRequest: the body is no such form, or ends before its closing boundary.
        TooLarge: too many parts, or one is too large.
    """
    mark = b"\r\n--" + boundary
    body = b"\r\n" + body  # reason: the first boundary too is then a line of its own
    parts: list[Part] = []
    at = body.find(mark)
    if at < 0:
        raise _invalid("no part begins where the content type's boundary says")
    at += len(mark)
    while True:
        end_of_line = body.find(b"\r\n", at, at + 256)
        trailer = body[at:end_of_line] if end_of_line >= 0 else body[at : at + 256]
        if trailer.startswith(b"--"):
            return parts
        if end_of_line < 0 or trailer.strip(b" \t"):
            raise _invalid("a boundary is followed by something else")
        if len(parts) == MAX_PARTS:
            raise TooLarge(f"the form has more than {MAX_PARTS} parts")
        head_end = body.find(b"\r\n\r\n", end_of_line, end_of_line + MAX_HEAD_BYTES)
        if head_end < 0:
            raise _invalid(f"a part has no headers, or more than {MAX_HEAD_BYTES} bytes of them")
        start = head_end + 4
        # An empty part's boundary begins with the line break that ends its headers.
        end = body.find(mark, head_end + 2)
        if end < 0:
            raise _invalid("the form ends before its closing boundary")
        name = _name_of(body[end_of_line + 2 : head_end])
        value = body[start:end]
        if len(value) > value_bytes:
            raise TooLarge(f"a part has more than {value_bytes} bytes", details=(Problem(name, "is too large"),))
        parts.append(Part(name, value))
        at = end + len(mark)


def _name_of(head: bytes) -> str:
    name: str | None = None
    for line in head.split(b"\r\n"):
        key, colon, value = line.partition(b":")
        if not colon:
            raise _invalid("a part has a line in its headers that is none")
        match key.strip().lower():
            case b"content-disposition":
                found = _NAME.search(value) if _DISPOSITION.match(value.strip()) else None
                if found is None or name is not None:
                    raise _invalid("a part has no name, or two")
                name = _unescape(found[1])
            case b"content-transfer-encoding":
                if value.strip().lower() not in _IDENTITY:
                    raise _invalid("a part has a transfer encoding", hint="send parts as they are")
            case b"content-encoding":
                raise _invalid("a part is compressed", hint="send parts as they are")
    if name is None:
        raise _invalid("a part has no name")
    return name


def _unescape(raw: bytes) -> str:
    """Read a name as browsers write it: UTF-8, with quotes and line breaks percent-encoded, or backslash-escaped."""
    if len(raw) > MAX_NAME_CHARACTERS:
        raise TooLarge(f"a part's name has more than {MAX_NAME_CHARACTERS} characters")
    try:
        name = re.sub(rb"\\(.)", rb"\1", raw).decode()
    except UnicodeDecodeError:
        raise _invalid("a part's name is not UTF-8") from None
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _invalid(message: str, *, hint: str = "") -> InvalidRequest:
    return InvalidRequest("the form cannot be read", hint=hint, details=(Problem("", message),))
