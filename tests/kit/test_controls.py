"""The control with a network passes every suite; the one without is ``tests/conformance/test_memory.py``."""

from appsmith_proxy.testing import Conformance
from tests.kit.wire_harness import WireHarness


class TestWire(Conformance):
    """A document driver, so that the kit is not one for SQL alone."""

    harness_type = WireHarness
