"""Work that outlives its caller."""

import asyncio
import logging

import pytest

from appsmith_proxy.errors import NotFound
from appsmith_proxy.gateway.detached import KEPT, Detached


async def test_the_answer_or_the_error_reaches_who_waits() -> None:
    detached = Detached()

    async def answer() -> int:
        return 7

    async def fail() -> int:
        raise NotFound("gone")

    assert await detached.run(answer()) == 7
    with pytest.raises(NotFound):
        await detached.run(fail())
    await detached.finish()


async def test_cancelling_who_waits_leaves_the_work_alone() -> None:
    detached = Detached()
    began, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        await may_end.wait()
        ended.set()

    caller = asyncio.create_task(detached.run(work()))
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    finishing = asyncio.create_task(detached.finish())
    await asyncio.sleep(0)
    assert not finishing.done(), "nobody waits for the work any more"
    may_end.set()
    await finishing
    assert ended.is_set()


@pytest.mark.parametrize(("error", "told"), [(KeyError("secret"), True), (NotFound("gone"), False)])
async def test_a_failure_that_nobody_waits_for_is_logged_by_its_class(
    error: Exception, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    detached = Detached()
    began, may_end = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        await may_end.wait()
        raise error

    caller = asyncio.create_task(detached.run(work()))
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    may_end.set()
    with caplog.at_level(logging.ERROR):
        await detached.finish()
    assert ("KeyError" in caplog.text) is told
    assert "secret" not in caplog.text


async def test_work_that_is_cancelled_itself_ends_the_wait() -> None:
    detached = Detached()

    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await detached.run(work())


async def test_a_task_takes_the_next_work_and_none_is_left_at_the_end() -> None:
    detached = Detached()
    tasks: list[asyncio.Task[None] | None] = []

    async def work() -> None:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)

    before = asyncio.all_tasks()
    for _ in range(5):
        await detached.run(work())
    assert len(set(tasks)) == 1
    await asyncio.gather(*(detached.run(work()) for _ in range(3 * KEPT)))
    assert len(asyncio.all_tasks() - before) == KEPT
    await detached.finish()
    assert asyncio.all_tasks() == before


async def test_a_task_that_was_cancelled_takes_nothing_more() -> None:
    detached = Detached()

    async def cancelled() -> bool:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
        return True

    async def cancelling() -> int:
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert await detached.run(cancelled())
    assert await detached.run(cancelling()) == 0
    await detached.finish()


async def test_work_that_comes_while_it_finishes_is_done_too() -> None:
    detached = Detached()
    began, may_end = asyncio.Event(), asyncio.Event()

    async def work() -> int:
        began.set()
        await may_end.wait()
        return 1

    first = asyncio.create_task(detached.run(work()))
    await began.wait()
    finishing = asyncio.create_task(detached.finish())
    await asyncio.sleep(0)
    late = asyncio.create_task(detached.run(work()))
    await asyncio.sleep(0)
    may_end.set()
    assert [await first, await late] == [1, 1]
    await finishing
