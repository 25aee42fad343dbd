"""Killed at any point, the SQLite store opens again with what was acknowledged, and nothing half-written."""

import asyncio
import sys
from collections import defaultdict
from pathlib import Path

from appsmith_proxy.model.records import Workspace
from appsmith_proxy.store.sqlite import SqliteStore

ROUNDS = 18
ROOT = Path(__file__).parents[3]


async def test_a_killed_writer_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.store.killed_writer", str(tmp_path), "20", str(ROUNDS)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    assert process.returncode == 0
    rounds = [(Path(path), int(count)) for path, count in (line.split() for line in output.decode().splitlines())]
    assert len(rounds) == ROUNDS
    assert sum(count for _, count in rounds) > 0, "no writer lived long enough to prove anything"
    for path in {path for path, _ in rounds}:
        async with SqliteStore(path) as store:
            names = {record.name async for record in store.scan(Workspace)}
            epoch = (await store.changes(0)).epoch
        commits_of: defaultdict[int, defaultdict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for name in names:
            writer, count, half = name.split(".")
            commits_of[int(writer)][int(count)].add(half)
        for number, (written_to, acknowledged) in enumerate(rounds):
            if written_to == path:
                commits = commits_of[number]
                assert all(commit == {"a", "b"} for commit in commits.values())
                assert sorted(commits) == list(range(len(commits)))
                assert len(commits) in (acknowledged, acknowledged + 1)
        assert epoch == len(names) / 2
