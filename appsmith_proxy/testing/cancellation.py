"""The cancellation suite: who cancels is let go at once, and the datasource stops working too."""

import asyncio

import pytest

from appsmith_proxy.sdk import Capability, Client, ExecutionTimeout
from appsmith_proxy.testing.harness import Part
from appsmith_proxy.testing.rig import Rig
from appsmith_proxy.testing.suite import Suite, needs

WITHIN = 2.0
"""Seconds after a cancel within which the datasource itself must be idle."""


class CancellationSuite(Suite):
    """Cancel and deadline, seen from both ends."""

    @needs(Part.SLOW)
    async def test_cancellation_propagates(self, rig: Rig) -> None:
        """CancelledError is never swallowed, nor made into another error or an answer."""
        client = await rig.open()
        await rig.works(client)
        running = asyncio.create_task(client.execute(rig.request(rig.harness.slow(5))))
        await _started(rig)
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=WITHIN)
        assert done, "a cancelled execution goes on"
        assert running.cancelled(), f"a cancelled execution ended otherwise: {running.exception()!r}"
        await rig.works(client)

    @needs(Capability.CANCEL, Part.SLOW, Part.ACTIVITY)
    async def test_cancellation_reaches_the_datasource(self, rig: Rig) -> None:
        client = await rig.open()
        running = await _running(rig, client)
        running.cancel()
        await asyncio.wait([running])
        await _settles(rig)
        await rig.works(client)

    @needs(Capability.CANCEL, Part.SLOW, Part.ACTIVITY)
    async def test_cancellation_at_the_deadline_reaches_the_datasource(self, rig: Rig) -> None:
        client = await rig.open()
        await rig.works(client)
        with pytest.raises(ExecutionTimeout):
            await rig.execute(client, rig.harness.slow(8), seconds=0.2)
        await _settles(rig)

    @needs(Capability.CANCEL, Part.SLOW, Part.ACTIVITY)
    async def test_cancellation_hits_only_its_own(self, rig: Rig) -> None:
        """Others that run through the same Client go on."""
        client = await rig.open()
        other = await _running(rig, client)
        running = await _running(rig, client, calls=2)
        running.cancel()
        await asyncio.wait([running])
        await rig.works(client)
        assert not other.done(), "a cancel ended somebody else's execution"
        await _settles(rig, calls=1)
        other.cancel()
        await asyncio.wait([other])


async def _running(rig: Rig, client: Client, *, calls: int = 1) -> "asyncio.Task[object]":
    """Start a slow call and wait until the datasource is working on so many."""
    await rig.works(client)
    running: asyncio.Task[object] = asyncio.create_task(client.execute(rig.request(rig.harness.slow(8))))
    async with asyncio.timeout(WITHIN):
        while await rig.harness.activity() < calls:
            assert not running.done(), (
                "the slow call ended early: it must keep the datasource busy for as long as asked"
            )
            await asyncio.sleep(0.01)
    return running


async def _started(rig: Rig) -> None:
    """Give a call that was just made the time to reach the datasource, where that can be seen; else a moment."""
    if Part.ACTIVITY in rig.harness.absent:
        await asyncio.sleep(0.2)
        return
    async with asyncio.timeout(WITHIN):
        while not await rig.harness.activity():
            await asyncio.sleep(0.01)


async def _settles(rig: Rig, *, calls: int = 0) -> None:
    """Assert that the datasource soon works on so many calls only."""
    loop = asyncio.get_running_loop()
    end = loop.time() + WITHIN
    while (busy := await rig.harness.activity()) > calls:
        assert loop.time() < end, f"{WITHIN:.0f} s after the cancel the datasource still works on {busy} call(s)"
        await asyncio.sleep(0.01)
