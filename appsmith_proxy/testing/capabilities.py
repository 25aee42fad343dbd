"""The capabilities suite: what a driver declares it can do, it does; what it does not declare, it refuses."""

import asyncio
from collections.abc import Sequence

import orjson
import pytest

from appsmith_proxy.sdk import (
    Capability,
    Cell,
    Client,
    DatasourceError,
    Document,
    ExecutionTimeout,
    HttpRequest,
    Outcome,
    Payload,
    PermissionRejected,
    Prepared,
    Statement,
    StatementInvalid,
    StructureTable,
    SupportsPrepare,
    SupportsStreaming,
    SupportsStructure,
)
from appsmith_proxy.template import bind, compile_action
from appsmith_proxy.testing.harness import Call, Part
from appsmith_proxy.testing.rig import PATIENCE, Rig
from appsmith_proxy.testing.suite import Suite, needs, unless

_PAGES = 1_000
"""A structure of more pages than this never ends."""

_SOON = 0.5
"""Seconds that a transaction has which is meant to be too late."""
_LATE = 5.0
"""By so much a busy machine may be late."""


class _Undone(Exception):
    """Raised inside a transaction to have it rolled back."""


class CapabilitiesSuite(Suite):
    """One block of tests for each capability."""

    @needs(Capability.READ_ONLY, Part.WRITES)
    async def test_read_only_refuses_writes(self, rig: Rig) -> None:
        """By the datasource itself: writes that look like reads are refused too."""
        client = await rig.open()
        for call in (rig.harness.write(), *rig.harness.sneaky_writes()):
            error = await rig.error(client, call, read_only=True)
            assert isinstance(error, PermissionRejected), f"a write in a read-only execution is {error.code}"
            assert error.outcome is not Outcome.UNKNOWN
        assert await rig.count(client) == 0, "something was written in a read-only execution"

    @needs(Capability.READ_ONLY, Part.WRITES)
    async def test_read_only_does_not_stick(self, rig: Rig) -> None:
        client = await rig.open(max_connections=1)
        for expected in (1, 2):
            await rig.execute(client, rig.harness.count(), read_only=True)
            await rig.execute(client, rig.harness.write(), read_only=False)
            assert await rig.count(client) == expected

    @needs(Part.WRITES)
    @unless(Capability.READ_ONLY)
    async def test_read_only_undeclared_never_writes(self, rig: Rig) -> None:
        """Who cannot let the datasource refuse must refuse by itself."""
        client = await rig.open()
        await rig.error(client, rig.harness.write(), read_only=True)
        assert await rig.count(client) == 0, "a write went through a read-only execution"

    @needs(Capability.PREPARE)
    async def test_prepare_reports(self, rig: Rig) -> None:
        client = await rig.open()
        call = rig.harness.echo("x", place=rig.harness.echo_places[0])
        prepared = await _prepare(client, call)
        assert isinstance(call.payload, Statement)
        assert len(prepared.parameter_types) == len(call.payload.parameters), "one type, or None, for each placeholder"
        assert prepared.returns_rows
        assert len(prepared.columns) == 1

    @needs(Capability.PREPARE, Part.REFUSED)
    async def test_prepare_refuses(self, rig: Rig) -> None:
        client = await rig.open()
        with pytest.raises(StatementInvalid) as caught:
            await _prepare(client, rig.harness.refused())
        assert caught.value.outcome is not Outcome.UNKNOWN, "preparing runs nothing"
        await rig.works(client)

    @needs(Capability.PREPARE, Part.WRITES)
    async def test_prepare_runs_nothing(self, rig: Rig) -> None:
        client = await rig.open(max_connections=1)
        await _prepare(client, rig.harness.write())
        assert await rig.count(client) == 0, "preparing a write wrote"
        await rig.execute(await rig.open(), rig.harness.write())  # no lock stays either
        assert await rig.count(client) == 1

    @needs(Capability.STRUCTURE)
    async def test_structure_is_complete_and_ordered(self, rig: Rig) -> None:
        client = await rig.open()
        tables = await _structure(client)
        names = [(table.schema.lower(), table.name.lower()) for table in tables]
        assert names, "the fixture needs at least one table"
        assert names == sorted(names), "tables come in name order, letters' case apart"
        assert len(names) == len({(table.schema, table.name) for table in tables}), "a table comes twice"
        for table in tables:
            columns = {column.name for column in table.columns}
            assert columns, f"{table.name} has no columns"
            for key in table.keys:
                assert set(key.columns) <= columns, f"key {key.name} of {table.name} names columns that are not there"

    @needs(Capability.STRUCTURE)
    async def test_structure_starters_are_accepted(self, rig: Rig) -> None:
        client = await rig.open()
        starters = [starter for table in await _structure(client) for starter in table.starters if starter.suggested]
        assert starters, "give each table a statement to start from"
        for starter in starters:
            if "{{" not in starter.body:
                await rig.execute(client, Call(payload=_payload(rig, starter.body)), read_only=True)

    @needs(Capability.STREAMING, Part.ROWS)
    async def test_streaming_gives_the_same_rows(self, rig: Rig) -> None:
        client = await rig.open()
        assert isinstance(client, SupportsStreaming)
        call = rig.harness.many_rows(1_000)
        whole = await rig.execute(client, call, encode=False)
        rows: list[Sequence[Cell]] = []
        async with client.stream(rig.request(call, encode=False)) as stream:
            assert stream.columns == whole.columns
            async for batch in stream.batches():
                rows.extend(batch)
        assert isinstance(whole.rows, Sequence)
        assert [list(row) for row in rows] == [list(row) for row in whole.rows]

    @needs(Capability.STREAMING, Part.ROWS)
    async def test_streaming_can_be_left_early(self, rig: Rig) -> None:
        client = await rig.open(max_connections=1)
        assert isinstance(client, SupportsStreaming)
        async with client.stream(rig.request(rig.harness.many_rows(10_000), encode=False)) as stream:
            async for _ in stream.batches():
                break
        await rig.works(client)

    @needs(Capability.TRANSACTIONS, Part.WRITES)
    async def test_transactions_commit(self, rig: Rig) -> None:
        client = await rig.open()
        async with rig.transaction(client) as session:
            await session.execute(rig.request(rig.harness.write()))
            await session.execute(rig.request(rig.harness.write()))
            assert await rig.count(client) == 0, "what is not committed is seen by others"
        assert await rig.count(client) == 2

    @needs(Capability.TRANSACTIONS, Part.WRITES)
    async def test_transactions_roll_back(self, rig: Rig) -> None:
        client = await rig.open()
        with pytest.raises(_Undone):
            async with rig.transaction(client) as session:
                await session.execute(rig.request(rig.harness.write()))
                raise _Undone
        assert await rig.count(client) == 0

    @needs(Capability.TRANSACTIONS, Part.WRITES)
    async def test_transactions_wait_no_longer_than_their_deadline(self, rig: Rig) -> None:
        client = await rig.open(max_connections=1)
        async with rig.transaction(client), asyncio.timeout(_SOON + _LATE):
            with pytest.raises(ExecutionTimeout) as caught:
                async with rig.transaction(client, seconds=_SOON):
                    raise AssertionError("more transactions than connections")
        assert caught.value.outcome is Outcome.NOT_SENT
        await rig.works(client)

    @needs(Capability.TRANSACTIONS, Part.WRITES)
    async def test_transactions_commit_before_their_deadline_or_not_at_all(self, rig: Rig) -> None:
        client = await rig.open()
        with pytest.raises(DatasourceError) as caught:
            async with rig.transaction(client, seconds=_SOON) as session:
                await session.execute(rig.request(rig.harness.write(), seconds=_SOON))
                await asyncio.sleep(_SOON)
        assert caught.value.outcome is Outcome.ROLLED_BACK, "nothing was committed, and the driver knows it"
        assert await rig.count(client) == 0
        await rig.works(client)

    @needs(Capability.TRANSACTIONS, Part.WRITES)
    async def test_transactions_can_be_read_only(self, rig: Rig) -> None:
        client = await rig.open()
        with pytest.raises(DatasourceError):
            async with rig.transaction(client, read_only=True) as session:
                await session.execute(rig.request(rig.harness.write()))
        assert await rig.count(client) == 0


def _payload(rig: Rig, body: str) -> Statement | Document | HttpRequest:
    """Return what a starter's text compiles to: a statement, or for other drivers the JSON of an action's configuration."""
    if rig.driver.payload is Payload.STATEMENT:
        return Statement(text=body)
    compiled = compile_action(rig.driver, orjson.loads(body), (), read_only=True, allow_ddl=False)
    assert compiled.plan is not None, f"a starter does not compile: {compiled.problems}"
    return bind(compiled.plan, {}, lambda name: None).payload


async def _prepare(client: Client, call: Call) -> Prepared:
    assert isinstance(client, SupportsPrepare)
    assert isinstance(call.payload, Statement)
    return await client.prepare(call.payload, deadline=asyncio.get_running_loop().time() + PATIENCE)


async def _structure(client: Client) -> list[StructureTable]:
    assert isinstance(client, SupportsStructure)
    tables: list[StructureTable] = []
    page: str | None = None
    for _ in range(_PAGES):
        structure = await client.describe((), page)
        tables.extend(structure.tables)
        page = structure.next
        if page is None:
            return tables
    raise AssertionError("the structure never ends: next must become None")
