"""One request as the API sees it: what aiohttp's parser read, and nothing worked out from it before it is asked for."""

from asyncio import WriteTransport
from collections.abc import Sequence
from typing import Protocol

from aiohttp import StreamReader

from appsmith_proxy.sdk import Noun


class BodyBroken(Exception):
    """The framing of a body is broken, or its end is missing: raised where the body is read."""


class Fields(Protocol):
    """A request's headers by name, in any case."""

    def __contains__(self, name: object, /) -> bool:
        """Return whether there is one of this name."""

    def get(self, name: str, default: str, /) -> str:
        """Return the first value of a name."""

    def getall(self, name: str, default: tuple[str, ...], /) -> Sequence[str]:
        """Return all values of a name."""


class Request(Noun, frozen=True, eq=False):
    """A head that was parsed whole, and its body, which may still be coming. A ``Noun``: it is made for every call."""

    method: str
    target: str
    """Path and query, the very bytes."""
    headers: Fields
    content: StreamReader
    complete: bool
    """The body came with the head, as nearly always."""
    transport: WriteTransport
    """For telling a client to go on; the answer is written by the connection."""

    def __repr__(self) -> str:
        """Without headers: among them is the caller's token."""
        return f"<Request {self.method}>"
