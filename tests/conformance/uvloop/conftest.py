"""Everything in this folder runs on uvloop, as the server does."""

import asyncio
from collections.abc import Callable, Mapping

import uvloop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Name the one event loop."""
    return {"uvloop": uvloop.new_event_loop}
