"""One answer on the wire: status line, the same security headers on every one, and a body of JSON.

Written straight to the connection: an answer of ours is small, complete and never transformed, and aiohttp's own response,
which is none of that, costs as much as everything else of a request together.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Final, Protocol, final

from aiohttp.web import BaseRequest

SECURITY_HEADERS: Final = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)
"""On every answer, errors and malformed requests included. There is no Server header: it names versions."""

JOINED_BYTES: Final = 64 * 1024
"""Bodies up to this size are joined to their head: one write. Larger ones are not copied again."""


class Outlet(Protocol):
    """What an answer needs of its connection."""

    @property
    def draining(self) -> bool:
        """The server is about to stop: no connection is kept."""

    def date(self) -> bytes:
        """Return the time of day as the Date header has it."""

    async def drained(self) -> None:
        """Wait until the client has taken enough.

        Raises:
            ConnectionError: it did not, in time.
        """

    def close_by_deadline(self) -> None:
        """Give the client a bounded time to take what is written, then cut it off."""


@final
class Answer:
    """What a handler returns to aiohttp, which asks ``prepare``, ``write_eof`` and ``keep_alive`` of it, and no more."""

    __slots__ = ("_body", "_headers", "_outlet", "_request_id", "keep_alive", "status")

    def __init__(
        self, status: int, body: Sequence[bytes], *, request_id: str, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        self.status = status
        self.keep_alive = True
        self._body = body
        self._headers = headers
        self._request_id = request_id
        self._outlet: Outlet | None = None

    async def prepare(self, request: BaseRequest) -> None:
        """Write everything.

        Raises:
            ConnectionError: the client is gone.
        """
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        self._outlet = outlet = _outlet(request)
        # A body that was refused is still coming: what follows it is not looked for.
        self.keep_alive = request.keep_alive and request.content.is_eof() and not outlet.draining
        size = sum(map(len, self._body))
        head = self._head(size, outlet.date())
        if size <= JOINED_BYTES:
            transport.write(b"".join((head, *self._body)))
        else:
            transport.write(head)
            for piece in self._body:
                transport.write(piece)
        self._body = ()  # reason: aiohttp keeps an answer until the connection's next one

    async def write_eof(self) -> None:
        """Wait for a client that takes its answer slowly, with patience that ends."""
        if self._outlet is None:
            return
        await self._outlet.drained()
        if not self.keep_alive:
            self._outlet.close_by_deadline()

    def _head(self, size: int, date: bytes) -> bytes:
        own = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in self._headers)
        length = b"" if self.status == HTTPStatus.NO_CONTENT else b"Content-Length: %d\r\n" % size
        return b"%bDate: %b\r\nX-Request-Id: %b\r\n%b%b%b\r\n" % (
            _FIRST_LINES[self.status],
            date,
            self._request_id.encode(),
            length,
            own,
            b"" if self.keep_alive else b"Connection: close\r\n",
        )


def _outlet(request: BaseRequest) -> Outlet:
    outlet: Outlet = request.protocol  # type: ignore[assignment]  # reason: our server makes no other protocol
    return outlet


_FIRST_LINES: Final[Mapping[int, bytes]] = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    + b"".join(f"{name}: {value}\r\n".encode() for name, value in SECURITY_HEADERS)
    for status in HTTPStatus
}
