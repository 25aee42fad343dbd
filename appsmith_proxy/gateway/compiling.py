"""Compile stored copies without keeping others waiting: what can take long has a thread."""

import asyncio

from appsmith_proxy.model.records import ActionCopy
from appsmith_proxy.sdk import Driver
from appsmith_proxy.template import Compiled, compile_action, takes_long


def is_long(copy: ActionCopy) -> bool:
    """Return whether a copy should be compiled in a thread."""
    return takes_long(copy.configuration, copy.parameters)


async def compile_copy(driver: Driver, copy: ActionCopy) -> Compiled:
    """Compile a copy for its datasource's driver. Raises nothing: what is wrong with it is in the answer."""
    return await asyncio.to_thread(_compile, driver, copy) if is_long(copy) else _compile(driver, copy)


def _compile(driver: Driver, copy: ActionCopy) -> Compiled:
    return compile_action(
        driver, copy.configuration, copy.parameters, read_only=copy.read_only, allow_ddl=copy.allow_ddl
    )
