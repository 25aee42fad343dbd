"""One HTTP/1.1 connection: a request goes out, its answer comes in, then the next. What is odd about it ends it.

aiohttp's parser reads the answers. Its session, connector and protocol, which do much by themselves (redirects, second
tries, cookies, proxies, netrc, pauses), are not used.
"""

import asyncio
import re
import ssl
from dataclasses import dataclass
from email.message import Message
from typing import Final

import aiohttp
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpResponseParser, RawResponseMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from appsmith_proxy.sdk import DatasourceError, ExecutionTimeout, Lane, Target, dial_in_turn
from appsmith_proxy_rest.faults import RAISED, not_connected, translated
from appsmith_proxy_rest.inflate import BodyBuffer
from appsmith_proxy_rest.outgoing import Outgoing, Pairs

_NEVER_FULL: Final = 2**31 - 1
"""What aiohttp's reader may hold unread: it holds nothing, each part is taken when it comes."""
_JOINED_BYTES: Final = 65_536
"""Up to here a body is copied behind its head, so that they leave together."""
_INTERIM: Final = range(100, 200)
_SWITCHING: Final = 101
_BODILESS: Final = frozenset({204, 304})
"""Answers that have no body, whatever their heads say."""
_PLAIN_TYPE: Final = re.compile(r"([\w.+-]+/[\w.+-]+)(?:; ?charset=([\w.-]+))?", re.ASCII | re.IGNORECASE)
"""Content types as nearly everybody writes them; the others are left to the standard library."""


@dataclass(slots=True, kw_only=True, repr=False)
class Answer:
    """What came back, decoded and capped."""

    status: int
    reason: str
    headers: Pairs
    content: bytes
    cut: bool = False
    """There was more than the cap."""
    content_type: str = ""
    """The media type, lower case, without parameters; ``""`` when there is none."""
    charset: str = ""

    def header(self, name: str) -> str:
        """Return the first value of a header, or ``""``."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class Connection(BaseProtocol):
    """A connection as a pool holds it. Used by one exchange at a time.

    ::

        send ──▶ head ──▶ body, as it comes ──▶ Answer
                  └─ interim answers are passed over

    What comes when nobody waits for it ends the connection.
    """

    in_transaction = False
    """HTTP has none."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.lane = Lane.READ_WRITE
        self.scope = ""
        self.idle_since = 0.0
        self.alive = False
        """Whether another exchange may follow: the last answer is read to its end, and nothing came after it."""
        self._waiter: asyncio.Future[Answer] | None = None
        self._message: RawResponseMessage | None = None
        self._payload = EMPTY_PAYLOAD
        self._body: BodyBuffer | None = None
        self._cap = 0
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._gone: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, target: Target, context: ssl.SSLContext | None, *, deadline: float) -> "Connection":
        """Dial one checked address after the other; with a context, speak TLS.

        Raises:
            DatasourceError: nobody answered in time, or not who was expected. Nothing was sent.
        """

        async def dial(address: str) -> Connection:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(
                lambda: cls(loop), address, target.port, ssl=context, server_hostname=target.host if context else None
            )
            return connection

        return await dial_in_turn(target, dial, not_connected, raised=RAISED, deadline=deadline)

    async def reset(self) -> None:
        """There is nothing to reset: exchanges share no state."""

    async def close(self) -> None:
        """Drop the connection, and wait until it is gone."""
        self.terminate()
        if self.transport is not None:
            if self._gone is None:
                self._gone = self._loop.create_future()
            await asyncio.wait([self._gone])

    def terminate(self) -> None:
        """Drop the connection at once."""
        self.alive = False
        if self.transport is not None:
            self.transport.abort()

    def send(self, outgoing: Outgoing, *, cap: int, deadline: float) -> "asyncio.Future[Answer]":
        """Send one request; its answer comes with up to ``cap`` decoded bytes. Who gives up waiting ends the connection.

        The future raises a ``DatasourceError`` when there is no answer; nobody knows what became of the request.
        """
        waiter = self._waiter = self._loop.create_future()
        transport = self.transport
        if transport is None:
            self._fail(aiohttp.ServerDisconnectedError())
            return waiter
        self._cap = cap
        # One for each answer: what a parser has seen of a broken one must not be the beginning of the next.
        self._parser = HttpResponseParser(
            self,
            self._loop,
            _NEVER_FULL,
            payload_exception=aiohttp.ClientPayloadError,
            response_with_body=outgoing.method != "HEAD",
            read_until_eof=True,
            auto_decompress=False,
        )
        self._watch(deadline)
        head, body = outgoing.head(), outgoing.body
        if body and len(body) > _JOINED_BYTES:
            transport.writelines([head, body])
        else:
            transport.write(head + body if body else head)
        return waiter

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for the first exchange."""
        super().connection_made(transport)
        self.alive = True

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer that is waited for."""
        if self._waiter is None or self._parser is None:
            self.terminate()
            return
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
            if upgraded:
                self.alive = False
            for message, payload in messages:
                if self._message is not None:
                    self.alive = False  # nobody asked for another
                elif message.code not in _INTERIM or message.code == _SWITCHING:
                    self._begin(message, payload)
            if self._message is not None:
                self._read()
        except Exception as exc:  # noqa: BLE001  # reason: an upstream sends anything, and the one who waits must be told
            self._fail(exc)

    def eof_received(self) -> None:
        """Let the connection be closed: ``connection_lost`` follows."""
        self.alive = False

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the exchange: an answer without a length ends so, any other is lost."""
        self.alive = False
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()
        if self._waiter is not None:
            try:
                self._end()
            except Exception as lost:  # noqa: BLE001  # reason: as in ``data_received``
                self._fail(lost)
        self._parser = None
        if self._gone is not None:
            self._gone.set_result(None)

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002  # reason: aiohttp's name and ways
        """Do nothing: an answer is taken as fast as it comes, up to its cap, so reading never pauses."""

    # one answer

    def _begin(self, message: RawResponseMessage, payload: StreamReader) -> None:
        self._message = message
        self._payload = EMPTY_PAYLOAD if message.code in _BODILESS else payload
        self._body = BodyBuffer(", ".join(message.headers.getall("Content-Encoding", ())), self._cap)
        if message.should_close or self._payload is not payload:
            self.alive = False

    def _read(self) -> None:
        """Take what is there of the body, and answer when that is all, or enough."""
        chunk = self._payload.read_nowait()
        if chunk and self._body is not None and self._body.feed(chunk):
            self.terminate()
            self._answer()
        elif self._payload.is_eof():
            self._answer()

    def _end(self) -> None:
        try:
            if self._parser is not None:
                self._parser.feed_eof()
        except HttpProcessingError:
            raise aiohttp.ClientPayloadError from None
        if self._message is None:
            raise aiohttp.ServerDisconnectedError
        self._read()

    def _answer(self) -> None:
        waiter, message, body = self._waiter, self._message, self._body
        if waiter is None or message is None or body is None:
            return
        headers = message.headers
        kind, charset = _media_type(headers.get("Content-Type", ""))
        answer = Answer(
            status=message.code,
            reason=message.reason or "",
            headers=tuple(headers.items()),
            content=body.finish(),
            cut=body.full,
            content_type=kind,
            charset=charset,
        )
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.terminate()  # it has answered before it was told everything
        self._waiter = self._message = self._body = None  # a kept connection keeps no answer
        self._payload = EMPTY_PAYLOAD
        if not waiter.done():
            waiter.set_result(answer)

    def _fail(self, exc: Exception) -> None:
        waiter = self._waiter
        self._waiter = self._message = self._body = None
        self._payload = EMPTY_PAYLOAD
        self.terminate()
        if waiter is not None and not waiter.done():
            waiter.set_exception(exc if isinstance(exc, DatasourceError) else translated(exc))

    # the deadline

    def _watch(self, deadline: float) -> None:
        """Keep a deadline with the timer that is set already, if that comes first: it looks again when it comes."""
        self._deadline = deadline
        if self._timer is not None:
            if self._timer_at <= deadline:
                return
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._deadline:
            self._watch(self._deadline)
        else:
            self._fail(ExecutionTimeout("the upstream did not answer before the deadline"))


def _media_type(text: str) -> tuple[str, str]:
    """Return the type, lower case, and the character set of a Content-Type header; ``""`` for what it does not say."""
    if not text:
        return "", ""
    if text == "application/json":
        return text, ""
    plain = _PLAIN_TYPE.fullmatch(text)
    if plain:
        return plain[1].lower(), (plain[2] or "").lower()
    message = Message()
    message["Content-Type"] = text
    return message.get_content_type(), message.get_content_charset("")
