"""What the commands are run with: the loop, the settings, a runtime."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.settings import Settings, load

if TYPE_CHECKING:
    from appsmith_proxy.runtime import Runtime

OK: Final = 0
FAILED: Final = 1


def run_async(work: Awaitable[int]) -> int:
    """Run a coroutine on the fastest loop there is: uvloop where it is installed (Linux and macOS)."""

    async def whole() -> int:
        return await work

    if sys.platform == "win32":
        return asyncio.run(whole())
    import uvloop  # noqa: PLC0415  # reason: not installed on Windows

    return uvloop.run(whole())


def settings_of(arguments: argparse.Namespace, registry: Registry) -> Settings:
    """Read the settings that ``--config`` and the environment give.

    Raises:
        ConfigurationError: with every problem there is.
    """
    return load(os.environ, arguments.config, registry.drivers())


def with_runtime(arguments: argparse.Namespace, work: "Callable[[Runtime], Awaitable[None]]") -> int:
    """Run work with a runtime that is open meanwhile, and nothing served."""
    from appsmith_proxy.runtime import Runtime  # noqa: PLC0415  # reason: a big room

    async def whole() -> int:
        registry = Registry.discover()
        async with await Runtime.open(settings_of(arguments, registry), registry=registry) as runtime:
            await work(runtime)
        return OK

    return run_async(whole())
