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
from appsmith_proxy.testing.values import ValuesSuite
from tests.conformance.test_mysql import MysqlHarness
from tests.servers.mariadb import MariadbServer


class TlsHarness(MysqlHarness):
    """The server's own TLS, verified in full; by its authority only where the relay stands at another name."""

    def configuration(self) -> dict[str, Any]:
        return self.server.configuration(self.database, tls=True)

    def configuration_at(self, host: str, port: int) -> dict[str, Any]:
        return self.server.configuration(self.database, tls=True, host=host, port=port, tlsMode=TlsMode.VERIFY_CA.value)


class TestMysqlTls(
    LifecycleSuite, LimitsSuite, CancellationSuite, FaultsSuite, SecrecySuite, DestinationSuite, ValuesSuite
):
    """The suites that meet the transport."""

    harness_type = TlsHarness

    @pytest.fixture
    def harness(self, mariadb: MariadbServer) -> Harness:
        harness = self.harness_type()
        harness.server = mariadb
        return harness


class TestMysqlOnUvloop(LifecycleSuite, LimitsSuite, CancellationSuite, FaultsSuite, ValuesSuite):
    """The same without TLS."""

    harness_type = MysqlHarness

    @pytest.fixture
    def harness(self, mariadb: MariadbServer) -> Harness:
        harness = self.harness_type()
        harness.server = mariadb
        return harness
