"""Run writers and kill each with SIGKILL at a random moment: ``python -m tests.unit.store.killed_writer URL SEED ROUNDS SECONDS``.

The URL has a ``{}``. Prints one line a round: ``number acknowledged``, the number being what stood for the braces. Every third
round starts with a new store, so that creation and migration are killed too; the others go on with what the last kill left,
and are killed after their first commit, however slow the machine is.
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


def run(url: str, number: int, seconds: float, *, from_the_start: bool) -> int:
    """Let a writer live for some seconds, from its start or from its first commit; return how many it was told are done."""
    hear, acknowledge = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(write(url, number, acknowledge))
        finally:
            os._exit(1)
    os.close(acknowledge)
    acknowledged = 0 if from_the_start else len(os.read(hear, 1))
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WTERMSIG(status) != signal.SIGKILL:
        sys.exit(f"the writer of round {number} ended by itself")
    while chunk := os.read(hear, 65536):
        acknowledged += len(chunk)
    os.close(hear)
    return acknowledged


def main(url: str, seed: str, rounds: str, seconds: str) -> None:
    """Run the rounds, each writer living for at most some seconds."""
    dice = random.Random(int(seed))
    store_at(parse_store_url(url.replace("{}", "0")))  # so that no writer has to import anything
    for number in range(int(rounds)):
        which = number // 3
        lifetime = dice.uniform(0.0, float(seconds))
        from_the_start = number % 3 == 0
        print(which, run(url.replace("{}", str(which)), number, lifetime, from_the_start=from_the_start), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
