"""Rotation: a fresh data key, every stored secret sealed again under it, and the old keys dropped once none uses them.

::

    store ring with new active key ─▶ wait until every process has it ─▶ re-seal by compare-and-set ─▶ wait ─▶ count ─▶ drop

Every step leaves a store in which every secret opens, so a rotation may be interrupted anywhere; started again, it goes
on with the key it made. Keys are dropped on proof: a count of the key ids in the store, not the memory of having
re-sealed them.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from appsmith_proxy.catalog.sealing import Sealing
from appsmith_proxy.errors import NotFound, Problem, StaleRevision, VaultError
from appsmith_proxy.model.records import Datasource
from appsmith_proxy.sdk import Driver
from appsmith_proxy.store.contract import ConfigStore, Put
from appsmith_proxy.vault import KeyState, key_id_of

RING_KEY: Final = "vault/ring"
SETTLE_SECONDS: Final = 3.0
"""Every process looks at the ring once a second; until then it may still seal under the key that was active."""

_PASSES: Final = 3
_TRIES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What a rotation did, and the proof."""

    active_key: int
    resumed: bool
    """An earlier rotation was finished; no further key was made."""
    resealed: int
    """Datasources whose secrets were sealed again."""
    secrets_by_key: Mapping[int, int]
    """How many stored secrets each key of the ring seals, counted at the end."""
    dropped: tuple[int, ...]
    problems: tuple[Problem, ...]
    """Datasources that could not be sealed again; their keys stay in the ring."""


Progress = Callable[[int, int], None]
"""Called with how many datasources are done, of how many."""


async def rotate(
    store: ConfigStore,
    sealing: Sealing,
    drivers: Mapping[str, Driver],
    *,
    progress: Progress,
    settle_seconds: float = SETTLE_SECONDS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Rotation:
    """Rotate the data key. The vault must have the stored ring open.

    Raises:
        StaleRevision: another command changed the ring meanwhile. Nothing is lost; run it again.
        VaultError: the stored ring does not open.
    """
    vault = sealing.vault
    ring = await load_ring(store, sealing)
    resumed = KeyState.DECRYPT_ONLY in vault.key_states.values()
    if not resumed:
        ring = await _store_ring(store, sealing, ring, vault.ring_with_new_key())
    await sleep(settle_seconds)  # when resumed too: the interruption may have come right after the ring was stored

    resealed = 0
    problems: list[Problem] = []
    counts = Counter[int]()
    for _ in range(_PASSES):
        done, problems = await _reseal_all(store, sealing, drivers, progress)
        resealed += done
        await sleep(settle_seconds)  # what was sealed or read under the old key just before is stored or opened by now
        counts = await count_secrets(store)
        if set(counts) <= {vault.active_key} or problems:
            break

    unused = frozenset(
        key for key, state in vault.key_states.items() if state is KeyState.DECRYPT_ONLY and not counts[key]
    )
    secrets_by_key = {key: counts[key] for key in vault.key_states}
    if unused:
        await _store_ring(store, sealing, ring, vault.ring_without(unused))
    return Rotation(
        active_key=vault.active_key,
        resumed=resumed,
        resealed=resealed,
        secrets_by_key=secrets_by_key,
        dropped=tuple(sorted(unused)),
        problems=tuple(problems),
    )


async def load_ring(store: ConfigStore, sealing: Sealing) -> bytes:
    """Open the stored ring in the vault and return its bytes."""
    ring = await store.get_meta(RING_KEY)
    if ring is None:
        raise VaultError("the key ring is not in the store", hint="restore the store from a backup")
    sealing.vault.reload(ring)
    return ring


async def count_secrets(store: ConfigStore) -> Counter[int]:
    """Count the stored secrets by the id of the key that seals them. Damaged ones count under 0, which no key has."""
    counts = Counter[int]()
    async for datasource in store.scan(Datasource):
        for secret in datasource.secrets.values():
            try:
                counts[key_id_of(secret.sealed)] += 1
            except VaultError:
                counts[0] += 1
    return counts


async def _store_ring(store: ConfigStore, sealing: Sealing, present: bytes, fresh: bytes) -> bytes:
    await store.put_meta(RING_KEY, fresh, expected=present)
    sealing.vault.reload(fresh)
    return fresh


async def _reseal_all(
    store: ConfigStore, sealing: Sealing, drivers: Mapping[str, Driver], progress: Progress
) -> tuple[int, list[Problem]]:
    ids = [datasource.id async for datasource in store.scan(Datasource) if datasource.secrets]
    done, problems = 0, []
    for index, record_id in enumerate(ids):
        try:
            done += await _reseal_one(store, sealing, drivers, record_id)
        except VaultError as error:
            problems.append(Problem(f"datasources/{record_id}", error.message, hint=error.hint))
        progress(index + 1, len(ids))
    return done, problems


async def _reseal_one(store: ConfigStore, sealing: Sealing, drivers: Mapping[str, Driver], record_id: str) -> bool:
    """Seal one datasource's secrets again; return whether there was anything to do. Editors may change it meanwhile."""
    for _ in range(_TRIES):
        datasource = await store.get(Datasource, record_id)
        if datasource is None or not (names := sealing.behind(datasource)):
            return False
        driver = drivers.get(datasource.kind)
        if driver is None:
            raise VaultError(
                f"its secrets cannot be sealed again: no driver of kind {datasource.kind} is active",
                hint="install the driver, or delete the datasource, and rotate again",
            )
        fresh = sealing.reseal(driver, datasource, datasource, names)
        changed = replace(datasource, secrets={**datasource.secrets, **fresh})
        try:
            await store.commit(Put(changed, expected=datasource.revision))
        except StaleRevision:
            continue
        except NotFound:
            return False
        return True
    raise VaultError("its secrets were not sealed again: it kept changing", hint="rotate again")
