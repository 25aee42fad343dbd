"""PostgreSQL (14 and newer) on asyncpg."""

from collections.abc import Iterable

from appsmith_proxy.sdk import Driver, hookimpl
from appsmith_proxy_postgres.driver import PostgresDriver

__all__ = ["PostgresDriver", "register_drivers"]


@hookimpl
def register_drivers() -> Iterable[Driver]:
    """Register the driver."""
    return (PostgresDriver(),)
