"""The socket's side of one connection: commands out, answers in, many packets at one wake-up.

::

    socket ──chunks──▶ Packets ──bytes──▶ the reply that is awaited ──▶ its future

One command is under way at a time. A reply takes what it understands from the front of what came; the rest waits, in
pieces, until as much is there as the reply needs. Nothing of ours is recursive, and a reply's bounds are known before
bytes are collected for it.
"""

import asyncio
import struct
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, Final

from appsmith_proxy.sdk import Room
from appsmith_proxy_mysql.protocol import ERROR, HEADER, LARGEST, Malformed, Reported, framed, packet_count, reported_at

UNREADABLE: Final = (Malformed, struct.error, LookupError, ValueError)
"""What reading a server's bytes raises when they make no sense."""


class Reply(ABC):
    """What is awaited. Made for one command."""

    sequence = 1
    """The number that the next packet must have."""
    needed = HEADER
    """How many bytes must be there, from where it stopped, for the reply to go on."""
    finished = False
    """All of it has come, or as much as was wanted."""
    given_up = False
    """It has ended before its end: the connection is of no further use."""
    large = False
    """From now on it is a large answer, which needs a place in the room."""
    error: Reported | None = None

    @abstractmethod
    def feed(self, data: bytes) -> int:
        """Take from the front; return how much. More than there is: so much of what comes next is skipped."""

    def whole(self, data: bytes, at: int, *, most: int) -> int:
        """Return where the packet at ``at`` ends, its number checked; 0: it is not complete, ``needed`` says how much is."""
        if len(data) - at < HEADER:
            self.needed = HEADER
            return 0
        length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        if length > most or not length:
            raise Malformed("a packet has a length that none has here")
        end = at + HEADER + length
        if end > len(data):
            self.needed = end - at
            return 0
        if data[at + 3] != self.sequence:
            if data[at + HEADER] == ERROR:  # a server that is going down says so out of turn
                raise reported_at(data, at + HEADER, end)
            raise Malformed("a packet has a wrong number")
        self.sequence = self.sequence + 1 & 0xFF
        return end


class Packets(asyncio.Protocol):
    """The protocol of one connection, from the first byte to the last."""

    def __init__(self, room: Room) -> None:
        loop = asyncio.get_running_loop()
        self.transport: Any = None  # uvloop's are no asyncio.Transport by class, but by what they do
        self.lost: asyncio.Future[None] = loop.create_future()
        """Done when the socket is closed."""
        self.stopped = False
        """What else comes is ignored: the connection is of no further use."""
        self.interrupted = False
        """A command was under way then: the server may be at it still."""
        self.listener: Reply | None = None
        """Takes what nobody has asked for: while logging in, when the server speaks first."""
        self._loop = loop
        self._room = room
        self._in_room = False
        self._reply: Reply | None = None
        self._answered: asyncio.Future[None] | None = None
        self._until = 0.0
        """When the reply that is awaited must be finished."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._skip = 0

    @property
    def alive(self) -> bool:
        """Whether the connection can carry another command."""
        return not self.stopped and self._reply is None

    def ask(self, payload: bytes, reply: Reply, *, timeout: float, before: bytes = b"") -> Coroutine[Any, Any, None]:
        """Send a command, and return what waits until its reply is finished; it is awaited at once.

        Args:
            payload: the command.
            reply: takes the answer.
            timeout: seconds.
            before: packets of commands that have no answer, sent in the same breath.

        Raises:
            Reported: the server reports an error; the connection lives on.
            Malformed: or what else ``UNREADABLE`` says: the connection is given up. So it is with all that follows.
            ConnectionError: the connection is lost.
            TimeoutError: time is up.
        """
        if not self.alive:
            raise ConnectionResetError("the connection was given up")
        reply.sequence = packet_count(payload) & 0xFF
        self.transport.write(before + framed(payload))
        return self.hear(reply, timeout=timeout)

    async def hear(self, reply: Reply, *, timeout: float) -> None:  # noqa: ASYNC109  # reason: one timer, no task
        """Wait until a reply is finished; see ``ask``."""
        self._reply = reply
        answered = self._answered = self._loop.create_future()
        self._until = until = self._loop.time() + timeout
        if self._timer is None or self._timer_at > until:
            self._look_at(until)
        try:
            await answered
        except BaseException:
            if self._reply is not None:  # cancelled between write and read
                self.interrupt()
            raise
        finally:
            if self._in_room:
                self._leave_room()
        if reply.error is not None:
            raise reply.error

    def tell(self, packets: bytes) -> None:
        """Send commands that have no answer."""
        if self.alive:
            self.transport.write(packets)

    def interrupt(self) -> None:
        """Drop the connection; the server may still be at the last command."""
        self.interrupted = not self.lost.done()
        self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        self.stopped = True
        self._reply = None
        self._tail.clear()
        self._stop_timer()
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def connection_lost(self, reason: Exception | None) -> None:
        """Tell whoever waits."""
        self.stopped = True
        if not self.lost.done():
            self.lost.set_result(None)
        self._stop_timer()
        self._end(ConnectionResetError("the connection was lost"))

    def data_received(self, data: bytes) -> None:
        """Give what came to the reply."""
        if self.stopped:
            return
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            if skipped == len(data):
                return
            data = data[skipped:]
        reply = self._reply or self.listener
        if reply is None:
            self.abort()  # nobody has asked: the server says goodbye, or is none
            return
        if self._tail:
            self._tail.append(data)
            self._tail_size += len(data)
            if self._tail_size < reply.needed:
                return
            data = b"".join(self._tail)
            self._tail.clear()
        try:
            at = reply.feed(data)
        except (Reported, *UNREADABLE) as error:
            self._give_up(error)
            return
        left = len(data) - at
        if reply.finished:
            if reply.given_up:
                self.interrupt()
            elif left:
                self._give_up(Malformed("the answer goes on after its end"))
                return
            self._end(None)
        elif left > 0:
            self._tail = [data[at:] if at else data]
            self._tail_size = left
        else:
            self._skip = -left
        if reply.large and not reply.finished:
            reply.large = False
            self._enter_room()

    def _end(self, error: BaseException | None) -> None:
        self._reply = None
        answered, self._answered = self._answered, None
        if answered is None or answered.done():
            return
        if error is None:
            answered.set_result(None)
        else:
            answered.set_exception(error)

    def _give_up(self, error: BaseException) -> None:
        self.interrupt()
        self._end(error)

    def _look_at(self, when: float) -> None:
        """Set the timer. It is left running when an answer has come: setting one for each would cost more than reading it."""
        self._stop_timer()
        self._timer = self._loop.call_at(when, self._look)
        self._timer_at = when

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._reply is None:
            return
        if self._loop.time() < self._until:
            self._look_at(self._until)
        else:
            self._give_up(TimeoutError())

    def _enter_room(self) -> None:
        self._in_room = True
        if not self._room.enter(self._go_on):
            self.transport.pause_reading()

    def _leave_room(self) -> None:
        self._in_room = False
        if self._room.leave(self._go_on):
            self._go_on()

    def _go_on(self) -> None:
        if not self.stopped and not self.transport.is_closing():
            self.transport.resume_reading()


__all__ = ["LARGEST", "UNREADABLE", "Packets", "Reply"]
