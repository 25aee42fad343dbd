"""Work that outlives its caller."""

import asyncio
import logging

import pytest

from appsmith_proxy.errors import NotFound
from appsmith_proxy.gateway.detached import Detached


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
