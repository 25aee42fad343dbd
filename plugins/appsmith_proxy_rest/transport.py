"""The one place that sends: aiohttp's client with everything switched off that it does by itself.

No redirects, no retries, no cookies, no proxy variables, no netrc, no decompression. Each new connection goes to
addresses that ``context.network`` checked, and the socket is compared with them once more, because a URL with an IP
literal never reaches a resolver.
"""

import io
import re
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType

from appsmith_proxy.sdk import ConnectFailed, Network, Outcome, Target, TlsOptions
from appsmith_proxy_rest.faults import translated
from appsmith_proxy_rest.inflate import BodyBuffer
from appsmith_proxy_rest.outgoing import Outgoing, Pairs
from appsmith_proxy_rest.urls import Url, on_the_wire

CONNECT_SECONDS: Final = 5.0
_LARGE_BODY: Final = 262_144
_MAX_CHECKED: Final = 1_024
_NUMERIC: Final = re.compile(r"[0-9.]+|.*:.*")
_AUTOMATIC: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
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


class Transport:
    """The connections of one Client; ``close`` closes them all."""

    def __init__(
        self,
        network: Network,
        *,
        tls: Callable[[Url], TlsOptions],
        pooled: frozenset[tuple[str, str, int]],
        max_connections: int,
        idle_seconds: float,
    ) -> None:
        self._gate = _Gate(network)
        self._network = network
        self._tls = tls
        self._pooled = pooled
        self._contexts: dict[tuple[str, str, int], ssl.SSLContext | None] = {}
        connector = aiohttp.TCPConnector(
            resolver=self._gate,
            socket_factory=self._gate.open_socket,
            use_dns_cache=False,
            limit=max_connections,
            keepalive_timeout=min(idle_seconds, 60.0),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=_AUTOMATIC,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        )
        # aiohttp repeats idempotent requests when a kept connection turns out dead. It may have run: we do not.
        self._session._retry_connection = False  # noqa: SLF001  # reason: there is no public switch; a test watches it

    async def send(self, outgoing: Outgoing, *, cap: int) -> Answer:
        """Send one request and read its answer up to ``cap`` decoded bytes.

        Raises:
            DatasourceError: no answer; ``outcome`` is NOT_SENT only when no connection was made.
        """
        if self._session.closed:
            raise ConnectFailed("the datasource's client is closed", outcome=Outcome.NOT_SENT)
        await self._gate.check_literal(outgoing.url)
        url = on_the_wire(outgoing.url)
        context = self._context(outgoing.url) if outgoing.url.scheme == "https" else None
        try:
            response = await self._session.request(
                outgoing.method,
                url,
                headers=outgoing.headers,
                data=_sendable(outgoing.body),
                allow_redirects=False,
                ssl=context or True,
            )
        except (aiohttp.ClientError, OSError) as exc:
            raise translated(exc) from None
        try:
            return await self._read(response, cap)
        except (aiohttp.ClientError, OSError) as exc:
            raise translated(exc) from None
        finally:
            response.close()  # a connection whose answer was read to its end is back in the pool already

    async def close(self) -> None:
        """Close every connection. May be called twice."""
        await self._session.close()

    async def _read(self, response: aiohttp.ClientResponse, cap: int) -> Answer:
        buffer = BodyBuffer(", ".join(response.headers.getall("Content-Encoding", [])), cap)
        async for chunk in response.content.iter_any():
            if buffer.feed(chunk):
                break
        content = buffer.finish()
        return Answer(
            status=response.status,
            reason=response.reason or "",
            headers=tuple(response.headers.items()),
            content=content,
            cut=buffer.full,
            content_type=response.content_type if "Content-Type" in response.headers else "",
            charset=response.charset or "",
        )

    def _context(self, url: Url) -> ssl.SSLContext | None:
        """Return the TLS context of an origin; kept for the datasource's own, so that connections are reused."""
        if url.origin in self._contexts:
            return self._contexts[url.origin]
        context = self._network.tls(Target(host=url.host, port=url.port, addresses=()), self._tls(url))
        if url.origin in self._pooled:
            self._contexts[url.origin] = context
        return context


def _sendable(body: bytes | None) -> bytes | io.BytesIO | None:
    """Return a body as the library wants it: a large one in pieces, so that it does not hold up the event loop."""
    return io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body


class _Gate(AbstractResolver):
    """Give aiohttp checked addresses, and refuse a socket to any other."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._checked: OrderedDict[tuple[str, int], None] = OrderedDict()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name for one new connection."""
        target = await self._check(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=target.port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in target.addresses
        ]

    async def check_literal(self, url: Url) -> None:
        """Check a URL whose host is, or looks like, an IP literal: aiohttp asks no resolver for it."""
        if _NUMERIC.fullmatch(url.host):
            await self._check(url.host, url.port)

    def open_socket(self, info: AddrInfoType) -> socket.socket:
        """Open the socket for one address, if it was checked."""
        family, kind, protocol, _, endpoint = info
        if (endpoint[0], endpoint[1]) not in self._checked:
            raise ConnectionRefusedError("the address was not checked")
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Nothing is held."""

    async def _check(self, host: str, port: int) -> Target:
        target = await self._network.resolve(host, port)
        for address in target.addresses:
            self._checked[address, port] = None
            self._checked.move_to_end((address, port))
        while len(self._checked) > _MAX_CHECKED:
            self._checked.popitem(last=False)
        return target
