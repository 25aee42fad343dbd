"""What came with a key runs at most once, whatever happens to who runs it, to the store, and to what is remembered."""

import asyncio

import pytest

from appsmith_proxy.errors import OutcomeUnknown, StillRunning, StoreError
from appsmith_proxy.gateway.execution import Execution
from appsmith_proxy.gateway.idempotency import DEFAULT_SECONDS, SLACK_SECONDS, Idempotency
from appsmith_proxy.store.contract import Change
from appsmith_proxy.store.memory import MemoryData, MemoryStore
from tests.unit.gateway.keyed import TIMEOUT, Here, call


@pytest.mark.parametrize("lost", [asyncio.CancelledError(), RuntimeError("a defect")], ids=["cancelled", "defect"])
async def test_what_is_lost_is_not_run_again(here: Here, lost: BaseException) -> None:
    good, here.answer = here.answer, lost
    with pytest.raises(type(lost)):
        await here.run(call())
    here.answer = good
    with pytest.raises(OutcomeUnknown) as caught:
        await here.run(call())
    assert not caught.value.retryable
    here.now += DEFAULT_SECONDS + 1
    assert (await here.run(call())).affected == 3
    assert here.ran == 2


async def test_a_process_that_died_leaves_a_run_whose_outcome_is_unknown(here: Here) -> None:
    data = MemoryData()
    async with MemoryStore(data) as its:
        dead = Here(its)
        doomed = asyncio.create_task(dead.run(call(), work=asyncio.Event().wait))
        while not await dead.stored():
            await asyncio.sleep(0)
        async with MemoryStore(data) as ours:
            alive = Here(ours)
            with pytest.raises(StillRunning):
                await alive.run(call())
            alive.now += TIMEOUT + SLACK_SECONDS - 1
            with pytest.raises(StillRunning):
                await alive.run(call())
            alive.now += 1
            with pytest.raises(OutcomeUnknown):
                await alive.run(call())
            alive.now += DEFAULT_SECONDS
            assert (await alive.run(call())).affected == 3
        doomed.cancel()
        await asyncio.wait({doomed})


async def test_what_runs_is_not_forgotten_while_it_may_still_run(here: Here) -> None:
    here.room = Idempotency(here.store, seconds=1, clock=lambda: here.now)
    begun = asyncio.Event()

    async def stay() -> Execution:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.create_task(here.run(call(), work=stay))
    await begun.wait()
    here.now += TIMEOUT + SLACK_SECONDS - 1
    await here.room.sweep()
    with pytest.raises(StillRunning):
        await here.run(call())
    task.cancel()
    await asyncio.wait({task})


async def test_after_its_time_a_key_is_as_good_as_new(here: Here) -> None:
    await here.run(call())
    here.now += DEFAULT_SECONDS - 1
    await here.run(call())
    assert here.ran == 1
    here.now += 1
    await here.run(call())
    assert here.ran == 2
    await here.run(call())
    assert here.ran == 2


class Failing(MemoryStore):
    """A store that stops answering after so many commits."""

    def __init__(self, commits: int) -> None:
        super().__init__()
        self.commits = commits

    async def commit(self, *changes: Change) -> int:
        self.commits -= 1
        if self.commits < 0:
            raise StoreError("the store does not answer")
        return await super().commit(*changes)


async def test_without_the_store_nothing_runs() -> None:
    async with Failing(0) as store:
        here = Here(store)
        with pytest.raises(StoreError):
            await here.run(call())
        assert here.ran == 0
        assert len(here.told) == 1


async def test_an_outcome_that_cannot_be_stored_is_answered_and_unknown_later(caplog: pytest.LogCaptureFixture) -> None:
    async with Failing(1) as store:
        here = Here(store)
        assert (await here.run(call())).affected == 3
        assert "was not stored" in caplog.text
        store.commits = 100
        here.now += TIMEOUT + SLACK_SECONDS
        with pytest.raises(OutcomeUnknown):
            await here.run(call())
        assert here.ran == 1


async def test_sweeping_removes_what_has_expired_and_nothing_else(here: Here) -> None:
    for number in range(250):
        await here.run(call(f"old {number}"))
    here.now += DEFAULT_SECONDS / 2
    for number in range(20):
        await here.run(call(f"new {number}"))
    here.now += DEFAULT_SECONDS / 2
    await here.room.sweep()
    assert len(await here.stored()) == 20
    await here.room.sweep()
    assert len(await here.stored()) == 20


async def test_sweeping_is_bounded_and_goes_on_where_it_ended(here: Here) -> None:
    for number in range(1_100):
        await here.run(call(str(number)))
    here.now += DEFAULT_SECONDS
    other = Idempotency(here.store, clock=lambda: here.now)
    await other.sweep()
    assert len(await here.stored()) == 100
    await other.sweep()
    assert await here.stored() == []


async def test_a_flood_of_keys_is_swept_as_fast_as_it_comes(here: Here) -> None:
    for _ in range(3):
        for number in range(1_100):
            await here.run(call(f"{here.now} {number}"))
        here.now += DEFAULT_SECONDS
        await here.room.sweep()
        assert await here.stored() == []
