"""One binding context on trial: every seed of the corpus stands in it, and what became of each is judged.

Actions are compiled, bound and executed as the proxy does it. Many values go into one execution where the context
allows it; when such an answer is not what it must be, its values are tried again one by one.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import orjson

from appsmith_proxy.errors import DatasourceError, InvalidRequest, Outcome, ParameterInvalid, ProxyError
from appsmith_proxy.sdk import Client, Driver
from appsmith_proxy.template import compile_action
from appsmith_proxy.testing.context import PLAIN, BindingContext
from appsmith_proxy.testing.corpus import Expected, Is, Seed, Verdict, texts
from appsmith_proxy.testing.injection_runner import Call, Runner

_SHOWN: Final = 10
_AT_ONCE: Final = 8
_OPEN: Final = frozenset({"json", "leaf"})
_OPEN_TO_TEXT: Final = frozenset({"json", "leaf", "json_text", "text", "segment", "header"})
"""What places take where a seed says nothing else."""


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

    runner_type: ClassVar[type[Runner]] = Runner

    def __init__(self, driver: Driver, client: Client, context: BindingContext, family: str) -> None:
        self.context = context
        self.tally = Tally(kind=driver.kind, context=context.name)
        self.neutral: set[str] = set()
        """The statements as they are with harmless values: no others may be sent."""
        self.answered: set[str] = set()
        """Those of them that were answered: the server must have seen them."""
        self._runner = self.runner_type(driver, client, context)
        self._turns = itertools.count()
        places = (context.name, *filter(None, [context.as_in]), context.takes)
        self._labels = (
            *(f"{scope}.{place}" for place in places for scope in (driver.kind, family)),
            *(context.takes, driver.kind, family),
        )
        # Transactions that hold locks on what each other's conditions read would be ended as deadlocks.
        self._queue = asyncio.Semaphore(1 if self._runner.in_transaction else _AT_ONCE)
        self._sizes = tuple(context.sizes) or (context.width,)

    async def warm_up(self) -> None:
        """Execute with harmless values, until whatever is sent around a statement has been sent."""
        plain = self.context.choices or [self.context.plain]
        harmless = itertools.cycle(texts("harmless") if plain == [PLAIN] else plain)
        for _ in range(3):
            for turn, size in itertools.product(range(len(self.context.sends) or 1), {1, *self._sizes}):
                await self._execute(self._call(list(itertools.islice(harmless, size)), turn))
        if self._runner.in_transaction:
            await self._runner.run(self._call([next(harmless)], 0), dry=True)

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
        sizes = itertools.cycle(self._sizes)
        most = next(sizes)
        batch: list[tuple[Seed, Any]] = []
        room = self.context.room
        for seed, value in taken:
            weight = len(value) if isinstance(value, str) else 100
            if batch and (len(batch) == most or weight > room):
                yield from self._rest(batch)
                batch, room, most = [], self.context.room, next(sizes)
            batch.append((seed, value))
            room -= weight
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
            call = self._call([seed.value for seed, _ in batch], next(self._turns))
            found = self.context.read(await self._execute(call))
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
        turn = next(self._turns)
        given = [self.context.given(seed.value)]
        try:
            self._runner.call(given, turn)
        except ProxyError as error:
            return self._names(error, self._runner.params(given, turn))
        except Exception:  # noqa: BLE001  # reason: judged when it is tried again
            return False
        return False

    async def _refuse(self, seed: Seed, verdict: Verdict) -> None:
        """Execute with a value that must be refused."""
        turn = next(self._turns)
        try:
            found = await self._execute(self._call([seed.value], turn))
        except ProxyError as error:
            named = self._names(error, self._runner.params([self.context.given(seed.value)], turn))
            if isinstance(error, DatasourceError) and error.outcome is Outcome.UNKNOWN:
                self.blame(f"refused with {error.code}, whose outcome is unknown", seed.id)
            elif not named and not (verdict is Verdict.FAILED and isinstance(error, DatasourceError)):
                self.blame(f"refused, but with {error.code}, which does not name it", seed.id)
        except Exception as error:  # noqa: BLE001  # reason: whatever leaves a driver is judged
            self.blame(f"the driver let a {type(error).__name__} out", seed.id)
        else:
            self.blame(f"taken, and answered with {_short(found)}", seed.id)

    def _names(self, error: ProxyError, params: Mapping[str, Any]) -> bool:
        if isinstance(error, ParameterInvalid) and error.parameter is not None:
            return True
        paths = {f"params.{name}" for name in params}
        named = any(problem.path in paths for problem in error.details)
        return named and isinstance(error, InvalidRequest | ParameterInvalid)

    def _call(self, values: Sequence[Any], turn: int) -> Call:
        """Bind values, and prove that they have no part in the statements' texts."""
        call = self._runner.call([self.context.given(value) for value in values], turn)
        if call.texts:
            plain = [[self.context.given(one)] * len(values) for one in self.context.choices or [self.context.plain]]
            neutral = [self._runner.call(values, turn).texts for values in plain]
            self.neutral.update(*neutral)
            if call.texts not in neutral:
                self.blame("the statement's text depends on the values")
        return call

    async def _execute(self, call: Call) -> Any:
        """Return ``data.body`` as the caller gets it."""
        answer = await self._runner.run(call)
        self.answered.update(call.texts)
        return answer


def refusal(driver: Driver, configuration: Mapping[str, Any]) -> str:
    """Return why an action with undeclared bindings is refused when it is saved, ``""`` when it is not."""
    compiled = compile_action(driver, configuration, (), read_only=None, allow_ddl=False)
    return "; ".join(problem.message for problem in compiled.problems)


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
