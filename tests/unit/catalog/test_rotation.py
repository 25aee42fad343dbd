"""Every secret is sealed again under a new key; whatever interrupts, nothing is lost and the next run finishes."""

import asyncio
import copy
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appsmith_proxy.catalog import keys
from appsmith_proxy.catalog.rotation import RING_KEY, count_secrets, rotate
from appsmith_proxy.errors import StaleRevision, VaultError
from appsmith_proxy.model.records import Datasource, SealedSecret
from appsmith_proxy.store.contract import Delete, Put
from appsmith_proxy.store.places import store_at
from appsmith_proxy.store.urls import SqliteUrl, StoreUrl, parse_store_url
from appsmith_proxy.vault import KeyState
from tests.servers.keyrings import (
    DRIVERS,
    InterruptibleStore,
    Killed,
    add,
    assert_everything_opens,
    filled,
    killing_at,
    open_keyring,
    opened_store,
)
from tests.servers.mongod import MongodServer


async def test_rotation_seals_everything_again_and_drops_the_old_key() -> None:
    store = await opened_store()
    keyring = await open_keyring(store)
    for number in range(1, 6):
        await add(store, keyring, number)
    steps: list[tuple[int, int]] = []
    done = await keyring.rotate(progress=lambda count, total: steps.append((count, total)), settle_seconds=0)
    assert (done.active_key, done.resumed, done.resealed, done.dropped, done.problems) == (2, False, 5, (1,), ())
    assert done.secrets_by_key == {1: 0, 2: 10}
    assert steps == [(count, 5) for count in range(1, 6)]
    assert keyring.vault.key_states == {2: KeyState.ACTIVE}
    assert await count_secrets(store) == {2: 10}
    await assert_everything_opens(store, keyring)
    await assert_everything_opens(store, await open_keyring(store))


async def test_rotation_of_an_empty_store() -> None:
    keyring = await open_keyring(await opened_store())
    done = await keyring.rotate(settle_seconds=0)
    assert (done.active_key, done.dropped) == (2, (1,))


async def test_other_processes_have_the_new_key_before_anything_is_sealed_with_it() -> None:
    store = await opened_store()
    keyring, server = await open_keyring(store), await open_keyring(store)
    await add(store, keyring, 1)
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        assert await count_secrets(store) == {len(waited): 2}
        assert await server.refresh() == (len(waited) == 1)
        assert server.vault.key_states == {1: KeyState.DECRYPT_ONLY, 2: KeyState.ACTIVE}

    await rotate(store, keyring.sealing, DRIVERS, progress=lambda done, total: None, sleep=sleep)
    assert waited == [3.0, 3.0]
    await assert_everything_opens(store, server)


@pytest.fixture(params=["sqlite", "mongodb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreUrl]:
    """Where a store is that processes share."""
    if request.param == "sqlite":
        yield SqliteUrl(tmp_path / "store.db")
        return
    mongod: MongodServer = request.getfixturevalue("mongod")
    database = mongod.fresh_database()
    yield parse_store_url(mongod.url(database))
    mongod.drop_database(database)


async def test_rotation_is_followed_by_another_process(url: StoreUrl) -> None:
    async with store_at(url) as here, store_at(url) as there:
        keyring, server = await open_keyring(here), await open_keyring(there)
        for number in range(1, 4):
            await add(here, keyring, number)
        done = await keyring.rotate(settle_seconds=0)
        assert done.secrets_by_key == {1: 0, 2: 6}
        assert await server.refresh()
        await assert_everything_opens(there, server)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("call", [3, 8, 13])
async def test_a_rotation_that_dies_is_finished_by_another_process(url: StoreUrl, side: str, call: int) -> None:
    async with store_at(url) as here:
        keyring = await open_keyring(here)
        for number in range(1, 4):
            await add(here, keyring, number)
        dying = InterruptibleStore(here, **{side: killing_at(call)})
        with pytest.raises(Killed):
            await rotate(dying, keyring.sealing, DRIVERS, progress=lambda done, total: None, settle_seconds=0)
        async with store_at(url) as there:
            again = await open_keyring(there)
            await assert_everything_opens(there, again)
            done = await again.rotate(settle_seconds=0)
            assert again.vault.key_states == {done.active_key: KeyState.ACTIVE}
            assert await count_secrets(here) == {done.active_key: 6}
            await assert_everything_opens(here, again)


@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_rotation_interrupted_at_any_call_loses_nothing_and_resumes(side: str) -> None:
    start, keyring = await filled()
    for call in itertools.count():
        data = copy.deepcopy(start)
        keyring.vault.reload(data.meta[RING_KEY])
        dying = InterruptibleStore(await opened_store(data), **{side: killing_at(call)})
        try:
            await rotate(dying, keyring.sealing, DRIVERS, progress=lambda done, total: None, settle_seconds=0)
        except Killed:
            pass
        else:
            break

        healthy = await opened_store(data)
        again = await open_keyring(healthy)
        await assert_everything_opens(healthy, again)
        made = again.vault.active_key
        done = await again.rotate(settle_seconds=0)
        assert done.resumed == (made == 2 and done.dropped == (1,))
        assert again.vault.key_states == {done.active_key: KeyState.ACTIVE}
        assert await count_secrets(healthy) == {done.active_key: 6}
        await assert_everything_opens(healthy, again)
    assert call >= 15


async def test_an_editor_who_changes_a_datasource_meanwhile_wins() -> None:
    data, keyring = await filled()
    store = await opened_store(data)
    edited = False

    async def edit(call: str) -> None:
        nonlocal edited
        if call != "commit" or edited:
            return
        edited = True
        record = await store.get(Datasource, f"{1:024x}")
        assert record is not None
        await store.commit(Put(replace(record, name="renamed"), expected=record.revision))

    watched = InterruptibleStore(store, before=edit)
    done = await rotate(watched, keyring.sealing, DRIVERS, progress=lambda done, total: None, settle_seconds=0)
    renamed = await store.get(Datasource, f"{1:024x}")
    assert renamed is not None
    assert renamed.name == "renamed"
    assert done.secrets_by_key == {1: 0, 2: 6}
    await assert_everything_opens(store, keyring)


async def test_a_datasource_that_is_deleted_meanwhile_is_no_problem() -> None:
    data, keyring = await filled()
    store = await opened_store(data)
    commits = 0

    async def delete(call: str) -> None:
        nonlocal commits
        commits += call == "commit"
        record = await store.get(Datasource, f"{2:024x}")
        if commits == 2 and record is not None:
            await store.commit(Delete(Datasource, record.id, expected=record.revision))

    watched = InterruptibleStore(store, before=delete)
    done = await rotate(watched, keyring.sealing, DRIVERS, progress=lambda done, total: None, settle_seconds=0)
    assert done.problems == ()
    assert done.secrets_by_key == {1: 0, 2: 4}


@pytest.mark.parametrize(
    ("moment", "active"), [("get_meta", 2), ("commit", 3)], ids=["before a key is made", "before keys are dropped"]
)
async def test_a_ring_that_another_command_changed_is_not_overwritten(moment: str, active: int) -> None:
    data, keyring = await filled()
    store = await opened_store(data)
    other = await open_keyring(store)
    changed = False

    async def change(call: str) -> None:
        nonlocal changed
        if call == moment and not changed:
            changed = True
            await other.refresh()
            await store.put_meta(RING_KEY, other.vault.ring_with_new_key(), expected=await store.get_meta(RING_KEY))

    watched = InterruptibleStore(store, after=change)
    with pytest.raises(StaleRevision):
        await rotate(watched, keyring.sealing, DRIVERS, progress=lambda done, total: None, settle_seconds=0)
    again = await open_keyring(store)
    assert again.vault.active_key == active
    await assert_everything_opens(store, again)


async def test_a_lost_ring_stops_a_rotation() -> None:
    data, keyring = await filled()
    del data.meta[RING_KEY]
    with pytest.raises(VaultError, match="not in the store"):
        await keyring.rotate(settle_seconds=0)
    with pytest.raises(VaultError):
        await keyring.refresh()


async def test_what_a_late_process_seals_with_the_old_key_is_found_by_the_count() -> None:
    data, keyring = await filled()
    store = await opened_store(data)
    late = await open_keyring(store)

    async def seal_late(call: str) -> None:
        if call == "commit" and late.vault.active_key == 1 and await store.get(Datasource, f"{9:024x}") is None:
            await add(store, late, 9)

    watched = InterruptibleStore(store, before=seal_late)
    done = await rotate(watched, keyring.sealing, DRIVERS, progress=lambda done, total: None, settle_seconds=0)
    assert done.secrets_by_key == {1: 0, 2: 8}
    await assert_everything_opens(store, keyring)


async def test_a_key_that_is_still_used_is_never_dropped() -> None:
    data, keyring = await filled()
    store = await opened_store(data)
    orphan = await add(store, keyring, 7, kind="uninstalled")
    done = await keyring.rotate(settle_seconds=0)
    assert done.dropped == ()
    assert done.secrets_by_key == {1: 2, 2: 6}
    (problem,) = done.problems
    assert problem.path == f"datasources/{orphan.id}"
    assert "uninstalled" in problem.message
    resumed = await keyring.rotate(settle_seconds=0)
    assert (resumed.resumed, resumed.active_key, resumed.secrets_by_key) == (True, 2, {1: 2, 2: 6})
    with pytest.raises(VaultError, match="not every secret"):
        await keys.rotate_and_report(keyring, lambda line: None, settle_seconds=0)


async def test_a_damaged_secret_does_not_stop_the_others() -> None:
    data, keyring = await filled()
    store = await opened_store(data)
    record = await store.get(Datasource, f"{2:024x}")
    assert record is not None
    broken = {**record.secrets, "password": SealedSecret(sealed=b"\0" * 166, generation=1)}
    await store.commit(Put(replace(record, secrets=broken), expected=record.revision))
    done = await keyring.rotate(settle_seconds=0)
    assert [problem.path for problem in done.problems] == [f"datasources/{record.id}"]
    assert done.secrets_by_key == {1: 1, 2: 4}
    assert done.dropped == ()


async def test_two_rotations_at_once_lose_nothing() -> None:
    data, first = await filled()
    store = await opened_store(data)
    second = await open_keyring(store)
    outcomes = await asyncio.gather(
        first.rotate(settle_seconds=0), second.rotate(settle_seconds=0), return_exceptions=True
    )
    assert all(not isinstance(outcome, BaseException) or isinstance(outcome, StaleRevision) for outcome in outcomes)
    third = await open_keyring(store)
    await third.rotate(settle_seconds=0)
    await assert_everything_opens(store, third)
    assert set(await count_secrets(store)) == {third.vault.active_key}
