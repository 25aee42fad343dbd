"""What every client over a pool keeps for its driver: deadlines, lanes, resets, one more try, and how transactions end."""

import asyncio
from typing import Any

import pytest

from appsmith_proxy.sdk import (
    ConnectFailed,
    CredentialsRejected,
    DatasourceError,
    Disconnected,
    Document,
    ExecuteRequest,
    ExecutionTimeout,
    Lane,
    Limits,
    Outcome,
    PermissionRejected,
    Result,
    Stale,
    Statement,
    StatementInvalid,
    Target,
    dial_in_turn,
)
from tests.servers.memory_wire import MemoryClient, MemoryWire

_DONE = Result(affected=1)
_REFUSED = PermissionRejected("no", outcome=Outcome.ROLLED_BACK)


def _asked(text: str = "SELECT 1", *, seconds: float = 5.0, payload: Any = None, **options: Any) -> ExecuteRequest:
    deadline = asyncio.get_running_loop().time() + seconds
    return ExecuteRequest(payload=payload or Statement(text=text), deadline=deadline, **options)


def _does_nothing(_wire: MemoryWire, _request: ExecuteRequest) -> Result:
    return _DONE


def _refuses(_wire: MemoryWire, _request: ExecuteRequest) -> Result:
    raise _REFUSED


def _toggles(wire: MemoryWire, _request: ExecuteRequest) -> Result:
    wire.in_transaction = not wire.in_transaction
    return _DONE


async def _always(_wire: MemoryWire, _statement: Statement) -> bool:
    return True


class TestExecutions:
    async def test_nothing_is_connected_for_what_cannot_be_run(self) -> None:
        client = MemoryClient(_does_nothing)
        with pytest.raises(ExecutionTimeout) as late:
            await client.execute(_asked(seconds=-1))
        with pytest.raises(StatementInvalid) as other:
            await client.execute(_asked(payload=Document(fields={})))
        assert [late.value.outcome, other.value.outcome] == [Outcome.NOT_SENT] * 2
        assert client.wires == []
        await client.close()

    async def test_each_lane_has_connections_of_its_own(self) -> None:
        client = MemoryClient(_does_nothing)
        for read_only in (True, False, True):
            await client.execute(_asked(read_only=read_only))
            await client.pool.settled()
        assert [wire.lane for wire in client.wires] == [Lane.READ_ONLY, Lane.READ_WRITE]
        await client.close()

    async def test_what_is_stale_is_run_once_more_and_in_plain_cells(self) -> None:
        asked: list[bool] = []

        def stale_once(_wire: MemoryWire, request: ExecuteRequest) -> Result:
            asked.append(request.encode)
            if len(asked) == 1:
                raise Stale(_REFUSED)
            return _DONE

        client = MemoryClient(stale_once)
        assert await client.execute(_asked()) == _DONE
        assert asked == [True, False]
        await client.close()

    async def test_what_stays_stale_is_its_error(self) -> None:
        def always_stale(_wire: MemoryWire, _request: ExecuteRequest) -> Result:
            raise Stale(_REFUSED)

        client = MemoryClient(always_stale)
        with pytest.raises(PermissionRejected):
            await client.execute(_asked())
        assert client.log.count("SELECT 1") == 2
        with pytest.raises(PermissionRejected):
            async with client.transaction(read_only=False, deadline=client.now() + 5) as session:
                await session.execute(_asked("UPDATE"))
        assert client.log.count("UPDATE") == 1, "within a transaction there is no second try"
        await client.close()

    @pytest.mark.parametrize(("text", "outcome"), [("BEGIN", Outcome.ROLLED_BACK), ("CALL x()", Outcome.UNKNOWN)])
    async def test_a_transaction_that_is_left_open_is_an_error_and_is_undone(self, text: str, outcome: Outcome) -> None:
        client = MemoryClient(_toggles, _always)
        with pytest.raises(StatementInvalid) as caught:
            await client.execute(_asked(text, scope="a"))
        assert caught.value.outcome is outcome
        await client.pool.settled()
        assert (client.log[-1], client.wires[0].in_transaction) == ("reset", False)
        await client.close()

    @pytest.mark.parametrize(
        ("facts", "scope", "failing", "resets"),
        [(_always, "a", False, 1), (None, "a", False, 4), (_always, "", False, 4), (_always, "a", True, 4)],
        ids=["harmless", "no facts", "no scope", "failed"],
    )
    async def test_a_session_is_reset_unless_facts_say_that_nothing_is_left(
        self, facts: Any, scope: str, resets: int, *, failing: bool
    ) -> None:
        client = MemoryClient(_refuses if failing else _does_nothing, facts)
        for _ in range(4):  # the first one reads the facts
            try:
                await client.execute(_asked(scope=scope))
            except PermissionRejected:
                assert failing
            await client.pool.settled()
        assert (client.pool.resets, len(client.wires)) == (resets, 1)
        await client.close()


class TestTransactions:
    async def test_are_committed_when_they_end_well(self) -> None:
        client = MemoryClient(_does_nothing)
        for read_only in (False, True):
            async with client.transaction(read_only=read_only, deadline=client.now() + 5) as session:
                await session.execute(_asked("UPDATE"))
            await client.pool.settled()
        assert client.log == [
            *("START TRANSACTION", "UPDATE", "COMMIT", "reset"),
            *("START TRANSACTION READ ONLY", "UPDATE", "COMMIT", "reset"),
        ]
        assert [wire.lane for wire in client.wires] == [Lane.READ_WRITE, Lane.READ_ONLY]
        await client.close()

    async def test_are_not_when_they_do_not(self) -> None:
        client = MemoryClient(_refuses)
        with pytest.raises(PermissionRejected):
            async with client.transaction(read_only=False, deadline=client.now() + 5) as session:
                await session.execute(_asked("UPDATE"))
        await client.pool.settled()
        assert client.log == ["START TRANSACTION", "UPDATE", "reset"]
        await client.close()

    async def test_a_statement_that_ends_one_is_an_error(self) -> None:
        client = MemoryClient(_toggles)
        with pytest.raises(StatementInvalid) as caught:
            async with client.transaction(read_only=False, deadline=client.now() + 5) as session:
                await session.execute(_asked("COMMIT AND SO ON"))
        assert caught.value.outcome is Outcome.UNKNOWN
        assert "COMMIT" not in client.log
        await client.close()

    @pytest.mark.parametrize(
        ("text", "outcome"), [("START TRANSACTION", Outcome.NOT_SENT), ("COMMIT", Outcome.UNKNOWN)]
    )
    async def test_a_loss_has_the_outcome_of_where_it_happened(self, text: str, outcome: Outcome) -> None:
        def breaks(wire: MemoryWire, _request: ExecuteRequest) -> Result:
            wire.fails_at = text
            return _DONE

        client = MemoryClient(breaks)
        await client.execute(_asked())  # the connection is there, and will be lost
        await client.pool.settled()
        with pytest.raises(Disconnected) as caught:
            await client.execute(_asked("UPDATE", limits=Limits(affected=1)))
        assert caught.value.outcome is outcome
        await client.close()

    async def test_a_deadline_that_passes_before_the_commit_leaves_nothing(self) -> None:
        client = MemoryClient(_does_nothing)
        deadline = client.now() + 0.5

        async def takes_too_long() -> None:
            async with client.transaction(read_only=False, deadline=deadline) as session:
                await session.execute(_asked("UPDATE"))
                while client.now() <= deadline:
                    await asyncio.sleep(0.05)

        with pytest.raises(ExecutionTimeout) as caught:
            await takes_too_long()
        assert caught.value.outcome is Outcome.ROLLED_BACK
        assert "COMMIT" not in client.log
        await client.close()

    async def test_a_bracket_is_rolled_back_before_its_error_is_told(self) -> None:
        client = MemoryClient(_refuses)
        with pytest.raises(PermissionRejected):
            await client.execute(_asked("UPDATE", limits=Limits(affected=1)))
        assert client.log == ["START TRANSACTION", "UPDATE", "ROLLBACK"]
        await client.close()

    async def test_a_bracket_begins_anew_for_a_second_try(self) -> None:
        tries = iter((Stale(_REFUSED), None))

        def stale_once(_wire: MemoryWire, _request: ExecuteRequest) -> Result:
            if error := next(tries):
                raise error
            return _DONE

        client = MemoryClient(stale_once)
        await client.execute(_asked("UPDATE", limits=Limits(affected=1)))
        assert client.log == [*("START TRANSACTION", "UPDATE", "ROLLBACK"), *("START TRANSACTION", "UPDATE", "COMMIT")]
        await client.close()


@pytest.mark.parametrize(("sent", "outcome"), [(True, Outcome.UNKNOWN), (False, Outcome.NOT_SENT)])
async def test_own_work_has_its_errors_translated_and_its_connection_given_back(sent: bool, outcome: Outcome) -> None:
    client = MemoryClient(_does_nothing, max_connections=1)
    for _ in range(2):
        with pytest.raises(Disconnected) as caught:
            async with client.own(sent=sent):
                raise ConnectionResetError
        assert caught.value.outcome is outcome
    with pytest.raises(ZeroDivisionError):
        async with client.own():
            raise ZeroDivisionError
    async with client.own(Lane.READ_ONLY) as wire:
        assert wire.lane is Lane.READ_ONLY
    await client.close()


class TestAddresses:
    @staticmethod
    async def _dialled(*answers: DatasourceError | Exception | str) -> tuple[list[str], Any]:
        tried: list[str] = []

        async def dial(address: str) -> str:
            tried.append(address)
            answer = answers[len(tried) - 1]
            await asyncio.sleep(0)  # as a dial does, so that a time that is over ends it
            if isinstance(answer, Exception):
                raise answer
            if answer == "never":
                await asyncio.Event().wait()
            return answer

        def translate(error: BaseException) -> DatasourceError:
            return error if isinstance(error, DatasourceError) else ConnectFailed("no", outcome=Outcome.NOT_SENT)

        target = Target(host="db.example", port=1, addresses=tuple(f"192.0.2.{n}" for n in range(len(answers))))
        deadline = asyncio.get_running_loop().time() + 0.2
        try:
            found: Any = await dial_in_turn(target, dial, translate, raised=(OSError,), deadline=deadline)
        except DatasourceError as error:
            found = type(error)
        return tried, found

    async def test_the_first_that_answers_is_taken(self) -> None:
        assert await self._dialled(OSError(), "here", "there") == (["192.0.2.0", "192.0.2.1"], "here")

    async def test_one_that_is_silent_leaves_time_for_the_others(self) -> None:
        assert await self._dialled("never", "here") == (["192.0.2.0", "192.0.2.1"], "here")

    async def test_a_refusal_is_final(self) -> None:
        refused = CredentialsRejected("no", outcome=Outcome.NOT_SENT)
        assert await self._dialled(refused, "here") == (["192.0.2.0"], CredentialsRejected)

    async def test_none_is_an_error(self) -> None:
        assert await self._dialled(OSError(), "never") == (["192.0.2.0", "192.0.2.1"], ConnectFailed)
        assert await self._dialled() == ([], ConnectFailed)
