"""MongoDB (5.0 and newer) on motor."""

from collections.abc import Iterable

from appsmith_proxy.sdk import Driver, hookimpl
from appsmith_proxy_mongodb.driver import MongodbDriver

__all__ = ["MongodbDriver", "register_drivers"]


@hookimpl
def register_drivers() -> Iterable[Driver]:
    """Register the driver."""
    return (MongodbDriver(),)
