"""A pooled client without a server: its connections keep a log, and a test says what each statement does."""

from collections.abc import Awaitable, Callable
from typing import Any

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.sdk import (
    DatasourceError,
    Disconnected,
    ExecuteRequest,
    Health,
    Lane,
    OpenContext,
    Outcome,
    PooledClient,
    Result,
    Statement,
)

Behaviour = Callable[["MemoryWire", ExecuteRequest], Result]


class MemoryWire:
    """One connection. ``log`` holds what was asked of it."""

    def __init__(self, lane: Lane, log: list[str]) -> None:
        self.lane = lane
        self.scope = ""
        self.idle_since = 0.0
        self.alive = True
        self.in_transaction = False
        self.log = log
        self.fails_at = ""
        """The text at which the connection is lost."""

    async def script(self, text: str, *, timeout: float = 5.0) -> None:  # reason: the contract's
        """Keep the log; begin and end transactions."""
        self.log.append(text)
        if text == self.fails_at:
            self.alive = False
            raise ConnectionResetError
        self.in_transaction = text.startswith("START")

    async def reset(self) -> None:
        """Roll back."""
        self.log.append("reset")
        self.in_transaction = False

    async def close(self) -> None:
        """End."""
        self.alive = False

    def terminate(self) -> None:
        """End."""
        self.alive = False


class MemoryClient(PooledClient[MemoryWire]):
    """Runs what a test gives it; ``CALL`` can commit.

    Args:
        behaviour: does what a statement does, given the connection and the request.
        leaves_nothing: the facts.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        leaves_nothing: Callable[[MemoryWire, Statement], Awaitable[bool]] | None = None,
        **context: Any,
    ) -> None:
        super().__init__(
            OpenContext(network=Guard(allow_loopback=True), **context),
            raised=(ConnectionResetError,),
            translate=_translate,
            leaves_nothing=leaves_nothing,
        )
        self.log: list[str] = []
        self.wires: list[MemoryWire] = []
        self._behaviour = behaviour

    async def connect(self, lane: Lane, deadline: float) -> MemoryWire:
        """Make a connection."""
        self.wires.append(MemoryWire(lane, self.log))
        return self.wires[-1]

    async def run(self, wire: MemoryWire, request: ExecuteRequest, statement: Statement, *, within: bool) -> Result:
        """Run what the test says; a write that is limited, in a transaction of its own."""
        if request.limits.affected is None or within:
            return self._run(wire, request, statement)
        async with self.bracket(wire, read_only=request.read_only, deadline=request.deadline):
            return self._run(wire, request, statement)

    def may_commit(self, statement: Statement) -> bool:
        """Return whether it is a CALL."""
        return statement.text.startswith("CALL")

    async def check(self) -> Health:
        """Answer."""
        return Health()

    def _run(self, wire: MemoryWire, request: ExecuteRequest, statement: Statement) -> Result:
        self.log.append(statement.text)
        return self._behaviour(wire, request)


def _translate(error: BaseException, *, sent: bool = True) -> DatasourceError:
    return Disconnected("the connection was lost", outcome=Outcome.UNKNOWN if sent else Outcome.NOT_SENT)
