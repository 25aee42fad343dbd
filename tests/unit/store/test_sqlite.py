"""The SQLite store passes the suite, and keeps its file to itself."""

import asyncio
import logging
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appsmith_proxy.errors import StoreError
from appsmith_proxy.model.records import Workspace
from appsmith_proxy.store.contract import ConfigStore, Delete
from appsmith_proxy.store.sqlite import SqliteStore
from appsmith_proxy.store.sqlite_schema import MIGRATIONS
from tests.unit.store import samples
from tests.unit.store.suite import FEED_KEPT, StoreSuite, create


class TestSqliteStore(StoreSuite):
    @pytest.fixture
    async def handles(self, tmp_path: Path) -> AsyncIterator[tuple[ConfigStore, ConfigStore]]:
        path = tmp_path / "store" / "proxy.db"
        async with (
            SqliteStore(path, feed_kept=FEED_KEPT) as store,
            SqliteStore(path, feed_kept=FEED_KEPT) as other,
        ):
            yield store, other


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "proxy.db"


async def refusal(path: Path) -> StoreError:
    with pytest.raises(StoreError) as refused:
        async with SqliteStore(path, busy_seconds=0.2):
            pass
    assert refused.value.hint
    return refused.value


async def make(path: Path) -> None:
    async with SqliteStore(path) as store:
        await create(store, samples.workspace("Sales"))


async def test_folder_and_files_are_the_owners_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        async with SqliteStore(path) as store:
            await create(store, samples.workspace())
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
            assert modes == {"proxy.db": 0o600, "proxy.db-wal": 0o600, "proxy.db-shm": 0o600}
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


async def test_it_keeps_what_it_has_over_a_restart(path: Path) -> None:
    await make(path)
    async with SqliteStore(path) as store:
        assert [record.name for record in await store.find(Workspace)] == ["Sales"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
async def test_a_file_that_others_reach_is_refused(path: Path, mode: int) -> None:
    await make(path)
    path.chmod(mode)
    assert "chmod 600" in (await refusal(path)).hint


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o701])
async def test_a_folder_that_others_reach_is_refused(path: Path, mode: int) -> None:
    await make(path)
    path.parent.chmod(mode)
    assert "chmod 700" in (await refusal(path)).hint


async def test_a_link_is_refused(path: Path) -> None:
    await make(path)
    link = path.with_name("link.db")
    link.symlink_to(path)
    assert "regular file" in (await refusal(link)).message


@pytest.mark.parametrize("of", ["file", "folder"])
async def test_somebody_elses_store_is_refused(path: Path, of: str) -> None:
    if os.geteuid() == 0:
        await make(path)
        os.chown(path if of == "file" else path.parent, 65534, -1)
    else:
        path = Path("/etc/passwd")
    assert "as the user that the server runs as" in (await refusal(path)).hint


@pytest.mark.parametrize("content", [b"not a database at all", b"SQLite format 3\x00" + b"\xff" * 4096])
async def test_another_file_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    path.chmod(0o600)
    assert "not a store of this proxy" in (await refusal(path)).message
    assert path.read_bytes() == content


async def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    foreign = sqlite3.connect(path)
    foreign.execute("CREATE TABLE theirs (id)")
    foreign.close()
    path.chmod(0o600)
    content = path.read_bytes()
    assert "not a store of this proxy" in (await refusal(path)).message
    assert path.read_bytes() == content


async def test_a_newer_schema_is_refused(path: Path) -> None:
    await make(path)
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer.close()
    assert "newer one" in (await refusal(path)).hint


async def test_a_damaged_page_is_refused(path: Path) -> None:
    await make(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096)
    assert "backup" in (await refusal(path)).hint


async def test_a_damaged_document_is_named_but_not_shown(path: Path) -> None:
    await make(path)
    vandal = sqlite3.connect(path)
    vandal.execute("UPDATE record SET document = '{\"canary\": 1}'")
    vandal.commit()
    vandal.close()
    async with SqliteStore(path) as store:
        with pytest.raises(StoreError, match="workspaces/") as refused:
            await store.find(Workspace)
        assert "canary" not in str(refused.value)


async def test_processes_that_start_together_share_one_store(path: Path) -> None:
    stores = [SqliteStore(path) for _ in range(8)]
    try:
        await asyncio.gather(*(store.open() for store in stores))
        await asyncio.gather(*(create(store, samples.workspace(f"w{n}")) for n, store in enumerate(stores)))
        assert [len(await store.find(Workspace)) for store in stores] == [8] * 8
    finally:
        await asyncio.gather(*(store.close() for store in stores))


async def test_a_start_that_meets_another_waits_for_it(path: Path) -> None:
    """SQLite itself gives up at once here: its busy timeout does not cover the switch to the write-ahead log."""
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert "another process" in (await refusal(path)).message
    store = SqliteStore(path)
    opening = asyncio.create_task(store.open())
    try:
        assert not (await asyncio.wait([opening], timeout=0.1))[0]
        holder.execute("ROLLBACK")
        async with asyncio.timeout(5):
            await opening
    finally:
        holder.close()
        await asyncio.wait([opening])
        await store.close()


async def test_a_writer_that_waits_too_long_says_so_and_stays_usable(path: Path) -> None:
    await make(path)
    async with SqliteStore(path, busy_seconds=0.1) as store:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process"):
            await create(store, samples.workspace("Late"))
        assert len(await store.find(Workspace)) == 1  # readers do not wait for writers
        holder.execute("ROLLBACK")
        holder.close()
        await create(store, samples.workspace("Late"))


async def test_nothing_that_is_stored_is_logged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with SqliteStore(path) as store:
        await create(store, samples.workspace("canary-name"))
        await store.find(Workspace, where={"name": "canary-name"})
    assert "canary" not in caplog.text


async def test_a_deleted_secret_does_not_linger_in_the_file(path: Path) -> None:
    records = [samples.workspace(f"canary-{number}-" + "x" * 200) for number in range(3)]
    async with SqliteStore(path) as store:
        await create(store, *records)
    assert b"canary-1" in path.read_bytes()
    async with SqliteStore(path) as store:
        await store.commit(Delete(Workspace, records[1].id, expected=1))
    content = path.read_bytes()
    assert b"canary-0" in content
    assert b"canary-1" not in content
