"""SQLite files on aiosqlite."""

from collections.abc import Iterable

from appsmith_proxy.sdk import Driver, hookimpl


@hookimpl
def register_drivers() -> Iterable[Driver]:
    """Return the SQLite driver. Its library is imported only now: the registry says so where it is missing."""
    from appsmith_proxy_sqlite.driver import SqliteDriver  # noqa: PLC0415  # reason: see the docstring

    return [SqliteDriver()]
