"""The destination suite: the driver goes where its destination fields say, through the network it was lent, only."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from appsmith_proxy.sdk import Client, ConnectFailed, DatasourceError, Field, FieldType, rows_in_force
from appsmith_proxy.testing.harness import Part
from appsmith_proxy.testing.network import LoopbackNetwork
from appsmith_proxy.testing.relay import Relay
from appsmith_proxy.testing.rig import Rig
from appsmith_proxy.testing.suite import Suite, needs

_ADDRESSES: Final = frozenset({FieldType.HOST, FieldType.PORT, FieldType.URL})

_SECONDS: Final = 2.0
"""For one attempt; most end at once, because what is wrong is refused."""


class DestinationSuite(Suite):
    """A stored secret is bound to the destination fields, so they must be all that decides where it is sent."""

    @needs(Part.ENDPOINT)
    def test_destination_fields_hold_the_addresses(self, rig: Rig) -> None:
        for row in rig.driver.fields:
            assert row.type not in _ADDRESSES or row.destination, f"{row.name} is an address: mark it destination"
        assert any(row.destination for row in rig.driver.fields), "a datasource with an address has a destination"

    @needs(Part.ENDPOINT)
    async def test_destination_denied_sends_nothing(self, rig: Rig) -> None:
        """The network refuses every address: a driver that dials by itself is found by the bytes it sends."""
        async with Relay(*rig.harness.endpoint()) as decoy:
            network = LoopbackNetwork(denied=True)
            configuration = rig.harness.configuration_at(decoy.host, decoy.port)
            raised: DatasourceError | None = None
            try:
                client = await rig.open(configuration, network=network)
                await client.check()
            except DatasourceError as error:
                raised = error
            assert decoy.accepted == 0, "the network denied the address, and the driver dialled it all the same"
            assert isinstance(raised, ConnectFailed), "a denied address is ConnectFailed, passed on as it came"
            assert network.asked, "the driver never asked the network"

    @needs(Part.ENDPOINT)
    async def test_destination_fields_are_what_is_dialled(self, rig: Rig) -> None:
        """Change one address at a time: the bytes go there."""
        base = rig.harness.configuration()
        for row in rig.driver.fields:
            if row.type not in _ADDRESSES or row.name not in rig.complete(base):
                continue
            async with Relay(*rig.harness.endpoint()) as decoy:
                changed = {**base, row.name: _elsewhere(row, base, decoy)}
                asked = await _asked(rig, changed)
                host, port = _address(row, changed)
                assert any(h == host or p == port for h, p in asked), f"{row.name} was changed, and nobody went there"

    @needs(Part.ENDPOINT)
    async def test_destination_is_decided_by_nothing_else(self, rig: Rig) -> None:
        """Change every other field, in every way that its type allows: the driver goes where it went before."""
        base = rig.complete(rig.harness.configuration())
        usual = await _asked(rig, base)
        assert usual, "the driver never asked the network where it may go"
        for row in rows_in_force(rig.driver.fields, base):
            if row.secret or row.destination:
                continue
            for value in _others(row, base.get(row.name)):
                changed = {**base, row.name: value}
                if rig.driver.validate(changed, frozenset(rig.harness.secrets())):
                    continue
                strange = await _asked(rig, changed) - usual
                assert not strange, f"{row.name} decides where the driver goes: mark it destination"


async def _asked(rig: Rig, configuration: Mapping[str, Any]) -> set[tuple[str, int]]:
    """Open and check, well or badly; return the addresses that the driver asked the network for."""
    network = LoopbackNetwork()
    client: Client | None = None
    try:
        async with asyncio.timeout(_SECONDS):
            client = await rig.open(configuration, network=network)
            await client.check()
    except (DatasourceError, TimeoutError):
        pass
    finally:
        if client is not None:
            await client.close()
    return set(network.asked)


def _elsewhere(row: Field, base: Mapping[str, Any], decoy: Relay) -> Any:
    if row.type is FieldType.PORT:
        return decoy.port
    if row.type is FieldType.HOST:
        return "localhost" if base.get(row.name) != "localhost" else "127.0.0.1"
    parts = urlsplit(base.get(row.name) or "http://127.0.0.1/")
    return parts._replace(netloc=f"{decoy.host}:{decoy.port}").geturl()


def _address(row: Field, configuration: Mapping[str, Any]) -> tuple[str | None, int | None]:
    value = configuration[row.name]
    if row.type is FieldType.PORT:
        return None, value
    if row.type is FieldType.HOST:
        return value, None
    parts = urlsplit(value)
    return None, parts.port


def _others(row: Field, value: Any) -> Iterator[Any]:
    """Yield other values of a field that is no address, addresses spelled in it among them."""
    match row.type:
        case FieldType.BOOLEAN:
            yield not value
        case FieldType.INTEGER:
            yield from (
                candidate for candidate in ((value or 0) + 1, row.minimum, row.maximum) if candidate is not None
            )
        case FieldType.CHOICE:
            yield from (choice for choice in row.choices if choice != value)
        case FieldType.TEXT | FieldType.MULTILINE:
            yield from (f"{value or ''}x", "127.0.0.2", "127.0.0.2:1", "host=127.0.0.2 port=1", "//127.0.0.2:1/x", "")
        case FieldType.MAP:
            yield {"host": "127.0.0.2:1"}
        case FieldType.PAIRS:
            yield [{"name": "host", "value": "127.0.0.2:1"}]
