"""The private seams of PyMongo that the driver relies on; ``tests/unit/mongodb/test_seams.py`` says what each must do.

PyMongo watches a server on a connection and a thread of its own, keeps its TLS context to itself and waits for what runs
when it is closed. A Client here has so many connections and no more, checks the TLS that the proxy made, and ends at once.
"""

import asyncio
import contextlib
import ssl
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, final

from pymongo import MongoClient
from pymongo.hello import Hello
from pymongo.monitoring import CommandListener
from pymongo.server_description import ServerDescription
from pymongo.synchronous.pool import Pool

from appsmith_proxy.sdk import Outcome, TlsFailed

if TYPE_CHECKING:
    _EventLoop = object  # its other methods are never called, so they are not written
else:
    _EventLoop = asyncio.AbstractEventLoop

_KNOWN: Final = {
    "ok": 1,
    "isWritablePrimary": True,
    "minWireVersion": 0,
    "maxWireVersion": 25,
    "logicalSessionTimeoutMinutes": 30,
}
"""What is assumed of the one server of a client until a connection's own handshake tells it better."""


@final
class Unwatched:
    """A monitor (``_monitor_class``) that watches nothing: connecting itself shows whether the server is there."""

    def __init__(self, server_description: Any, topology: Any, pool: Any, topology_settings: Any) -> None:
        self._address = server_description.address
        self._topology = weakref.proxy(topology)

    def open(self) -> None:
        """Say that the server can be tried. The topology holds its lock."""
        with contextlib.suppress(ReferenceError):
            known = self._topology.description.server_descriptions().get(self._address)
            if known is not None and not known.is_server_type_known:
                self._topology._process_change(  # noqa: SLF001  # reason: see the top
                    ServerDescription(self._address, Hello(dict(_KNOWN)))
                )

    def request_check(self) -> None:
        """Say so again after an error: the execution that tries it has a deadline."""
        self.open()

    cancel_check = request_check

    def close(self) -> None:
        """There is nothing to stop."""


@final
class Ending(Pool):
    """A pool (``_pool_class``) whose end interrupts what still waits for the server."""

    def close(self) -> None:
        """Close every connection, those in use too."""
        self._reset(close=True, interrupt_connections=True)


@final
class OwnThreads(_EventLoop):
    """What motor runs its calls on: given as its event loop, it sends them to one Client's own threads.

    Motor has one pool of threads for the whole process, so one slow datasource would hold up all others, and the store.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: ThreadPoolExecutor) -> None:
        self._loop = loop
        self._threads = threads

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        """Run a call on the Client's threads, whatever executor is asked for."""
        return self._loop.run_in_executor(self._threads, func, *args)


@final
class Sent(CommandListener):
    """Knows which sessions' commands were about to be written to a socket."""

    def __init__(self) -> None:
        self._sessions: set[bytes] = set()

    def started(self, event: Any) -> None:
        """Note a command, by its session. Called from a Client's threads."""
        session = event.command.get("lsid")
        if session is not None:
            self._sessions.add(bytes(session["id"]))

    def succeeded(self, event: Any) -> None:
        """What follows does not matter."""

    def failed(self, event: Any) -> None:
        """What follows does not matter."""

    def take(self, session: bytes) -> bool:
        """Return whether a session has sent something since it was asked last."""
        found = session in self._sessions
        self._sessions.discard(session)
        return found


def give_tls(client: MongoClient[Any], context: ssl.SSLContext) -> None:
    """Let a client that has not connected yet use a TLS context of ours, for every connection.

    Raises:
        TlsFailed: it would use another; nothing was sent.
    """
    options: Any = client.options.pool_options
    with contextlib.suppress(AttributeError):
        options._PoolOptions__ssl_context = context  # noqa: SLF001  # reason: see the top
    if getattr(options, "_ssl_context", None) is not context:
        raise TlsFailed("the driver cannot set up TLS with this version of PyMongo", outcome=Outcome.NOT_SENT)
