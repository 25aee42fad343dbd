"""The server's side of a connection: one request after the other, each phase with a deadline, every answer one of ours.

aiohttp's compiled parser reads the bytes, and its ``StreamReader`` holds a body; nothing else of its server is here. It makes a
task for each request, waits for ever on a client that sends slowly or not at all, and sends malformed bytes back.

==================  ========================================================
phase               ends
==================  ========================================================
no request          after ``idle_seconds``
headers             ``header_seconds`` after their first byte
body                after ``body_seconds`` (``bodies.py``)
answer              after ``write_seconds`` without progress to its end
==================  ========================================================
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol, TypeAlias, cast, final

from aiohttp import EMPTY_PAYLOAD, StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpRequestParser, RawRequestMessage

from appsmith_proxy.errors import describe
from appsmith_proxy.web.answer import Answer
from appsmith_proxy.web.options import WebOptions
from appsmith_proxy.web.refusal import malformed
from appsmith_proxy.web.request import BodyBroken, Request
from appsmith_proxy.web.serving import Serving

MAX_LINE_BYTES: Final = 8_190
MAX_HEADERS: Final = 100
BODY_BYTES: Final = 256 * 1024
"""A body that nobody takes is read up to twice this size, then the client waits."""
QUEUED: Final = 32
"""Requests that a client may send ahead; then it waits until half of them are answered."""
LINGER_SECONDS: Final = 2.0
"""For the rest of a body that was refused."""

_log: Final = logging.getLogger("appsmith_proxy.web")


Handle: TypeAlias = Callable[[Request], Awaitable[Answer]]
"""What answers a request, whatever happens. It is cancelled when the client goes away."""


class Host(Protocol):
    """The server, as its connections see it."""

    @property
    def handle(self) -> Handle:
        """What answers."""

    @property
    def options(self) -> WebOptions:
        """The deadlines."""

    @property
    def serving(self) -> Serving:
        """What all connections share."""

    def enter(self, connection: "Connection", address: str) -> bool:
        """Count a new connection; False when there are too many."""

    def leave(self, connection: "Connection", address: str) -> None:
        """Count a connection that was let in and is gone."""


@final
class Connection(asyncio.Protocol):
    """One connection. It closes when its task ends, and its task ends when it is closed."""

    __slots__ = (
        "_address",
        "_arriving",
        "_drained",
        "_flooded",
        "_header_timer",
        "_host",
        "_idle_timer",
        "_idle_until",
        "_loop",
        "_malformed",
        "_parser",
        "_queue",
        "_task",
        "_transport",
        "_waiter",
        "connected",
        "reading_paused",
    )

    _transport: asyncio.Transport

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._loop = loop
        self._parser: HttpRequestParser | None = HttpRequestParser(
            cast("BaseProtocol", self),  # reason: bodies call ``pause_reading``, ``resume_reading`` and ``connected``
            loop,
            BODY_BYTES,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
            payload_exception=BodyBroken,
            auto_decompress=False,
            max_msg_queue_size=QUEUED + 1,  # reason: it counts the request that is being answered
        )
        """None: nothing more is read."""
        self._queue: deque[tuple[RawRequestMessage, StreamReader]] = deque()
        self._arriving: StreamReader = EMPTY_PAYLOAD
        """The body of the last request that was parsed."""
        self._malformed = False
        """What came after the requests in the queue is no request."""
        self._flooded = False
        """The queue is full."""
        self._address: str | None = None
        """None: not let in, or gone."""
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        """Of the task, for a request."""
        self._drained: asyncio.Future[None] | None = None
        """Of the task, for a client that takes its answer slowly; None: nothing waits to be taken."""
        self._header_timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._idle_until = 0.0
        self.connected = False
        self.reading_paused = False
        """A body that nobody takes has grown too large."""

    @property
    def idle(self) -> bool:
        """Whether it waits for a request."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._task is not None and not self._task.done() and not self.idle

    def close(self) -> None:
        """Close it as soon as what is written was taken."""
        self._transport.close()

    def cancel(self) -> "asyncio.Task[None] | None":
        """Cancel what runs; return the task that then ends."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    # what the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        if not self._host.enter(self, address):
            self._parser = None
            self._transport.abort()
            return
        self._address = address
        self.connected = True
        bound = transport.get_extra_info("socket")
        if bound is not None:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._idle_timer = self._loop.call_later(self._host.options.idle_seconds, self._look_idle)
        self._task = self._loop.create_task(self._answer_requests())

    def connection_lost(self, exc: BaseException | None) -> None:
        self.connected = False
        if self._address is not None:
            self._host.leave(self, self._address)
            self._address = None
        for timer in (self._header_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        if self._task is not None:
            self._task.cancel()
        # Parser and bodies know their connection: cycles that the garbage collector would have to find.
        self._parser = None
        self._arriving = EMPTY_PAYLOAD
        self._queue.clear()

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            return
        try:
            messages, upgraded, tail = parser.feed_data(data)
            while upgraded:  # reason: no upgrade is taken up; what follows it is another request
                parser.set_upgraded(False)
                more, upgraded, tail = parser.feed_data(tail)
                messages = [*messages, *more]
        except HttpProcessingError:
            self._break_off()
        else:
            if not messages:
                if data and self._header_timer is None and self.idle:
                    self._header_timer = self._loop.call_later(self._host.options.header_seconds, self._transport.abort)
                return
            self._queue.extend(messages)
            self._arriving = messages[-1][1]
            if len(self._queue) >= QUEUED:
                self._flooded = True
                self._read_less()
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # what a body asks

    def pause_reading(self) -> None:
        """Read no more until somebody takes what there is."""
        self.reading_paused = True
        if self._parser is not None:
            self._parser.pause_reading()
        self._read_less()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002  # reason: aiohttp's signature
        """Go on reading after a pause. Bodies call this for each chunk that was taken."""
        if not self.reading_paused:
            return
        self.reading_paused = False
        if resume_parser:
            self.data_received(b"")
        self._read_on()

    # the task

    async def _answer_requests(self) -> None:
        """Answer one request after the other, all in this task."""
        transport, queue, handle, serving = self._transport, self._queue, self._host.handle, self._host.serving
        idle_seconds = self._host.options.idle_seconds
        try:
            while not transport.is_closing():
                if not queue:
                    if self._parser is None:
                        if self._malformed:
                            malformed(serving.request_id()).write(transport, serving.date(), keep_alive=False)
                        break
                    self._waiter = self._loop.create_future()
                    self._idle_until = self._loop.time() + idle_seconds
                    await self._waiter
                    if not queue:
                        continue
                message, content = queue.popleft()
                complete = content.is_eof()
                request = Request(message.method, message.path, message.headers, content, complete, transport)
                answer = await handle(request)
                # A body that was refused is still coming: what follows it is not looked for.
                stays = (complete or content.is_eof()) and not (message.should_close or serving.draining)
                answer.write(transport, serving.date(), keep_alive=stays, bare=message.method == "HEAD")
                del request, answer  # reason: they may be large, and the next may be long in coming
                if self._drained is not None:
                    await self._wait_drained(self._drained)
                if not stays:
                    await self._linger(content)
                    break
                if self._parser is not None:
                    self._parser.message_consumed()
                if self._flooded:
                    self._refill()
        except Exception as error:  # noqa: BLE001  # reason: the connection ends, and so does what is wrong with it
            _log.error("a connection failed: %s", describe(error))
        finally:
            self._end()

    def _refill(self) -> None:
        """Read on when half of what a client sent ahead is being answered."""
        if len(self._queue) <= QUEUED // 2:
            self.data_received(b"")
            if len(self._queue) < QUEUED:
                self._flooded = False
                self._read_on()

    async def _wait_drained(self, drained: "asyncio.Future[None]") -> None:
        """Wait until the client has taken enough; cut it off when it does not, in time."""
        try:
            async with asyncio.timeout(self._host.options.write_seconds):
                await drained
        except TimeoutError:
            self._transport.abort()

    async def _linger(self, content: StreamReader) -> None:
        """Take the rest of a body that was refused: a client that still sends would not read its answer."""
        with suppress(TimeoutError, BodyBroken):
            async with asyncio.timeout(LINGER_SECONDS):
                while not content.is_eof():
                    await content.readany()

    def _end(self) -> None:
        """Close the connection, and give the client a bounded time to take what is written."""
        if self._transport.get_write_buffer_size():
            self._loop.call_later(self._host.options.write_seconds, self._transport.abort)
        self._transport.close()

    # and its timers

    def _look_idle(self) -> None:
        """Close the connection when no request has come for too long."""
        left = self._idle_until - self._loop.time() if self.idle else self._host.options.idle_seconds
        if left > 0:
            self._idle_timer = self._loop.call_later(left, self._look_idle)
        else:
            self._transport.close()

    def _break_off(self) -> None:
        """Read nothing more: what came is no HTTP. Whoever reads the body in whose midst it came is told."""
        self._parser = None
        if self._arriving.is_eof():
            self._malformed = True
        else:
            self._arriving.set_exception(BodyBroken())

    def _read_less(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if not (self.reading_paused or self._flooded or self._transport.is_closing()):
            self._transport.resume_reading()
