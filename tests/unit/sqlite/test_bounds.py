"""Deadlines, cancellation, locks, and the pool: nothing runs on, nothing is left behind."""

import asyncio
import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop

from appsmith_proxy.sdk import DatasourceError, Disconnected, ExecutionTimeout, Outcome, ResourceExhausted
from appsmith_proxy.testing.resources import Held, eventually, left_behind
from appsmith_proxy_sqlite.client import SqliteClient
from appsmith_proxy_sqlite.connection import Connection, Lane
from appsmith_proxy_sqlite.files import DatabaseFile
from tests.unit.sqlite.conftest import OpenClient, Run, make, opener, request

FOREVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
ENDLESS_ROWS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
SIXTY = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 60) SELECT x FROM n"
ENDLESS_WRITE = f"INSERT INTO authors (name) {ENDLESS_ROWS}"


@pytest.mark.parametrize("text", [FOREVER, ENDLESS_ROWS, ENDLESS_WRITE])
async def test_the_deadline_ends_the_work(client: SqliteClient, text: str) -> None:
    # Far beyond the deadline, and far below the time that the work would take: for ever.
    async with asyncio.timeout(20):
        with pytest.raises(ExecutionTimeout) as caught:
            await client.execute(request(text, seconds=0.2, rows=10**9, bytes=10**12))
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert (await client.execute(request("SELECT count(*) FROM authors"))).rows == [(2,)]
    assert (await client.execute(request("INSERT INTO authors (name) VALUES ('next')"))).affected == 1


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT {', '.join(['zeroblob(60000000)'] * 6)}",
        f"SELECT length(b) FROM (SELECT zeroblob(6000000) || x AS b FROM ({SIXTY})) ORDER BY b",
        f"INSERT INTO authors (name) SELECT hex(zeroblob(12000000)) || x FROM ({SIXTY}) ORDER BY 1",
    ],
)
async def test_memory_is_bounded(client: SqliteClient, text: str) -> None:
    """Its answer may be small, or never come: the limits of answers do not help."""
    with pytest.raises(ResourceExhausted) as caught:
        await client.execute(request(text, seconds=60))
    assert (caught.value.native_code, caught.value.outcome) == ("SQLITE_NOMEM", Outcome.ROLLED_BACK)
    assert (await client.execute(request("SELECT count(*) FROM authors"))).rows == [(2,)]
    assert (await client.execute(request("INSERT INTO authors (name) VALUES ('next')"))).affected == 1


async def test_a_deadline_that_has_passed_runs_nothing(run: Run) -> None:
    with pytest.raises(ExecutionTimeout):
        await run("DELETE FROM books", seconds=-1)
    assert (await run("SELECT count(*) FROM books")).rows == [(2,)]


@pytest.mark.parametrize("text", [FOREVER, ENDLESS_WRITE])
async def test_cancelling_ends_the_work_and_its_thread(open_client: OpenClient, text: str) -> None:
    before = Held.now()
    client = await open_client()
    task = asyncio.create_task(client.execute(request(text, seconds=60)))
    assert await eventually(lambda: threading.active_count() > len(before.threads), within=5)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait({task}, timeout=20)
    assert task.cancelled()
    assert await left_behind(before, within=0) == []


async def test_cancelling_twice_still_waits_for_the_thread(open_client: OpenClient) -> None:
    before = Held.now()
    client = await open_client()
    task = asyncio.create_task(client.execute(request(FOREVER, seconds=60)))
    await asyncio.sleep(0.1)
    for _ in range(5):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await left_behind(before, within=0) == []


async def test_cancelling_at_any_moment_leaves_nothing(open_client: OpenClient) -> None:
    """The borrower goes away while it waits, opens, begins, runs or commits."""
    before = Held.now()
    client = await open_client(size=2)
    for turn in range(60):
        text = "UPDATE authors SET born = born + 1" if turn % 2 else "SELECT * FROM authors"
        task = asyncio.create_task(client.execute(request(text)))
        for _ in range(turn % 20):
            await asyncio.sleep(0)
        await asyncio.sleep(0.0002 * (turn % 7))
        task.cancel()
        await asyncio.wait({task})
    assert (await client.execute(request("SELECT count(*) FROM authors"))).rows == [(2,)]
    await client.close()
    assert await left_behind(before, within=0) == []


async def test_an_interrupt_that_comes_between_two_steps_is_repeated(folder: Path) -> None:
    """The bell rings while nothing runs; what is started just then is still ended."""
    loop = asyncio.get_running_loop()
    file = DatabaseFile(folder=folder, name="sample.db")
    connection = await Connection.open(file, Lane.READ, foreign_keys=True)
    with connection.until(loop.time()):
        await asyncio.sleep(0.01)
        with pytest.raises(ExecutionTimeout):
            await connection.run(FOREVER, (), deadline=loop.time() + 60)
    await connection.discard()


async def test_a_commit_that_fails_halfway_has_an_unknown_outcome(folder: Path, run: Run) -> None:
    """The disk takes no more: what was changed fits SQLite's cache and reaches the file only with COMMIT."""
    path = folder / "sample.db"
    room, ceiling = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 8192, ceiling))
    try:
        with pytest.raises((ResourceExhausted, Disconnected)) as caught:
            await run("UPDATE authors SET name = name || printf('%.100000c', 'x')")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, ceiling))
    assert caught.value.outcome is Outcome.UNKNOWN
    assert (await run("SELECT name FROM authors ORDER BY id")).rows == [("Ada",), ("Grace",)]
    assert (await run("UPDATE authors SET born = 1")).affected == 2


@contextmanager
def somebody_writes(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the lock of a writer, as another process would."""
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        yield other
    finally:
        other.close()


@pytest.mark.parametrize("text", ["SELECT count(*) FROM authors", "DELETE FROM books"])
async def test_a_lock_is_waited_for_until_the_deadline(folder: Path, run: Run, text: str) -> None:
    with somebody_writes(folder / "sample.db"), pytest.raises(ExecutionTimeout) as caught:
        await run(text, seconds=0.3)
    assert caught.value.native_code == "SQLITE_BUSY"
    assert caught.value.outcome is Outcome.ROLLED_BACK


@pytest.mark.parametrize("text", ["SELECT count(*) FROM books", "DELETE FROM books"])
async def test_a_lock_that_ends_in_time_is_no_error(folder: Path, run: Run, text: str) -> None:
    with somebody_writes(folder / "sample.db") as other:
        task = asyncio.ensure_future(run(text, seconds=10))
        await asyncio.sleep(0.2)
        assert not task.done()
        other.execute("COMMIT")
        await task


async def test_a_reader_that_blocks_the_commit_is_waited_for(folder: Path, run: Run) -> None:
    """Without WAL a reader keeps a writer from committing; COMMIT is tried again and nothing is written twice."""
    other = sqlite3.connect(folder / "sample.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM books").fetchall()
    task = asyncio.ensure_future(run("UPDATE books SET price = price + 1"))
    await asyncio.sleep(0.2)
    assert not task.done()
    other.execute("COMMIT")
    other.close()
    assert (await task).affected == 2
    assert (await run("SELECT price FROM books ORDER BY id")).rows == [(13.5,), (21.0,)]


async def test_reads_run_side_by_side_and_writes_one_after_the_other(folder: Path, open_client: OpenClient) -> None:
    connection = sqlite3.connect(folder / "sample.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    client = await open_client(size=3)
    reads = [client.execute(request("SELECT count(*) FROM books")) for _ in range(20)]
    writes = [client.execute(request("UPDATE books SET price = price + 1 WHERE id = 1")) for _ in range(20)]
    await asyncio.gather(*reads, *writes)
    assert (await client.execute(request("SELECT price FROM books WHERE id = 1"))).rows == [(32.5,)]


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_pool_is_bounded(folder: Path, size: int, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Whatever the order in which a loop wakes those who wait."""

    async def crowd() -> None:
        most = 0

        async def one(text: str) -> None:
            nonlocal most
            await client.execute(request(text))
            most = max(most, threading.active_count() - before)

        async with opener(folder) as open_client:
            client = await open_client(size=size)
            before = threading.active_count()
            async with asyncio.TaskGroup() as group:
                for _ in range(20):
                    group.create_task(one("SELECT count(*) FROM books"))
                    group.create_task(one("UPDATE books SET price = price"))
        assert most <= size

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(crowd())


async def test_waiting_for_a_connection_ends_at_the_deadline(open_client: OpenClient) -> None:
    client = await open_client(size=1)
    task = asyncio.create_task(client.execute(request(FOREVER, seconds=60)))
    await asyncio.sleep(0.1)
    with pytest.raises(ExecutionTimeout) as caught:
        await client.execute(request("SELECT 1", seconds=0.2))
    assert caught.value.outcome is Outcome.NOT_SENT
    task.cancel()
    await asyncio.wait({task})
    assert (await client.execute(request("SELECT 1"))).rows == [(1,)]


async def test_connections_that_nobody_uses_are_closed(open_client: OpenClient) -> None:
    before = Held.now()
    client = await open_client(idle_seconds=0.1)
    await client.execute(request("SELECT 1"))
    await client.execute(request("UPDATE books SET price = 1"))
    assert await left_behind(before, within=5) == []
    assert (await client.execute(request("SELECT 1"))).rows == [(1,)]


async def test_close_interrupts_what_runs_and_leaves_nothing(open_client: OpenClient) -> None:
    before = Held.now()
    client = await open_client()
    running = [asyncio.create_task(client.execute(request(text, seconds=60))) for text in (FOREVER, ENDLESS_WRITE)]
    await asyncio.sleep(0.2)
    await client.close()
    await client.close()
    for result in await asyncio.gather(*running, return_exceptions=True):
        assert isinstance(result, Disconnected)
    assert await left_behind(before, within=1) == []
    with pytest.raises(Disconnected) as caught:
        await client.execute(request("SELECT 1"))
    assert caught.value.outcome is Outcome.NOT_SENT


async def test_opening_does_not_connect(folder: Path, open_client: OpenClient) -> None:
    before = Held.now()
    await open_client("not there yet.db")
    assert Held.now().beyond(before) == []


async def test_a_file_that_comes_back_is_used_again(folder: Path, open_client: OpenClient) -> None:
    client = await open_client("later.db")
    with pytest.raises(DatasourceError):
        await client.execute(request("SELECT 1"))
    make(folder / "later.db")
    assert (await client.execute(request("SELECT count(*) FROM books"))).rows == [(2,)]


async def test_sorting_spills_no_rows_to_temporary_files(folder: Path, run: Run) -> None:
    """Nothing that passes is kept: a sort larger than SQLite's cache stays in memory."""
    opened: set[str] = set()
    text = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 60000)"
        " SELECT printf('%.300c', 'x') || x AS y FROM n ORDER BY abs(random())"
    )

    async def watch() -> None:
        while True:
            opened.update(name for _, name in Held.now().descriptors)
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    await run(text, rows=1)
    watching.cancel()
    assert not [name for name in opened if "etilqs" in name]
