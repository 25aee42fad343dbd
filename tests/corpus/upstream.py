"""An upstream that reads requests byte by byte and answers what it found in them, so that nothing is read kindly.

The first segment below ``/base/`` says what it answers: the values of the places named like it, in order. Everything
else that arrives, a second request in the bytes of a first one too, is *elsewhere*.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import orjson

CUT: Final = "\n==== next ====\n"
"""Stands between the values of a plain body; no seed holds it."""

_LINE: Final = re.compile(rb"([A-Z]+) (/[!-~]*) HTTP/1\.1")
_HEADER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([\t -~]*)")
_PART: Final = re.compile(rb'Content-Disposition: form-data; name="([^"\r\n]*)"\r\n\r\n(.*)\r\n', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request, taken apart."""

    method: str
    segments: tuple[str, ...]
    """Below ``/base/``, decoded."""
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: bytes
    pairs: tuple[tuple[str, str], ...]
    """Of a form or a multipart body."""

    @property
    def shape(self) -> str:
        """What no value may change: everything but the values."""
        what = self.segments[0] if self.segments else ""
        names = [name for name, _ in self.headers]
        return f"{self.method} {what} {len(self.segments)} {len(self.query)} {len(self.pairs)} {names}"


class Upstream:
    """The server. ``shapes`` and ``elsewhere`` are what it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.shapes: set[str] = set()
        self.elsewhere: list[str] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 17)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening; connections end with their clients."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                answer = await self._answer(head, reader)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
                )
                writer.write(answer)
                await writer.drain()
        writer.close()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader) -> bytes:
        try:
            seen = await _read(head, reader)
            found = _FOUND[seen.segments[0]](seen)
            self.shapes.add(seen.shape)
        except (ValueError, KeyError, IndexError, AssertionError) as error:
            self.elsewhere.append(f"{type(error).__name__}: {head[:120]!a}")
            return b'"elsewhere"'
        return found if isinstance(found, bytes) else orjson.dumps(found)


async def _read(head: bytes, reader: asyncio.StreamReader) -> Seen:
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    line = _LINE.fullmatch(first)
    matches = [_HEADER.fullmatch(header) for header in lines]
    assert line is not None, "the request line cannot be read"
    headers = tuple((match[1].decode(), match[2].decode()) for match in matches if match is not None)
    assert len(headers) == len(lines), "a header cannot be read"
    target = line[2].decode()
    path, _, query = target.partition("?")
    base, *segments = path.removeprefix("/").split("/")
    assert base == "base", "not below the base"
    by_name = dict(headers)
    body = await reader.readexactly(int(by_name.get("Content-Length", "0")))
    return Seen(
        method=line[1].decode(),
        segments=tuple(unquote(segment, errors="strict") for segment in segments),
        query=tuple(_pairs(query)),
        headers=headers,
        body=body,
        pairs=tuple(_body_pairs(body, by_name.get("Content-Type", ""))),
    )


def _body_pairs(body: bytes, kind: str) -> list[tuple[str, str]]:
    if kind == "application/x-www-form-urlencoded":
        return _pairs(body.decode("ascii"))
    if not kind.startswith("multipart/"):
        return []
    first, *parts, last = body.split(b"--" + kind.partition("boundary=")[2].encode())
    assert (first, last) == (b"", b"--\r\n"), "the multipart body has no clear ends"
    found = [_PART.fullmatch(part.removeprefix(b"\r\n")) for part in parts]
    return [(match[1].decode(), match[2].decode()) for match in found if match]


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict")


def _values(pairs: tuple[tuple[str, str], ...]) -> list[str]:
    return [value for _, value in pairs]


def _names(pairs: tuple[tuple[str, str], ...]) -> list[str]:
    return [name for name, _ in pairs]


_FOUND: Final[Mapping[str, Callable[[Seen], Any]]] = {
    "segments": lambda seen: list(seen.segments[1:]),
    "query": lambda seen: _values(seen.query),
    "query_names": lambda seen: _names(seen.query),
    "headers": lambda seen: [value for name, value in seen.headers if name.startswith("X-Text")],
    "text": lambda seen: seen.body.decode().split(CUT),
    "json": lambda seen: seen.body,
    "form": lambda seen: _values(seen.pairs),
    "form_names": lambda seen: _names(seen.pairs),
    "multipart": lambda seen: _values(seen.pairs),
    "multipart_names": lambda seen: _names(seen.pairs),
}
