"""One server over motor: so many commands at a time, each with a deadline and a session by which it can be killed."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final, TypeAlias, TypeVar, final

import pymongo

from appsmith_proxy.sdk import ConnectFailed, ExecutionTimeout, Outcome, Permits
from appsmith_proxy_mongodb import faults
from appsmith_proxy_mongodb.seams import Sent

KILL_SECONDS: Final = 2.0
GOODBYE_SECONDS: Final = 0.5
"""How long telling the server that sessions have ended may take."""

T = TypeVar("T")
Work: TypeAlias = Callable[[Any], Awaitable[T]]
"""Takes motor's session, does one execution's commands."""


@final
class Link:
    """A motor client that speaks to one checked address. The Client that opened it closes it.

    Args:
        client: motor's client for one address.
        threads: what it runs on.
        sent: its listener.
        size: how many executions it may run at a time.
    """

    def __init__(self, client: Any, threads: ThreadPoolExecutor, sent: Sent, *, size: int) -> None:
        self.client = client
        self.hello: dict[str, Any] = {}
        self.checked_at = -math.inf
        """When ``hello`` was asked, on the event loop's clock."""
        self._threads = threads
        self._sent = sent
        self._permits = Permits(size)
        self._sessions: list[Any] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._running: dict[asyncio.Task[Any], Any] = {}
        self._closed = False

    @property
    def is_primary(self) -> bool:
        """Whether the server took writes when it was asked last."""
        return bool(self.hello.get("isWritablePrimary"))

    @property
    def is_secondary(self) -> bool:
        """Whether the server is a secondary of a replica set."""
        return bool(self.hello.get("secondary"))

    @property
    def has_transactions(self) -> bool:
        """Whether the server is part of a replica set, or leads to one."""
        return bool(self.hello.get("setName")) or self.hello.get("msg") == "isdbgrid"

    async def ask(self, *, deadline: float) -> dict[str, Any]:
        """Ask the server who it is."""

        async def hello(session: Any) -> dict[str, Any]:
            found: dict[str, Any] = await self.client.admin.command("hello", session=session)
            return found

        self.hello = await self.run(hello, deadline=deadline)
        self.checked_at = asyncio.get_running_loop().time()
        return self.hello

    async def run(self, work: Work[T], *, deadline: float, partly: bool = False) -> T:
        """Do an execution's commands. At the deadline, or when cancelled, the server is told to end them.

        Raises:
            DatasourceError: they failed; ``partly`` says whether a part of them may stay then.
        """
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ConnectFailed("the datasource's client is closed", outcome=Outcome.NOT_SENT)
        try:
            await self._permits.take(deadline=deadline)
        except TimeoutError:
            raise ExecutionTimeout("no connection came free before the deadline", outcome=Outcome.NOT_SENT) from None
        task: asyncio.Task[T] = loop.create_task(self._work(work, deadline))
        self._tasks.add(task)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(task)
        except TimeoutError:
            sent = self._was_sent(task)
            self._spawn(self._kill(task))
            raise faults.translate(TimeoutError(), sent=sent) from None
        except asyncio.CancelledError:
            self._spawn(self._kill(task))
            raise
        except faults.RAISED as error:
            raise faults.translate(error, sent=self._was_sent(task), partly=partly) from None
        finally:
            task.add_done_callback(self._ended)

    def doubt(self) -> None:
        """Have the server asked again who it is before it is used."""
        self.checked_at = -math.inf

    async def drained(self) -> None:
        """Wait until nothing runs."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def close(self) -> None:
        """End what runs, and every connection. Idempotent."""
        if not self._closed:
            self._closed = True
            for task in list(self._running):
                self._spawn(self._kill(task))
            loop = asyncio.get_running_loop()
            with pymongo.timeout(GOODBYE_SECONDS):
                for session in self._sessions:
                    await session.end_session()
                context = copy_context()
            await asyncio.shield(loop.run_in_executor(self._threads, context.run, self.client.close))
        await self.drained()

    async def _work(self, work: Work[T], deadline: float) -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # reason: made by run
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise ExecutionTimeout("the deadline passed before the command was sent", outcome=Outcome.NOT_SENT)
        with pymongo.timeout(left):
            session = (
                self._sessions.pop() if self._sessions else await self.client.start_session(causal_consistency=False)
            )
            self._sent.take(_name(session))
            self._running[task] = session
            done = await work(session)
        self._sessions.append(session)
        return done

    def _was_sent(self, task: "asyncio.Task[Any]") -> bool:
        session = self._running.get(task)
        return session is not None and self._sent.take(_name(session))

    async def _kill(self, task: "asyncio.Task[Any]") -> None:
        """Have the server end a session's work, on a connection beside it, and wait for it."""
        session = self._running.get(task)
        if session is not None and not task.done():
            try:
                with pymongo.timeout(KILL_SECONDS):
                    await self.client.admin.command({"killSessions": [session.session_id]})
            except faults.RAISED:
                pass  # reason: then the server is not there either, or ends it at the deadline by itself
        await asyncio.wait([task])

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        if not task.done():  # pragma: no cover
            return
        self._tasks.discard(task)
        self._running.pop(task, None)
        self._permits.give_back()
        if not task.cancelled():
            task.exception()  # seen: nobody else may ask

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _name(session: Any) -> bytes:
    return bytes(session.session_id["id"])
