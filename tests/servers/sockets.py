"""What reached the kernel: every ``connect`` that Python's own sockets make, seen by an audit hook."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_watchers: list[list[tuple[Any, ...]]] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        for seen in _watchers:
            seen.append(args[1])


@contextmanager
def watched_connects() -> Iterator[list[tuple[Any, ...]]]:
    """Collect the addresses that are dialled meanwhile. Does not see uvloop, which dials in C."""
    if not getattr(sys, "_connects_are_watched", False):
        sys.addaudithook(_hook)  # a hook cannot be taken off again, so it is put on once
        sys._connects_are_watched = True  # type: ignore[attr-defined]  # reason: a mark that outlives this module
    seen: list[tuple[Any, ...]] = []
    _watchers.append(seen)
    try:
        yield seen
    finally:
        _watchers.remove(seen)
