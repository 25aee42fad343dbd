"""The rig: opens the harness's driver, sends its calls, and cleans up. Everything a suite does goes through it."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from appsmith_proxy.sdk import (
    NO_LIMITS,
    Cell,
    Client,
    DatasourceError,
    ExecuteRequest,
    Limits,
    Network,
    OpenContext,
    Result,
    Secret,
    Session,
    SupportsTransactions,
    check_configuration,
    replace,
)
from appsmith_proxy.testing.harness import Call, Harness
from appsmith_proxy.testing.network import LoopbackNetwork

PATIENCE = 10.0
"""Seconds within which everything that should work must have worked."""


class Rig:
    """One test's hold on a driver. Closes the Clients that it opened."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.driver = harness.driver()
        self.network = LoopbackNetwork()
        self._clients: list[Client] = []

    async def open(
        self,
        configuration: Mapping[str, Any] | None = None,
        *,
        secrets: Mapping[str, str] | None = None,
        network: Network | None = None,
        max_connections: int = 4,
    ) -> Client:
        """Open a Client, by default the harness's own datasource."""
        plain = self.harness.configuration() if configuration is None else configuration
        sealed = self.harness.secrets() if secrets is None else secrets
        context = OpenContext(
            network=network or self.network,
            options=self.harness.options(),
            max_connections=max_connections,
        )
        async with asyncio.timeout(PATIENCE):
            client = await self.driver.open(
                self.complete(plain), {name: Secret(value) for name, value in sealed.items()}, context
            )
        self._clients.append(client)
        return client

    def complete(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration as the proxy would give it: checked, defaults filled in."""
        names = frozenset(self.harness.secrets())
        normal, problems = check_configuration(self.driver.fields, configuration, secrets_set=names)
        assert not problems, f"the harness's configuration is not valid: {problems}"
        return normal

    def request(
        self,
        call: Call,
        *,
        seconds: float = PATIENCE,
        read_only: bool = False,
        limits: Limits = NO_LIMITS,
        encode: bool = True,
    ) -> ExecuteRequest:
        """Return the call with its bounds, the deadline counted from now."""
        return ExecuteRequest(
            payload=call.payload,
            values=call.values,
            read_only=read_only,
            limits=limits,
            deadline=asyncio.get_running_loop().time() + seconds,
            encode=encode,
        )

    async def execute(self, client: Client, call: Call, **bounds: Any) -> Result:
        """Execute a call that should work."""
        async with asyncio.timeout(PATIENCE * 2):
            return await client.execute(self.request(call, **bounds))

    def transaction(
        self, client: Client, *, read_only: bool = False, seconds: float = PATIENCE
    ) -> AbstractAsyncContextManager[Session]:
        """Return a transaction that is to be over in time."""
        assert isinstance(client, SupportsTransactions)
        return client.transaction(read_only=read_only, deadline=asyncio.get_running_loop().time() + seconds)

    async def error(self, client: Client, call: Call, **bounds: Any) -> DatasourceError:
        """Execute a call that should fail, and return how. Anything but a DatasourceError is the driver's fault."""
        try:
            result = await self.execute(client, call, **bounds)
        except DatasourceError as error:
            return error
        except Exception as error:  # reason: what leaves a driver is what is tested
            raise AssertionError(
                f"the driver let a {type(error).__name__} out; only DatasourceErrors may leave"
            ) from error
        raise AssertionError(f"expected a DatasourceError, got {replace(result, rows=None)}")

    async def echo(self, client: Client, text: str, *, place: str | None = None) -> Cell:
        """Send a text and return what came back."""
        call = self.harness.echo(text, place=place or self.harness.echo_places[0])
        return self.harness.echoed(await self.execute(client, call))

    async def count(self, client: Client) -> int:
        """Return how many rows the fixture's table has."""
        return int(self.harness.echoed(await self.execute(client, self.harness.count())))

    async def works(self, client: Client) -> None:
        """Assert that the Client still serves."""
        assert await self.echo(client, "still here") == "still here"

    async def close(self) -> None:
        """Close everything that was opened."""
        for client in self._clients:
            async with asyncio.timeout(PATIENCE):
                await client.close()
        self._clients.clear()
