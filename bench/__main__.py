"""``make bench``: our execute call against a hand-written handler, taking turns in one run, on the same datasource.

::

    load generator ──HTTP──▶ by_hand/   aiohttp + the library's own pool + orjson ──┐
         (this process) ──▶ ours.py    the proxy as an operator runs it ───────────┴──▶ PostgreSQL, MariaDB, an API
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import uvloop

from bench import report, steps
from bench.compare import BY_HAND, OURS, Comparison
from bench.datasources import DATASOURCES, ByHand, Datasource, Filled
from bench.processes import ServerProcess


async def run(arguments: argparse.Namespace) -> int:
    """Measure on each datasource, print, and write the JSON. Return 0 when every bar holds."""
    measured = {}
    for name in arguments.datasource or DATASOURCES:
        datasource = DATASOURCES[name]
        async with datasource.filled() as filled:
            print(f"{name}: {arguments.rounds} rounds of {arguments.seconds:g} s for each side; load {_load():.1f}")
            measured[name] = await _measure(datasource, filled, arguments)
    spent = await steps.steps()
    missed = [f"MISSED: {name}: {what}" for name, one in measured.items() for what in one.missed]
    missed += [f"MISSED: {what}" for what in steps.show(spent)]
    print("\n".join(missed) or "every bar holds")
    print(f"written to {report.write(measured, spent)}")
    return 1 if missed else 0


async def _measure(datasource: Datasource, filled: Filled, arguments: argparse.Namespace) -> report.Measured:
    measured = report.Measured()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        processes = {
            side: stack.enter_context(process)
            for side, process in _started(datasource, filled, folder, beside=arguments.beside)
        }
        comparison = Comparison(processes, datasource.workloads, zone=datasource.zone)
        print(report.head())
        for load in datasource.workloads:
            if arguments.only and load.name not in arguments.only:
                continue
            row = await comparison.compare(load, rounds=arguments.rounds, seconds=arguments.seconds)
            measured.rows.append(row)
            print(report.line(row), flush=True)
        measured.constant = await comparison.without_datasource(rounds=arguments.rounds, seconds=arguments.seconds / 2)
        print(f"the hand-written server without its datasource: {max(measured.constant):.0f} requests a second at best")
        if arguments.soak:
            measured.soak = await comparison.soak(arguments.soak)
            samples = " ".join(f"{value:.1f}" for value in measured.soak)
            print(f"memory over {arguments.soak} executions, MB: {samples}")
        if await filled.events() != comparison.writes:
            raise SystemExit("there are not as many events as writes were answered")
    measured.missed = report.verdicts(measured, datasource.bars)
    return measured


def _started(
    datasource: Datasource, filled: Filled, folder: str, *, beside: bool
) -> Iterator[tuple[str, ServerProcess]]:
    """Start the sides, in the order of their turns."""

    def by_hand(side: ByHand) -> ServerProcess:
        return ServerProcess(side.module, json.dumps({**filled.connection, **side.options}))

    yield BY_HAND, by_hand(datasource.by_hand)
    yield OURS, ServerProcess("bench.ours", json.dumps(_described(datasource, filled)), folder)
    if beside:
        for name, side in datasource.beside.items():
            yield name, by_hand(side)


def _described(datasource: Datasource, filled: Filled) -> dict[str, Any]:
    """Return what our side creates: a datasource, and an action for each workload."""
    return {
        "kind": datasource.kind,
        "configuration": filled.configuration,
        "actions": [
            {
                "name": load.name,
                "configuration": load.configuration,
                "parameters": {name: datasource.types[name] for name in load.names if name in datasource.types},
            }
            for load in datasource.workloads
        ],
    }


def _load() -> float:
    return os.getloadavg()[0]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--datasource", action="append", choices=DATASOURCES, help="one of them; may repeat (all)")
    parser.add_argument("--rounds", type=int, default=7, help="of each side, taking turns (7)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn (2)")
    parser.add_argument("--soak", type=int, default=100_000, help="executions over which memory must be flat (100000)")
    parser.add_argument("--beside", action="store_true", help="measure other hand-written servers beside the two")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.7 s, no soak: to see that it runs")
    parser.add_argument("--only", action="append", help="one workload by name; may repeat")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.soak = 3, 0.7, 0
    return arguments


if __name__ == "__main__":
    sys.exit(uvloop.run(run(_arguments())))
