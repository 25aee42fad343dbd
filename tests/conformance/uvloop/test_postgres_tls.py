"""Through TLS and on uvloop, as in production: what depends on the transport is proven there too."""

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
from tests.conformance.test_postgres import PostgresHarness
from tests.servers.postgres import PostgresServer


class TlsHarness(PostgresHarness):
    """The server behind TLS, verified in full; by its authority only where the relay stands at another name."""

    def configuration(self) -> dict[str, Any]:
        return self.server.configuration(self.database, tls=True)

    def endpoint(self) -> tuple[str, int]:
        return self.server.host, self.server.tls_port

    def configuration_at(self, host: str, port: int) -> dict[str, Any]:
        return self.server.configuration(self.database, tls=True, host=host, port=port, tlsMode=TlsMode.VERIFY_CA.value)


class TestPostgresTls(LifecycleSuite, LimitsSuite, CancellationSuite, FaultsSuite, SecrecySuite, DestinationSuite):
    """The suites that meet the transport."""

    harness_type = TlsHarness

    @pytest.fixture
    def harness(self, postgres: PostgresServer) -> Harness:
        harness = self.harness_type()
        harness.server = postgres
        return harness
