"""Places among a fixed number: none is lost, none is given twice, whoever came first is served first."""

import asyncio
import random

import pytest

from appsmith_proxy.sdk.permits import Permits


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_who_waits_longest_is_served_first() -> None:
    permits = Permits(1)
    assert permits.try_take()
    order: list[int] = []

    async def one(number: int) -> None:
        await permits.take(deadline=soon(60))
        order.append(number)
        permits.give_back()

    tasks = [asyncio.create_task(one(number)) for number in range(5)]
    await asyncio.sleep(0)
    permits.give_back()
    assert not permits.try_take(), "a newcomer overtakes the queue"
    await asyncio.gather(*tasks)
    assert order == list(range(5))
    assert permits.try_take()


async def test_a_wait_ends_at_its_deadline_and_leaves_the_queue() -> None:
    permits = Permits(1)
    assert permits.try_take()
    with pytest.raises(TimeoutError):
        await permits.take(deadline=soon(0.01))
    permits.give_back()
    assert permits.try_take()
    assert not permits.try_take()


@pytest.mark.parametrize("handed_over", [False, True])
async def test_giving_up_never_loses_a_place(handed_over: bool) -> None:
    permits = Permits(1)
    assert permits.try_take()
    gives_up, stays = (asyncio.create_task(permits.take(deadline=soon(60))) for _ in range(2))
    await asyncio.sleep(0)
    if handed_over:
        permits.give_back()
    gives_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gives_up
    if not handed_over:
        permits.give_back()
    await asyncio.wait_for(stays, 5)


async def test_places_are_all_back_after_any_cancels() -> None:
    permits, chance = Permits(3), random.Random(7)
    most = held = 0

    async def one() -> None:
        nonlocal most, held
        await permits.take(deadline=soon(60))
        held += 1
        most = max(most, held)
        try:
            await asyncio.sleep(0)
        finally:
            held -= 1
            permits.give_back()

    tasks = [asyncio.create_task(one()) for _ in range(200)]
    while not all(task.done() for task in tasks):
        chance.choice(tasks).cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most <= 3
    assert [permits.try_take() for _ in range(4)] == [True, True, True, False]
