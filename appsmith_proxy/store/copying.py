"""Moving a whole configuration from one store into another, empty one, with proof that all of it arrived.

::

    refuse ─▶ mark ─▶ empty ─▶ copy records ─▶ copy meta ─▶ compare ─▶ mark as done
              begun   (what a copy that was interrupted left)

Until the last step the target is marked as begun, and no server starts on it; so a copy that was interrupted, at whatever
point, is just run again. Records stay as they are, sealed secrets included, but their revisions begin again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from appsmith_proxy.errors import ConfigurationError, StoreError
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.store.collections import COLLECTIONS
from appsmith_proxy.store.contract import (
    COPY_BEGUN,
    COPY_DONE,
    COPY_MARK,
    DEMO_MARK,
    PAGE,
    ConfigStore,
    Delete,
    Kind,
    Put,
)
from appsmith_proxy.store.places import store_at
from appsmith_proxy.store.urls import SqliteUrl, StoreUrl

_AGAIN: Final = "run the same command again: it begins anew"
_TOLD_EVERY: Final = 10 * PAGE

Say = Callable[[str], None]


async def copy_between(source: StoreUrl, target: StoreUrl, say: Say) -> None:
    """Copy everything from one place to another; see ``copy``."""
    if source.shown == target.shown:
        raise ConfigurationError("--from and --to name the same store", hint="name a store that is not there yet")
    if isinstance(source, SqliteUrl) and not source.path.exists():
        raise ConfigurationError(f"there is no store {source.path}", hint="check --from")
    async with store_at(source) as store, store_at(target) as other:
        await copy(store, other, say)


async def copy(source: ConfigStore, target: ConfigStore, say: Say) -> None:
    """Copy everything, telling the progress and the proof. Both stores are open; nobody else may write to them.

    Raises:
        ConfigurationError: one of them is a demo's, the target is in use, or the source was never used.
        StoreError: the source was changed meanwhile, or not everything arrived.
    """
    await _refuse_marked(source, target)
    before = await _State.of(source)
    if not before.meta:
        raise ConfigurationError("there is nothing to copy: the source was never served", hint="check --from")
    mark = await _begin(target)
    await _empty(target)
    for kind in COLLECTIONS:
        await _copy_kind(source, target, kind, before.counts[kind], say)
    for key, value in before.meta.items():
        await target.put_meta(key, value, expected=await target.get_meta(key))
    if await _State.of(source) != before:
        raise StoreError("the source was changed while it was copied", hint=f"stop every server, then {_AGAIN}")
    for kind in COLLECTIONS:
        await _compare(source, target, kind, say)
    await target.put_meta(COPY_MARK, COPY_DONE, expected=mark)
    say(f"{len(before.meta)} entries beside them, the key ring among them")


def is_begun(mark: bytes | None) -> bool:
    """Return whether a store is marked as the target of a copy that is not done."""
    return mark is not None and mark.startswith(COPY_BEGUN)


@dataclass(frozen=True, slots=True)
class _State:
    """What a store holds, as far as it shows whether it was changed."""

    epoch: int
    counts: dict[Kind, int]
    meta: dict[str, bytes]

    @classmethod
    async def of(cls, store: ConfigStore) -> "_State":
        epoch = (await store.changes(0)).epoch
        counts = {kind: len([None async for _ in store.scan(kind)]) for kind in COLLECTIONS}
        meta = {key: await store.get_meta(key) or b"" for key in await store.meta_keys() if key != COPY_MARK}
        return cls(epoch, counts, meta)


async def _refuse_marked(source: ConfigStore, target: ConfigStore) -> None:
    for store, flag in ((source, "--from"), (target, "--to")):
        if await store.get_meta(DEMO_MARK) is not None:
            raise ConfigurationError(
                f"{flag} names a demo's store, whose keys and tokens are not secret", hint="name another store"
            )
    if is_begun(await source.get_meta(COPY_MARK)):
        raise ConfigurationError("--from names the target of a copy that is not done", hint="name another store")


async def _begin(target: ConfigStore) -> bytes:
    """Mark the target, or take over the mark of a copy that was interrupted; return the mark."""
    mark = COPY_BEGUN + new_id().encode()
    present = await target.get_meta(COPY_MARK)
    if not is_begun(present) and not await _is_empty(target):
        raise ConfigurationError(
            "--to names a store that is in use; nothing was changed", hint="name a store that is not there yet"
        )
    await target.put_meta(COPY_MARK, mark, expected=present)
    return mark


async def _is_empty(store: ConfigStore) -> bool:
    return not await store.meta_keys() and not any([await store.find(kind, limit=1) for kind in COLLECTIONS])


async def _empty(target: ConfigStore) -> None:
    for kind in COLLECTIONS:
        while found := await target.find(kind):
            await target.commit(*(Delete(kind, record.id, record.revision) for record in found))


async def _copy_kind(source: ConfigStore, target: ConfigStore, kind: Kind, total: int, say: Say) -> None:
    done = 0
    after = ""
    while page := await source.find(kind, after=after):
        await target.commit(*(Put(replace(record, revision=0), expected=0) for record in page))
        done, after = done + len(page), page[-1].id
        if done % _TOLD_EVERY == 0:
            say(f"{COLLECTIONS[kind].name}: {done} of {total}")


async def _compare(source: ConfigStore, target: ConfigStore, kind: Kind, say: Say) -> None:
    count = 0
    arrived = target.scan(kind)
    async for record in source.scan(kind):
        found = await anext(arrived, None)
        if found is None or replace(found, revision=0) != replace(record, revision=0):
            raise _incomplete(kind)
        count += 1
    if await anext(arrived, None) is not None:
        raise _incomplete(kind)
    say(f"{COLLECTIONS[kind].name}: {count} of {count} compared")


def _incomplete(kind: Kind) -> StoreError:
    return StoreError(f"not all {COLLECTIONS[kind].name} arrived as they were", hint=_AGAIN)
