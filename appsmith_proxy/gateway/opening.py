"""Opening a Client: secrets unsealed in memory, the guard's network, the operator's options, and nothing else."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, final

from appsmith_proxy.errors import ContractBroken, DatasourceError, DriverCrashed, ProxyError, describe
from appsmith_proxy.gateway.leases import Opened
from appsmith_proxy.model.records import Datasource
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import Client, Driver, Network, OpenContext, Secret

Unseal = Callable[[Driver, Datasource], Mapping[str, Secret]]
"""Opens a datasource's sealed secrets in memory; given by the room above, so that the gateway knows no vault."""

_log: Final = logging.getLogger("appsmith_proxy.gateway")


@final
class Opening:
    """Knows everything that a Client is opened with."""

    def __init__(
        self,
        registry: Registry,
        unseal: Unseal,
        network: Network,
        *,
        options: Mapping[str, Mapping[str, Any]],
        protected_paths: tuple[Path, ...],
        max_connections: int,
        idle_seconds: float,
    ) -> None:
        self._registry = registry
        self._unseal = unseal
        self._network = network
        self._options = options
        self._protected_paths = protected_paths
        self._max_connections = max_connections
        self._idle_seconds = idle_seconds

    async def open(self, datasource: Datasource) -> Opened:
        """Open a stored datasource (``leases.OpenClient``).

        Raises:
            IncompatibleDriver, VaultError, DatasourceError, DriverError.
        """
        driver = self._registry.driver(datasource.kind)
        secrets = self._unseal(driver, datasource)
        client = await self.open_driver(driver, datasource.configuration, secrets)
        return Opened(client=client, secrets=tuple(secrets.values()))

    async def open_driver(
        self, driver: Driver, configuration: Mapping[str, Any], secrets: Mapping[str, Secret]
    ) -> Client:
        """Open a Client; the caller closes it. What a driver raises besides its own errors is its crash."""
        context = OpenContext(
            network=self._network,
            options=self._options.get(driver.kind, {}),
            protected_paths=self._protected_paths,
            max_connections=self._max_connections,
            idle_seconds=self._idle_seconds,
        )
        try:
            client = await driver.open(configuration, secrets, context)
        except DatasourceError:
            raise
        except ProxyError as error:
            raise ContractBroken(f"the driver raised {error.code}, which is not a DatasourceError") from error
        except Exception as error:  # noqa: BLE001  # reason: a driver's failure must not reach the caller as it is
            _log.error("driver crashed while opening: %s", describe(error))
            raise DriverCrashed("the driver crashed while opening; the log names the place") from None
        if not isinstance(client, Client):
            raise ContractBroken("the driver's open did not return a Client")
        return client
