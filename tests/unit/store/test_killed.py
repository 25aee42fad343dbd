"""Killed at any point, a store opens again with what was acknowledged, and nothing half-written."""

import asyncio
import sys
from collections import defaultdict
from pathlib import Path

from appsmith_proxy.model.records import Workspace
from appsmith_proxy.store.places import store_at
from appsmith_proxy.store.urls import parse_store_url
from tests.servers.mongod import MongodServer

ROUNDS = 18
ROOT = Path(__file__).parents[3]


async def test_a_killed_writer_of_a_sqlite_file(tmp_path: Path) -> None:
    await kill_and_look(f"sqlite://{tmp_path}/{{}}/proxy.db", seconds=0.12)


async def test_a_killed_writer_of_a_mongodb(mongod: MongodServer) -> None:
    name = mongod.fresh_database()
    await kill_and_look(mongod.url(f"{name}_{{}}"), seconds=0.4)
    for number in range(ROUNDS // 3):
        mongod.drop_database(f"{name}_{number}")


async def kill_and_look(url: str, *, seconds: float) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.store.killed_writer", url, "20", str(ROUNDS), str(seconds)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    assert process.returncode == 0
    rounds = [(int(which), int(count)) for which, count in (line.split() for line in output.decode().splitlines())]
    assert len(rounds) == ROUNDS
    assert sum(count for _, count in rounds) > 0, "no writer lived long enough to prove anything"
    for which in {which for which, _ in rounds}:
        async with store_at(parse_store_url(url.replace("{}", str(which)))) as store:
            names = {record.name async for record in store.scan(Workspace)}
            epoch = (await store.changes(0)).epoch
        commits_of: defaultdict[int, defaultdict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for name in names:
            writer, count, half = name.split(".")
            commits_of[int(writer)][int(count)].add(half)
        for number, (written_to, acknowledged) in enumerate(rounds):
            if written_to == which:
                commits = commits_of[number]
                assert all(commit == {"a", "b"} for commit in commits.values())
                assert sorted(commits) == list(range(len(commits)))
                assert len(commits) in (acknowledged, acknowledged + 1)
        assert epoch == len(names) / 2
