"""Keys are made, followed, rotated and put under another password; whatever interrupts, every secret still opens."""

import asyncio
import copy
import itertools
import stat
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from appsmith_proxy.catalog import keys
from appsmith_proxy.catalog.keys import INSTANCE_KEY, Keyring
from appsmith_proxy.catalog.rotation import RING_KEY, count_secrets, rotate
from appsmith_proxy.errors import ConfigurationError, StaleRevision, VaultError
from appsmith_proxy.gateway.plan_seals import SUBKEY
from appsmith_proxy.model.records import Datasource, SealedSecret
from appsmith_proxy.sdk import Client, Driver, Field, FieldType, OpenContext, Payload, Secret
from appsmith_proxy.store.contract import Change, Changes, ConfigStore, Delete, Put, R
from appsmith_proxy.store.memory import MemoryData, MemoryStore
from appsmith_proxy.store.places import store_at
from appsmith_proxy.store.urls import SqliteUrl, StoreUrl, parse_store_url
from appsmith_proxy.vault import FLOOR, KeyState, key_id_of
from tests.servers.mongod import MongodServer

PASSWORD, SALT = Secret("Yq3vN8cJtR5mXw2LzKd7hP"), Secret("gB6nTf9QsVx4HjMr1ZeWkA")
NEW_PASSWORD, NEW_SALT = Secret("7kWpZ3xCvB9nM4qLsJ2hTf"), Secret("uR8eYd5GaXo1VbN6iQwKzc")


class Sample(Driver):
    kind = "sample"
    title = "Sample"
    payload = Payload.STATEMENT
    fields = (
        Field(name="host", type=FieldType.HOST, label="Host", required=True, destination=True),
        Field(name="password", type=FieldType.TEXT, label="Password", secret=True),
        Field(name="headers", type=FieldType.MAP, label="Headers", secret=True),
    )

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        raise NotImplementedError


DRIVERS: dict[str, Driver] = {"sample": Sample()}
SECRETS = {"password": "canary", "headers.X-Key": "another"}


class Killed(BaseException):
    """The process is gone."""


T = TypeVar("T")
Hook = Callable[[str], Awaitable[None]]


async def _nothing(call: str) -> None:
    """Let the call be."""


class WatchedStore(ConfigStore):
    """A store whose every call can be interrupted, before or after it took effect."""

    def __init__(self, inner: ConfigStore, *, before: Hook = _nothing, after: Hook = _nothing) -> None:
        self._inner = inner
        self.before = before
        self.after = after

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def get(self, kind: type[R], record_id: str) -> R | None:
        return await self._around("get", self._inner.get(kind, record_id))

    async def find(
        self, kind: type[R], *, where: Mapping[str, str] | None = None, after: str = "", limit: int = 2
    ) -> tuple[R, ...]:
        return await self._around("find", self._inner.find(kind, where=where, after=after, limit=limit))

    async def commit(self, *changes: Change) -> int:
        return await self._around("commit", self._inner.commit(*changes))

    async def changes(self, after: int) -> Changes:
        return await self._around("changes", self._inner.changes(after))

    async def meta_keys(self) -> tuple[str, ...]:
        return await self._inner.meta_keys()

    async def get_meta(self, key: str) -> bytes | None:
        return await self._around("get_meta", self._inner.get_meta(key))

    async def put_meta(self, key: str, value: bytes, *, expected: bytes | None) -> None:
        await self._around("put_meta", self._inner.put_meta(key, value, expected=expected))

    async def _around(self, call: str, work: Coroutine[Any, Any, T]) -> T:
        try:
            await self.before(call)
        except BaseException:
            work.close()
            raise
        result = await work
        await self.after(call)
        return result


def killing_at(number: int) -> Hook:
    left = number

    async def hook(call: str) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1

    return hook


async def opened_store(data: MemoryData | None = None) -> MemoryStore:
    store = MemoryStore(data)
    await store.open()
    return store


async def open_keyring(store: ConfigStore, password: Secret = PASSWORD, salt: Secret = SALT) -> Keyring:
    return await Keyring.open(store, password, salt, DRIVERS, cost=FLOOR)


async def add(store: ConfigStore, keyring: Keyring, number: int, kind: str = "sample") -> Datasource:
    blank = Datasource(
        id=f"{number:024x}", workspace_id="w", name=f"db{number}", kind=kind, configuration={"host": f"db{number}"}
    )
    record = replace(blank, secrets=keyring.sealing.seal(DRIVERS["sample"], blank, SECRETS))
    await store.commit(Put(record, expected=0))
    return record


async def assert_everything_opens(store: ConfigStore, keyring: Keyring) -> None:
    async for record in store.scan(Datasource):
        unsealed = keyring.sealing.unseal(DRIVERS["sample"], record)
        assert {name: secret.reveal() for name, secret in unsealed.items()} == SECRETS


async def test_a_new_store_gets_an_id_and_a_ring_and_keeps_them() -> None:
    store = await opened_store()
    first = await open_keyring(store)
    ring, instance = await store.get_meta(RING_KEY), await store.get_meta(INSTANCE_KEY)
    again = await open_keyring(store)
    assert (ring, instance) == (await store.get_meta(RING_KEY), await store.get_meta(INSTANCE_KEY))
    assert first.sealing.instance_id == again.sealing.instance_id == (instance or b"").decode()
    await add(store, first, 1)
    await assert_everything_opens(store, again)


async def test_two_first_starts_agree() -> None:
    async def let_the_others_run(call: str) -> None:
        await asyncio.sleep(0)

    store = WatchedStore(await opened_store(), before=let_the_others_run)
    rings = await asyncio.gather(*(open_keyring(store) for _ in range(3)))
    assert len({ring.sealing.instance_id for ring in rings}) == 1
    await add(store, rings[0], 1)
    for ring in rings:
        await assert_everything_opens(store, ring)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("call", range(5))
async def test_an_interrupted_first_start_is_finished_by_the_next(side: str, call: int) -> None:
    data = MemoryData()
    store = WatchedStore(await opened_store(data), **{side: killing_at(call)})
    with pytest.raises(Killed):
        await open_keyring(store)
    healthy = await opened_store(data)
    keyring = await open_keyring(healthy)
    await add(healthy, keyring, 1)
    await assert_everything_opens(healthy, await open_keyring(healthy))


async def test_a_wrong_password_changes_nothing() -> None:
    data = MemoryData()
    store = await opened_store(data)
    await open_keyring(store)
    before = dict(data.meta)
    with pytest.raises(VaultError, match="password or salt"):
        await open_keyring(store, NEW_PASSWORD)
    with pytest.raises(VaultError, match="password or salt"):
        await open_keyring(store, PASSWORD, NEW_SALT)
    assert data.meta == before


async def test_secrets_without_their_ring_refuse_to_start() -> None:
    data = MemoryData()
    store = await opened_store(data)
    await add(store, await open_keyring(store), 1)
    del data.meta[RING_KEY]
    with pytest.raises(VaultError, match="not the key ring"):
        await open_keyring(store)
    assert RING_KEY not in data.meta


async def test_a_damaged_instance_id_refuses_to_start() -> None:
    data = MemoryData()
    store = await opened_store(data)
    await open_keyring(store)
    data.meta[INSTANCE_KEY] = b"\xff"
    with pytest.raises(VaultError, match="instance id"):
        await open_keyring(store)


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
        dying = WatchedStore(here, **{side: killing_at(call)})
        with pytest.raises(Killed):
            await rotate(dying, keyring.sealing, DRIVERS, progress=lambda done, total: None, settle_seconds=0)
        async with store_at(url) as there:
            again = await open_keyring(there)
            await assert_everything_opens(there, again)
            done = await again.rotate(settle_seconds=0)
            assert again.vault.key_states == {done.active_key: KeyState.ACTIVE}
            assert await count_secrets(here) == {done.active_key: 6}
            await assert_everything_opens(here, again)


async def _fixture() -> tuple[MemoryData, Keyring]:
    data = MemoryData()
    store = await opened_store(data)
    keyring = await open_keyring(store)
    for number in range(1, 4):
        await add(store, keyring, number)
    return data, keyring


@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_rotation_interrupted_at_any_call_loses_nothing_and_resumes(side: str) -> None:
    start, keyring = await _fixture()
    for call in itertools.count():
        data = copy.deepcopy(start)
        keyring.vault.reload(data.meta[RING_KEY])
        dying = WatchedStore(await opened_store(data), **{side: killing_at(call)})
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
    data, keyring = await _fixture()
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

    watched = WatchedStore(store, before=edit)
    done = await rotate(watched, keyring.sealing, DRIVERS, progress=lambda done, total: None, settle_seconds=0)
    renamed = await store.get(Datasource, f"{1:024x}")
    assert renamed is not None
    assert renamed.name == "renamed"
    assert done.secrets_by_key == {1: 0, 2: 6}
    await assert_everything_opens(store, keyring)


async def test_a_datasource_that_is_deleted_meanwhile_is_no_problem() -> None:
    data, keyring = await _fixture()
    store = await opened_store(data)
    commits = 0

    async def delete(call: str) -> None:
        nonlocal commits
        commits += call == "commit"
        record = await store.get(Datasource, f"{2:024x}")
        if commits == 2 and record is not None:
            await store.commit(Delete(Datasource, record.id, expected=record.revision))

    watched = WatchedStore(store, before=delete)
    done = await rotate(watched, keyring.sealing, DRIVERS, progress=lambda done, total: None, settle_seconds=0)
    assert done.problems == ()
    assert done.secrets_by_key == {1: 0, 2: 4}


@pytest.mark.parametrize(
    ("moment", "active"), [("get_meta", 2), ("commit", 3)], ids=["before a key is made", "before keys are dropped"]
)
async def test_a_ring_that_another_command_changed_is_not_overwritten(moment: str, active: int) -> None:
    data, keyring = await _fixture()
    store = await opened_store(data)
    other = await open_keyring(store)
    changed = False

    async def change(call: str) -> None:
        nonlocal changed
        if call == moment and not changed:
            changed = True
            await other.refresh()
            await store.put_meta(RING_KEY, other.vault.ring_with_new_key(), expected=await store.get_meta(RING_KEY))

    watched = WatchedStore(store, after=change)
    with pytest.raises(StaleRevision):
        await rotate(watched, keyring.sealing, DRIVERS, progress=lambda done, total: None, settle_seconds=0)
    again = await open_keyring(store)
    assert again.vault.active_key == active
    await assert_everything_opens(store, again)


async def test_a_lost_ring_stops_a_rotation() -> None:
    data, keyring = await _fixture()
    del data.meta[RING_KEY]
    with pytest.raises(VaultError, match="not in the store"):
        await keyring.rotate(settle_seconds=0)
    with pytest.raises(VaultError):
        await keyring.refresh()


async def test_what_a_late_process_seals_with_the_old_key_is_found_by_the_count() -> None:
    data, keyring = await _fixture()
    store = await opened_store(data)
    late = await open_keyring(store)

    async def seal_late(call: str) -> None:
        if call == "commit" and late.vault.active_key == 1 and await store.get(Datasource, f"{9:024x}") is None:
            await add(store, late, 9)

    watched = WatchedStore(store, before=seal_late)
    done = await rotate(watched, keyring.sealing, DRIVERS, progress=lambda done, total: None, settle_seconds=0)
    assert done.secrets_by_key == {1: 0, 2: 8}
    await assert_everything_opens(store, keyring)


async def test_a_key_that_is_still_used_is_never_dropped() -> None:
    data, keyring = await _fixture()
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
    data, keyring = await _fixture()
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
    data, first = await _fixture()
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


async def test_a_running_process_notices_a_new_ring() -> None:
    data, keyring = await _fixture()
    server = await open_keyring(await opened_store(data))
    server.start(poll_seconds=0.01)
    try:
        await keyring.rotate(settle_seconds=0)
        async with asyncio.timeout(5):
            while server.vault.active_key != 2:
                await asyncio.sleep(0.01)
    finally:
        await server.stop()
        await server.stop()


async def test_a_watch_outlives_a_failing_store(caplog: pytest.LogCaptureFixture) -> None:
    data, keyring = await _fixture()
    store = await opened_store(data)
    server = await open_keyring(store)
    server.start(poll_seconds=0.01)
    try:
        await store.close()
        async with asyncio.timeout(5):
            while "was not read" not in caplog.text:
                await asyncio.sleep(0.01)
        await store.open()
        await keyring.rotate(settle_seconds=0)
        async with asyncio.timeout(5):
            while server.vault.active_key != 2:
                await asyncio.sleep(0.01)
    finally:
        await server.stop()


async def test_a_new_password_touches_no_secret() -> None:
    data, keyring = await _fixture()
    store = await opened_store(data)
    before = [record async for record in store.scan(Datasource)]
    running = await open_keyring(store)
    await keyring.change_password(NEW_PASSWORD, NEW_SALT, cost=FLOOR)
    assert [record async for record in store.scan(Datasource)] == before
    await assert_everything_opens(store, await open_keyring(store, NEW_PASSWORD, NEW_SALT))
    with pytest.raises(VaultError):
        await open_keyring(store)

    with pytest.raises(VaultError, match="password or salt"):
        await running.refresh()
    assert not await running.refresh()
    for outdated in (running, keyring):
        await assert_everything_opens(store, outdated)
        with pytest.raises(VaultError, match="cannot be sealed"):
            await add(store, outdated, 8)
        with pytest.raises(VaultError):
            await outdated.rotate(settle_seconds=0)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("call", [0, 1])
async def test_an_interrupted_change_of_password_leaves_one_valid_pair(side: str, call: int) -> None:
    data, _ = await _fixture()
    dying = WatchedStore(await opened_store(data))
    keyring = await open_keyring(dying)
    setattr(dying, side, killing_at(call))
    with pytest.raises(Killed):
        await keyring.change_password(NEW_PASSWORD, NEW_SALT, cost=FLOOR)
    healthy = await opened_store(data)
    changed = (side, call) == ("after", 1)
    valid = (NEW_PASSWORD, NEW_SALT) if changed else (PASSWORD, SALT)
    other = (PASSWORD, SALT) if changed else (NEW_PASSWORD, NEW_SALT)
    await assert_everything_opens(healthy, await open_keyring(healthy, *valid))
    with pytest.raises(VaultError):
        await open_keyring(healthy, *other)


@pytest.mark.parametrize(
    ("password", "salt"),
    [(Secret("short"), NEW_SALT), (NEW_PASSWORD, Secret("correct horse battery staple")), (NEW_SALT, NEW_SALT)],
    ids=["password", "salt", "equal"],
)
async def test_a_weak_new_pair_is_refused(password: Secret, salt: Secret) -> None:
    data, keyring = await _fixture()
    before = dict(data.meta)
    with pytest.raises(ConfigurationError):
        await keyring.change_password(password, salt, cost=FLOOR)
    assert data.meta == before


async def test_keys_of_other_rooms_outlive_rotations_and_changes_of_password() -> None:
    """Seals of published plans are under one: no rotation and no new password makes publishing again necessary."""
    data = MemoryData()
    store = await opened_store(data)
    keyring = await open_keyring(store)
    key = keyring.vault.subkey(SUBKEY)
    await keyring.rotate(settle_seconds=0)
    assert keyring.vault.subkey(SUBKEY) == key
    await keyring.change_password(NEW_PASSWORD, NEW_SALT, cost=FLOOR)
    assert keyring.vault.subkey(SUBKEY) == key, "an outdated process goes on verifying"
    again = await open_keyring(await opened_store(data), NEW_PASSWORD, NEW_SALT)
    assert again.vault.subkey(SUBKEY) == key
    assert (await open_keyring(await opened_store())).vault.subkey(SUBKEY) != key


async def test_the_reports_tell_the_proof_and_no_secret() -> None:
    _, keyring = await _fixture()
    said: list[str] = []
    await keys.rotate_and_report(keyring, said.append, settle_seconds=0)
    await keys.change_and_report(keyring, NEW_PASSWORD, NEW_SALT, said.append, cost=FLOOR)
    assert "datasource 3 of 3" in said
    assert "key 1: 0 secrets, dropped" in said
    assert "key 2: 6 secrets" in said
    text = "\n".join(said)
    assert not any(secret in text for secret in ("canary", NEW_PASSWORD.reveal(), NEW_SALT.reveal()))


def test_init_prints_a_strong_pair() -> None:
    password, salt = (line.partition("=") for line in keys.init(None))
    assert (password[0], salt[0]) == ("APPSMITH_PROXY_ENCRYPTION_PASSWORD", "APPSMITH_PROXY_ENCRYPTION_SALT")
    assert len(password[2]) == len(salt[2]) == 43
    assert password[2] != salt[2]


def test_init_writes_two_private_files_and_never_again(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    lines = keys.init(folder)
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["encryption_password", "encryption_salt"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]
    assert lines == (
        f"APPSMITH_PROXY_ENCRYPTION_PASSWORD_FILE={files[0]}",
        f"APPSMITH_PROXY_ENCRYPTION_SALT_FILE={files[1]}",
    )
    texts = [path.read_text() for path in files]
    password, salt = keys.read_new(*files)
    assert [password.reveal() + "\n", salt.reveal() + "\n"] == texts
    with pytest.raises(ConfigurationError, match="never overwritten"):
        keys.init(folder)
    files[0].unlink()
    with pytest.raises(ConfigurationError, match="never overwritten"):
        keys.init(folder)
    assert files[1].read_text() == texts[1]


def test_init_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "encryption_salt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError):
        keys.init(tmp_path)
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "encryption_password").exists()


def test_init_says_when_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        keys.init(tmp_path / "file" / "keys")


def test_read_new_refuses_what_others_may_read(tmp_path: Path) -> None:
    open_file = tmp_path / "password"
    open_file.write_text("Yq3vN8cJtR5mXw2LzKd7hP")
    open_file.chmod(0o644)
    with pytest.raises(ConfigurationError) as caught:
        keys.read_new(open_file, tmp_path / "none")
    assert len(caught.value.details) == 2
    assert "Yq3vN8" not in "".join(traceback.format_exception(caught.value)) + repr(caught.value.details)


async def test_sealed_bytes_name_their_key() -> None:
    data, _ = await _fixture()
    store = await opened_store(data)
    async for record in store.scan(Datasource):
        assert {key_id_of(secret.sealed) for secret in record.secrets.values()} == {1}
