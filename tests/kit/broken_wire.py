"""Network drivers that are each broken in one way: the wire driver with one promise taken out.

Not collected by itself: ``test_broken_wire.py`` runs this file and compares what fails with what each line below expects.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from appsmith_proxy.sdk import (
    ConnectFailed,
    DatasourceError,
    Disconnected,
    Document,
    ExecuteRequest,
    Field,
    FieldType,
    OpenContext,
    Outcome,
    Result,
    Secret,
    replace,
)
from appsmith_proxy.testing import Conformance
from tests.kit.broken import CORPUS_STEP, Broken
from tests.kit.wire_driver import Streams, WireClient, WireDriver
from tests.kit.wire_harness import WireHarness


def _suite(fails: str, client: type[WireClient] = WireClient, driver: type[WireDriver] = WireDriver) -> type[Broken]:
    """Return the kit for a Client or a driver, with the tests that must fail."""
    name = client.__name__
    driver_type = type(name, (driver,), {"client_type": client})
    harness = type(name, (WireHarness,), {"driver_type": driver_type, "corpus_step": CORPUS_STEP})
    return type(name, (Broken, Conformance), {"harness_type": harness, "fails": frozenset(fails.split())})


class DialsByItself(WireClient):
    """Opens its own sockets."""

    async def dial(self) -> Streams:
        try:
            return await asyncio.open_connection(self.configuration["host"], self.configuration["port"])
        except OSError:
            raise ConnectFailed("nobody answers", outcome=Outcome.NOT_SENT) from None


class AsksAndDialsByItself(WireClient):
    """Asks the network, and dials whatever the answer is."""

    async def dial(self) -> Streams:
        host, port = self.configuration["host"], self.configuration["port"]
        try:
            await self.context.network.resolve(host, port)
        except ConnectFailed:
            host = "127.0.0.1"
        try:
            return await asyncio.open_connection(host, port)
        except OSError:
            raise ConnectFailed("nobody answers", outcome=Outcome.NOT_SENT) from None


class CallsItDisconnected(WireClient):
    """Does not tell a connection that failed from one that was lost."""

    async def dial(self) -> Streams:
        try:
            return await super().dial()
        except ConnectFailed:
            raise ConnectionRefusedError from None


class FollowsNotes(WireClient):
    """Takes the address from a field that is no destination, when one stands there."""

    async def dial(self) -> Streams:
        host, _, port = str(self.configuration.get("note", "")).partition(":")
        if not port.isdigit():
            return await super().dial()
        return await self.context.network.connect(host, int(port))


class IgnoresDeadlines(WireClient):
    """Waits for as long as it takes."""

    async def execute(self, request: ExecuteRequest) -> Result:
        late = asyncio.get_running_loop().time() >= request.deadline
        return await super().execute(request if late else replace(request, deadline=request.deadline + 2))


class PromisesNothingWasSent(WireClient):
    """Says of every failure that nothing was sent."""

    async def execute(self, request: ExecuteRequest) -> Result:
        try:
            return await super().execute(request)
        except DatasourceError as error:
            error.outcome = Outcome.NOT_SENT
            raise


class RetriesWrites(WireClient):
    """Writes again when the connection was lost, as many libraries do."""

    async def execute(self, request: ExecuteRequest) -> Result:
        try:
            return await super().execute(request)
        except Disconnected as error:
            if error.outcome is Outcome.NOT_SENT or not _writes(request):
                raise
            return await super().execute(request)


class TakesCutAnswers(WireClient):
    """Takes the end of the stream for the end of the rows."""

    async def row(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        try:
            return await super().row(reader)
        except (EOFError, ConnectionError):
            return {"end": True}


class GivesUp(WireClient):
    """Remembers for ever that nobody answered once."""

    async def connection(self) -> Streams:
        if hasattr(self, "_given_up"):
            raise ConnectFailed("nobody answered", outcome=Outcome.NOT_SENT)
        try:
            return await super().connection()
        except ConnectFailed:
            self._given_up = True
            raise


class MixesCallers(WireClient):
    """Keeps the request of one execution where the next one finds it."""

    async def execute(self, request: ExecuteRequest) -> Result:
        self._request = request
        await asyncio.sleep(0)
        return await super().execute(self._request)


class OpensWithoutBound(WireClient):
    """Opens a connection for whoever asks."""

    def __init__(self, configuration: Mapping[str, Any], password: Secret, context: OpenContext) -> None:
        super().__init__(configuration, password, replace(context, max_connections=1_000))


class PassesEchoesOn(WireClient):
    """Shows whatever the server answers, the password that it was sent among it."""

    def cell(self, value: object) -> object:
        return value


class WritesReadOnly(WireClient):
    """Does not declare READ_ONLY, and does not refuse either."""

    async def execute(self, request: ExecuteRequest) -> Result:
        return await super().execute(replace(request, read_only=False))


class LeavesConnections(WireClient):
    """Forgets its idle connections when it is closed."""

    _KEPT: ClassVar[list[Streams]] = []

    async def close(self) -> None:
        self._KEPT.extend(self._idle)
        self._idle.clear()
        await super().close()


class ForgetsADestination(WireDriver):
    """Has an address that no secret is bound to."""

    fields: ClassVar[tuple[Field, ...]] = tuple(
        replace(row, destination=False) if row.type is FieldType.PORT else row for row in WireDriver.fields
    )


def _writes(request: ExecuteRequest) -> bool:
    return isinstance(request.payload, Document) and request.payload.fields.get("verb") == "add"


TestWireControl = _suite("")
TestDialsByItself = _suite(
    "test_destination_denied_sends_nothing test_destination_fields_are_what_is_dialled test_destination_is_decided_by_nothing_else",
    DialsByItself,
)
TestAsksAndDialsByItself = _suite("test_destination_denied_sends_nothing", AsksAndDialsByItself)
TestCallsItDisconnected = _suite(
    "test_faults_server_down_and_back test_lifecycle_open_survives_a_dead_server test_destination_denied_sends_nothing",
    CallsItDisconnected,
)
TestFollowsNotes = _suite("test_destination_is_decided_by_nothing_else", FollowsNotes)
TestIgnoresDeadlinesOnTheWire = _suite(
    "test_limits_keep_the_deadline test_faults_black_hole_keeps_the_deadline test_faults_dripping_answers_keep_the_deadline",
    IgnoresDeadlines,
)
TestPromisesNothingWasSent = _suite("test_faults_outcomes_are_honest", PromisesNothingWasSent)
TestRetriesWrites = _suite("test_faults_outcomes_are_honest", RetriesWrites)
TestTakesCutAnswers = _suite("test_faults_cut_answers_are_never_whole", TakesCutAnswers)
TestGivesUp = _suite("test_faults_server_down_and_back", GivesUp)
TestMixesCallers = _suite("test_lifecycle_callers_are_kept_apart", MixesCallers)
TestOpensWithoutBound = _suite("test_lifecycle_connections_are_bounded", OpensWithoutBound)
TestPassesEchoesOn = _suite("test_secrecy_echoed_secrets_stay_hidden", PassesEchoesOn)
TestWritesReadOnly = _suite("test_read_only_undeclared_never_writes", WritesReadOnly)
TestLeavesConnections = _suite("test_lifecycle_close_leaves_nothing", LeavesConnections)
TestForgetsADestination = _suite("test_destination_fields_hold_the_addresses", driver=ForgetsADestination)
