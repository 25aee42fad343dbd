"""A small server with a protocol of its own, so that the kit can be tested over a real network.

Frames are a length (4 bytes) and JSON. A client logs in, then asks one thing at a time; an answer is a head, rows, and
an end. A client that goes away is noticed while its request still runs, and the request ends.
"""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any


class WireServer:
    """Rows that only grow, and what it takes to watch them."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.port = 0
        self.rows = 0
        self.running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["WireServer"]:
        """Listen on a free port of loopback; at the end every connection is closed."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await receive(reader):
                if "login" in request:
                    right = request["login"] == self.password
                    send(writer, {"ok": True} if right else {"error": "login", "text": f"{request['login']} is wrong"})
                else:
                    await self._answer(request, reader, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _answer(
        self, request: Mapping[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.running += 1
        try:
            if not await self._pause(float(request.get("sleep", 0)), reader):
                raise ConnectionResetError("the client has gone")
            verb = self._verbs().get(request.get("verb", ""))
            if verb is None:
                send(writer, {"error": "verb", "text": "no such verb"})
                return
            send(writer, {"columns": ["value"]})
            for row in verb(request):
                send(writer, {"row": [row]})
                await writer.drain()
            send(writer, {"end": True})
        finally:
            self.running -= 1

    async def _pause(self, seconds: float, reader: asyncio.StreamReader) -> bool:
        """Sleep; return whether the client is still there."""
        async with asyncio.timeout(60):
            loop = asyncio.get_running_loop()
            end = loop.time() + seconds
            while loop.time() < end:
                if reader.at_eof() or reader.exception() is not None:
                    return False
                await asyncio.sleep(0.01)
        return True

    def _verbs(self) -> Mapping[str, Callable[[Mapping[str, Any]], Iterator[object]]]:
        return {
            "echo": lambda request: iter([request["value"]]),
            "numbers": lambda request: iter(range(1, request["count"] + 1)),
            "large": lambda request: iter(["x" * 1000] * (request["size"] // 1000 + 1)),
            "password": lambda request: iter([self.password]),
            "count": lambda request: iter([self.rows]),
            "add": self._add,
        }

    def _add(self, request: Mapping[str, Any]) -> Iterator[object]:
        self.rows += request["count"]
        yield self.rows


def send(writer: asyncio.StreamWriter, message: Mapping[str, Any]) -> None:
    """Write one frame."""
    data = json.dumps(message).encode()
    writer.write(struct.pack("!I", len(data)) + data)


async def receive(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Read one frame; None at the end of the stream.

    Raises:
        asyncio.IncompleteReadError: the stream ends inside a frame.
    """
    try:
        head = await reader.readexactly(4)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    message: dict[str, Any] = json.loads(await reader.readexactly(struct.unpack("!I", head)[0]))
    return message
