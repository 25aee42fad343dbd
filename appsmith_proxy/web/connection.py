"""The server's side of a connection: deadlines, caps and error answers that aiohttp does not have.

aiohttp waits for ever on a client that sends slowly or not at all, logs malformed bytes with a traceback and sends them
back. Here each phase has a deadline, each address a share, and every answer is one of ours.

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
from collections import Counter
from contextlib import suppress
from typing import Any, Final, cast, final

from aiohttp import StreamReader
from aiohttp.http import RawRequestMessage
from aiohttp.web import BaseRequest, RequestHandler, RequestPayloadError, Server, StreamResponse
from aiohttp.web_protocol import ERROR

from appsmith_proxy.errors import InternalError, InvalidRequest, ProxyError, describe
from appsmith_proxy.web.answer import Answer
from appsmith_proxy.web.envelope import failure
from appsmith_proxy.web.options import WebOptions
from appsmith_proxy.web.serving import Serving
from appsmith_proxy.web.statuses import status_of

MAX_LINE_BYTES: Final = 8_190
MAX_HEADERS: Final = 100
_NO_WRITER: Final[Any] = None
"""An ``Answer`` writes itself."""
LINGER_SECONDS: Final = 2.0
"""For the rest of a body that was refused."""

_log: Final = logging.getLogger("appsmith_proxy.web")


@final
class WebServer(Server):
    """Accepts connections within the caps and gives each a ``Connection``. Listening is for whoever owns it."""

    def __init__(self, handler: Any, *, options: WebOptions, serving: Serving) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,
            keepalive_timeout=options.idle_seconds,
            lingering_time=LINGER_SECONDS,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
            auto_decompress=False,
            access_log=None,
            logger=_log,
        )
        self.options = options
        self.serving = serving
        self._open: Counter[str] = Counter()

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return any(connection._request_in_progress for connection in self.connections)  # noqa: SLF001  # reason: ours

    def hang_up(self) -> None:
        """Close idle connections now, and the others after their answer."""
        for connection in self.connections:
            if connection._request_in_progress:  # noqa: SLF001  # reason: ours
                connection.close()
            else:
                connection.force_close()

    def admit(self, address: str) -> bool:
        """Count a new connection; False when there are too many."""
        full = (
            self._open.total() >= self.options.connections
            or self._open[address] >= self.options.connections_per_address
        )
        if not full:
            self._open[address] += 1
        return not full

    def leave(self, address: str) -> None:
        """Count a connection that was admitted and is gone."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]


@final
class Connection(RequestHandler):
    """One connection. aiohttp parses and keeps it alive; this adds the deadlines and the error answers."""

    __slots__ = ("_address", "_header_timer", "_server")

    def __init__(self, server: WebServer, *, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        super().__init__(server, loop=loop, **kwargs)
        self._server = server
        self._address: str | None = None
        self._header_timer: asyncio.TimerHandle | None = None

    @property
    def draining(self) -> bool:
        """The server is about to stop."""
        return self._server.serving.draining

    def date(self) -> bytes:
        """Return the Date header's value."""
        return self._server.serving.date()

    async def start(self) -> None:
        """Answer one request after the other, all in this task, which aiohttp cancels when the client goes away.

        aiohttp makes a further task for each request, to give it a context of its own; nothing of ours lives in one, and
        on Python 3.11 such a task costs a tenth of an execution.
        """
        while not self._force_close:
            message, payload = await self._next_message()
            request, handler = self._request_of(message, payload)
            try:
                answer, gone = await self._handle_request(request, None, handler)
                self._keepalive = bool(answer.keep_alive)
                if not gone and not payload.is_eof():
                    await self._linger(payload)
            except asyncio.CancelledError:
                self.force_close()
                raise
            except Exception as error:  # noqa: BLE001  # reason: the connection ends, and so does what is wrong with it
                _log.error("a connection failed: %s", describe(error))
                self.force_close()
                break
            finally:
                request._task = None  # type: ignore[assignment]  # noqa: SLF001  # reason: breaks a cycle, as aiohttp does
            if gone or self._close or not self._keepalive:
                break
            self._wait_for_the_next()
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        if not self._server.admit(address):
            cast("asyncio.Transport", transport).abort()
            return
        self._address = address
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._address is not None:
            self._server.leave(self._address)
            self._address = None
        self._stop_header_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages and not isinstance(self._messages[-1][0], RawRequestMessage):
            self._break_off_body()
        waiting = self._waiter is not None and not self._waiter.done()
        if not waiting:
            if self._header_timer is not None:
                self._stop_header_timer()
        elif data and self._header_timer is None:
            self._header_timer = self._loop.call_later(self._server.options.header_seconds, self._cut)

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002  # reason: aiohttp's signature
        """Go on reading after a pause. aiohttp calls this for each chunk taken, and parses anew each time."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    async def drained(self) -> None:
        """Wait until the client has taken enough.

        Raises:
            ConnectionError: it did not, in time.
        """
        if not self.writing_paused:
            return
        try:
            async with asyncio.timeout(self._server.options.write_seconds):
                await self._drain_helper()
        except TimeoutError:
            self._cut()
            raise ConnectionResetError from None

    def close_by_deadline(self) -> None:
        """Give the client a bounded time to take what is written, then cut it off."""
        transport = self.transport
        if transport is not None and transport.get_write_buffer_size():
            self._loop.call_later(self._server.options.write_seconds, transport.abort)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        """Answer what aiohttp could not parse, or what got past the error boundary. Nothing of it is repeated."""
        request_id = self._server.serving.request_id()
        error: ProxyError
        if status < 500:  # reason: only a malformed request comes here with such a status
            error = InvalidRequest("this is not an HTTP request that can be read")
            _log.debug("malformed request %s", request_id)
        else:
            error = InternalError("something unexpected happened", hint="the log has the request id")
            _log.error("request %s failed: %s", request_id, describe(exc))
        status = status_of(error)
        answer = Answer(status, (failure(error, status=status),), request_id=request_id)
        self.close()
        return as_response(answer)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log class names and places: aiohttp's own text and traceback quote what the client sent."""
        error = kw.get("exc_info")
        _log.error("a connection failed: %s", describe(error if isinstance(error, BaseException) else None))

    async def _next_message(self) -> tuple[Any, StreamReader]:
        """Wait for a request that was parsed, or for what is wrong with one."""
        if not self._messages:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message = self._messages.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        return message

    def _request_of(self, message: Any, payload: StreamReader) -> tuple[BaseRequest, Any]:
        handler: Any = self._server.request_handler
        if not isinstance(message, RawRequestMessage):
            handler = self._make_error_handler(message)
            message = ERROR
        task = cast("asyncio.Task[None]", self._task_handler)
        return BaseRequest(message, payload, self, _NO_WRITER, task, self._loop), handler

    def _wait_for_the_next(self) -> None:
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)

    async def _linger(self, payload: StreamReader) -> None:
        """Take the rest of a body that was refused: a client that still sends would not read its answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._lingering_time):
                while not payload.is_eof():
                    await payload.readany()
        if not payload.is_eof():
            self.close()

    def _break_off_body(self) -> None:
        """Tell whoever reads a body that its framing broke: aiohttp would let them wait for the rest."""
        request = self._current_request
        if request is not None and not request.content.is_eof():
            request.content.set_exception(RequestPayloadError())
            request.content.feed_eof()
            self.close()

    def _cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


def as_response(answer: Answer) -> StreamResponse:
    """Return an answer as what aiohttp's types ask for; it uses three of its members, which ``Answer`` has."""
    return cast("StreamResponse", answer)
