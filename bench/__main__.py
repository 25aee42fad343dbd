"""``make bench``: our execute call against a hand-written handler, interleaved, on the same PostgreSQL."""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil
import uvloop

from bench.load import Measured, burst, request
from bench.workloads import SCHEMA, WORKLOADS, Workload
from tests.servers.postgres import PostgresServer

RESULTS: Final = Path(__file__).parent / "results"
MEMORY_BAR_MB: Final = 96
SIDES: Final = ("by hand", "ours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One workload's result."""

    workload: str
    by_hand_per_second: list[float]
    ours_per_second: list[float]
    ratios: list[float]
    """Ours by the baseline's, of the same round."""
    ratio: float
    cpu_us_by_hand: float
    cpu_us_ours: float

    def line(self) -> str:
        """Return the row as a person reads it."""
        low, high = min(self.ratios), max(self.ratios)
        return (
            f"{self.workload:<12} {median(self.by_hand_per_second):>9.0f} {median(self.ours_per_second):>9.0f} "
            f"{self.ratio:>7.2f} {low:>6.2f}-{high:<5.2f} {self.cpu_us_by_hand:>9.0f} {self.cpu_us_ours:>9.0f}"
        )


class Process:
    """A server process of ours: started, measured, ended by its own handle."""

    def __init__(self, stack: ExitStack, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True)
        stack.callback(self._end)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{module} did not start; its message is above")
        self.told: dict[str, Any] = json.loads(line)
        self._usage = psutil.Process(self._process.pid)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.told["port"]
        return port

    def cpu(self) -> float:
        """CPU seconds so far."""
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def rss_mb(self) -> float:
        """Resident memory now."""
        return float(self._usage.memory_info().rss) / 2**20

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Bench:
    """Both servers, and what was measured of them."""

    def __init__(self, by_hand: Process, ours: Process) -> None:
        self.by_hand = by_hand
        self.ours = ours
        self.rss: list[float] = []
        self.rss_by_hand: list[float] = []

    async def compare(self, load: Workload, *, rounds: int, seconds: float) -> Row:
        """Measure one workload, sides taking turns."""
        rates: dict[str, list[float]] = {side: [] for side in SIDES}
        cpu: dict[str, list[float]] = {side: [] for side in SIDES}
        await self._check(load)
        for number in range(rounds):
            for side in SIDES if number % 2 else reversed(SIDES):
                process = self.ours if side == "ours" else self.by_hand
                before = process.cpu()
                with self._sampled():
                    done = await self._burst(side, load, seconds)
                rates[side].append(done.rate)
                cpu[side].append((process.cpu() - before) / done.requests * 1e6)
        ratios = [ours / hand for ours, hand in zip(rates["ours"], rates["by hand"], strict=True)]
        return Row(
            workload=load.name,
            by_hand_per_second=rates["by hand"],
            ours_per_second=rates["ours"],
            ratios=ratios,
            ratio=median(ratios),
            cpu_us_by_hand=median(cpu["by hand"]),
            cpu_us_ours=median(cpu["ours"]),
        )

    async def constant(self, seconds: float) -> float:
        """Measure the baseline's server without a database."""
        body = request("/constant", b'{"id":1}')
        return (await burst(self.by_hand.port, lambda: body, connections=16, seconds=seconds)).rate

    async def soak(self, executions: int) -> list[float]:
        """Execute the lookup many times; return resident memory at ten points."""
        load = WORKLOADS[0]
        samples = [self.ours.rss_mb()]
        done = 0
        while done < executions:
            done += (await self._burst("ours", load, 2)).requests
            if done >= executions * len(samples) / 10:
                samples.append(self.ours.rss_mb())
        return samples

    async def _check(self, load: Workload) -> None:
        # Both sides must answer the same rows: a fast wrong answer is no answer. This also warms both up.
        answers = {side: (await self._burst(side, load, 0.5, start=1, step=0)).sample for side in SIDES}
        theirs, ours = json.loads(answers["by hand"]), json.loads(answers["ours"])
        if ours["data"]["isExecutionSuccess"] is not True:
            raise SystemExit(f"{load.name}: our execution failed: {ours['data']}")
        rows = ours["data"]["body"]
        if len(rows) != len(theirs) or (load.rows and [row["id"] for row in rows] != [row["id"] for row in theirs]):
            raise SystemExit(f"{load.name}: the two sides answer different rows")
        if load.rows and (rows[0]["price"], rows[0]["paid"]) != (theirs[0]["price"], theirs[0]["paid"]):
            raise SystemExit(f"{load.name}: the two sides answer different values")

    async def _burst(self, side: str, load: Workload, seconds: float, *, start: int = 0, step: int = 1) -> Measured:
        process = self.ours if side == "ours" else self.by_hand
        make = self._maker(side, load, itertools.count(start, step))
        return await burst(process.port, make, connections=load.connections, seconds=seconds)

    def _maker(self, side: str, load: Workload, numbers: Iterator[int]) -> Callable[[], bytes]:
        index = WORKLOADS.index(load)
        if side == "by hand":
            return lambda: request(f"/{index}", json.dumps(load.params(next(numbers))).encode())
        action = self.ours.told["actions"][index]
        headers = f"Authorization: Bearer {self.ours.told['token']}\r\n"

        def make() -> bytes:
            body = {"actionId": action, "viewMode": True, "params": load.params(next(numbers))}
            return request("/api/v1/actions/execute", json.dumps(body).encode(), headers)

        return make

    @contextmanager
    def _sampled(self) -> Iterator[None]:
        async def sample() -> None:
            while True:
                self.rss.append(self.ours.rss_mb())
                self.rss_by_hand.append(self.by_hand.rss_mb())
                await asyncio.sleep(0.2)

        task = asyncio.ensure_future(sample())
        try:
            yield
        finally:
            task.cancel()


async def run(arguments: argparse.Namespace) -> int:
    """Start everything, measure, print, and write the JSON. Return 0 when every bar holds."""
    with PostgresServer() as postgres, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        database = await postgres.fresh_database()
        async with postgres.session(database) as session:
            for statement in SCHEMA.split(";\n"):
                if statement.strip():
                    await session.execute(statement)
        connection = {
            "host": postgres.host,
            "port": postgres.port,
            "database": database,
            "user": postgres.user,
            "password": postgres.password,
        }
        bench = Bench(
            Process(stack, "bench.by_hand", json.dumps(connection)),
            Process(stack, "bench.ours", json.dumps(connection), f"{folder}/store"),
        )
        print(f"{'':<12} {'by hand/s':>9} {'ours/s':>9} {'ratio':>7} {'min-max':>12} {'CPU us':>9} {'ours us':>9}")
        rows = []
        for load in WORKLOADS:
            if arguments.only and load.name not in arguments.only:
                continue
            rows.append(await bench.compare(load, rounds=arguments.rounds, seconds=arguments.seconds))
            print(rows[-1].line(), flush=True)
        constant = await bench.constant(arguments.seconds)
        print(f"aiohttp alone, no database: {constant:.0f}/s")
        print(
            f"memory under load: ours {max(bench.rss):.0f} MB (bar {MEMORY_BAR_MB}), by hand {max(bench.rss_by_hand):.0f} MB"
        )
        soak = await bench.soak(arguments.soak) if arguments.soak else []
        if soak:
            print(f"memory over {arguments.soak} executions, MB: {' '.join(f'{value:.1f}' for value in soak)}")
        _write(rows, constant, bench, soak)
        held = all(row.ratio >= 1 for row in rows) and max(bench.rss) < MEMORY_BAR_MB
        print("every bar holds" if held else "NOT every bar holds")
        return 0 if held else 1


def _write(rows: list[Row], constant: float, bench: Bench, soak: list[float]) -> None:
    RESULTS.mkdir(exist_ok=True)
    report = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": [asdict(row) for row in rows],
        "constant_per_second": constant,
        "rss_mb": {"ours": max(bench.rss), "by_hand": max(bench.rss_by_hand)},
        "soak_rss_mb": soak,
    }
    path = RESULTS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(report, indent=1))
    print(f"written to {path}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="of each side, taking turns (7)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn (3)")
    parser.add_argument(
        "--soak", type=int, default=0, help="also execute the lookup so many times, and watch the memory"
    )
    parser.add_argument("--only", action="append", help="one workload by name; may repeat")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(uvloop.run(run(_arguments())))
