"""From a store's URL to the store."""

from appsmith_proxy.errors import ConfigurationError
from appsmith_proxy.store.contract import ConfigStore
from appsmith_proxy.store.sqlite import SqliteStore
from appsmith_proxy.store.urls import SqliteUrl, StoreUrl


def store_at(url: StoreUrl) -> ConfigStore:
    """Return the store, not open yet. Raises ``ConfigurationError`` when the package that it needs is not installed."""
    if isinstance(url, SqliteUrl):
        return SqliteStore(url.path)
    try:
        from appsmith_proxy.store.mongodb import MongodbStore  # noqa: PLC0415  # reason: its library is an extra
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("appsmith_proxy"):
            raise
        raise ConfigurationError(
            f"a store in MongoDB needs the package {error.name}, which is not installed",
            hint="pip install 'appsmith-proxy[mongodb]'",
        ) from None
    return MongodbStore(url)
