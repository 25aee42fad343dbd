"""The flow of bytes on a connection whose other end is a fake: what is read when, what is written, and what closes it."""

import asyncio
import socket
from typing import Any

from aiohttp import EMPTY_PAYLOAD
from multidict import CIMultiDict

from appsmith_proxy.web import bodies
from appsmith_proxy.web.answer import Answer
from appsmith_proxy.web.connection import BODY_BYTES, QUEUED, Connection
from appsmith_proxy.web.options import WebOptions
from appsmith_proxy.web.request import BodyBroken, Request
from appsmith_proxy.web.serving import Serving
from appsmith_proxy.web.web_server import WebServer
from tests.web.connections import LIVE, SHORT, Held, eventually

CLOSING = LIVE.replace(b"Host", b"Connection: close\r\nHost")
POST = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
LIMIT = 10 * BODY_BYTES


class FakeTransport(asyncio.Transport):
    """A client's end; the test plays the event loop."""

    def __init__(self, unsent: int = 0, bound: socket.socket | None = None) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "socket": bound})
        self.written = b""
        self.reading = True
        self.closed = False
        self.aborted = False
        self.unsent = unsent

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    async def answered(self, count: int) -> None:
        await eventually(lambda: len(self.statuses) == count)

    async def over(self) -> None:
        await eventually(lambda: self.closed)

    @property
    def statuses(self) -> list[bytes]:
        return [answer[:3] for answer in self.written.split(b"HTTP/1.1 ")[1:]]


class Scene:
    """A server whose handler can be held, and takes each body whole."""

    def __init__(self, options: WebOptions | None = None) -> None:
        self.held: Held | None = None
        self.taken: list[int] = []
        self.server = WebServer(self.handle, options=options or WebOptions(), serving=Serving())

    async def handle(self, request: Request) -> Answer:
        if self.held is not None:
            await self.held()
        try:
            self.taken.append(len(await bodies.read_bytes(request, LIMIT, 5)))
        except BodyBroken:
            return Answer(400, (b"{}",), "0")
        return Answer(200, (b"{}",), "0")

    def connect(self, transport: FakeTransport) -> Connection:
        connection = self.server()
        connection.connection_made(transport)
        return connection


async def test_a_client_that_sends_ahead_waits_and_every_request_is_answered_in_the_end() -> None:
    for packet in (LIVE, LIVE * 100):
        scene, transport = Scene(), FakeTransport()
        scene.held = held = Held()
        connection = scene.connect(transport)
        sent = 0
        while transport.reading and sent < 100:
            connection.data_received(packet)
            sent += len(packet) // len(LIVE)
        await held.started.wait()
        stopped, queued = not transport.reading, len(connection._queue)
        held.may_end.set()
        await transport.answered(sent)
        assert stopped
        assert queued <= QUEUED
        assert transport.reading
        connection.data_received(LIVE)
        await transport.answered(sent + 1)


async def test_what_is_sent_ahead_of_an_answer_in_the_making_is_answered_too() -> None:
    scene, transport = Scene(), FakeTransport()
    scene.held = held = Held()
    connection = scene.connect(transport)
    connection.data_received(LIVE)
    await held.started.wait()
    connection.data_received(LIVE * 40)
    held.may_end.set()
    await transport.answered(41)


async def test_a_body_that_nobody_takes_stops_its_client() -> None:
    scene, transport = Scene(), FakeTransport()
    scene.held = held = Held()
    connection = scene.connect(transport)
    size = 4 * BODY_BYTES
    connection.data_received(POST % size)
    await held.started.wait()
    sent = 0
    while transport.reading and sent < size:
        connection.data_received(b"x" * (BODY_BYTES // 4))
        sent += BODY_BYTES // 4
    assert 2 * BODY_BYTES <= sent < size
    held.may_end.set()
    await eventually(lambda: transport.reading)
    connection.data_received(b"x" * (size - sent))
    await eventually(lambda: scene.taken == [size])
    assert transport.statuses == [b"200"]


async def test_a_body_of_tiny_chunks_is_taken_in_portions() -> None:
    scene, transport = Scene(), FakeTransport()
    scene.held = held = Held()
    connection = scene.connect(transport)
    connection.data_received(b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.data_received(b"1\r\nx\r\n" * 40_000)
    assert connection._arriving.total_bytes < 20_000
    held.may_end.set()
    await asyncio.sleep(0.01)
    connection.data_received(b"0\r\n\r\n")
    await eventually(lambda: scene.taken == [40_000])


async def test_bodies_that_came_late_leave_room_for_what_is_sent_ahead() -> None:
    scene, transport = Scene(), FakeTransport()
    connection = scene.connect(transport)
    for number in range(1, QUEUED * 2):
        connection.data_received(POST % 1)
        await asyncio.sleep(0.001)
        connection.data_received(b"x")
        await transport.answered(number)
    connection.data_received(LIVE * 3)
    await transport.answered(number + 3)


async def test_what_was_sent_before_something_malformed_is_answered_first() -> None:
    scene, transport = Scene(), FakeTransport()
    scene.held = held = Held()
    connection = scene.connect(transport)
    connection.data_received(LIVE + LIVE)
    connection.data_received(b"canary\r\n\r\n")
    connection.data_received(LIVE)
    held.may_end.set()
    await transport.over()
    assert transport.statuses == [b"200", b"200", b"400"]


async def test_after_the_last_answer_nothing_is_answered() -> None:
    for after in (LIVE, b"canary\r\n\r\n"):
        scene, transport = Scene(), FakeTransport()
        scene.held = held = Held()
        connection = scene.connect(transport)
        connection.data_received(CLOSING)
        connection.data_received(after)
        held.may_end.set()
        await transport.over()
        assert transport.statuses == [b"200"]


async def test_a_body_that_breaks_off_is_known_even_before_its_request_has_its_turn() -> None:
    scene, transport = Scene(), FakeTransport()
    scene.held = held = Held()
    connection = scene.connect(transport)
    chunked = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
    connection.data_received(LIVE + chunked)
    connection.data_received(b"zz\r\n")
    held.may_end.set()
    await transport.over()
    assert transport.statuses == [b"200", b"400"]


async def test_a_server_that_hangs_up_closes_what_is_idle_and_takes_nothing_new() -> None:
    scene = Scene()
    idle, active, late = FakeTransport(), FakeTransport(), FakeTransport()
    scene.connect(idle)
    await asyncio.sleep(0.01)
    scene.held = held = Held()
    connection = scene.connect(active)
    connection.data_received(LIVE)
    await held.started.wait()
    scene.server.serving.draining = True
    scene.server.hang_up()
    scene.connect(late)
    assert (idle.closed, active.closed, late.aborted) == (True, False, True)
    assert scene.server.busy
    held.may_end.set()
    await active.over()
    assert b"Connection: close\r\n" in active.written
    assert not scene.server.busy


async def test_a_request_that_has_just_come_is_no_idle_connection() -> None:
    scene, transport = Scene(), FakeTransport()
    connection = scene.connect(transport)
    await asyncio.sleep(0.01)
    connection.data_received(LIVE)
    scene.server.hang_up()
    assert not transport.closed
    await eventually(lambda: transport.statuses == [b"200"])


async def test_an_answer_that_is_not_taken_is_dropped_in_the_end() -> None:
    scene, transport = Scene(WebOptions(write_seconds=SHORT)), FakeTransport(unsent=1)
    scene.connect(transport).data_received(CLOSING)
    await transport.over()
    assert not transport.aborted
    await eventually(lambda: transport.aborted)


async def test_who_is_gone_without_a_word_is_noticed_by_the_system() -> None:
    with socket.socket() as bound:
        Scene().connect(FakeTransport(bound=bound))
        assert bound.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


async def test_a_connection_that_is_lost_ends_its_task_and_leaves() -> None:
    scene, transport = Scene(), FakeTransport()
    scene.held = held = Held()
    connection = scene.connect(transport)
    connection.data_received(LIVE)
    await held.started.wait()
    connection.connection_lost(None)
    await held.ended.wait()
    connection.data_received(LIVE)
    assert scene.server.connections == set()
    assert transport.statuses == []


async def test_headers_that_came_in_time_leave_no_deadline_behind() -> None:
    scene, transport = Scene(WebOptions(header_seconds=SHORT)), FakeTransport()
    connection = scene.connect(transport)
    await asyncio.sleep(0.01)
    connection.data_received(LIVE[:20])
    connection.data_received(LIVE[20:])
    await transport.answered(1)
    await asyncio.sleep(SHORT * 1.5)
    assert not transport.closed


async def test_idle_is_counted_from_the_last_answer_and_never_while_one_is_made() -> None:
    scene, transport = Scene(WebOptions(idle_seconds=SHORT)), FakeTransport()
    scene.held = held = Held()
    connection = scene.connect(transport)
    connection.data_received(LIVE)
    await asyncio.sleep(SHORT * 1.5)
    held.may_end.set()
    await transport.answered(1)
    await asyncio.sleep(SHORT / 2)
    assert not transport.closed
    await transport.over()


def test_a_request_never_shows_what_came_in_it() -> None:
    headers = CIMultiDict({"Authorization": "canary"})
    request = Request("GET", "/me?q=canary", headers, EMPTY_PAYLOAD, complete=True, transport=FakeTransport())
    assert repr(request) == "<Request GET>"
