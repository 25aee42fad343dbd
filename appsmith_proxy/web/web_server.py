"""All connections of one server: how many there may be, and how they end."""

import asyncio
from collections import Counter
from typing import final

from appsmith_proxy.web.connection import Connection, Handle
from appsmith_proxy.web.options import WebOptions
from appsmith_proxy.web.serving import Serving


@final
class WebServer:
    """Accepts connections within the caps: a factory of them for the event loop. Listening is for whoever owns it."""

    def __init__(self, handle: Handle, *, options: WebOptions, serving: Serving) -> None:
        self.handle = handle
        self.options = options
        self.serving = serving
        self.connections: set[Connection] = set()
        self._addresses: Counter[str] = Counter()
        self._over = False

    def __call__(self) -> Connection:
        return Connection(self, asyncio.get_running_loop())

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return any(connection.busy for connection in self.connections)

    def enter(self, connection: Connection, address: str) -> bool:
        """Count a new connection; False when there are too many, or none is wanted any more."""
        full = (
            self._over
            or len(self.connections) >= self.options.connections
            or self._addresses[address] >= self.options.connections_per_address
        )
        if not full:
            self.connections.add(connection)
            self._addresses[address] += 1
        return not full

    def leave(self, connection: Connection, address: str) -> None:
        """Count a connection that was let in and is gone."""
        self.connections.remove(connection)
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]

    def hang_up(self) -> None:
        """Close idle connections and take no new ones; the others close after their answer, as ``draining`` says."""
        self._over = True
        for connection in self.connections:
            if not connection.busy:
                connection.close()

    async def shutdown(self, seconds: float) -> None:
        """Cancel what still runs, and wait for it to end."""
        tasks = [task for connection in self.connections if (task := connection.cancel()) is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
