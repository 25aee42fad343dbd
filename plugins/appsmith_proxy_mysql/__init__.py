"""MySQL (8.0 and newer) and MariaDB (10.6 and newer): aiomysql logs in, the prepared statements are ours."""

from collections.abc import Iterable

from appsmith_proxy.sdk import Driver, hookimpl
from appsmith_proxy_mysql.driver import MysqlDriver

__all__ = ["MysqlDriver", "register_drivers"]


@hookimpl
def register_drivers() -> Iterable[Driver]:
    """Register the driver."""
    return (MysqlDriver(),)
