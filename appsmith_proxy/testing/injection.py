"""The injection suite: the whole corpus through every binding context of a driver, at its live server.

::

    class AcmeInjection(SqlInjection): ...          # or InjectionHarness, for what is no SQL

    class TestAcmeInjection(InjectionSuite):
        harness_type = AcmeInjection

A *violation* is a value that was not taken as a value, an error that does not name the binding, a text or a shape that
the server was sent because of a value, or a fixture that is no longer what it was. There must be none; how many values
were tried in which context is told at the end of the run.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import orjson
import pytest

from appsmith_proxy.sdk import Client, Driver, OpenContext, Secret, check_configuration
from appsmith_proxy.testing.context import BindingContext
from appsmith_proxy.testing.corpus import ACTIONS, VALUES, Seed, Verdict
from appsmith_proxy.testing.network import LoopbackNetwork
from appsmith_proxy.testing.suite import INJECTION_KEY
from appsmith_proxy.testing.trial import Tally, Trial, refusal


class InjectionHarness(ABC):
    """One driver, one live server, and the places where values can stand in its actions. Made afresh for each test."""

    driver_type: ClassVar[type[Driver]]
    family: ClassVar[str]
    """What the corpus calls drivers of this sort: ``sql``, ``http``, ``document``."""

    def driver(self) -> Driver:
        """Return the driver. Override when it needs arguments."""
        return self.driver_type()

    @abstractmethod
    def configuration(self) -> dict[str, Any]:
        """Return the plain fields of a datasource that works."""

    def secrets(self) -> dict[str, str]:
        """Return the secrets that go with ``configuration``."""
        return {}

    def options(self) -> Mapping[str, Any]:
        """Return the operator's options that the driver is opened with."""
        return {}

    @classmethod
    @abstractmethod
    def contexts(cls) -> Sequence[BindingContext]:
        """Return every place where a value can stand."""

    async def prepare(self) -> None:  # noqa: B027  # reason: a server may need nothing
        """Bring the server to the fixture's state: nothing stored, the canary in its place."""

    async def clear(self) -> None:  # noqa: B027  # reason: a server may store nothing
        """Remove what was stored since ``prepare``."""

    async def release(self) -> None:  # noqa: B027  # reason: a harness may hold nothing
        """Release what the harness itself holds."""

    @abstractmethod
    async def fixture(self) -> Any:
        """Return everything that no value may change: the canary, what exists beside it. JSON."""

    async def stored(self) -> Sequence[Any]:
        """Return what the contexts that store have stored since ``prepare``, in any order."""
        return ()

    async def sent(self) -> Collection[str] | None:
        """Return the different texts, or shapes, that the server says it was sent since ``prepare``.

        None: the datasource keeps no log.
        """
        return None

    def own(self) -> Collection[str]:
        """Return the texts that the driver sends of its own, as ``sent`` shows them. What warming up brings forth need not be
        among them."""
        return ()

    def logged(self, text: str) -> str:
        """Return how ``sent`` shows a statement's text. Override where a log does not keep it as it is."""
        return text


class InjectionSuite:
    """The corpus against one driver. Set ``harness_type``; name the subclass ``Test…``."""

    harness_type: ClassVar[type[InjectionHarness]]

    @pytest.fixture
    def harness(self) -> InjectionHarness:
        """The harness. Override when it needs other fixtures, a server for instance."""
        return self.harness_type()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test of each context. A hook of pytest."""
        if "context" in metafunc.fixturenames:
            metafunc.parametrize("context", self.harness_type.contexts(), ids=lambda context: context.name)

    async def test_injection_values_stay_values(
        self, harness: InjectionHarness, context: BindingContext, request: pytest.FixtureRequest
    ) -> None:
        tally = await tried(harness, context)
        request.node.user_properties.append((INJECTION_KEY, tally.told()))
        assert tally.values
        assert not tally.violations, str(tally)

    def test_injection_actions_are_refused_when_they_are_saved(self, request: pytest.FixtureRequest) -> None:
        driver = self.harness_type().driver()
        wrong: list[str] = []
        count = 0
        for seed in ACTIONS:
            expected = seed.expected((driver.kind, self.harness_type.family))
            if expected is None:
                continue
            count += 1
            problems = refusal(driver, seed.action)
            if bool(problems) is not (expected is Verdict.REFUSED):
                wrong.append(f"{seed.id}: {problems or 'accepted'}")
        request.node.user_properties.append((INJECTION_KEY, [driver.kind, "saved actions", 0, count, len(wrong)]))
        assert count
        assert not wrong


async def tried(harness: InjectionHarness, context: BindingContext, seeds: Sequence[Seed] = VALUES) -> Tally:
    """Try seeds in one context, and look at what the server was sent and at what it holds afterwards."""
    await harness.prepare()
    driver = harness.driver()
    client = await _opened(harness, driver)
    try:
        trial = Trial(driver, client, context, harness.family)
        await trial.warm_up()
        usual = {*harness.own(), *(await harness.sent() or ())}
        await harness.clear()
        before = await harness.fixture()
        taken = await trial.run(seeds)
        if await _seen(harness) != before:
            trial.blame("the fixture is not what it was")
        if context.stores and _counted(await harness.stored()) != _counted(taken):
            trial.blame("what was stored is not what was sent")
        _compare(await harness.sent(), usual, trial, harness)
        return trial.tally
    finally:
        await client.close()
        await harness.release()


def _compare(sent: Collection[str] | None, usual: Collection[str], trial: Trial, harness: InjectionHarness) -> None:
    """Blame what the server was sent and no plan holds, and what it answered but does not say it was sent."""
    if sent is None:
        return
    planned, answered = ({harness.logged(text) for text in texts} for texts in (trial.neutral, trial.answered))
    for text in sorted({*sent} - {*usual} - planned):
        trial.blame(f"the server was sent {text[:120]!a}")
    for text in sorted(answered - {*sent}):
        trial.blame(f"the server's log does not show {text[:120]!a}")


async def _opened(harness: InjectionHarness, driver: Driver) -> Client:
    secrets = harness.secrets()
    normal, problems = check_configuration(driver.fields, harness.configuration(), secrets_set=frozenset(secrets))
    assert not problems, f"the harness's configuration is not valid: {problems}"
    context = OpenContext(network=LoopbackNetwork(), options=harness.options(), max_connections=4)
    return await driver.open(normal, {name: Secret(value) for name, value in secrets.items()}, context)


async def _seen(harness: InjectionHarness) -> Any:
    """Return the fixture as it is, and nothing when it cannot be read any more."""
    try:
        return await harness.fixture()
    except Exception:  # noqa: BLE001  # reason: a table that is gone is what is looked for
        return None


def _counted(values: Sequence[Any]) -> Counter[bytes]:
    return Counter(orjson.dumps(value) for value in values)
