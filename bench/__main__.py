"""``make bench``: our execute call against a hand-written handler, taking turns in one run, on the same PostgreSQL.

::

    load generator ──HTTP──▶ by_hand.py  aiohttp + asyncpg.create_pool() + orjson ──┐
         (this process) ──▶ ours.py     the proxy as an operator runs it ──────────┴──▶ PostgreSQL
"""

import argparse
import json
import os
import sys
import tempfile
from typing import Any

import uvloop

from bench import report
from bench.compare import Comparison
from bench.processes import ServerProcess
from bench.workloads import COUNT_EVENTS, SCHEMA, WORKLOADS
from tests.servers.postgres import PostgresServer


async def run(arguments: argparse.Namespace) -> int:
    """Start everything, measure, print, and write the JSON. Return 0 when every bar holds."""
    with PostgresServer() as postgres, tempfile.TemporaryDirectory() as folder:
        database = await postgres.fresh_database()
        async with postgres.session(database) as session:
            for statement in SCHEMA:
                await session.execute(statement)
        connection: dict[str, Any] = {
            "host": postgres.host,
            "port": postgres.port,
            "database": database,
            "user": postgres.user,
            "password": postgres.password,
        }
        with (
            ServerProcess("bench.by_hand", json.dumps(connection)) as by_hand,
            ServerProcess("bench.ours", json.dumps(connection), f"{folder}/store") as ours,
        ):
            comparison = Comparison(by_hand, ours)
            print(f"{arguments.rounds} rounds of {arguments.seconds:g} s for each side; load {os.getloadavg()[0]:.1f}")
            print(report.head())
            rows = []
            for load in WORKLOADS:
                if arguments.only and load.name not in arguments.only:
                    continue
                rows.append(await comparison.compare(load, rounds=arguments.rounds, seconds=arguments.seconds))
                print(report.line(rows[-1]), flush=True)
            constant = await comparison.without_database(rounds=arguments.rounds, seconds=arguments.seconds / 2)
            print(f"the hand-written server without a database: {max(constant):.0f} requests a second at best")
            soak = await comparison.soak(arguments.soak) if arguments.soak else []
            if soak:
                print(f"memory over {arguments.soak} executions, MB: {' '.join(f'{value:.1f}' for value in soak)}")
        async with postgres.session(database) as session:
            if await session.fetchval(COUNT_EVENTS) != comparison.writes:
                raise SystemExit("there are not as many events as inserts were answered")
    missed = report.verdicts(rows, soak)
    print("\n".join(f"MISSED: {what}" for what in missed) or "every bar holds")
    print(f"written to {report.write(rows, constant, soak, missed)}")
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="of each side, taking turns (7)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn (2)")
    parser.add_argument("--soak", type=int, default=100_000, help="executions over which memory must be flat (100000)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.7 s, no soak: to see that it runs")
    parser.add_argument("--only", action="append", help="one workload by name; may repeat")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.soak = 3, 0.7, 0
    return arguments


if __name__ == "__main__":
    sys.exit(uvloop.run(run(_arguments())))
