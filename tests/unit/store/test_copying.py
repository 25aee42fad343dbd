"""A copy moves everything or is not done, is refused where it would harm, and begins anew after an interruption."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from appsmith_proxy.errors import ConfigurationError, StoreError
from appsmith_proxy.model.records import Action, Application, Datasource, Token, Workspace
from appsmith_proxy.store.collections import COLLECTIONS
from appsmith_proxy.store.contract import COPY_DONE, COPY_MARK, DEMO_MARK, Change, ConfigStore, Put, Record
from appsmith_proxy.store.copying import copy, is_begun
from appsmith_proxy.store.memory import MemoryData, MemoryStore
from tests.unit.store import samples
from tests.unit.store.suite import create

META = {"instance/id": b"an id", "vault/ring": b"a ring"}


class Killed(BaseException):
    """The process is gone."""


class Mortal(MemoryStore):
    """A store whose process dies at one of its writes, before or after it took effect."""

    def __init__(self, data: MemoryData, *, writes: int, after: bool) -> None:
        super().__init__(data)
        self._left = writes
        self._after = after

    async def commit(self, *changes: Change) -> int:
        self._live(after=False)
        epoch = await super().commit(*changes)
        self._live(after=True)
        return epoch

    async def put_meta(self, key: str, value: bytes, *, expected: bytes | None) -> None:
        self._live(after=False)
        await super().put_meta(key, value, expected=expected)
        self._live(after=True)

    def _live(self, *, after: bool) -> None:
        if after is self._after:
            self._left -= 1
            if self._left < 0:
                raise Killed


def everything() -> list[Record]:
    workspaces = [samples.workspace(f"w{n}") for n in range(250)]
    application = samples.application(workspaces[0].id)
    datasource = samples.datasource(workspaces[0].id)
    action = samples.action(workspaces[0].id, application.id, datasource.id)
    return [*workspaces, application, datasource, action, samples.token(), samples.keyed_run()]


@pytest.fixture
async def source() -> AsyncIterator[MemoryStore]:
    async with MemoryStore() as store:
        records = everything()
        await create(store, *records)
        await store.commit(*(Put(record, expected=1) for record in records[:7]))
        for key, value in META.items():
            await store.put_meta(key, value, expected=None)
        yield store


async def content(store: ConfigStore) -> set[object]:
    return {
        repr(replace(record, revision=0)) for kind in COLLECTIONS for record in [it async for it in store.scan(kind)]
    }


def nothing(_line: str) -> None:
    """Say it to nobody."""


async def test_everything_arrives_and_is_told(source: MemoryStore) -> None:
    lines: list[str] = []
    async with MemoryStore() as target:
        await copy(source, target, lines.append)
        assert await content(target) == await content(source)
        assert {key: await target.get_meta(key) for key in META} == META
        assert await target.get_meta(COPY_MARK) == COPY_DONE
    for kind, count in ((Workspace, 250), (Application, 1), (Datasource, 1), (Action, 1), (Token, 1)):
        assert f"{COLLECTIONS[kind].name}: {count} of {count} compared" in lines


@pytest.mark.parametrize("after", [False, True])
async def test_interrupted_anywhere_it_is_run_again(source: MemoryStore, *, after: bool) -> None:
    for writes in range(100):
        data = MemoryData()
        try:
            async with Mortal(data, writes=writes, after=after) as target:
                await copy(source, target, nothing)
        except Killed:
            pass
        else:
            assert writes > 8
            break
        async with MemoryStore(data) as target:
            if is_done := await target.get_meta(COPY_MARK) == COPY_DONE:
                assert after
            else:
                assert not data.meta or is_begun(await target.get_meta(COPY_MARK)), "no server may start on it"
                await copy(source, target, nothing)
            assert await content(target) == await content(source), (writes, is_done)
            assert {key: await target.get_meta(key) for key in META} == META
    else:
        pytest.fail("it never came to its end")


async def test_the_target_must_be_empty(source: MemoryStore) -> None:
    async with MemoryStore() as served, MemoryStore() as furnished:
        await served.put_meta("vault/ring", b"theirs", expected=None)
        await create(furnished, samples.workspace())
        for target in (served, furnished):
            before = await content(target)
            with pytest.raises(ConfigurationError, match="in use"):
                await copy(source, target, nothing)
            assert (await content(target), await target.get_meta(COPY_MARK)) == (before, None)
    async with MemoryStore() as target:
        await copy(source, target, nothing)
        with pytest.raises(ConfigurationError, match="in use"):
            await copy(source, target, nothing)


async def test_a_demo_is_not_copied_and_not_copied_over(source: MemoryStore) -> None:
    async with MemoryStore() as demo:
        await demo.put_meta(DEMO_MARK, b"1", expected=None)
        for one, other in ((source, demo), (demo, source)):
            with pytest.raises(ConfigurationError, match="demo"):
                await copy(one, other, nothing)


async def test_neither_nothing_nor_half_a_copy_is_copied(source: MemoryStore) -> None:
    async with MemoryStore() as unused, MemoryStore() as target:
        with pytest.raises(ConfigurationError, match="nothing to copy"):
            await copy(unused, target, nothing)
    data = MemoryData()
    with pytest.raises(Killed):
        async with Mortal(data, writes=3, after=True) as target:
            await copy(source, target, nothing)
    async with MemoryStore(data) as half, MemoryStore() as target:
        with pytest.raises(ConfigurationError, match="not done"):
            await copy(half, target, nothing)


class Meddler(MemoryStore):
    """A target during whose first commit somebody changes something."""

    def __init__(self, meddle_with: ConfigStore, *, record: Record, data: MemoryData | None = None) -> None:
        super().__init__(data)
        self._meddle_with: ConfigStore | None = meddle_with
        self._record = record

    async def commit(self, *changes: Change) -> int:
        epoch = await super().commit(*changes)
        if (store := self._meddle_with) is not None:
            self._meddle_with = None
            await create(store, self._record)
        return epoch


async def test_a_source_that_changes_meanwhile_is_noticed(source: MemoryStore) -> None:
    async with Meddler(source, record=samples.token(sha256="cd" * 32)) as target:
        with pytest.raises(StoreError, match="changed while"):
            await copy(source, target, nothing)
        assert is_begun(await target.get_meta(COPY_MARK))
        await copy(source, target, nothing)
        assert await content(target) == await content(source)


async def test_what_somebody_adds_to_the_target_is_noticed(source: MemoryStore) -> None:
    data = MemoryData()
    stranger = samples.token(sha256="cd" * 32)
    async with MemoryStore(data) as other, Meddler(other, record=stranger, data=data) as target:
        with pytest.raises(StoreError, match="not all tokens"):
            await copy(source, target, nothing)
        assert is_begun(await target.get_meta(COPY_MARK))
