"""Live Clients: opened once, borrowed, retired, closed."""

import asyncio

import pytest

from appsmith_proxy.errors import ConnectFailed, Disconnected
from appsmith_proxy.gateway.leases import Leases, Opened
from appsmith_proxy.model.records import Datasource
from appsmith_proxy.sdk import Client, ExecuteRequest, Health, Result


class CountingClient(Client):
    def __init__(self) -> None:
        self.closed = 0

    async def check(self) -> Health:
        return Health()

    async def execute(self, request: ExecuteRequest) -> Result:
        return Result()

    async def close(self) -> None:
        self.closed += 1


class Opener:
    """Opens when it is let; counts."""

    def __init__(self) -> None:
        self.opened: list[CountingClient] = []
        self.calls = 0
        self.failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, datasource: Datasource) -> Opened:
        self.calls += 1
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop()
        self.opened.append(CountingClient())
        return Opened(client=self.opened[-1])


def datasource(revision: int = 1) -> Datasource:
    return Datasource(id="d" * 24, workspace_id="w" * 24, name="shop", kind="memory", revision=revision)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_fifty_first_requests_open_one_client() -> None:
    opener = Opener()
    opener.gate.clear()
    leases = Leases(opener)
    borrowers = [asyncio.create_task(leases.borrow(datasource())) for _ in range(50)]
    await settle()
    opener.gate.set()
    found = await asyncio.gather(*borrowers)
    assert opener.calls == 1
    assert {id(lease.client) for lease in found} == {id(opener.opened[0])}
    for lease in found:
        lease.release()
    await leases.close()
    assert opener.opened[0].closed == 1


async def test_one_who_gives_up_does_not_end_the_opening_for_the_others() -> None:
    opener = Opener()
    opener.gate.clear()
    leases = Leases(opener)
    first, second = (asyncio.create_task(leases.borrow(datasource())) for _ in range(2))
    await settle()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    opener.gate.set()
    lease = await second
    assert lease.users == 1
    lease.release()
    await leases.close()


async def test_an_opening_that_nobody_waits_for_any_more_is_still_closed() -> None:
    opener = Opener()
    opener.gate.clear()
    leases = Leases(opener, idle_seconds=-1)
    borrower = asyncio.create_task(leases.borrow(datasource()))
    await settle()
    borrower.cancel()
    with pytest.raises(asyncio.CancelledError):
        await borrower
    opener.gate.set()
    await settle()
    await leases.sweep()
    await settle()
    assert opener.opened[0].closed == 1
    await leases.close()


async def test_a_failed_opening_is_told_to_all_and_tried_again_by_the_next() -> None:
    opener = Opener()
    opener.failures = [ConnectFailed("down")]
    leases = Leases(opener)
    found = await asyncio.gather(*(leases.borrow(datasource()) for _ in range(3)), return_exceptions=True)
    assert [type(item) for item in found] == [ConnectFailed] * 3
    assert opener.calls == 1
    lease = await leases.borrow(datasource())
    assert opener.calls == 2
    lease.release()
    await leases.close()


async def test_a_new_revision_retires_the_old_client_when_its_last_lease_returns() -> None:
    opener = Opener()
    leases = Leases(opener)
    old = await leases.borrow(datasource(1))
    assert leases.borrow_open(datasource(2)) is None
    new = await leases.borrow(datasource(2))
    assert new.client is not old.client
    await settle()
    assert opener.opened[0].closed == 0
    old.release()
    await settle()
    assert [client.closed for client in opener.opened] == [1, 0]
    new.release()
    await leases.close()
    assert [client.closed for client in opener.opened] == [1, 1]


async def test_a_retired_client_that_never_comes_back_is_closed_at_the_drain_deadline() -> None:
    opener = Opener()
    leases = Leases(opener, drain_seconds=0)
    lease = await leases.borrow(datasource(1))
    leases.retire(lease.datasource_id)
    for _ in range(100):
        await asyncio.sleep(0)
        if opener.opened[0].closed:
            break
    assert opener.opened[0].closed == 1
    lease.release()
    await leases.close()


async def test_closing_closes_what_is_lent_and_lends_no_more() -> None:
    opener = Opener()
    leases = Leases(opener)
    lease = await leases.borrow(datasource())
    await leases.close()
    assert opener.opened[0].closed == 1
    with pytest.raises(Disconnected):
        await leases.borrow(datasource())
    lease.release()


async def test_unused_clients_are_swept_and_used_ones_are_not() -> None:
    opener = Opener()
    leases = Leases(opener, idle_seconds=-1)
    lease = await leases.borrow(datasource())
    await leases.sweep()
    assert leases.borrow_open(datasource()) is lease
    lease.release()
    lease.release()
    await leases.sweep()
    await settle()
    assert opener.opened[0].closed == 1
    await leases.close()
