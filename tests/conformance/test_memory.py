"""The memory driver passes every mandatory suite."""

from appsmith_proxy.testing import Conformance
from appsmith_proxy.testing.memory_harness import MemoryHarness


class TestMemory(Conformance):
    """The whole kit, against the server in this process."""

    harness_type = MemoryHarness
