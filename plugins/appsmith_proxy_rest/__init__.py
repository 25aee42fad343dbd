"""REST APIs on aiohttp's client."""

from collections.abc import Iterable

from appsmith_proxy.sdk import Driver, hookimpl
from appsmith_proxy_rest.driver import RestDriver

__all__ = ["RestDriver", "register_drivers"]


@hookimpl
def register_drivers() -> Iterable[Driver]:
    """Register the one driver of this package."""
    return [RestDriver()]
