"""A store's keys are made once, followed by every process, and put under another password; every secret still opens."""

import asyncio

import pytest

from appsmith_proxy.catalog import keys
from appsmith_proxy.catalog.keys import INSTANCE_KEY
from appsmith_proxy.catalog.rotation import RING_KEY
from appsmith_proxy.errors import ConfigurationError, VaultError
from appsmith_proxy.gateway.plan_seals import SUBKEY
from appsmith_proxy.model.records import Datasource
from appsmith_proxy.sdk import Secret
from appsmith_proxy.store.memory import MemoryData
from appsmith_proxy.vault import FLOOR, key_id_of
from tests.servers.keyrings import (
    NEW_PASSWORD,
    NEW_SALT,
    PASSWORD,
    SALT,
    InterruptibleStore,
    Killed,
    add,
    assert_everything_opens,
    filled,
    killing_at,
    open_keyring,
    opened_store,
)


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

    store = InterruptibleStore(await opened_store(), before=let_the_others_run)
    rings = await asyncio.gather(*(open_keyring(store) for _ in range(3)))
    assert len({ring.sealing.instance_id for ring in rings}) == 1
    await add(store, rings[0], 1)
    for ring in rings:
        await assert_everything_opens(store, ring)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("call", range(5))
async def test_an_interrupted_first_start_is_finished_by_the_next(side: str, call: int) -> None:
    data = MemoryData()
    store = InterruptibleStore(await opened_store(data), **{side: killing_at(call)})
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


async def test_a_running_process_notices_a_new_ring() -> None:
    data, keyring = await filled()
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
    data, keyring = await filled()
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
    data, keyring = await filled()
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
    data, _ = await filled()
    dying = InterruptibleStore(await opened_store(data))
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
    data, keyring = await filled()
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
    _, keyring = await filled()
    said: list[str] = []
    await keys.rotate_and_report(keyring, said.append, settle_seconds=0)
    await keys.change_and_report(keyring, NEW_PASSWORD, NEW_SALT, said.append, cost=FLOOR)
    assert "datasource 3 of 3" in said
    assert "key 1: 0 secrets, dropped" in said
    assert "key 2: 6 secrets" in said
    text = "\n".join(said)
    assert not any(secret in text for secret in ("canary", NEW_PASSWORD.reveal(), NEW_SALT.reveal()))


async def test_sealed_bytes_name_their_key() -> None:
    data, _ = await filled()
    store = await opened_store(data)
    async for record in store.scan(Datasource):
        assert {key_id_of(secret.sealed) for secret in record.secrets.values()} == {1}
