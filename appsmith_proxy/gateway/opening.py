"""Opening a Client: secrets unsealed in memory, the guard's network, the operator's options, and nothing else."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

from appsmith_proxy.errors import ContractBroken
from appsmith_proxy.gateway.edge import driver_edge
from appsmith_proxy.gateway.leases import Opened
from appsmith_proxy.model.records import Datasource
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import Client, Driver, Network, OpenContext, Secret

Unseal = Callable[[Driver, Datasource], Mapping[str, Secret]]
"""Opens a datasource's sealed secrets in memory; given by the room above, so that the gateway knows no vault."""


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
        with driver_edge("opening", secrets.values()):
            client = await driver.open(configuration, secrets, context)
        if not isinstance(client, Client):
            raise ContractBroken("the driver's open did not return a Client")
        return client
