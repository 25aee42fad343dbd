"""All mandatory suites in one class: what a driver author subclasses."""

from appsmith_proxy.testing.cancellation import CancellationSuite
from appsmith_proxy.testing.capabilities import CapabilitiesSuite
from appsmith_proxy.testing.configuration import ConfigurationSuite
from appsmith_proxy.testing.contract import ContractSuite
from appsmith_proxy.testing.destination import DestinationSuite
from appsmith_proxy.testing.faults import FaultsSuite
from appsmith_proxy.testing.isolation import IsolationSuite
from appsmith_proxy.testing.lifecycle import LifecycleSuite
from appsmith_proxy.testing.limits import LimitsSuite
from appsmith_proxy.testing.prepared import PreparedSuite
from appsmith_proxy.testing.secrecy import SecrecySuite
from appsmith_proxy.testing.values import ValuesSuite


class Conformance(
    ContractSuite,
    ConfigurationSuite,
    LifecycleSuite,
    PreparedSuite,
    ValuesSuite,
    LimitsSuite,
    CancellationSuite,
    CapabilitiesSuite,
    FaultsSuite,
    IsolationSuite,
    SecrecySuite,
    DestinationSuite,
):
    """Every suite that DESIGN §4 makes mandatory. Set ``harness_type``; name the subclass ``Test…``."""
