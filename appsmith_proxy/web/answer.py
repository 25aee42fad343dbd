"""One answer on the wire: status line, the same security headers on every one, and a body of JSON.

Written straight to the transport: an answer of ours is small, complete and never transformed.
"""

from asyncio import WriteTransport
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

from appsmith_proxy.sdk import Noun

Headers: TypeAlias = tuple[tuple[str, str], ...]

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

_NO_CONTENT: Final = 204


class Answer(Noun, frozen=True, eq=False):
    """What a request is answered with. Made in C: it is made for every call."""

    status: int
    body: tuple[bytes, ...]
    request_id: str
    headers: Headers = ()

    def write(self, transport: WriteTransport, date: bytes, *, keep_alive: bool, bare: bool = False) -> None:
        """Write everything.

        Args:
            transport: where to.
            date: the Date header's value.
            keep_alive: another answer may follow.
            bare: the head alone, as HEAD wants it: a body would be read as the beginning of the next answer.
        """
        size = sum(map(len, self.body))
        own = b"" if self.status == _NO_CONTENT else b"Content-Length: %d\r\n" % size
        if self.headers:
            own += b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in self.headers)
        if not keep_alive:
            own += b"Connection: close\r\n"
        head = b"%bDate: %b\r\nX-Request-Id: %b\r\n%b\r\n" % (
            _FIRST_LINES[self.status],
            date,
            self.request_id.encode(),
            own,
        )
        if bare:
            transport.write(head)
        elif size <= JOINED_BYTES:
            transport.write(b"".join((head, *self.body)))
        else:
            transport.write(head)
            for piece in self.body:
                transport.write(piece)


_FIRST_LINES: Final[Mapping[int, bytes]] = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    + b"".join(f"{name}: {value}\r\n".encode() for name, value in SECURITY_HEADERS)
    for status in HTTPStatus
}
