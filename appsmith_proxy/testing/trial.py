"""One binding context on trial: every seed of the corpus stands in it, and what became of each is judged.

Actions are compiled, bound and executed as the proxy does it. Many values go into one execution where the context
allows it; when such an answer is not what it must be, its values are tried again one by one.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from appsmith_proxy.errors import DatasourceError, InvalidRequest, Outcome, ParameterInvalid, ProxyError
from appsmith_proxy.gateway.encode import Encoder
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import Plan
from appsmith_proxy.sdk import Client, Driver, ExecuteRequest, Limits, Statement
from appsmith_proxy.template import Bound, bind, compile_action
from appsmith_proxy.testing.context import PLAIN, BindingContext
from appsmith_proxy.testing.corpus import Expected, Is, Seed, Verdict, texts

_SECONDS: Final = 30.0
_SHOWN: Final = 10
_AT_ONCE: Final = 8
_OPEN: Final = frozenset({"json", "leaf"})
_OPEN_TO_TEXT: Final = frozenset({"json", "leaf", "json_text", "text", "segment", "header"})
"""What places take where a seed says nothing else."""
_LIMITS: Final = Limits(rows=100_000, bytes=1 << 26)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one context has shown."""

    kind: str
    context: str
    taken: int = 0
    refused: int = 0
    violations: list[tuple[str, str]] = field(default_factory=list)
    """(seed's id, what is wrong); the id is ``""`` for what no single seed is guilty of."""

    @property
    def values(self) -> int:
        """How many seeds were judged."""
        return self.taken + self.refused

    def told(self) -> list[Any]:
        """Return what the report is told."""
        return [self.kind, self.context, self.taken, self.refused, len(self.violations)]

    def __str__(self) -> str:
        shown = "; ".join(f"{seed or 'all'}: {wrong}" for seed, wrong in self.violations[:_SHOWN])
        return f"{self.kind}.{self.context}: {len(self.violations)} violations in {self.values} values: {shown}"


class Trial:
    """Tries one context of a driver at its live server."""

    def __init__(self, driver: Driver, client: Client, context: BindingContext, family: str) -> None:
        self.context = context
        self.tally = Tally(kind=driver.kind, context=context.name)
        self.neutral: set[str] = set()
        """The statements as they are with harmless values: no others may be sent."""
        self._client = client
        self._labels = (
            *(f"{scope}.{context.name}" for scope in (driver.kind, family)),
            *(f"{scope}.{context.takes}" for scope in (driver.kind, family)),
            *(context.takes, driver.kind, family),
        )
        self._plans = {width: _plan(driver, context, width) for width in {1, context.width}}
        self._queue = asyncio.Semaphore(_AT_ONCE)

    async def warm_up(self) -> None:
        """Execute with harmless values, until whatever is sent around a statement has been sent."""
        harmless = itertools.cycle(texts("harmless") if self.context.plain == PLAIN else [self.context.plain])
        for _ in range(3):
            for width in (1, self.context.width):
                await self._execute(self._bound(list(itertools.islice(harmless, width))))

    async def run(self, seeds: Sequence[Seed]) -> list[Any]:
        """Try every seed, and return the values that were taken as values."""
        taken: list[tuple[Seed, Any]] = []
        refused: list[tuple[Seed, Verdict]] = []
        for seed in filter(self.context.applies, seeds):
            match self._verdict(seed):
                case Is(value):
                    taken.append((seed, value))
                case Verdict.SAME:
                    taken.append((seed, seed.value))
                case verdict:
                    refused.append((seed, verdict))
        self.tally.taken, self.tally.refused = len(taken), len(refused)
        async with asyncio.TaskGroup() as group:
            for batch in self._batches(taken):
                group.create_task(self._limited(self._take(batch)))
            for seed, verdict in refused:
                if not self._is_refused_at_once(seed, verdict):
                    group.create_task(self._limited(self._refuse(seed, verdict)))
        return [value for _, value in taken]

    def blame(self, wrong: str, seed: str = "") -> None:
        """Note a violation."""
        self.tally.violations.append((seed, wrong))

    def _verdict(self, seed: Seed) -> Expected:
        found = seed.expected(self._labels)
        if found is not None:
            return found
        return Verdict.SAME if self.context.takes in (_OPEN_TO_TEXT if seed.is_text else _OPEN) else Verdict.REFUSED

    def _batches(self, taken: Sequence[tuple[Seed, Any]]) -> Iterator[list[tuple[Seed, Any]]]:
        batch: list[tuple[Seed, Any]] = []
        size = 0
        for seed, value in taken:
            weight = len(value) if isinstance(value, str) else 100
            if batch and (len(batch) == self.context.width or size + weight > self.context.room):
                yield from self._rest(batch)
                batch, size = [], 0
            batch.append((seed, value))
            size += weight
        yield from self._rest(batch)

    def _rest(self, batch: list[tuple[Seed, Any]]) -> Iterator[list[tuple[Seed, Any]]]:
        """Yield a batch that may not be full: statements are for one value or for ``width`` of them."""
        if self.context.joint or len(batch) == self.context.width:
            yield from filter(None, [batch])
        else:
            yield from ([single] for single in batch)

    async def _limited(self, work: Awaitable[None]) -> None:
        async with self._queue:
            await work

    async def _take(self, batch: Sequence[tuple[Seed, Any]]) -> None:
        """Execute with values that must be taken, and compare the answer with what is wanted."""
        try:
            bound = self._bound([seed.value for seed, _ in batch])
            found = self.context.read(await self._execute(bound))
            wanted = self.context.wanted([value for _, value in batch])
            wrong = "" if _bytes(found) == _bytes(wanted) else f"found {_short(found)}, wanted {_short(wanted)}"
        except ProxyError as error:
            wrong = f"refused: {error}"
        except Exception as error:  # noqa: BLE001  # reason: whatever leaves a driver is judged
            wrong = f"the driver let a {type(error).__name__} out"
        if not wrong:
            return
        if len(batch) == 1 or not self._can_repeat():
            self.blame(wrong, batch[0][0].id)
            return
        before = len(self.tally.violations)
        for single in batch:
            await self._take([single])
        if len(self.tally.violations) == before:
            self.blame(f"only together with others: {wrong}", batch[0][0].id)

    def _can_repeat(self) -> bool:
        return not self.context.stores

    def _is_refused_at_once(self, seed: Seed, verdict: Verdict) -> bool:
        """Return whether the value is refused, as it must be, before a driver sees it."""
        if verdict is not Verdict.REFUSED:
            return False
        try:
            self._bind(self.context.given(seed.value))
        except ProxyError as error:
            return self._names(error)
        except Exception:  # noqa: BLE001  # reason: judged when it is tried again
            return False
        return False

    async def _refuse(self, seed: Seed, verdict: Verdict) -> None:
        """Execute with a value that must be refused."""
        try:
            found = await self._execute(self._bound([seed.value]))
        except ProxyError as error:
            if isinstance(error, DatasourceError) and error.outcome is Outcome.UNKNOWN:
                self.blame(f"refused with {error.code}, whose outcome is unknown", seed.id)
            elif not self._names(error) and not (verdict is Verdict.FAILED and isinstance(error, DatasourceError)):
                self.blame(f"refused, but with {error.code}, which does not name it", seed.id)
        except Exception as error:  # noqa: BLE001  # reason: whatever leaves a driver is judged
            self.blame(f"the driver let a {type(error).__name__} out", seed.id)
        else:
            self.blame(f"taken, and answered with {_short(found)}", seed.id)

    def _names(self, error: ProxyError) -> bool:
        if isinstance(error, ParameterInvalid) and error.parameter is not None:
            return True
        named = any(problem.path == "params.v0" for problem in error.details)
        return named and isinstance(error, InvalidRequest | ParameterInvalid)

    def _bound(self, values: Sequence[Any]) -> Bound:
        """Bind values, and prove that they have no part in the statement's text."""
        given = [self.context.given(value) for value in values]
        bound = self._bind(*given)
        if isinstance(bound.payload, Statement):
            neutral = self._bind(*(self.context.given(self.context.plain) for _ in given)).payload
            assert isinstance(neutral, Statement)  # reason: of the same plan
            self.neutral.add(neutral.text)
            if bound.payload.text != neutral.text:
                self.blame("the statement's text depends on the values")
        return bound

    def _bind(self, *given: Any) -> Bound:
        if self.context.joint:
            return bind(self._plans[1], {"v0": list(given)}, _nobody)
        return bind(self._plans[len(given)], {f"v{n}": value for n, value in enumerate(given)}, _nobody)

    async def _execute(self, bound: Bound) -> Any:
        """Return ``data.body`` as the caller gets it."""
        request = ExecuteRequest(
            payload=bound.payload,
            values=bound.values,
            read_only=self._plans[1].read_only,
            limits=_LIMITS,
            deadline=asyncio.get_running_loop().time() + _SECONDS,
        )
        return orjson.loads(Encoder().encode(await self._client.execute(request), numbers="string"))


def refusal(driver: Driver, configuration: Mapping[str, Any]) -> str:
    """Return why an action with undeclared bindings is refused when it is saved, ``""`` when it is not."""
    compiled = compile_action(driver, configuration, (), read_only=None, allow_ddl=False)
    return "; ".join(problem.message for problem in compiled.problems)


def _plan(driver: Driver, context: BindingContext, width: int) -> Plan:
    names = ["v0"] if context.joint else [f"v{number}" for number in range(width)]
    declared = [] if context.declared is None else [DeclaredParameter(name=name, **context.declared) for name in names]
    compiled = compile_action(driver, context.action(names), declared, read_only=None, allow_ddl=False)
    assert compiled.plan is not None, f"{context.name}: {compiled.problems}"
    return compiled.plan


def _nobody(name: str) -> None:
    """Know nothing of the caller: no context has trusted names."""


def _bytes(answer: Any) -> bytes:
    """Return what answers are compared by: 1, true and "1" differ, and so does the order of keys; 1 and 1.0 do not."""
    return orjson.dumps(_counted(answer))


def _counted(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_counted(item) for item in answer]
    return int(answer) if isinstance(answer, float) and answer.is_integer() and abs(answer) < 2**53 else answer


def _short(answer: Any) -> str:
    text = ascii(answer)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
