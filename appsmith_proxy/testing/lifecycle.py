"""The lifecycle suite: a Client serves many at once, ends when it is told to, and leaves nothing behind."""

import asyncio
import socket

import pytest

from appsmith_proxy.sdk import ConnectFailed, DatasourceError, Outcome
from appsmith_proxy.testing.harness import Part
from appsmith_proxy.testing.relay import Relay
from appsmith_proxy.testing.resources import Held, left_behind
from appsmith_proxy.testing.rig import Rig
from appsmith_proxy.testing.suite import Suite, needs

_CALLERS = 20


class LifecycleSuite(Suite):
    """Open, share, close."""

    async def test_lifecycle_close_leaves_nothing(self, rig: Rig) -> None:
        await rig.works(await rig.open())  # what is loaded once stays loaded
        await rig.close()
        before = Held.now()
        client = await rig.open()
        await asyncio.gather(*(rig.works(client) for _ in range(_CALLERS)))
        await client.close()
        left = await left_behind(before)
        assert not left, f"close left behind: {'; '.join(left)}"

    async def test_lifecycle_close_is_idempotent(self, rig: Rig) -> None:
        client = await rig.open()
        await rig.works(client)
        await client.close()
        await client.close()
        unused = await rig.open()
        await unused.close()
        await asyncio.gather(unused.close(), unused.close())

    async def test_lifecycle_closed_clients_refuse(self, rig: Rig) -> None:
        client = await rig.open()
        await rig.works(client)
        await client.close()
        error = await rig.error(client, rig.harness.echo("late", place=rig.harness.echo_places[0]))
        assert error.outcome is Outcome.NOT_SENT
        with pytest.raises(DatasourceError):
            await client.check()

    @needs(Part.SLOW)
    async def test_lifecycle_close_ends_what_runs(self, rig: Rig) -> None:
        client = await rig.open()
        await rig.works(client)
        running = asyncio.create_task(rig.error(client, rig.harness.slow(8)))
        await asyncio.sleep(0.1)  # a closing Client must cope whether or not the call has reached the server
        async with asyncio.timeout(5):
            await client.close()
            running.cancel()
            await asyncio.wait([running])

    async def test_lifecycle_callers_are_kept_apart(self, rig: Rig) -> None:
        """Many at once through one Client: each gets its own answer."""
        client = await rig.open()
        texts = [f"caller {number}" for number in range(_CALLERS)]
        assert await asyncio.gather(*(rig.echo(client, text) for text in texts)) == texts

    async def test_lifecycle_clients_are_independent(self, rig: Rig) -> None:
        first, second = await rig.open(), await rig.open()
        await rig.works(first)
        await rig.works(second)
        await first.close()
        await rig.works(second)

    @needs(Part.ENDPOINT)
    async def test_lifecycle_open_survives_a_dead_server(self, rig: Rig) -> None:
        """Opening need not connect; when it does, it fails as a connection does, and soon."""
        with socket.socket() as taken:  # bound, not listening: nobody answers
            taken.bind(("127.0.0.1", 0))
            dead = rig.harness.configuration_at("127.0.0.1", taken.getsockname()[1])
            before = Held.now()
            try:
                client = await rig.open(dead)
                with pytest.raises(ConnectFailed):
                    await client.check()
                await client.close()
            except ConnectFailed:
                pass
            left = await left_behind(before)
        assert not left, f"a failed connection left behind: {'; '.join(left)}"

    @needs(Part.ENDPOINT)
    async def test_lifecycle_connections_are_bounded(self, rig: Rig) -> None:
        async with Relay(*rig.harness.endpoint()) as relay:
            client = await rig.open(rig.harness.configuration_at(relay.host, relay.port), max_connections=2)
            await asyncio.gather(*(rig.works(client) for _ in range(_CALLERS)))
            assert relay.peak <= 2, f"{relay.peak} connections at one time, where max_connections was 2"
            await client.close()
