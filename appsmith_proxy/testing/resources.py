"""What a process holds: tasks, threads and descriptors, counted before and after."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_DESCRIPTORS: Final = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Everything that a Client could leave behind."""

    tasks: frozenset[str]
    threads: frozenset[str]
    descriptors: frozenset[tuple[int, str]]
    """Empty where the system does not list them."""

    @classmethod
    def now(cls) -> "Held":
        """Return what this process holds at this moment, the calling task included."""
        return cls(
            tasks=frozenset(f"{task.get_name()} {task.get_coro()!r}" for task in asyncio.all_tasks()),
            threads=frozenset(f"{thread.name} {thread.ident}" for thread in threading.enumerate()),
            descriptors=frozenset(_descriptors()),
        )

    def beyond(self, earlier: "Held") -> list[str]:
        """Return, in words, what is held now and was not held earlier."""
        return [
            *(f"task {name}" for name in sorted(self.tasks - earlier.tasks)),
            *(f"thread {name}" for name in sorted(self.threads - earlier.threads)),
            *(f"descriptor {number} {name}" for number, name in sorted(self.descriptors - earlier.descriptors)),
        ]


async def left_behind(earlier: Held, *, within: float = 2.0) -> list[str]:
    """Return what is held beyond ``earlier`` once it is nothing, or at the end of ``within`` seconds.

    Transports and threads end a few turns of the loop after they are told to.
    """
    left: list[str] = []

    def nothing() -> bool:
        left[:] = Held.now().beyond(earlier)
        return not left

    await eventually(nothing, within=within)
    return left


async def eventually(condition: Callable[[], bool], *, within: float) -> bool:
    """Wait until the condition holds, looking every 10 ms; return whether it came to hold in time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while not condition():
        if loop.time() > end:
            return False
        await asyncio.sleep(0.01)
    return True


def _descriptors() -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    if not _DESCRIPTORS.is_dir():
        return found
    for entry in _DESCRIPTORS.iterdir():
        try:
            found.append((int(entry.name), str(entry.readlink())))
        except OSError:  # the descriptor of the listing itself
            continue
    return found
