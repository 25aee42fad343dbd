"""What the driver takes from inside PyMongo and motor, each in a sentence: read this first when their versions move."""

import asyncio
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymongo
import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, PyMongoError

from appsmith_proxy.sdk import TlsFailed
from appsmith_proxy_mongodb.seams import Ending, OwnThreads, Sent, Unwatched, give_tls
from tests.servers.mongod import MongodServer


def own(mongod: MongodServer, **options: Any) -> MongoClient[dict[str, Any]]:
    return MongoClient(
        mongod.host,
        mongod.port,
        username=mongod.user,
        password=mongod.password,
        directConnection=True,
        retryReads=False,
        retryWrites=False,
        **{"_monitor_class": Unwatched, "_pool_class": Ending, "serverSelectionTimeoutMS": 2000, **options},
    )


def nobody(host: str, **options: Any) -> MongoClient[dict[str, Any]]:
    """Return a client of a server that is not there."""
    return MongoClient(host, 1, directConnection=True, **{"_monitor_class": Unwatched, **options})


@pytest.fixture
def client(mongod: MongodServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with own(mongod, appname="seams") as client:
        yield client


def test_a_client_has_no_connection_but_those_of_its_pool(mongod: MongodServer) -> None:
    before = set(threading.enumerate())
    with own(mongod, appname="counted", maxPoolSize=1) as client:
        client.admin.command("ping")
        started = {thread.name for thread in set(threading.enumerate()) - before}
        assert not [name for name in started if "monitor" in name or "rtt" in name]
        with mongod.client() as admin:
            idle = admin.admin.aggregate([{"$currentOp": {"allUsers": True, "idleConnections": True}}])
            assert sum(one.get("appName") == "counted" for one in idle) == 1


def test_after_an_error_the_server_is_tried_at_once(mongod: MongodServer, client: MongoClient[dict[str, Any]]) -> None:
    client.admin.command("ping")
    with mongod.fault({"times": 1}, failCommands=["ping"], closeConnection=True), pytest.raises(AutoReconnect):
        client.admin.command("ping")
    started = time.monotonic()
    client.admin.command("ping")
    assert time.monotonic() - started < 0.4, "half a second is what PyMongo waits for its monitor"


def test_a_server_that_is_not_there_is_told_at_once(mongod: MongodServer) -> None:
    started = time.monotonic()
    with nobody(mongod.host) as client:
        for _ in range(2):
            with pytest.raises(AutoReconnect) as caught:
                client.admin.command("ping")
            assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert time.monotonic() - started < 1


def test_the_end_interrupts_what_waits(mongod: MongodServer) -> None:
    client = own(mongod)
    client.admin.command("ping")
    errors: list[PyMongoError] = []

    def wait() -> None:
        try:
            client.admin.command("ping")
        except PyMongoError as error:
            errors.append(error)

    with mongod.fault({"times": 1}, failCommands=["ping"], blockConnection=True, blockTimeMS=2500):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.2)  # it may end before it is asked, too; mostly it waits by now
        started = time.monotonic()
        client.close()
        waiting.join()
        assert time.monotonic() - started < 1.8
    assert len(errors) == 1


def test_a_deadline_reaches_the_server_and_the_socket(
    mongod: MongodServer, client: MongoClient[dict[str, Any]]
) -> None:
    client.admin.command("ping")
    with mongod.fault({"times": 1}, failCommands=["ping"], blockConnection=True, blockTimeMS=2500):
        started = time.monotonic()
        with pytest.raises(PyMongoError), pymongo.timeout(0.3):
            client.admin.command("ping")
        assert time.monotonic() - started < 1.8


async def test_motor_runs_on_the_threads_that_it_is_given(mongod: MongodServer) -> None:
    threads = ThreadPoolExecutor(1, thread_name_prefix="seams-own")
    seen: set[str] = set()

    class Seen(OwnThreads):  # type: ignore[misc]  # reason: final for everybody but this test
        def run_in_executor(self, executor: Any, func: Any, *args: Any) -> "asyncio.Future[Any]":
            def told(*given: Any) -> Any:
                seen.add(threading.current_thread().name)
                return func(*given)

            return super().run_in_executor(executor, told, *args)

    motor: Any = AsyncIOMotorClient(mongod.url(), io_loop=Seen(asyncio.get_running_loop(), threads))
    session = await motor.start_session()
    with pymongo.timeout(5):
        await motor.admin.command("ping", session=session)
    cursor = await motor.admin.cursor_command({"listCollections": 1}, session=session)
    assert [one async for one in cursor]
    await session.end_session()
    motor.close()
    threads.shutdown()
    assert seen == {"seams-own_0"}


def test_a_command_is_told_before_it_is_sent_and_by_its_session(mongod: MongodServer) -> None:
    sent = Sent()
    with own(mongod, event_listeners=[sent]) as client, client.start_session() as session:
        name = bytes(session.session_id["id"])
        assert not sent.take(name)
        client.admin.command("ping", session=session)
        assert sent.take(name)
        assert not sent.take(name)
    with nobody(mongod.host, event_listeners=[sent]) as client, client.start_session() as session:
        name = bytes(session.session_id["id"])
        with pytest.raises(AutoReconnect):
            client.admin.command("ping", session=session)
        assert not sent.take(name)


def test_a_tls_context_of_ours_is_the_one_that_is_used() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with nobody("127.0.0.1", tls=True, connect=False) as client:
        give_tls(client, context)
        options: Any = client.options.pool_options
        assert options._ssl_context is context


def test_where_it_cannot_be_given_nothing_is_sent() -> None:
    class Renamed:
        """Options of a version that keeps its context elsewhere."""

        class options:  # noqa: N801  # reason: stands for an attribute
            class pool_options:  # noqa: N801  # reason: the same
                __slots__ = ()

    with pytest.raises(TlsFailed, match="this version of PyMongo"):
        give_tls(Renamed, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # type: ignore[arg-type]  # reason: no client at all
