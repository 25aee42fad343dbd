"""What the memory driver offers to tests beyond the contract: failures, slowness and columns on request."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from appsmith_proxy.sdk import (
    Client,
    ColumnType,
    ConnectFailed,
    ConstraintViolated,
    DatasourceError,
    Disconnected,
    ExecuteRequest,
    ExecutionTimeout,
    OpenContext,
    Outcome,
    Result,
    Statement,
)
from appsmith_proxy.testing import LoopbackNetwork
from appsmith_proxy.testing.memory import MemoryDriver, MemoryServer


@pytest.fixture
async def server() -> AsyncIterator[MemoryServer]:
    server = MemoryServer()
    server.fill("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
    yield server
    server.close()


@pytest.fixture
async def client(server: MemoryServer) -> AsyncIterator[Client]:
    client = await MemoryDriver(server).open({"database": "main"}, {}, OpenContext(network=LoopbackNetwork()))
    yield client
    await client.close()


async def run(client: Client, text: str, *, seconds: float = 5, read_only: bool = False) -> Result:
    deadline = asyncio.get_running_loop().time() + seconds
    return await client.execute(ExecuteRequest(payload=Statement(text=text), deadline=deadline, read_only=read_only))


@pytest.mark.parametrize("error", DatasourceError.__subclasses__(), ids=lambda error: error.__name__)
async def test_fails_as_asked(client: Client, error: type[DatasourceError]) -> None:
    with pytest.raises(error):
        await run(client, f"SELECT fail('{error.__name__}')")


async def test_crashes_as_asked(client: Client) -> None:
    with pytest.raises(RuntimeError):
        await run(client, "SELECT fail('crash')")


async def test_a_script_fails_in_order_and_before_anything_runs(server: MemoryServer, client: Client) -> None:
    server.script.extend([Disconnected("one", outcome=Outcome.NOT_SENT), ConnectFailed("two")])
    with pytest.raises(Disconnected):
        await run(client, "INSERT INTO t (name) VALUES ('x')")
    with pytest.raises(ConnectFailed):
        await run(client, "INSERT INTO t (name) VALUES ('x')")
    assert (await run(client, "SELECT count(*) FROM t")).rows == [(0,)]


async def test_a_write_that_sleeps_is_done_once_or_not_at_all(server: MemoryServer, client: Client) -> None:
    await run(client, "INSERT INTO t (name) SELECT 'slow' WHERE sleep(0.01) > 0")
    with pytest.raises(ExecutionTimeout) as caught:
        await run(client, "INSERT INTO t (name) SELECT 'late' WHERE sleep(5) > 0", seconds=0.05)
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert (await run(client, "SELECT name FROM t")).rows == [("slow",)]
    assert server.running == 0


async def test_an_endless_statement_ends_at_its_deadline(client: Client) -> None:
    endless = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r"
    with pytest.raises(ExecutionTimeout):
        await run(client, endless, seconds=0.05)
    assert (await run(client, "SELECT 1")).rows == [(1,)]


@pytest.mark.parametrize(
    "text", ["ATTACH ':memory:' AS x", "PRAGMA foreign_keys = OFF", "CREATE TEMP TABLE x (a)", "SAVEPOINT x"]
)
async def test_what_would_leave_or_stay_is_denied(client: Client, text: str) -> None:
    with pytest.raises(DatasourceError):
        await run(client, text)


async def test_a_typed_alias_types_its_column(client: Client) -> None:
    result = await run(client, 'SELECT 1 AS "yes [boolean]", \'1.50\' AS "price [decimal]", 2 AS "odd [thing]"')
    assert [(column.name, column.type) for column in result.columns] == [
        ("yes", ColumnType.BOOLEAN),
        ("price", ColumnType.DECIMAL),
        ("odd [thing]", ColumnType.ANY),
    ]
    assert result.rows == [(True, "1.50", 2)]


async def test_databases_are_apart_and_outlive_clients(server: MemoryServer, client: Client) -> None:
    await run(client, "INSERT INTO t (name) VALUES ('here')")
    context = OpenContext(network=LoopbackNetwork())
    again = await MemoryDriver(server).open({"database": "main"}, {}, context)
    other = await MemoryDriver(server).open({"database": "other"}, {}, context)
    assert (await run(again, "SELECT name FROM t")).rows == [("here",)]
    with pytest.raises(DatasourceError):
        await run(other, "SELECT name FROM t")
    assert server.clients == 3
    await again.close()
    await other.close()
    assert server.clients == 1


async def test_a_constraint_is_named(client: Client) -> None:
    await run(client, "INSERT INTO t (name) VALUES ('x')")
    with pytest.raises(ConstraintViolated) as caught:
        await run(client, "INSERT INTO t (name) VALUES ('x')")
    assert caught.value.constraint == "t.name"


async def test_one_login_for_many_first_statements(server: MemoryServer, client: Client) -> None:
    server.open_seconds = 0.01
    await asyncio.gather(*(run(client, "SELECT 1") for _ in range(20)))
    assert server.logins == 1
