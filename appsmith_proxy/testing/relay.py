"""A TCP relay that misbehaves on request: between a driver and its live server, or anywhere else.

::

    async with Relay("127.0.0.1", 5432) as relay:
        ...                                         # dial relay.host, relay.port
        relay.answers = Effects(latency=0.2)         # what comes back from now on
        relay.requests = Effects(black_hole=True)    # what goes there from now on
        relay.reset()                                # every open connection gets a reset
        await relay.down()                           # nobody listens any more …
        await relay.up()                             # … and again, at the same port

==============  ====================================================================================
effect          what happens to each direction's bytes
==============  ====================================================================================
``latency``     each piece waits so many seconds
``bandwidth``   so many bytes a second
``slice``       pieces of at most so many bytes, each sent by itself
``black_hole``  nothing passes; what waits follows when the effect is lifted
``cut_after``   after so many more bytes both sides are reset
``slow_close``  the end of the stream is passed on after so many seconds
==============  ====================================================================================
"""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

_CHUNK: Final = 64 * 1024
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: the close of the socket is a TCP reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What the relay does to one direction. The default passes everything on at once."""

    latency: float = 0.0
    bandwidth: int | None = None
    slice: int | None = None
    black_hole: bool = False
    cut_after: int | None = None
    slow_close: float = 0.0


NO_EFFECTS: Final = Effects()


class Relay:
    """Forward a loopback port to a target. An async context manager; leaves nothing behind."""

    def __init__(self, target_host: str, target_port: int) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        """Known once the relay is entered, and the same from then on."""
        self.accepted = 0
        """Connections since the start."""
        self.peak = 0
        """Most connections at one time."""
        self.bytes_sent = 0
        """Bytes that clients have sent, whether or not they were passed on."""
        self._target = (target_host, target_port)
        self._server: asyncio.Server | None = None
        self._effects = {"requests": NO_EFFECTS, "answers": NO_EFFECTS}
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = 0

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    @property
    def requests(self) -> Effects:
        """What is done to the bytes on their way to the target."""
        return self._effects["requests"]

    @requests.setter
    def requests(self, effects: Effects) -> None:
        self._set("requests", effects)

    @property
    def answers(self) -> Effects:
        """What is done to the bytes on their way back."""
        return self._effects["answers"]

    @answers.setter
    def answers(self, effects: Effects) -> None:
        self._set("answers", effects)

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return self._open

    def heal(self) -> None:
        """Lift all effects."""
        self.requests = self.answers = NO_EFFECTS

    def reset(self) -> None:
        """Reset every open connection, on both sides."""
        for writer in tuple(self._writers):
            _reset(writer)

    async def up(self) -> None:
        """Listen. May be called when it listens already."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Stop listening and reset what is open. May be called twice."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _set(self, direction: str, effects: Effects) -> None:
        self._effects[direction] = effects
        self._changed.set()
        self._changed = asyncio.Event()

    def _accept(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        self._writers.add(client_writer)
        task = asyncio.create_task(self._serve(client_reader, client_writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._open += 1
        self.peak = max(self.peak, self._open)
        target_writer: asyncio.StreamWriter | None = None
        try:
            target_reader, target_writer = await asyncio.open_connection(*self._target)
            self._writers.add(target_writer)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump("requests", client_reader, target_writer))
                group.create_task(self._pump("answers", target_reader, client_writer))
        except* OSError:  # one side went away, or was cut: so does the other
            for writer in (client_writer, target_writer):
                if writer is not None:
                    _reset(writer)
        finally:
            for writer in (client_writer, target_writer):
                if writer is not None:
                    writer.close()
                    self._writers.discard(writer)
            self._open -= 1

    async def _pump(self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one direction on until its end."""
        passed = 0
        limits_seen = self._effects[direction]
        while data := await reader.read(_CHUNK):
            if direction == "requests":
                self.bytes_sent += len(data)
            while data:
                await self._hold(direction)
                effects = self._effects[direction]
                if effects is not limits_seen:
                    limits_seen, passed = effects, 0
                piece, data = _next_piece(data, effects)
                if effects.latency:
                    await asyncio.sleep(effects.latency)
                if effects.bandwidth:
                    await asyncio.sleep(len(piece) / effects.bandwidth)
                if effects.cut_after is not None and passed + len(piece) > effects.cut_after:
                    writer.write(piece[: effects.cut_after - passed])
                    await writer.drain()
                    raise ConnectionResetError("cut on request")
                writer.write(piece)
                await writer.drain()
                passed += len(piece)
        await self._hold(direction)
        await asyncio.sleep(self._effects[direction].slow_close)
        with suppress(OSError):
            writer.write_eof()

    async def _hold(self, direction: str) -> None:
        while self._effects[direction].black_hole:
            await self._changed.wait()


def _next_piece(data: bytes, effects: Effects) -> tuple[bytes, bytes]:
    size = effects.slice or len(data)
    if effects.bandwidth:
        size = min(size, max(1, effects.bandwidth // 20))
    return data[:size], data[size:]


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and not writer.transport.is_closing():
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
