"""The limits suite: rows, bytes, time and changed rows are bounded, and the answer says when a bound has cut it."""

import asyncio

from appsmith_proxy.sdk import (
    AffectedLimitExceeded,
    Capability,
    DatasourceError,
    EncodedRows,
    ExecutionTimeout,
    Limits,
    Outcome,
    Payload,
    Result,
)
from appsmith_proxy.testing.harness import Part
from appsmith_proxy.testing.rig import Rig
from appsmith_proxy.testing.suite import Suite, needs

GRACE = 1.0
"""Seconds after the deadline within which an execution must have ended."""


class LimitsSuite(Suite):
    """Nothing is unbounded, and reaching a bound of the answer is no error."""

    @needs(Part.ROWS)
    async def test_limits_cut_rows_and_say_so(self, rig: Rig) -> None:
        client = await rig.open()
        for encode in (False, True):
            result = await rig.execute(client, rig.harness.many_rows(100), limits=Limits(rows=10), encode=encode)
            assert row_count(result) == 10
            assert result.truncated, "a limit cut the answer: truncated says so"
        await rig.works(client)

    @needs(Part.ROWS)
    async def test_limits_that_do_not_bite_say_nothing(self, rig: Rig) -> None:
        client = await rig.open()
        for count in (0, 9, 10):
            result = await rig.execute(client, rig.harness.many_rows(count), limits=Limits(rows=10), encode=False)
            assert row_count(result) == count
            assert not result.truncated, f"{count} rows of 10 allowed are all of them"
            documents = rig.driver.payload is Payload.DOCUMENT
            assert result.columns or (documents and not count), "columns are known without rows too, but for documents"

    @needs(Part.LARGE)
    async def test_limits_bound_bytes(self, rig: Rig) -> None:
        """Rows are cut; an answer that cannot be cut is refused."""
        client = await rig.open()
        bound = Limits(bytes=64 * 1024)
        try:
            result = await rig.execute(client, rig.harness.large(512 * 1024), limits=bound, encode=False)
        except DatasourceError as error:
            assert not isinstance(error, ExecutionTimeout), "a large answer is not a slow one"
        else:
            assert result.truncated, "a limit cut the answer: truncated says so"
            assert size_of(result) <= bound.bytes
        await rig.works(client)
        whole = await rig.execute(client, rig.harness.large(32 * 1024), limits=bound, encode=False)
        assert not whole.truncated

    @needs(Part.SLOW)
    async def test_limits_keep_the_deadline(self, rig: Rig) -> None:
        client = await rig.open()
        await rig.works(client)
        loop = asyncio.get_running_loop()
        start = loop.time()
        error = await rig.error(client, rig.harness.slow(5), seconds=0.2)
        took = loop.time() - start
        assert isinstance(error, ExecutionTimeout)
        assert took < 0.2 + GRACE, f"the deadline was 0.2 s, the error came after {took:.1f} s"
        await rig.works(client)

    async def test_limits_send_nothing_after_the_deadline(self, rig: Rig) -> None:
        client = await rig.open()
        await rig.works(client)
        call = rig.harness.echo("late", place=rig.harness.echo_places[0])
        if Part.WRITES not in rig.harness.absent:
            call = rig.harness.write()
        error = await rig.error(client, call, seconds=-1)
        assert isinstance(error, ExecutionTimeout)
        assert error.outcome is Outcome.NOT_SENT, "the deadline had passed before anything was sent: say so"
        if Part.WRITES not in rig.harness.absent:
            assert await rig.count(client) == 0

    @needs(Capability.AFFECTED_LIMIT, Part.WRITES)
    async def test_limits_roll_back_what_changes_too_much(self, rig: Rig) -> None:
        client = await rig.open()
        await rig.execute(client, rig.harness.write(2), limits=Limits(affected=2))
        error = await rig.error(client, rig.harness.write(3), limits=Limits(affected=2))
        assert isinstance(error, AffectedLimitExceeded)
        assert error.outcome is Outcome.ROLLED_BACK
        assert await rig.count(client) == 2


def row_count(result: Result) -> int:
    """Return how many rows an answer holds."""
    if isinstance(result.rows, EncodedRows):
        return len(result.rows.texts)
    assert result.rows is not None, "the call was expected to answer rows"
    return len(result.rows)


def size_of(result: Result) -> int:
    """Return a lower bound of an answer's bytes: texts and bytes by length, the body by its own."""
    if result.body is not None:
        return len(result.body.value)
    if isinstance(result.rows, EncodedRows):
        return sum(len(text) for text in result.rows.texts)
    return sum(len(cell) for row in result.rows or () for cell in row if isinstance(cell, str | bytes))
