"""The API behind the relays, as little as will do: it must not be what is measured.

::

    GET  /items/{id}?count={n}   n items from that one on, cut out of a text that was made at the start
    POST /events                 the body, as it came
    GET  /events                 how many came

Run as a process: ``python -m bench.upstream``; prints its port.
"""

import asyncio
import itertools
import json
import re
from typing import Final, cast, final

import uvloop

from bench.exchanges import EXCHANGES, KEY, KEY_HEADER, item
from bench.workloads import TABLE_ROWS

_ITEMS: Final = re.compile(rb"GET /items/(\d+)\?count=(\d+) HTTP/1\.1\r\n")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_AUTHORIZED: Final = re.compile(rb"\r\n%s: %s\r\n" % (KEY_HEADER.encode(), re.escape(KEY.encode())), re.IGNORECASE)
_HEAD: Final = b"HTTP/1.1 200 OK\r\nServer: upstream\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_REFUSED: Final = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


@final
class Items:
    """Every item as JSON, in one text, and where each begins; and how many events there were."""

    def __init__(self) -> None:
        longest = max(load.rows for load in EXCHANGES)
        texts = [_json(item(key)) for key in range(1, TABLE_ROWS + longest + 1)]
        self._text = memoryview(b",".join(texts))
        self._starts = list(itertools.accumulate((len(text) + 1 for text in texts), initial=0))
        self.events = 0

    def cut(self, first: int, count: int) -> memoryview:
        """Return the text of ``count`` items from the one with the id ``first`` on, commas between them."""
        return self._text[self._starts[first - 1] : self._starts[first - 1 + count] - 1]


@final
class _Connection(asyncio.Protocol):
    """HTTP/1.1 keep-alive, one request at a time, from clients that write well."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # reason: uvloop's transports are not registered as one

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data
        end = data.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(data, 0, end)
        whole = end + (int(length[1]) if length else 0)
        if end < 4 or len(data) < whole:
            self._buffer = data
            return
        self._buffer = data[whole:]
        self._transport.writelines(self._answer(data, data[end:whole]))

    def _answer(self, head: bytes, body: bytes) -> list[bytes | memoryview]:
        if not _AUTHORIZED.search(head):
            return [_REFUSED]
        wanted = _ITEMS.match(head)
        if wanted:
            text = self._items.cut(int(wanted[1]), int(wanted[2]))
            return [_HEAD % (len(text) + 2) + b"[", text, b"]"]
        if head.startswith(b"POST "):
            self._items.events += 1
        else:
            body = b"%d" % self._items.events
        return [_HEAD % len(body) + body]


async def _serve() -> None:
    items = Items()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(items), "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


if __name__ == "__main__":
    uvloop.run(_serve())
