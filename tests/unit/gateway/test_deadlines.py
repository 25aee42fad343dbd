"""Ending work at its deadline with one timer: as ``asyncio.timeout_at`` does, and no other way."""

import asyncio
import contextlib

import pytest

from appsmith_proxy.gateway.deadlines import Deadline, Deadlines


def soon(seconds: float = 0.01) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_a_block_that_outlives_its_deadline_ends_with_timeout_error() -> None:
    deadlines = Deadlines()
    with pytest.raises(TimeoutError), Deadline(deadlines, soon()):
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # the task can wait again: nothing of the end is left


async def test_a_block_that_ends_in_time_is_left_alone() -> None:
    deadlines = Deadlines()
    with Deadline(deadlines, soon(60)):
        with pytest.raises(TimeoutError), Deadline(deadlines, soon()):
            await asyncio.Event().wait()
        await asyncio.sleep(0)


async def test_many_blocks_end_each_at_its_own_time() -> None:
    deadlines = Deadlines()
    ended: list[str] = []

    async def work(name: str, seconds: float) -> None:
        try:
            with Deadline(deadlines, soon(seconds)):
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(work("late", 0.4))
        group.create_task(work("soon", 0.01))
        stays = group.create_task(work("never", 60))
        while len(ended) < 2:
            await asyncio.sleep(0.01)
        stays.cancel()
    assert ended == ["soon", "late"]


async def test_anothers_cancellation_stays_a_cancellation() -> None:
    deadlines = Deadlines()
    entered = asyncio.Event()

    async def work() -> None:
        with Deadline(deadlines, soon(60)):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_when_both_happen_the_cancellation_wins() -> None:
    deadlines = Deadlines()
    entered = asyncio.Event()

    async def work() -> None:
        with Deadline(deadlines, soon(-1)):
            entered.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                task.cancel()
                raise

    task = asyncio.create_task(work())
    await entered.wait()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_block_goes_through() -> None:
    deadlines = Deadlines()
    with pytest.raises(KeyError), Deadline(deadlines, soon()):
        raise KeyError


async def test_a_block_may_end_by_itself_after_its_deadline_has_struck() -> None:
    deadlines = Deadlines()
    with Deadline(deadlines, soon()), contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
