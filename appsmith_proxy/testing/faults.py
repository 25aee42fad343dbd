"""The faults suite: a network that delays, cuts and stalls gives honest errors in time, and recovery by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from appsmith_proxy.sdk import Client, ConnectFailed, DatasourceError, Disconnected, Outcome
from appsmith_proxy.testing.harness import Call, Part
from appsmith_proxy.testing.limits import GRACE
from appsmith_proxy.testing.relay import Effects, Relay
from appsmith_proxy.testing.rig import PATIENCE, Rig
from appsmith_proxy.testing.suite import Suite, needs

_RECOVERY = 5.0
"""Seconds after the network is well again within which a Client must work again."""


class FaultsSuite(Suite):
    """The relay stands between the driver and its live server."""

    @needs(Part.ENDPOINT)
    async def test_faults_server_down_and_back(self, rig: Rig) -> None:
        async with _relayed(rig) as (relay, client):
            await rig.works(client)
            await relay.down()
            loop = asyncio.get_running_loop()
            start = loop.time()
            await rig.error(client, _echo(rig))  # the connection that was open may tell it otherwise
            error = await rig.error(client, _echo(rig))
            assert loop.time() - start < 2, "nobody listens: the answer is known at once"
            assert isinstance(error, ConnectFailed)
            assert error.outcome is Outcome.NOT_SENT
            await relay.up()
            await _recovers(rig, client)

    @needs(Part.ENDPOINT)
    async def test_faults_slow_network(self, rig: Rig) -> None:
        """Latency, and answers in pieces of one byte, change nothing but the time."""
        async with _relayed(rig) as (relay, client):
            await rig.works(client)
            relay.requests = relay.answers = Effects(latency=0.02)
            await rig.works(client)
            relay.requests = relay.answers = Effects(slice=1)
            await rig.works(client)
            fresh = await rig.open(rig.harness.configuration_at(relay.host, relay.port))
            await rig.works(fresh)
            await fresh.close()

    @needs(Part.ENDPOINT)
    async def test_faults_black_hole_keeps_the_deadline(self, rig: Rig) -> None:
        """Whether it opens before an execution or before the connection."""
        async with _relayed(rig) as (relay, client):
            await rig.works(client)
            relay.requests = relay.answers = Effects(black_hole=True)
            await _fails_in_time(rig, client)
            fresh = await rig.open(rig.harness.configuration_at(relay.host, relay.port))
            await _fails_in_time(rig, fresh)
            await _closes_in_time(fresh)
            relay.heal()
            await _recovers(rig, client)

    @needs(Part.ENDPOINT)
    async def test_faults_dripping_answers_keep_the_deadline(self, rig: Rig) -> None:
        """A byte now and then is not progress: the deadline counts from the start."""
        async with _relayed(rig) as (relay, client):
            await rig.works(client)
            relay.answers = Effects(slice=1, latency=0.25)
            await _fails_in_time(rig, client)
            relay.heal()
            await _recovers(rig, client)

    @needs(Part.ENDPOINT, Part.SLOW)
    async def test_faults_reset_while_running(self, rig: Rig) -> None:
        async with _relayed(rig) as (relay, client):
            await rig.works(client)
            running = asyncio.create_task(rig.error(client, rig.harness.slow(3)))
            await asyncio.sleep(0.1)  # the reset may meet the call at any point; mostly while it runs
            relay.reset()
            error = await running
            assert isinstance(error, Disconnected), f"a lost connection is {error.code}"
            await _recovers(rig, client)

    @needs(Part.ENDPOINT)
    async def test_faults_idle_connections_lost(self, rig: Rig) -> None:
        """The server was restarted while nothing ran: at most one execution notices, and nothing of it was done."""
        async with _relayed(rig) as (relay, client):
            await rig.works(client)
            relay.reset()
            await _recovers(rig, client)

    @needs(Part.ENDPOINT)
    async def test_faults_cut_answers_are_never_whole(self, rig: Rig) -> None:
        """An answer that ends in the middle is an error at every length, never a shorter answer."""
        text = "cut here " * 200
        async with _relayed(rig) as (relay, client):
            for after in (0, 1, 40, 400, 1_200):
                await _recovers(rig, client)
                relay.answers = Effects(cut_after=after)
                try:
                    found = await rig.echo(client, text)
                except DatasourceError:
                    pass
                else:
                    assert found == text, f"an answer that was cut after {after} bytes was taken for whole"
                relay.heal()
            await _recovers(rig, client)

    @needs(Part.ENDPOINT, Part.WRITES)
    async def test_faults_outcomes_are_honest(self, rig: Rig) -> None:
        """Cut a write at many points: what is said not to have happened has not, and nothing happens twice."""
        done = 0
        async with _relayed(rig) as (relay, client):
            for direction in ("requests", "answers"):
                for after in (0, 1, 7, 30, 60, 120, 250):
                    await _recovers(rig, client)
                    setattr(relay, direction, Effects(cut_after=after))
                    done = await _write_under_fault(rig, client, relay, done)

    @needs(Part.ENDPOINT)
    async def test_faults_close_does_not_wait_for_the_server(self, rig: Rig) -> None:
        async with Relay(*rig.harness.endpoint()) as relay:
            client = await rig.open(rig.harness.configuration_at(relay.host, relay.port))
            await rig.works(client)
            relay.requests = relay.answers = Effects(black_hole=True, slow_close=30)
            await _closes_in_time(client)


@asynccontextmanager
async def _relayed(rig: Rig) -> AsyncIterator[tuple[Relay, Client]]:
    async with Relay(*rig.harness.endpoint()) as relay:
        client = await rig.open(rig.harness.configuration_at(relay.host, relay.port), max_connections=1)
        try:
            yield relay, client
        finally:
            relay.heal()
            await _closes_in_time(client)


def _echo(rig: Rig) -> Call:
    return rig.harness.echo("over the wire", place=rig.harness.echo_places[0])


async def _fails_in_time(rig: Rig, client: Client, *, seconds: float = 0.3) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    await rig.error(client, _echo(rig), seconds=seconds)
    took = loop.time() - start
    assert took < seconds + GRACE, f"the deadline was {seconds} s, the error came after {took:.1f} s"


async def _closes_in_time(client: Client) -> None:
    async with asyncio.timeout(5):
        await client.close()


async def _recovers(rig: Rig, client: Client) -> None:
    """Assert that the Client works again by itself, soon; meanwhile only DatasourceErrors leave it."""
    await _until(lambda: rig.works(client))


async def _until(attempt: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + _RECOVERY
    while True:
        try:
            await attempt()
        except DatasourceError:
            assert loop.time() < end, f"the network is well again, and {_RECOVERY:.0f} s later the Client is not"
            await asyncio.sleep(0.05)
        else:
            return


async def _write_under_fault(rig: Rig, client: Client, relay: Relay, done: int) -> int:
    """Write once through a faulty network; return the fixture's count after it, judged by what the driver said."""
    outcome: Outcome | None = None
    try:
        await client.execute(rig.request(rig.harness.write(), seconds=PATIENCE / 5))
    except DatasourceError as error:
        outcome = error.outcome
    relay.heal()
    direct = await rig.open()
    now = await rig.count(direct)
    await direct.close()
    if outcome is None:
        assert now == done + 1, f"a write that succeeded changed the count from {done} to {now}"
    elif outcome is not Outcome.UNKNOWN:
        assert now == done, f"the driver said {outcome}, but the count went from {done} to {now}"
    assert now <= done + 1, f"one write was done {now - done} times"
    return now
