"""``make bench``: our execute call against a hand-written handler, taking turns in one run, on the same database.

::

    load generator ──HTTP──▶ by_hand/   aiohttp + the library's own pool + orjson ──┐
         (this process) ──▶ ours.py    the proxy as an operator runs it ───────────┴──▶ PostgreSQL, MariaDB
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack

import uvloop

from bench import report
from bench.compare import BY_HAND, OURS, Comparison
from bench.databases import DATABASES, ByHand, Database, Filled
from bench.processes import ServerProcess
from bench.workloads import WORKLOADS


async def run(arguments: argparse.Namespace) -> int:
    """Measure on each database, print, and write the JSON. Return 0 when every bar holds."""
    measured = {}
    for name in arguments.database or DATABASES:
        database = DATABASES[name]
        async with database.filled() as filled:
            print(f"{name}: {arguments.rounds} rounds of {arguments.seconds:g} s for each side; load {_load():.1f}")
            measured[name] = await _measure(database, filled, arguments)
    missed = [f"MISSED: {name}: {what}" for name, one in measured.items() for what in one.missed]
    print("\n".join(missed) or "every bar holds")
    print(f"written to {report.write(measured)}")
    return 1 if missed else 0


async def _measure(database: Database, filled: Filled, arguments: argparse.Namespace) -> report.Measured:
    measured = report.Measured()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        processes = {
            side: stack.enter_context(process)
            for side, process in _started(database, filled, folder, beside=arguments.beside)
        }
        comparison = Comparison(processes, zone=database.zone)
        print(report.head())
        for load in WORKLOADS:
            if arguments.only and load.name not in arguments.only:
                continue
            row = await comparison.compare(load, rounds=arguments.rounds, seconds=arguments.seconds)
            measured.rows.append(row)
            print(report.line(row), flush=True)
        measured.constant = await comparison.without_database(rounds=arguments.rounds, seconds=arguments.seconds / 2)
        print(f"the hand-written server without a database: {max(measured.constant):.0f} requests a second at best")
        if arguments.soak:
            measured.soak = await comparison.soak(arguments.soak)
            samples = " ".join(f"{value:.1f}" for value in measured.soak)
            print(f"memory over {arguments.soak} executions, MB: {samples}")
        if await filled.events() != comparison.writes:
            raise SystemExit("there are not as many events as inserts were answered")
    measured.missed = report.verdicts(measured, database.bars)
    return measured


def _started(database: Database, filled: Filled, folder: str, *, beside: bool) -> Iterator[tuple[str, ServerProcess]]:
    """Start the sides, in the order of their turns."""

    def by_hand(side: ByHand) -> ServerProcess:
        return ServerProcess(side.module, json.dumps({**filled.connection, **side.options}))

    yield BY_HAND, by_hand(database.by_hand)
    connection = json.dumps(dict(filled.connection))
    yield OURS, ServerProcess("bench.ours", connection, database.kind, json.dumps(dict(database.types)), folder)
    if beside:
        for name, side in database.beside.items():
            yield name, by_hand(side)


def _load() -> float:
    return os.getloadavg()[0]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", action="append", choices=DATABASES, help="one of them; may repeat (all)")
    parser.add_argument("--rounds", type=int, default=7, help="of each side, taking turns (7)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn (2)")
    parser.add_argument("--soak", type=int, default=100_000, help="executions over which memory must be flat (100000)")
    parser.add_argument("--beside", action="store_true", help="measure the compiled libraries beside the two")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.7 s, no soak: to see that it runs")
    parser.add_argument("--only", action="append", help="one workload by name; may repeat")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.soak = 3, 0.7, 0
    return arguments


if __name__ == "__main__":
    sys.exit(uvloop.run(run(_arguments())))
