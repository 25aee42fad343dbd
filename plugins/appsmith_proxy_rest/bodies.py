"""Bodies that are made here, in memory: forms, multipart, and JSON objects with members added."""

import json
import secrets
from collections.abc import Iterable
from urllib.parse import urlencode


def form(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return an application/x-www-form-urlencoded body."""
    return urlencode(list(pairs)).encode("ascii")


def multipart(pairs: Iterable[tuple[str, str]]) -> tuple[bytes, str]:
    """Return a multipart/form-data body in memory (RFC 7578; names escaped as browsers do)."""
    boundary = secrets.token_hex(16)
    lines: list[bytes] = []
    for name, value in pairs:
        escaped = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
        lines.append(b'--%s\r\nContent-Disposition: form-data; name="' % boundary.encode() + escaped.encode())
        lines.append(b'"\r\n\r\n' + value.encode() + b"\r\n")
    lines.append(f"--{boundary}--\r\n".encode())
    return b"".join(lines), f"multipart/form-data; boundary={boundary}"


def with_members(body: bytes, members: Iterable[tuple[str, str]]) -> bytes:
    """Return a JSON object with members added, or replaced; what is not replaced stays as it was written.

    Raises:
        ValueError: the body is not a JSON object.
    """
    replaced = dict(members)
    try:
        kept = [raw for name, raw in _members(body.decode()) if name not in replaced]
    except (IndexError, RecursionError):
        raise ValueError("the text is no JSON object") from None
    added = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in replaced.items()]
    return ("{" + ",".join(kept + added) + "}").encode()


def _members(text: str) -> Iterable[tuple[str, str]]:
    """Yield the members of a JSON object: the name, and the member's own text. Raises ValueError for anything else."""
    decoder = json.JSONDecoder()
    at = _skip(text, 0, "{")
    if text[_blank(text, at)] == "}":
        _end(text, _skip(text, at, "}"))
        return
    while True:
        start = _blank(text, at)
        name, colon = decoder.raw_decode(text, start)
        if not isinstance(name, str):
            raise ValueError("a member's name is a string")  # noqa: TRY004  # reason: the text is wrong, not a caller
        _, at = decoder.raw_decode(text, _blank(text, _skip(text, colon, ":")))
        yield name, text[start:at]
        if text[_blank(text, at)] == "}":
            _end(text, _skip(text, at, "}"))
            return
        at = _skip(text, at, ",")


def _blank(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def _skip(text: str, at: int, mark: str) -> int:
    at = _blank(text, at)
    if text[at] != mark:
        raise ValueError("another character was expected")
    return at + 1


def _end(text: str, at: int) -> None:
    if text[at:].strip(" \t\r\n"):
        raise ValueError("something follows the object")
