"""The one place that sends: connections to checked addresses alone, the base URL's kept, all others for one exchange.

::

    network.resolve ──▶ checked addresses ──▶ dialled as they are ──▶ Connection ──▶ one exchange ──▶ kept, or closed

Names are resolved, and literals checked, for each new connection; nothing between the check and the socket reads a name again.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from appsmith_proxy.sdk import ConnectFailed, Lane, Network, Outcome, Pool, Target, TlsOptions
from appsmith_proxy_rest.connection import Answer, Connection
from appsmith_proxy_rest.outgoing import Outgoing
from appsmith_proxy_rest.urls import Origin

CONNECT_SECONDS: Final = 5.0
MOST_IDLE_SECONDS: Final = 60.0
_SCOPE: Final = "exchanges"
"""All are alike to a connection: it is never reset."""


class Transport:
    """The connections of one Client; ``close`` closes them all.

    Args:
        network: the way out.
        tls: what TLS must be to an origin.
        home: the base URL's; connections to it are kept.
        known: further origins whose TLS contexts are kept.
        max_connections: to ``home``, at the same time.
        idle_seconds: after so long without use a connection is closed.
    """

    def __init__(
        self,
        network: Network,
        *,
        tls: Callable[[Origin], TlsOptions],
        home: Origin,
        known: frozenset[Origin] = frozenset(),
        max_connections: int,
        idle_seconds: float,
    ) -> None:
        self._network = network
        self._tls = tls
        self._home = home
        self._kept_contexts = known | {home}
        self._contexts: dict[Origin, ssl.SSLContext | None] = {}
        self._closed = False
        self._pool: Pool[Connection] = Pool(
            self._connect_home, size=max_connections, idle_seconds=min(idle_seconds, MOST_IDLE_SECONDS), raised=()
        )

    async def send(self, outgoing: Outgoing, *, cap: int, deadline: float) -> Answer:
        """Send one request and read its answer up to ``cap`` decoded bytes.

        Raises:
            DatasourceError: no answer; ``outcome`` is NOT_SENT only when no connection was made.
        """
        if self._closed:
            raise ConnectFailed("the datasource's client is closed", outcome=Outcome.NOT_SENT)
        if outgoing.url.origin != self._home:
            return await self._send_elsewhere(outgoing, cap, deadline)
        pool = self._pool
        connection = pool.take(Lane.READ_WRITE, _SCOPE)
        if connection is None:
            connection = await pool.acquire(Lane.READ_WRITE, _SCOPE, deadline=deadline)
        try:
            return await connection.send(outgoing, cap=cap, deadline=deadline)
        except BaseException:
            connection.terminate()
            raise
        finally:
            pool.release(connection, harmless_scope=_SCOPE)

    async def close(self) -> None:
        """Close every connection. May be called twice."""
        self._closed = True
        await self._pool.close()

    async def _send_elsewhere(self, outgoing: Outgoing, cap: int, deadline: float) -> Answer:
        connection = await self._connect(outgoing.url.origin, deadline)
        try:
            return await connection.send(outgoing, cap=cap, deadline=deadline)
        finally:
            await connection.close()

    async def _connect_home(self, lane: Lane, deadline: float) -> Connection:
        return await self._connect(self._home, deadline)

    async def _connect(self, origin: Origin, deadline: float) -> Connection:
        until = min(deadline, asyncio.get_running_loop().time() + CONNECT_SECONDS)
        try:
            async with asyncio.timeout_at(until):
                target = await self._network.resolve(origin.host, origin.port)
        except TimeoutError:
            raise ConnectFailed("the server's name was not resolved in time", outcome=Outcome.NOT_SENT) from None
        return await Connection.open(target, self._context(origin, target), deadline=until)

    def _context(self, origin: Origin, target: Target) -> ssl.SSLContext | None:
        """Return the TLS context of an origin: making one reads every authority."""
        if origin.scheme == "http":
            return None
        if origin in self._contexts:
            return self._contexts[origin]
        context = self._network.tls(target, self._tls(origin))
        if origin in self._kept_contexts:
            self._contexts[origin] = context
        return context
