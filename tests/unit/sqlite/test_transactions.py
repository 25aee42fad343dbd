"""Several statements in one transaction: all or nothing, on one connection, within one deadline."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from appsmith_proxy.sdk import (
    AffectedLimitExceeded,
    ConstraintViolated,
    DatasourceError,
    Disconnected,
    ExecuteRequest,
    ExecutionTimeout,
    Outcome,
    ParameterInvalid,
    ParameterType,
    PermissionRejected,
    StatementInvalid,
)
from appsmith_proxy.testing.resources import Held, left_behind
from appsmith_proxy_sqlite.client import SqliteClient
from tests.unit.sqlite.conftest import OpenClient, Run, request

ADD = "INSERT INTO authors (name) VALUES ('Edsger')"
AGAIN = "INSERT INTO authors (name) VALUES ('Ada')"


def transaction(client: SqliteClient, *, read_only: bool = False, seconds: float = 10) -> Any:
    """Begin one that is to be over in so many seconds."""
    return client.transaction(read_only=read_only, deadline=asyncio.get_running_loop().time() + seconds)


async def do(client: SqliteClient, *work: str | ExecuteRequest, seconds: float = 10) -> None:
    """Run statements one after the other in one transaction."""
    async with transaction(client, seconds=seconds) as session:
        for each in work:
            await session.execute(request(each) if isinstance(each, str) else each)


async def names(client: SqliteClient) -> list[str]:
    """Return what others see."""
    result = await client.execute(request("SELECT name FROM authors ORDER BY id"))
    assert isinstance(result.rows, list)
    return [name for (name,) in result.rows]


async def test_a_later_statement_sees_an_earlier_one_and_others_see_all_at_once(client: SqliteClient) -> None:
    async with transaction(client) as session:
        added = await session.execute(request(ADD + " RETURNING id", writes=True))
        seen = await session.execute(request("SELECT name FROM authors WHERE id = 3"))
        assert (added.rows, added.affected) == ([(3,)], 1)
        assert (seen.rows, seen.affected) == ([("Edsger",)], None)
        assert await names(client) == ["Ada", "Grace"]
    assert await names(client) == ["Ada", "Grace", "Edsger"]


@pytest.mark.parametrize(
    ("text", "values", "kind"),
    [
        (AGAIN, (), ConstraintViolated),
        ("INSERT OR ROLLBACK INTO authors (name) VALUES ('Ada')", (), ConstraintViolated),
        ("SELEC", (), StatementInvalid),
        ("COMMIT", (), PermissionRejected),
        ("INSERT INTO authors (id, name) VALUES (?1, 'x')", ("no number",), ParameterInvalid),
    ],
)
async def test_a_failed_statement_ends_the_transaction(
    client: SqliteClient, text: str, values: tuple[Any, ...], kind: type[DatasourceError]
) -> None:
    """Also for who goes on: SQLite may have rolled back, and would commit what comes next by itself."""
    bad = request(text, *[ParameterType.INTEGER for _ in values], values=values, writes=True)

    async def go_on() -> None:
        async with transaction(client) as session:
            await session.execute(request(ADD))
            with pytest.raises(kind) as first:
                await session.execute(bad)
            assert first.value.outcome is not Outcome.UNKNOWN
            with pytest.raises(StatementInvalid, match="earlier statement"):
                await session.execute(request(ADD))

    with pytest.raises(StatementInvalid, match="earlier statement") as caught:
        await go_on()
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert await names(client) == ["Ada", "Grace"]


async def test_a_read_only_transaction_sees_one_state_and_changes_none(folder: Path, open_client: OpenClient) -> None:
    other = sqlite3.connect(folder / "sample.db", isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    client = await open_client()
    async with transaction(client, read_only=True) as session:
        count = request("SELECT count(*) FROM authors")
        assert (await session.execute(count)).rows == [(2,)]
        other.execute(ADD)
        assert (await session.execute(count)).rows == [(2,)]
    other.close()
    for text in (ADD, "PRAGMA user_version = 7", "DELETE FROM books"):
        with pytest.raises(PermissionRejected):
            async with transaction(client, read_only=True) as session:
                await session.execute(request(text, writes=True))
    assert await names(client) == ["Ada", "Grace", "Edsger"]


async def test_a_read_only_datasource_lends_no_transaction_that_writes(open_client: OpenClient) -> None:
    client = await open_client(readOnly=True)
    with pytest.raises(PermissionRejected) as caught:
        async with transaction(client):
            raise AssertionError("it was lent")
    assert caught.value.outcome is Outcome.NOT_SENT
    async with transaction(client, read_only=True) as session:
        assert (await session.execute(request("SELECT 1"))).rows == [(1,)]


async def test_limits_hold_inside(client: SqliteClient) -> None:
    async with transaction(client) as session:
        cut = await session.execute(request("SELECT id FROM authors ORDER BY id", rows=1))
        assert (cut.rows, cut.truncated) == ([(1,)], True)
    with pytest.raises(AffectedLimitExceeded):
        async with transaction(client) as session:
            await session.execute(request("UPDATE authors SET born = 1", affected=1))
    assert (await client.execute(request("SELECT count(*) FROM authors WHERE born = 1"))).rows == [(0,)]


async def test_a_statement_s_own_deadline_interrupts_it(client: SqliteClient) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    before = Held.now()
    async with asyncio.timeout(10):
        with pytest.raises(ExecutionTimeout) as caught:
            await do(client, ADD, request(endless, seconds=0.3), seconds=60)
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert await left_behind(before, within=5) == []
    assert await names(client) == ["Ada", "Grace"]


async def test_a_caller_that_goes_away_leaves_nothing(client: SqliteClient) -> None:
    before = Held.now()
    inside = asyncio.Event()

    async def stay() -> None:
        async with transaction(client) as session:
            await session.execute(request(ADD))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    await inside.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert await left_behind(before, within=5) == []
    assert await names(client) == ["Ada", "Grace"]


@pytest.mark.parametrize("read_only", [True, False])
async def test_closing_the_client_ends_a_transaction(folder: Path, open_client: OpenClient, read_only: bool) -> None:
    client = await open_client()

    async def cut() -> None:
        async with transaction(client, read_only=read_only) as session:
            await session.execute(request("SELECT 1" if read_only else ADD))
            await client.close()

    with pytest.raises(Disconnected):
        await cut()
    assert await names(await open_client()) == ["Ada", "Grace"]


async def test_a_commit_waits_for_readers_until_the_deadline(folder: Path, client: SqliteClient) -> None:
    other = sqlite3.connect(folder / "sample.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM books").fetchall()
    with pytest.raises(ExecutionTimeout) as caught:
        async with transaction(client, seconds=0.5) as session:
            await session.execute(request(ADD))
    assert caught.value.outcome is Outcome.ROLLED_BACK
    other.close()
    assert await names(client) == ["Ada", "Grace"]


async def test_writers_take_turns_with_transactions(client: SqliteClient, run: Run) -> None:
    async with transaction(client) as session:
        await session.execute(request(ADD))
        late = asyncio.ensure_future(run("UPDATE authors SET name = name || '!'"))
        await session.execute(request("UPDATE authors SET name = name || '?'"))
        assert not late.done()
    assert (await late).affected == 3
    assert await names(client) == ["Ada?!", "Grace?!", "Edsger?!"]


async def test_a_read_only_transaction_waits_for_a_writer(folder: Path, client: SqliteClient) -> None:
    other = sqlite3.connect(folder / "sample.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    async with transaction(client, read_only=True) as session:
        late = asyncio.ensure_future(session.execute(request("SELECT count(*) FROM authors")))
        await asyncio.sleep(0.2)
        assert not late.done()
        other.execute("COMMIT")
        assert (await late).rows == [(2,)]
    other.close()
