"""Run writers and kill each with SIGKILL at a random moment: ``python -m tests.unit.store.killed_writer FOLDER SEED ROUNDS``.

Prints one line a round: ``path acknowledged``. Every third round starts with a new file, so that creation and migration are
killed too; the others go on with the file that the last kill left.
"""

import asyncio
import os
import random
import signal
import sys
import time
from pathlib import Path

from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.records import Workspace
from appsmith_proxy.store.contract import Put
from appsmith_proxy.store.sqlite import SqliteStore


async def write(path: Path, number: int, acknowledge: int) -> None:
    """Commit pairs for ever, and write a byte after each."""
    store = SqliteStore(path)
    await store.open()
    count = 0
    while True:
        pair = [Workspace(id=new_id(), name=f"{number}.{count}.{half}") for half in ("a", "b")]
        await store.commit(*(Put(record, expected=0) for record in pair))
        os.write(acknowledge, b".")
        count += 1


def run(path: Path, number: int, seconds: float) -> int:
    """Let a writer live for some seconds; return how many commits it was told are done."""
    hear, acknowledge = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(write(path, number, acknowledge))
        finally:
            os._exit(1)
    os.close(acknowledge)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WTERMSIG(status) != signal.SIGKILL:
        sys.exit(f"the writer of round {number} ended by itself")
    acknowledged = 0
    while chunk := os.read(hear, 65536):
        acknowledged += len(chunk)
    os.close(hear)
    return acknowledged


def main(folder: str, seed: str, rounds: str) -> None:
    """Run the rounds."""
    dice = random.Random(int(seed))
    for number in range(int(rounds)):
        path = Path(folder) / f"{number // 3}" / "proxy.db"
        print(path, run(path, number, dice.uniform(0.0, 0.12)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
