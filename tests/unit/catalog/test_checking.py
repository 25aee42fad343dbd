"""Compiling for the catalog: remembered by everything it depends on, and bounded."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from appsmith_proxy.catalog.checking import REMEMBERED, Checker
from appsmith_proxy.gateway.leases import Leases, Opened
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.records import ActionCopy, Datasource
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import ParameterType, hookimpl
from appsmith_proxy.template.effort import LONG
from appsmith_proxy.testing.memory import MemoryDriver

DATASOURCE = Datasource(id="d" * 24, workspace_id="w" * 24, name="shop", kind="memory")
COPY = ActionCopy(
    datasource_id=DATASOURCE.id, name="one", configuration={"body": "SELECT id FROM t WHERE id = {{ id }}"}
)


class Plugin:
    @hookimpl
    def register_drivers(self) -> list[MemoryDriver]:
        return [MemoryDriver()]


async def refuses(datasource: Datasource) -> Opened:
    raise AssertionError("compiling must not open a datasource")


@pytest.fixture
async def checker() -> AsyncIterator[Checker]:
    leases = Leases(refuses)
    yield Checker(Registry.discover(entry_points=(), plugins=[Plugin()]), leases)
    await leases.close()


async def test_the_same_copy_is_compiled_once(checker: Checker) -> None:
    first = await checker.compile(DATASOURCE, COPY)
    assert first.plan is not None
    assert await checker.compile(DATASOURCE, replace(COPY, name="another name")) is first


@pytest.mark.parametrize(
    "change",
    [
        {"configuration": {"body": "SELECT id FROM t WHERE id <> {{ id }}"}},
        {"parameters": (DeclaredParameter(name="id", type=ParameterType.INTEGER),)},
        {"parameters": (DeclaredParameter(name="id", type=ParameterType.INTEGER, has_default=True, default=1),)},
        {"read_only": False},
        {"allow_ddl": True, "read_only": False},
    ],
)
async def test_whatever_compiling_depends_on_makes_another(checker: Checker, change: dict[str, Any]) -> None:
    first = await checker.compile(DATASOURCE, COPY)
    assert await checker.compile(DATASOURCE, replace(COPY, **change)) is not first


async def test_long_texts_compile_to_the_same(checker: Checker) -> None:
    padding = "/* " + "x" * LONG + " */"
    long = replace(COPY, configuration={"body": COPY.configuration["body"] + padding})
    check = await checker.compile(DATASOURCE, long)
    assert check.plan is not None
    assert [binding.name for binding in check.plan.bindings] == ["id"]


async def test_memory_is_bounded(checker: Checker) -> None:
    first = await checker.compile(DATASOURCE, COPY)
    for number in range(REMEMBERED):
        await checker.compile(DATASOURCE, replace(COPY, configuration={"body": f"SELECT {number} AS n"}))
    assert await checker.compile(DATASOURCE, COPY) is not first


async def test_what_takes_much_leaves_room_for_less() -> None:
    leases = Leases(refuses)
    checker = Checker(Registry.discover(entry_points=(), plugins=[Plugin()]), leases, remembered_bytes=40_000)
    used = await checker.compile(DATASOURCE, COPY)
    long, other, third = [
        replace(COPY, configuration={"body": f"SELECT {number} /* {'x' * 6_000} */ AS n"}) for number in range(3)
    ]
    first = await checker.compile(DATASOURCE, long)
    for each in (other, third):
        assert await checker.compile(DATASOURCE, COPY) is used, "what was used lately stays"
        assert await checker.compile(DATASOURCE, each) is await checker.compile(DATASOURCE, each)
    assert await checker.compile(DATASOURCE, long) is not first
    await leases.close()
