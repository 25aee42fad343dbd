"""Open REST clients in tests: the real driver behind the real guard, closed at the end of their block."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.sdk import Client, ExecuteRequest, HttpRequest, Limits, OpenContext, Result, Secret
from appsmith_proxy.sdk.field_checks import check_configuration
from appsmith_proxy_rest import RestDriver

SECONDS = 10.0


@contextlib.asynccontextmanager
async def rest_client(
    url: str,
    *,
    secrets: Mapping[str, str] | None = None,
    guard: Guard | None = None,
    max_connections: int = 10,
    **configuration: Any,
) -> AsyncIterator[Client]:
    """Open a client as the proxy does: configuration checked and defaults filled in."""
    driver = RestDriver()
    secrets_set = frozenset(secrets or ())
    assert driver.validate({"url": url, **configuration}, secrets_set) == []
    normal, _ = check_configuration(driver.fields, {"url": url, **configuration}, secrets_set=secrets_set)
    context = OpenContext(network=guard or Guard(allow_loopback=True), max_connections=max_connections)
    client = await driver.open(normal, {name: Secret(value) for name, value in (secrets or {}).items()}, context)
    try:
        yield client
    finally:
        await client.close()


async def send(
    client: Client,
    path: str = "",
    *,
    method: str = "GET",
    seconds: float = SECONDS,
    limit: int = 5 * 1024 * 1024,
    read_only: bool = False,
    **parts: Any,
) -> Result:
    """Execute one HTTP request."""
    request = ExecuteRequest(
        payload=HttpRequest(method=method, path=path, **parts),
        read_only=read_only,
        limits=Limits(bytes=limit),
        deadline=asyncio.get_running_loop().time() + seconds,
    )
    return await client.execute(request)
