"""The bounded queue of a datasource."""

import asyncio

import pytest

from appsmith_proxy.errors import Overloaded
from appsmith_proxy.gateway.limits import AdmissionLimits, Gate


async def waiters(gate: Gate, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(gate.enter()) for _ in range(count)]
    while gate.waiting + sum(task.done() for task in tasks) < count:
        await asyncio.sleep(0)
    return tasks


async def test_slots_pass_on_first_come_first_served() -> None:
    gate = Gate(AdmissionLimits(running=1, waiting=5))
    assert gate.try_enter()
    first, second = await waiters(gate, 2)
    assert not gate.try_enter()
    gate.leave()
    await first
    assert not second.done()
    gate.leave()
    await second
    gate.leave()
    assert (gate.running, gate.waiting) == (0, 0)


async def test_a_newcomer_does_not_overtake_the_queue() -> None:
    gate = Gate(AdmissionLimits(running=1, waiting=5))
    assert gate.try_enter()
    (waiter,) = await waiters(gate, 1)
    gate.leave()
    assert not gate.try_enter()
    await waiter
    gate.leave()
    assert gate.running == 0


async def test_a_full_queue_refuses_at_once() -> None:
    gate = Gate(AdmissionLimits(running=1, waiting=1))
    assert gate.try_enter()
    (waiter,) = await waiters(gate, 1)
    with pytest.raises(Overloaded):
        await gate.enter()
    gate.leave()
    await waiter
    gate.leave()
    assert gate.running == 0


async def test_a_wait_that_is_too_long_ends_and_frees_its_place() -> None:
    gate = Gate(AdmissionLimits(running=1, waiting=1, wait_seconds=0.01))
    assert gate.try_enter()
    with pytest.raises(Overloaded):
        await gate.enter()
    assert gate.waiting == 0
    gate.leave()
    assert gate.running == 0
    assert gate.try_enter()


@pytest.mark.parametrize("handed_over", [False, True])
async def test_giving_up_never_loses_a_slot(handed_over: bool) -> None:
    gate = Gate(AdmissionLimits(running=1, waiting=5))
    assert gate.try_enter()
    gives_up, stays = await waiters(gate, 2)
    if handed_over:
        gate.leave()  # the slot goes to the one who is being cancelled in the same turn
    gives_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gives_up
    if not handed_over:
        gate.leave()
    await asyncio.wait_for(stays, 1)
    gate.leave()
    assert (gate.running, gate.waiting) == (0, 0)


async def test_whoever_comes_later_waits_as_long_as_the_first() -> None:
    gate = Gate(AdmissionLimits(running=1, waiting=5, wait_seconds=0.1))
    loop = asyncio.get_running_loop()
    assert gate.try_enter()
    (first,) = await waiters(gate, 1)
    await asyncio.sleep(0.05)
    began = loop.time()
    with pytest.raises(Overloaded):
        await gate.enter()
    assert loop.time() - began >= 0.09
    with pytest.raises(Overloaded):
        await first
    gate.leave()
    assert (gate.running, gate.waiting) == (0, 0)
    assert gate.try_enter()


async def test_one_who_gave_up_does_not_hold_the_others_back() -> None:
    gate = Gate(AdmissionLimits(running=1, waiting=5, wait_seconds=0.05))
    assert gate.try_enter()
    gives_up, waits = await waiters(gate, 2)
    gives_up.cancel()
    with pytest.raises(Overloaded):
        await waits
    assert gate.waiting == 0
    assert gives_up.cancelled()
