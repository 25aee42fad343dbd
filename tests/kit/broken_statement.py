"""SQL drivers that are each broken in one way: the memory driver with one promise taken out.

Not collected by itself: ``test_broken_statement.py`` runs this file and compares what fails with what each line below expects.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from appsmith_proxy.sdk import (
    Capability,
    CredentialsRejected,
    DatasourceError,
    Driver,
    EncodedRows,
    ExecuteRequest,
    OpenContext,
    ParameterInvalid,
    ParameterType,
    Problem,
    Result,
    Secret,
    Statement,
    StatementInvalid,
    replace,
)
from appsmith_proxy.testing import Conformance, Part
from appsmith_proxy.testing.memory import MemoryClient, MemoryDriver, MemoryServer
from appsmith_proxy.testing.memory_harness import MemoryHarness
from appsmith_proxy.testing.memory_server import Answer, LoginRefused
from tests.kit.broken import CORPUS_STEP, Broken


class _Driver(MemoryDriver):
    """The memory driver with a Client that can be exchanged."""

    client_type: ClassVar[type[MemoryClient]] = MemoryClient

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> MemoryClient:
        return self.client_type(self.server, configuration["database"], secrets.get("password"))


def _suite(fails: str, client: type[MemoryClient] = MemoryClient, driver: type[_Driver] = _Driver) -> type[Broken]:
    """Return the kit for a Client or a driver, with the tests that must fail."""
    driver_type = type(client.__name__, (driver,), {"client_type": client})
    harness = type(client.__name__, (MemoryHarness,), {"driver_type": driver_type, "corpus_step": CORPUS_STEP})
    return type(client.__name__, (Broken, Conformance), {"harness_type": harness, "fails": frozenset(fails.split())})


class PastesValues(MemoryClient):
    """Writes texts into the statement."""

    async def execute(self, request: ExecuteRequest) -> Result:
        return await super().execute(_pasted(request, lambda text: text))


class EscapesValues(MemoryClient):
    """Writes texts into the statement, every quote doubled: right answers, and still not prepared."""

    async def execute(self, request: ExecuteRequest) -> Result:
        return await super().execute(_pasted(request, lambda text: text.replace("'", "''")))


class QuotesPasswords(MemoryClient):
    """Passes the server's refusal on, which quotes the password."""

    async def _log_in(self) -> None:
        try:
            await super()._log_in()
        except CredentialsRejected:
            try:
                await self._server.connect(self._password.reveal() if self._password else "")
            except LoginRefused as error:
                raise CredentialsRejected("refused", native_message=str(error)) from None


class ChainsPasswords(MemoryClient):
    """Raises the right error with the library's own as its cause."""

    async def _log_in(self) -> None:
        try:
            await super()._log_in()
        except CredentialsRejected as ours:
            try:
                await self._server.connect(self._password.reveal() if self._password else "")
            except LoginRefused as error:
                raise ours from error


class PrintsPasswords(MemoryClient):
    """Has a repr that shows everything, as dataclasses do."""

    def __repr__(self) -> str:
        return f"PrintsPasswords(password={self._password.reveal() if self._password else ''!r})"


class IgnoresDeadlines(MemoryClient):
    """Lets statements run for as long as they like."""

    async def _run(self, text: str, values: Sequence[object], *, deadline: float, **bounds: Any) -> Answer:
        return await super()._run(
            text, values, deadline=max(deadline, asyncio.get_running_loop().time()) + 60, **bounds
        )


class SwallowsCancels(MemoryClient):
    """Answers an error of its own when it is cancelled."""

    async def execute(self, request: ExecuteRequest) -> Result:
        try:
            return await super().execute(request)
        except asyncio.CancelledError:
            raise DatasourceError("somebody cancelled") from None


class CancelsNothing(MemoryClient):
    """Lets the caller go when it is cancelled, and leaves the statement running."""

    async def execute(self, request: ExecuteRequest) -> Result:
        running = asyncio.create_task(super().execute(request))
        running.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(running)


class LeavesTasks(MemoryClient):
    """Starts a heartbeat that nobody stops."""

    async def _log_in(self) -> None:
        await super()._log_in()
        self._heartbeat = asyncio.create_task(asyncio.sleep(3600), name="heartbeat")


class NeverCloses(MemoryClient):
    """Goes on serving when it is closed."""

    async def close(self) -> None:
        return


class LiesAboutReadOnly(MemoryClient):
    """Declares READ_ONLY and runs everything as it comes."""

    async def execute(self, request: ExecuteRequest) -> Result:
        return await super().execute(replace(request, read_only=False))


class ReadsTheVerb(MemoryClient):
    """Decides by the statement's first word whether it writes."""

    async def execute(self, request: ExecuteRequest) -> Result:
        text = request.payload.text if isinstance(request.payload, Statement) else ""
        writes = text.startswith(("INSERT", "UPDATE", "DELETE"))
        return await super().execute(replace(request, read_only=request.read_only and writes))


class CountsNothing(MemoryClient):
    """Declares AFFECTED_LIMIT and lets every write through."""

    async def execute(self, request: ExecuteRequest) -> Result:
        return await super().execute(replace(request, limits=replace(request.limits, affected=None)))


class KeepsDuplicates(MemoryClient):
    """Gives columns the names that the datasource gave them."""

    async def execute(self, request: ExecuteRequest) -> Result:
        result = await super().execute(request)
        columns = tuple(replace(column, name=column.name.removesuffix("_2")) for column in result.columns)
        return replace(result, columns=columns)


class CutsSilently(MemoryClient):
    """Keeps the limits and does not say so."""

    async def execute(self, request: ExecuteRequest) -> Result:
        return replace(await super().execute(request), truncated=False)


class IgnoresBytes(MemoryClient):
    """Bounds rows only."""

    async def execute(self, request: ExecuteRequest) -> Result:
        return await super().execute(replace(request, limits=replace(request.limits, bytes=1 << 40)))


class RoundsIntegers(MemoryClient):
    """Reads integers as a double would."""

    async def execute(self, request: ExecuteRequest) -> Result:
        return _each_cell(await super().execute(request), lambda cell: int(float(cell)) if type(cell) is int else cell)


class ReadsLooks(MemoryClient):
    """Makes numbers of texts that look like numbers."""

    async def execute(self, request: ExecuteRequest) -> Result:
        return _each_cell(
            await super().execute(request),
            lambda cell: float(cell) if isinstance(cell, str) and cell.isascii() and cell.isdigit() else cell,
        )


class CrashesOnMisfits(MemoryClient):
    """Lets its library's exception out when a value does not fit."""

    async def execute(self, request: ExecuteRequest) -> Result:
        try:
            return await super().execute(request)
        except ParameterInvalid as error:
            if error.expected == "text":
                raise
            raise sqlite3.InterfaceError("type not supported") from None


class CrashesOnSyntax(MemoryClient):
    """Lets its library's exception out when a statement is wrong."""

    async def execute(self, request: ExecuteRequest) -> Result:
        try:
            return await super().execute(request)
        except StatementInvalid as error:
            if "syntax" not in error.native_message:
                raise
            raise sqlite3.OperationalError("syntax error") from None


class HasTransactions(MemoryClient):
    """Offers a protocol that the driver does not declare."""

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> Any:
        yield self


class EncodesAnyway(MemoryClient):
    """Answers encoded rows that the driver does not declare."""

    async def execute(self, request: ExecuteRequest) -> Result:
        result = await super().execute(request)
        if not request.encode or not result.columns or not result.rows or len(result.columns) > 1:
            return result
        assert not isinstance(result.rows, EncodedRows)
        cell = result.rows[0][0]
        if cell != "plain":
            return result
        return replace(result, rows=EncodedRows([f'{{"{result.columns[0].name}": "{cell}"}}']))


class KeepsSessions(MemoryClient):
    """Lends out a session with whatever an earlier execution left in it."""

    def __init__(self, server: MemoryServer, database: str, password: Secret | None) -> None:
        super().__init__(server, database, password)
        server._connection(database).set_authorizer(None)


class DeclaresStreaming(_Driver):
    """Declares a capability that its Client does not have."""

    capabilities: ClassVar[frozenset[Capability]] = MemoryDriver.capabilities | {Capability.STREAMING}


class QuotesConfiguration(_Driver):
    """Quotes the value in its problem."""

    def validate(self, configuration: Mapping[str, Any], secrets_set: frozenset[str]) -> list[Problem]:
        problems = super().validate(configuration, secrets_set)
        return [Problem(problem.path, f"{configuration} is wrong") for problem in problems]


class ChecksNothing(_Driver):
    """Extends the table's check without calling it."""

    def validate(self, configuration: Mapping[str, Any], secrets_set: frozenset[str]) -> list[Problem]:
        return []


class NamesNoDialect(_Driver):
    """Takes SQL and does not say which."""

    dialect: ClassVar[None] = None


class HidesAPart(MemoryHarness):
    """A harness that leaves a part out and says nothing of it."""

    driver_type: ClassVar[type[Driver]] = MemoryDriver
    absent: ClassVar[Mapping[Part, str]] = {
        part: reason for part, reason in MemoryHarness.absent.items() if part is not Part.SECRET_ECHO
    }


def _each_cell(result: Result, change: Any) -> Result:
    if result.rows is None or isinstance(result.rows, EncodedRows):
        return result
    return replace(result, rows=[[change(cell) for cell in row] for row in result.rows])


def _pasted(request: ExecuteRequest, escape: Callable[[str], str]) -> ExecuteRequest:
    """Return the request with its one text written into the statement, where the server can read such a text at all."""
    statement, values = request.payload, request.values
    if not isinstance(statement, Statement) or [p.type for p in statement.parameters] != [ParameterType.TEXT]:
        return request
    if not isinstance(values[0], str) or "\0" in values[0] or "\ud800" <= max(values[0], default="") <= "\udfff":
        return request
    return replace(request, payload=Statement(text=statement.text.replace("?", f"'{escape(values[0])}'", 1)), values=())


TestControl = _suite("")
TestPastesValues = _suite(
    "test_prepared_values_come_back_unchanged test_prepared_statement_never_changes", PastesValues
)
TestEscapesValues = _suite("test_prepared_statement_never_changes", EscapesValues)
TestQuotesPasswords = _suite("test_secrecy_refused_secrets_stay_hidden", QuotesPasswords)
TestChainsPasswords = _suite("test_secrecy_refused_secrets_stay_hidden", ChainsPasswords)
TestPrintsPasswords = _suite("test_secrecy_nothing_shows_a_secret", PrintsPasswords)
TestIgnoresDeadlines = _suite(
    "test_limits_keep_the_deadline test_limits_send_nothing_after_the_deadline test_cancellation_at_the_deadline_reaches_the_datasource",
    IgnoresDeadlines,
)
TestSwallowsCancels = _suite("test_cancellation_propagates", SwallowsCancels)
TestCancelsNothing = _suite(
    "test_cancellation_reaches_the_datasource test_cancellation_hits_only_its_own", CancelsNothing
)
TestLeavesTasks = _suite("test_lifecycle_close_leaves_nothing", LeavesTasks)
TestNeverCloses = _suite("test_lifecycle_closed_clients_refuse", NeverCloses)
TestLiesAboutReadOnly = _suite(
    "test_read_only_refuses_writes test_isolation_read_only_is_not_switched_off", LiesAboutReadOnly
)
TestReadsTheVerb = _suite("test_read_only_refuses_writes", ReadsTheVerb)
TestCountsNothing = _suite("test_limits_roll_back_what_changes_too_much", CountsNothing)
TestKeepsDuplicates = _suite("test_values_duplicate_columns_are_numbered", KeepsDuplicates)
TestCutsSilently = _suite("test_limits_cut_rows_and_say_so test_limits_bound_bytes", CutsSilently)
TestIgnoresBytes = _suite("test_limits_bound_bytes", IgnoresBytes)
TestRoundsIntegers = _suite("test_values_are_exact", RoundsIntegers)
TestReadsLooks = _suite("test_prepared_values_come_back_unchanged test_values_are_exact", ReadsLooks)
TestCrashesOnMisfits = _suite("test_contract_misfits_name_their_parameter", CrashesOnMisfits)
TestCrashesOnSyntax = _suite("test_contract_refusals_are_datasource_errors", CrashesOnSyntax)
TestHasTransactions = _suite("test_contract_protocols_match_capabilities", HasTransactions)
TestEncodesAnyway = _suite("test_contract_undeclared_encoding_is_not_used", EncodesAnyway)
TestKeepsSessions = _suite("test_isolation_state_does_not_stay", KeepsSessions)
TestDeclaresStreaming = _suite(
    "test_contract_protocols_match_capabilities test_streaming_gives_the_same_rows test_streaming_can_be_left_early",
    driver=DeclaresStreaming,
)
TestQuotesConfiguration = _suite("test_configuration_bad_values_are_reported", driver=QuotesConfiguration)
TestChecksNothing = _suite(
    "test_configuration_bad_values_are_reported test_configuration_unknown_fields_are_refused", driver=ChecksNothing
)
TestNamesNoDialect = _suite("test_contract_payload_and_dialect_agree", driver=NamesNoDialect)


class TestHidesAPart(Broken, Conformance):
    harness_type = HidesAPart
    fails = frozenset({"test_contract_harness_is_whole", "test_secrecy_echoed_secrets_stay_hidden"})
