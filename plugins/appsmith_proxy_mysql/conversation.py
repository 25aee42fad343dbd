"""The reader and the writer of a connection while we log in: what the server says is kept, and bounded."""

import asyncio
from typing import Any, Final

from appsmith_proxy_mysql.packets import Packets, Reply
from appsmith_proxy_mysql.protocol import Malformed

MAX_LOGIN: Final = 64 * 1024
"""Bytes that a server may say before it has let us in."""


class Conversation(Reply):
    """What a server says while we log in: the reader and the writer that aiomysql's calls want."""

    def __init__(self, packets: Packets, deadline: float) -> None:
        self.packets = packets
        self._deadline = deadline
        self._heard = bytearray()
        self._wanted = 0
        self._said = 0

    @property
    def transport(self) -> Any:
        """The socket, for aiomysql, which closes it when a call is cancelled."""
        return self.packets.transport

    @property
    def silent(self) -> bool:
        """Whether all that came was read."""
        return not self._heard

    def feed(self, data: bytes) -> int:
        """Take everything."""
        self._heard += data
        self._said += len(data)
        if self._said > MAX_LOGIN:
            raise Malformed("the server says too much before it lets us in")
        self.finished = len(self._heard) >= self._wanted
        return len(data)

    async def readexactly(self, size: int) -> bytes:
        """Return the next bytes."""
        self._wanted = size
        if len(self._heard) < size:
            if self.packets.stopped:
                raise ConnectionResetError("the connection was lost")
            self.finished = False
            loop = asyncio.get_running_loop()
            await self.packets.hear(self, timeout=max(0.0, self._deadline - loop.time()))
        data = bytes(self._heard[:size])
        del self._heard[:size]
        return data

    def write(self, data: bytes) -> None:
        """Send."""
        self.packets.transport.write(data)
