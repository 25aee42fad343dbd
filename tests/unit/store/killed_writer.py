"""Run writers and kill each with SIGKILL at a random moment: ``python -m tests.unit.store.killed_writer URL SEED ROUNDS SECONDS``.

The URL has a ``{}``. Prints one line a round: ``number acknowledged``, the number being what stood for the braces. Every third
round starts with a new store, so that creation and migration are killed too; the others go on with what the last kill left.
"""

import asyncio
import os
import random
import signal
import sys
import time

from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.records import Workspace
from appsmith_proxy.store.contract import Put
from appsmith_proxy.store.places import store_at
from appsmith_proxy.store.urls import parse_store_url


async def write(url: str, number: int, acknowledge: int) -> None:
    """Commit pairs for ever, and write a byte after each."""
    store = store_at(parse_store_url(url))
    await store.open()
    count = 0
    while True:
        pair = [Workspace(id=new_id(), name=f"{number}.{count}.{half}") for half in ("a", "b")]
        await store.commit(*(Put(record, expected=0) for record in pair))
        os.write(acknowledge, b".")
        count += 1


def run(url: str, number: int, seconds: float) -> int:
    """Let a writer live for some seconds; return how many commits it was told are done."""
    hear, acknowledge = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(write(url, number, acknowledge))
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


def main(url: str, seed: str, rounds: str, seconds: str) -> None:
    """Run the rounds, each writer living for at most some seconds."""
    dice = random.Random(int(seed))
    for number in range(int(rounds)):
        which = number // 3
        print(which, run(url.replace("{}", str(which)), number, dice.uniform(0.0, float(seconds))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
