"""Through TLS and on uvloop, as in production: what depends on the transport is proven there too."""

from collections.abc import Iterator
from typing import Any

import pytest

from appsmith_proxy.sdk import TlsMode
from appsmith_proxy.testing import Harness
from appsmith_proxy.testing.cancellation import CancellationSuite
from appsmith_proxy.testing.destination import DestinationSuite
from appsmith_proxy.testing.faults import FaultsSuite
from appsmith_proxy.testing.lifecycle import LifecycleSuite
from appsmith_proxy.testing.limits import LimitsSuite
from appsmith_proxy.testing.secrecy import SecrecySuite
from appsmith_proxy.testing.values import ValuesSuite
from tests.conformance.test_mongodb import MongodbHarness
from tests.servers.mongod import MongodServer


class TlsHarness(MongodbHarness):
    """The server's own TLS, verified in full."""

    def configuration(self) -> dict[str, Any]:
        return self._secure(super().configuration())

    def configuration_at(self, host: str, port: int) -> dict[str, Any]:
        return self._secure(super().configuration_at(host, port))

    def _secure(self, plain: dict[str, Any]) -> dict[str, Any]:
        return plain | {"tlsMode": TlsMode.VERIFY_FULL.value, "tlsCa": self.server.ca}


@pytest.fixture(scope="module")
def secure() -> Iterator[MongodServer]:
    """A replica set of one that speaks TLS only."""
    with MongodServer(authentication=True, tls=True) as server:
        yield server


class TestMongodbTls(
    LifecycleSuite, LimitsSuite, CancellationSuite, FaultsSuite, SecrecySuite, DestinationSuite, ValuesSuite
):
    """The suites in which the transport matters."""

    harness_type = TlsHarness

    @pytest.fixture
    def harness(self, secure: MongodServer) -> Harness:
        harness = self.harness_type()
        harness.server = secure
        return harness
