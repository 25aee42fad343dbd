"""One HTTP/1.1 connection: a request goes out, its answer comes in, then the next. What is odd about it ends it.

aiohttp's protocol and parser read the answers. Its session and connector, which do much by themselves (redirects, second
tries, cookies, proxies, netrc), are not used.
"""

import asyncio
import re
import ssl
from dataclasses import dataclass
from email.message import Message
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader

from appsmith_proxy.sdk import Lane, Target, dial_in_turn
from appsmith_proxy_rest.faults import RAISED, not_connected, translated
from appsmith_proxy_rest.inflate import BodyBuffer
from appsmith_proxy_rest.outgoing import Outgoing, Pairs

_READ_BYTES: Final = 262_144
"""What may lie unread before the upstream is asked to wait, and half of what may lie there at all."""
_JOINED_BYTES: Final = 65_536
"""Up to here a body is copied behind its head, so that they leave together."""
_INTERIM: Final = range(100, 200)
_SWITCHING: Final = 101
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


class Connection:
    """A connection as a pool holds it. Used by one exchange at a time."""

    def __init__(self, handler: ResponseHandler) -> None:
        self.lane = Lane.READ_WRITE
        self.scope = ""
        self.idle_since = 0.0
        self._handler = handler

    @classmethod
    async def open(cls, target: Target, context: ssl.SSLContext | None, *, deadline: float) -> "Connection":
        """Dial one checked address after the other; with a context, speak TLS.

        Raises:
            DatasourceError: nobody answered in time, or not who was expected. Nothing was sent.
        """

        async def dial(address: str) -> ResponseHandler:
            loop = asyncio.get_running_loop()
            _, handler = await loop.create_connection(
                lambda: ResponseHandler(loop),
                address,
                target.port,
                ssl=context,
                server_hostname=target.host if context else None,
            )
            return handler

        return cls(await dial_in_turn(target, dial, not_connected, raised=RAISED, deadline=deadline))

    @property
    def alive(self) -> bool:
        """Whether another exchange may follow: the last answer is read to its end, and nothing came after it."""
        return self._handler.is_connected() and not self._handler.should_close

    @property
    def in_transaction(self) -> bool:
        """HTTP has none."""
        return False

    async def reset(self) -> None:
        """There is nothing to reset: exchanges share no state."""

    async def close(self) -> None:
        """Drop the connection, and wait until it is gone."""
        gone = self._handler.closed
        self.terminate()
        if gone is not None:
            await asyncio.wait([gone])

    def terminate(self) -> None:
        """Drop the connection at once."""
        self._handler.abort()

    async def exchange(self, outgoing: Outgoing, *, cap: int) -> Answer:
        """Send one request and read its answer up to ``cap`` decoded bytes. Unless all went well, the connection is gone.

        Raises:
            DatasourceError: no answer; nobody knows what became of the request.
        """
        handler = self._handler
        try:
            handler.set_response_params(
                skip_payload=outgoing.method == "HEAD",
                read_until_eof=True,
                auto_decompress=False,
                read_bufsize=_READ_BYTES,
            )
            self._write(outgoing)
            message, payload = await handler.read()
            while message.code in _INTERIM and message.code != _SWITCHING:
                message, payload = await handler.read()
            return await self._answer(message, payload, cap)
        except RAISED as exc:
            self.terminate()
            raise translated(exc) from None
        except BaseException:
            self.terminate()
            raise

    def _write(self, outgoing: Outgoing) -> None:
        transport = self._handler.transport
        if transport is None:
            raise aiohttp.ServerDisconnectedError
        head, body = outgoing.head(), outgoing.body
        if body and len(body) > _JOINED_BYTES:
            transport.writelines([head, body])
        else:
            transport.write(head + body if body else head)

    async def _answer(self, message: RawResponseMessage, payload: StreamReader, cap: int) -> Answer:
        headers = message.headers
        buffer = BodyBuffer(", ".join(headers.getall("Content-Encoding", ())), cap)
        while chunk := await payload.readany():
            if buffer.feed(chunk):
                self.terminate()
                break
        kind, charset = _media_type(headers.get("Content-Type", ""))
        transport = self._handler.transport
        if transport is not None and transport.get_write_buffer_size():
            self.terminate()  # it has answered before it was told everything
        return Answer(
            status=message.code,
            reason=message.reason or "",
            headers=tuple(headers.items()),
            content=buffer.finish(),
            cut=buffer.full,
            content_type=kind,
            charset=charset,
        )


def _media_type(text: str) -> tuple[str, str]:
    """Return the type, lower case, and the character set of a Content-Type header; ``""`` for what it does not say."""
    if not text:
        return "", ""
    plain = _PLAIN_TYPE.fullmatch(text)
    if plain:
        return plain[1].lower(), (plain[2] or "").lower()
    message = Message()
    message["Content-Type"] = text
    return message.get_content_type(), message.get_content_charset("")
