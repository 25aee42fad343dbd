"""THE PUBLIC KIT: conformance suites that a driver author subclasses, and the tools they use.

::

    from appsmith_proxy.testing import Conformance, Harness

    class AcmeHarness(Harness): ...

    class TestAcme(Conformance):
        harness_type = AcmeHarness

The guide is ``docs/how-to/write-a-driver.md``. Needs pytest and pytest-asyncio with ``asyncio_mode = auto``.
"""

import pytest

pytest.register_assert_rewrite(  # before they are imported, so that failures explain themselves
    *(
        f"{__name__}.{module}"
        for module in [
            "cancellation",
            "capabilities",
            "configuration",
            "contract",
            "destination",
            "faults",
            "harness",
            "injection",
            "isolation",
            "lifecycle",
            "limits",
            "prepared",
            "rig",
            "secrecy",
            "trial",
            "values",
        ]
    )
)

from appsmith_proxy.testing.conformance import Conformance  # noqa: E402  # reason: see above
from appsmith_proxy.testing.context import BindingContext  # noqa: E402
from appsmith_proxy.testing.harness import Call, Harness, Part, StateChange, ValueCase, statement  # noqa: E402
from appsmith_proxy.testing.injection import InjectionHarness, InjectionSuite  # noqa: E402
from appsmith_proxy.testing.injection_sql import SqlInjection  # noqa: E402
from appsmith_proxy.testing.network import LoopbackNetwork  # noqa: E402
from appsmith_proxy.testing.relay import Effects, Relay  # noqa: E402
from appsmith_proxy.testing.rig import Rig  # noqa: E402
from appsmith_proxy.testing.suite import needs, unless  # noqa: E402

__all__ = [
    "BindingContext",
    "Call",
    "Conformance",
    "Effects",
    "Harness",
    "InjectionHarness",
    "InjectionSuite",
    "LoopbackNetwork",
    "Part",
    "Relay",
    "Rig",
    "SqlInjection",
    "StateChange",
    "ValueCase",
    "needs",
    "statement",
    "unless",
]
