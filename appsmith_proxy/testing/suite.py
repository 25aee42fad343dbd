"""What all suites share: fixtures, and the rule that a test is there exactly when what it needs is there."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar, TypeVar

import pytest

from appsmith_proxy.sdk import Capability
from appsmith_proxy.testing.harness import Harness, Part
from appsmith_proxy.testing.rig import Rig

REPORT_KEY = "appsmith_proxy.testing"
"""The property under which each test tells the report its driver and its suite."""

ABSENT_KEY = f"{REPORT_KEY}.absent"
"""The property under which one test tells the report what the harness does not offer, and why."""

INJECTION_KEY = f"{REPORT_KEY}.injection"
"""The property under which a test of the injection suite tells what a context has shown."""

Test = TypeVar("Test", bound=Callable[..., Any])


def needs(*wanted: Part | Capability) -> Callable[[Test], Test]:
    """Mark a test that is there only when the harness offers the parts and the driver declares the capabilities."""

    def mark(test: Test) -> Test:
        test.kit_needs = frozenset(wanted)  # type: ignore[attr-defined]  # reason: functions carry attributes
        return test

    return mark


def unless(*capabilities: Capability) -> Callable[[Test], Test]:
    """Mark a test that is there only when none of the capabilities is declared."""

    def mark(test: Test) -> Test:
        test.kit_unless = frozenset(capabilities)  # type: ignore[attr-defined]  # reason: functions carry attributes
        return test

    return mark


class Suite:
    """The base of every suite. A subclass that has a ``harness_type`` is a driver's; the others are the kit's."""

    harness_type: ClassVar[type[Harness]]

    def __init_subclass__(cls, **options: Any) -> None:
        """Take out the tests that do not apply to the harness's driver."""
        super().__init_subclass__(**options)
        if hasattr(cls, "harness_type"):
            for name in absent_tests(cls):
                setattr(cls, name, None)

    @pytest.fixture
    def harness(self) -> Harness:
        """The harness. Override when it needs other fixtures, a server for instance."""
        return self.harness_type()

    @pytest.fixture
    async def rig(self, harness: Harness) -> AsyncIterator[Rig]:
        """The driver, opened and closed through the harness, at the fixture's state."""
        await harness.prepare()
        rig = Rig(harness)
        try:
            yield rig
        finally:
            await rig.close()
            await harness.release()

    @pytest.fixture(autouse=True)
    def _reported(self, request: pytest.FixtureRequest) -> None:
        name = request.node.originalname
        wanted: frozenset[Part | Capability] = getattr(getattr(type(self), name), "kit_needs", frozenset())
        capabilities = sorted(need.value for need in wanted if isinstance(need, Capability))
        told = [self.harness_type.driver_type.kind, suite_of(type(self), name), capabilities]
        request.node.user_properties.append((REPORT_KEY, told))


def absent_tests(cls: type[Suite]) -> Iterator[str]:
    """Yield the names of the tests that do not apply, by what the harness offers and the driver declares."""
    harness = cls.harness_type
    capabilities = harness.driver_type.capabilities
    present: frozenset[Part | Capability] = frozenset(set(Part) - set(harness.absent)) | capabilities
    for name in dir(cls):
        test = getattr(cls, name)
        if not name.startswith("test_") or test is None:
            continue
        if (
            not getattr(test, "kit_needs", frozenset()) <= present
            or getattr(test, "kit_unless", frozenset()) & capabilities
        ):
            yield name


def suite_of(cls: type, test: str) -> str:
    """Return the name of the kit's suite that a test comes from, ``own`` for a test of the driver's author."""
    owner = next((base for base in cls.__mro__ if callable(vars(base).get(test))), cls)
    return owner.__name__.removesuffix("Suite").lower() if owner.__module__.startswith(__package__ or "") else "own"
