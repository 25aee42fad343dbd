"""TLS in front of a PostgreSQL without it: answers the SSLRequest, then forwards. Runs in a thread of its own.

The test binaries are built without TLS; a client cannot tell. Plain connections are forwarded too, unless the front is
told to want TLS.
"""

import asyncio
import contextlib
import ssl
import threading
from types import TracebackType
from typing import Final, Self

_HOST: Final = "127.0.0.1"
_SSL_REQUEST: Final = bytes.fromhex("0000000804d2162f")


class TlsFront:
    """``with TlsFront(port, context) as front`` listens on ``front.port`` and forwards to ``port``.

    With ``context`` None it refuses TLS, as a server without it does (or somebody in the middle).
    """

    def __init__(self, target_port: int, context: ssl.SSLContext | None) -> None:
        self.port = 0
        self.connections = 0
        self.encrypted = 0
        """Connections that completed a handshake."""
        self._target_port = target_port
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="tls-front", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._listening.wait(10):
            raise RuntimeError("the TLS front did not listen within 10 s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, _HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._forward(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(8)
        if first == _SSL_REQUEST:
            if self._context is None:
                writer.write(b"N")
                first = await reader.readexactly(8)
            else:
                writer.write(b"S")
                await writer.start_tls(self._context)
                self.encrypted += 1
                first = await reader.readexactly(8)
        upstream_reader, upstream = await asyncio.open_connection(_HOST, self._target_port)
        upstream.write(first)
        there = asyncio.create_task(_pump(reader, upstream))
        back = asyncio.create_task(_pump(upstream_reader, writer))
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            upstream.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
