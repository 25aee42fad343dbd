"""Room for large answers: two at a time, the others wait at the server, and not for long."""

import asyncio

import pytest

from appsmith_proxy.sdk import LARGE_ANSWER, DatasourceError, Room
from appsmith_proxy.sdk.room import PLACES
from appsmith_proxy.testing.limits import row_count
from tests.servers.postgres import PostgresServer, until
from tests.servers.postgres_client import opened, request

PATIENT = 3600.0
LARGE_READ = f"SELECT n, repeat('x', 1000) AS x FROM generate_series(1, {LARGE_ANSWER // 1000 * 4}) AS n"


class Guest:
    """Counts how often it was let in."""

    def __init__(self) -> None:
        self.admitted = 0

    def go(self) -> None:
        self.admitted += 1


async def test_places_pass_on_first_come_first_served() -> None:
    room = Room(places=2, patience_seconds=PATIENT)
    guests = [Guest() for _ in range(4)]
    doors = [guest.go for guest in guests]
    assert [room.enter(door) for door in doors] == [True, True, False, False]
    assert room.leave(doors[0]) is False
    assert [guest.admitted for guest in guests] == [0, 0, 1, 0]
    assert room.leave(doors[2]) is False
    assert [guest.admitted for guest in guests] == [0, 0, 1, 1]
    for door in (doors[1], doors[3]):
        assert room.leave(door) is False
    assert [room.enter(door) for door in doors] == [True, True, False, False]
    for door in doors:
        room.leave(door)


async def test_who_gives_up_waiting_is_told_so_and_never_called() -> None:
    room = Room(places=1, patience_seconds=PATIENT)
    first, second, third = Guest(), Guest(), Guest()
    doors = [first.go, second.go, third.go]
    assert [room.enter(door) for door in doors] == [True, False, False]
    assert room.leave(doors[1]) is True
    room.leave(doors[0])
    assert (second.admitted, third.admitted) == (0, 1)
    room.leave(doors[2])
    assert room.enter(doors[0])
    room.leave(doors[0])


async def test_patience_ends_and_the_bound_is_kept_again_afterwards() -> None:
    room = Room(places=1, patience_seconds=0)
    slow, hurried, later = Guest(), Guest(), Guest()
    doors = [slow.go, hurried.go, later.go]
    assert [room.enter(door) for door in doors[:2]] == [True, False]

    async def admitted() -> bool:
        return hurried.admitted == 1

    await until(admitted)
    room._patience_seconds = PATIENT
    assert not room.enter(doors[2])
    room.leave(doors[0])
    assert later.admitted == 0, "one is still inside, over the bound: its place is not free"
    room.leave(doors[1])
    assert later.admitted == 1
    room.leave(doors[2])


async def test_many_large_answers_at_once_all_arrive_whole(postgres: PostgresServer) -> None:
    async with opened(postgres, max_connections=PLACES * 3) as client:
        reads = [client.execute(request(LARGE_READ, read_only=True)) for _ in range(PLACES * 6)]
        for result in await asyncio.gather(*reads):
            assert row_count(result) == LARGE_ANSWER // 1000 * 4
            assert not result.truncated
        assert client._room._free == PLACES


async def test_a_read_that_waits_is_cancelled_and_gives_its_place_in_the_queue_back(postgres: PostgresServer) -> None:
    async with opened(postgres, max_connections=2) as client:
        client._room._free = 0
        client._room._patience_seconds = PATIENT
        waiting = asyncio.create_task(client.execute(request(LARGE_READ, read_only=True)))

        async def waits() -> bool:
            return len(client._room._waiting) == 1

        await until(waits)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (client._room._free, len(client._room._waiting)) == (0, 0)
        with pytest.raises(DatasourceError):
            await client.execute(request(LARGE_READ, read_only=True, seconds=0.3))
        assert (client._room._free, len(client._room._waiting)) == (0, 0)
        small = await client.execute(request("SELECT 1 AS one", read_only=True))
        assert [list(row) for row in small.rows or ()] == [[1]]  # type: ignore[union-attr]  # reason: rows are no encoded rows here


async def test_what_may_write_never_waits(postgres: PostgresServer) -> None:
    async with opened(postgres, max_connections=2) as client:
        client._room._free = 0
        client._room._patience_seconds = PATIENT
        result = await client.execute(request(LARGE_READ, writes=True))
        assert row_count(result) == LARGE_ANSWER // 1000 * 4
