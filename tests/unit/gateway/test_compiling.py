"""What compiles long does so in a thread, once for all who wait; what is sealed is checked there as elsewhere, and what is
kept is as new as its records."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from appsmith_proxy.errors import PlanUnverified
from appsmith_proxy.gateway.compiling import compile_copy
from appsmith_proxy.gateway.plan_seals import PlanSeals
from appsmith_proxy.gateway.runnables import ExecutionLimits, Runnables
from appsmith_proxy.model.records import Action, ActionCopy, Datasource
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import Secret, hookimpl
from appsmith_proxy.store.cache import CachedStore
from appsmith_proxy.store.contract import Put
from appsmith_proxy.store.memory import MemoryStore
from appsmith_proxy.template import takes_long
from appsmith_proxy.testing.memory import MemoryDriver
from appsmith_proxy.vault import FLOOR, Vault
from tests.unit.template.drivers import parameter

FEW = "SELECT id FROM t WHERE id > 0 [[AND a = {{a}}]] [[AND b = {{b}}]]"
MANY = f"SELECT id FROM t WHERE id > 0 {' '.join(f'[[AND c{n} = {{{{c{n}}}}}]]' for n in range(5))}"
DATASOURCE = Datasource(id="d" * 24, workspace_id="w" * 24, name="shop", kind="memory")
COPY = ActionCopy(datasource_id=DATASOURCE.id, name="one", configuration={"body": MANY})


class Watched(dict[str, Any]):
    """A configuration that knows which threads have read it."""

    def __init__(self, **values: Any) -> None:
        super().__init__(values)
        self.threads: set[threading.Thread] = set()

    def __getitem__(self, key: str) -> Any:
        self.threads.add(threading.current_thread())
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.threads.add(threading.current_thread())
        return super().get(key, default)


@pytest.mark.parametrize(
    ("body", "parameters", "long"),
    [
        (FEW, (), False),
        (MANY, (), True),
        ("SELECT 1 /* " + "x" * 8_192 + " */", (), True),
        ("SELECT {{c}} FROM t", (parameter("c", "identifier", choices=tuple("abcdefgh")),), False),
        ("SELECT {{c}} FROM t", (parameter("c", "text", pattern="(a?){999}"),), True),
        (
            "SELECT {{c}} FROM t ORDER BY 1 {{d}}",
            (
                parameter("c", "identifier", choices=tuple("abcdefghi")),
                parameter("d", "keyword", choices=("ASC", "DESC")),
            ),
            True,
        ),
    ],
)
async def test_only_what_takes_long_has_a_thread(body: str, parameters: tuple[Any, ...], long: bool) -> None:
    configuration = Watched(body=body)
    copy = replace(COPY, configuration=configuration, parameters=parameters)
    assert (await compile_copy(MemoryDriver(), copy)).problems == ()
    assert (threading.current_thread() not in configuration.threads) is long
    assert len(configuration.threads) == 1


def test_steps_take_long_together() -> None:
    def steps(count: int) -> dict[str, Any]:
        return {"steps": [{"name": f"s{number}", "body": FEW} for number in range(count)]}

    assert not takes_long(steps(1), ())
    assert takes_long(steps(2), ())


def test_brackets_that_are_no_blocks_are_bounded() -> None:
    assert takes_long({"body": "[[" * 4_000}, ())


class Plugin:
    @hookimpl
    def register_drivers(self) -> list[MemoryDriver]:
        return [MemoryDriver()]


@pytest.fixture(scope="module")
def vault() -> Vault:
    return Vault.create(
        Secret("an encryption password for tests 0123456789"),
        Secret("an encryption salt for tests 9876543210"),
        cost=FLOOR,
    )[0]


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    await store.open()
    await store.commit(Put(DATASOURCE, expected=0))
    yield store
    await store.close()


@pytest.fixture
async def cache(store: MemoryStore) -> CachedStore:
    cache = CachedStore(store)
    await cache.refresh()
    return cache


@pytest.fixture
def runnables(cache: CachedStore, vault: Vault) -> Runnables:
    registry = Registry.discover(entry_points=(), plugins=[Plugin()])
    return Runnables(cache, registry, PlanSeals(vault, "1" * 24), ExecutionLimits())


async def test_many_first_calls_compile_once(runnables: Runnables) -> None:
    action = Action(id="a" * 24, workspace_id="w" * 24, application_id="b" * 24, draft=COPY)
    first = await asyncio.gather(*(runnables.find(action, published=False) for _ in range(5)))
    assert len({id(runnable) for runnable in first}) == 1
    changed = replace(action, draft=replace(COPY, name="two"))
    assert (await runnables.find(changed, published=False)).copy.name == "two"


async def test_a_copy_without_its_seal_is_never_made_runnable(runnables: Runnables) -> None:
    action = Action(id="a" * 24, workspace_id="w" * 24, application_id="b" * 24, draft=COPY, published=COPY)
    await runnables.find(action, published=False)
    for _ in range(2):
        with pytest.raises(PlanUnverified):
            await runnables.find(action, published=True)


@pytest.mark.parametrize("changed", [None, "action", "datasource"])
async def test_what_is_kept_is_told_as_long_as_its_records_are_the_current_ones(
    runnables: Runnables, cache: CachedStore, store: MemoryStore, changed: str | None
) -> None:
    await store.commit(Put(Action(id="a" * 24, workspace_id="w" * 24, application_id="b" * 24, draft=COPY), expected=0))
    await cache.refresh()
    action = await cache.get(Action, "a" * 24)
    datasource = await cache.get(Datasource, DATASOURCE.id)
    assert action is not None
    assert datasource is not None
    kept = await runnables.find(action, published=False)
    for _ in range(2):
        assert runnables.peek(action.id, published=False) is kept
    other = replace(DATASOURCE, id="e" * 24, name="another")
    record = action if changed == "action" else datasource if changed == "datasource" else other
    await store.commit(Put(record, expected=record.revision))
    await cache.refresh()
    for _ in range(2):
        assert runnables.peek(action.id, published=False) is (None if changed else kept)
    if changed is None:
        runnables.forget(action.id)
        assert runnables.peek(action.id, published=False) is None
