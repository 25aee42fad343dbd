"""Measuring: rounds in which the sides take turns, every sampled answer compared with what it must be, memory beside it."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from statistics import median
from typing import Any, Final, final

from bench.load import Measured, burst, request
from bench.processes import ServerProcess, other_cpu
from bench.workloads import REQUESTS, Workload

BY_HAND: Final = "by hand"
OURS: Final = "ours"
SAMPLE_SECONDS: Final = 0.05
WARM_SECONDS: Final = 0.7


@dataclass(slots=True)
class Side:
    """What was measured of one side, an entry for each round."""

    rates: list[float] = field(default_factory=list)
    """Requests a second."""
    cpu_us: list[float] = field(default_factory=list)
    """CPU of the server process for each request, microseconds."""
    datasource_us: list[float] = field(default_factory=list)
    """CPU of the datasource for each request."""
    rss_mb: float = 0.0
    """The most resident memory that was sampled under this load."""


@dataclass(slots=True, kw_only=True)
class Row:
    """One workload's result."""

    workload: str
    sides: dict[str, Side]
    """Of ``BY_HAND``, ``OURS``, and whoever was measured beside them."""

    def ratios(self, side: str = OURS) -> list[float]:
        """Return a side's rate by the hand-written handler's, round for round."""
        hand = self.sides[BY_HAND]
        return [one / other for one, other in zip(self.sides[side].rates, hand.rates, strict=True)]

    def ratio(self, side: str = OURS) -> float:
        """Return the median of the rounds'."""
        return median(self.ratios(side))

    def cpu_ratio(self, side: str = OURS) -> float:
        """Return a side's CPU by the hand-written handler's: the steadier of the two where others use the machine."""
        hand = self.sides[BY_HAND]
        return median(one / other for one, other in zip(self.sides[side].cpu_us, hand.cpu_us, strict=True))


@final
class Comparison:
    """The servers under load, by side."""

    def __init__(
        self, processes: Mapping[str, ServerProcess], workloads: Sequence[Workload], *, zone: tzinfo | None
    ) -> None:
        self._processes = processes
        self._workloads = workloads
        self._zone = zone
        self.writes = 0
        """How many writes must have been done so far."""

    async def compare(self, load: Workload, *, rounds: int, seconds: float) -> Row:
        """Measure one workload, sides taking turns and the first turn too."""
        row = Row(workload=load.name, sides={side: Side() for side in self._processes})
        sides = list(self._processes)
        for side in sides:
            await self._burst(side, load, WARM_SECONDS)
        for number in range(rounds):
            for side in sides if number % 2 else reversed(sides):
                await self._measure(side, load, seconds, row.sides[side])
        return row

    async def without_datasource(self, *, rounds: int, seconds: float) -> list[float]:
        """Measure the hand-written server where it answers a constant: what is left when nothing is done."""
        call = [request("/constant", b'{"id":1}')]
        port = self._processes[BY_HAND].port
        return [(await burst(port, call, connections=16, seconds=seconds)).rate for _ in range(rounds)]

    async def soak(self, executions: int) -> list[float]:
        """Execute the first workload so many times; return our resident memory at the start and after each tenth."""
        ours = self._processes[OURS]
        await self._burst(OURS, self._workloads[0], WARM_SECONDS)
        samples = [ours.rss_mb()]
        for _ in range(10):
            await self._burst(OURS, self._workloads[0], 3600, most=executions // 10)
            samples.append(ours.rss_mb())
        return samples

    async def _measure(self, side: str, load: Workload, seconds: float, into: Side) -> None:
        process = self._processes[side]
        cpu, datasource = process.cpu(), self._datasource_cpu()
        with _sampling(process, into):
            done = await self._burst(side, load, seconds)
        into.rates.append(done.rate)
        into.cpu_us.append((process.cpu() - cpu) / done.requests * 1e6)
        into.datasource_us.append((self._datasource_cpu() - datasource) / done.requests * 1e6)

    async def _burst(self, side: str, load: Workload, seconds: float, *, most: int | None = None) -> Measured:
        done = await burst(
            self._processes[side].port,
            self._requests(side, load),
            connections=load.connections,
            seconds=seconds,
            most=most,
        )
        for number, body in done.samples:
            load.check(number, _answered(side, body), zone=self._zone)
        self.writes += 0 if load.rows else done.requests
        return done

    def _requests(self, side: str, load: Workload) -> list[bytes]:
        index = self._workloads.index(load)
        values = [load.params(number) for number in range(REQUESTS)]
        if side != OURS:
            return [request(f"/{index}", _json(params)) for params in values]
        told = self._processes[OURS].told
        headers = f"Authorization: Bearer {told['token']}\r\n"
        action = {"actionId": told["actions"][index], "viewMode": True}
        return [request("/api/v1/actions/execute", _json({**action, "params": one}), headers) for one in values]

    def _datasource_cpu(self) -> float:
        return other_cpu(*self._processes.values())


def _answered(side: str, body: bytes) -> Any:
    answer = json.loads(body)
    if side == OURS:
        if not answer["data"]["isExecutionSuccess"]:
            raise SystemExit(f"our execution failed: {answer['data']}")
        return answer["data"]["body"]
    return answer


def _json(value: object) -> bytes:
    """As a browser writes it: no spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


@contextmanager
def _sampling(process: ServerProcess, into: Side) -> Iterator[None]:
    """Sample resident memory while the block runs."""

    async def sample() -> None:
        while True:
            into.rss_mb = max(into.rss_mb, process.rss_mb())
            await asyncio.sleep(SAMPLE_SECONDS)

    task = asyncio.create_task(sample())
    try:
        yield
    finally:
        task.cancel()
