"""The trail: an execution without a kept intent does not happen."""

import asyncio
import logging
from typing import get_type_hints

import pytest

from appsmith_proxy.audit.contract import AuditRecord, AuditSink, Copy, Intent, OutcomeRecord
from appsmith_proxy.audit.ring import CAPACITY, RingSink
from appsmith_proxy.audit.trail import Trail
from appsmith_proxy.errors import AuditUnavailable, ExecutionTimeout, Outcome
from appsmith_proxy.model.principal import Role


def intent(execution_id: str = "e1") -> Intent:
    return Intent(
        execution_id=execution_id,
        at=1_700_000_000.0,
        principal_id="p",
        role=Role.VIEWER,
        workspace_id="w",
        action_id="a",
        datasource_id="d",
        copy=Copy.PUBLISHED,
    )


def outcome(execution_id: str = "e1") -> OutcomeRecord:
    return OutcomeRecord(
        execution_id=execution_id,
        duration_ms=1.5,
        rows=3,
        bytes=120,
        error_code=ExecutionTimeout,
        outcome=Outcome.UNKNOWN,
    )


class FailingSink(AuditSink):
    async def record(self, record: AuditRecord) -> None:
        raise OSError("canary: disk full")


class HangingSink(AuditSink):
    async def record(self, record: AuditRecord) -> None:
        await asyncio.Event().wait()


class FileLikeSink(AuditSink):
    def __init__(self) -> None:
        self.kept: list[AuditRecord] = []
        self.closed = 0

    async def record(self, record: AuditRecord) -> None:
        await asyncio.sleep(0)
        self.kept.append(record)

    async def close(self) -> None:
        self.closed += 1


class BrokenRing(RingSink):
    def record_now(self, record: AuditRecord) -> None:
        raise MemoryError


async def test_the_ring_keeps_the_last_records_in_order() -> None:
    ring = RingSink(capacity=3)
    trail = Trail([ring])
    for number in range(4):
        await trail.record(intent(f"e{number}"))
    await trail.record(outcome("e3"))
    assert ring.records() == (intent("e2"), intent("e3"), outcome("e3"))
    assert ring.of("e3") == (intent("e3"), outcome("e3"))
    assert ring.of("e0") == ()


def test_a_ring_has_room_for_ten_thousand_unless_told_otherwise() -> None:
    ring = RingSink()
    for number in range(CAPACITY + 1):
        ring.record_now(intent(str(number)))
    assert len(ring.records()) == CAPACITY == 10_000
    with pytest.raises(ValueError, match="at least one"):
        RingSink(capacity=0)


@pytest.mark.parametrize("sinks", [[], [FailingSink()], [HangingSink()], [BrokenRing(), FailingSink(), HangingSink()]])
async def test_what_no_sink_keeps_is_refused_before_the_deadline_of_all(sinks: list[AuditSink]) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(AuditUnavailable):
            await Trail(sinks, deadline_seconds=0.02).record(intent())


@pytest.mark.parametrize("bad", [FailingSink(), HangingSink(), BrokenRing()])
async def test_one_sink_that_keeps_it_is_enough(bad: AuditSink, caplog: pytest.LogCaptureFixture) -> None:
    good, ring = FileLikeSink(), RingSink()
    for sinks, kept in (([bad, good], good.kept), ([good, bad], good.kept), ([bad, ring], ring.records)):
        await Trail(sinks, deadline_seconds=0.02).record(intent())
        assert (kept() if callable(kept) else kept)[-1] == intent()
    assert type(bad).__name__ in caplog.text
    assert "canary" not in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


async def test_every_sink_gets_every_record() -> None:
    sinks = [FileLikeSink(), FileLikeSink()]
    ring = RingSink()
    trail = Trail([*sinks, ring])
    await trail.record(intent())
    await trail.record(outcome())
    assert [sink.kept for sink in sinks] == [[intent(), outcome()]] * 2
    assert ring.records() == (intent(), outcome())
    await trail.close()
    await trail.close()
    assert [sink.closed for sink in sinks] == [2, 2]


async def test_a_ring_alone_never_waits() -> None:
    step = Trail([RingSink()]).record(intent())
    with pytest.raises(StopIteration):
        step.send(None)


async def test_a_try_records_at_once_or_not_at_all() -> None:
    ring, file = RingSink(), FileLikeSink()
    assert Trail([ring]).try_record(intent())
    assert ring.records() == (intent(),)
    both = Trail([ring, file])
    assert not both.try_record(outcome())
    assert (ring.records(), file.kept) == ((intent(),), [])
    for nobody in ([], [BrokenRing()]):
        with pytest.raises(AuditUnavailable):
            Trail(nobody).try_record(intent())


async def test_a_cancelled_caller_is_cancelled() -> None:
    task = asyncio.create_task(Trail([HangingSink()], deadline_seconds=60).record(intent()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_no_field_takes_a_free_text() -> None:
    """Texts are ids; whatever else is a number or a member of a closed list."""
    for record in (Intent, OutcomeRecord):
        for name, hint in get_type_hints(record).items():
            assert hint is not str or name.endswith("_id"), name
            assert "Any" not in str(hint)
            assert "object" not in str(hint)
