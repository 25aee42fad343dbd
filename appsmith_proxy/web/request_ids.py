"""Ids of requests: ours, never the client's, so that a log line cannot be forged or collided with."""

import secrets
from typing import final


@final
class RequestIds:
    """Counts up from a random start: 24 hexadecimal digits, unique in a process and, nearly surely, everywhere."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(8)
        self._count = 0

    def next(self) -> str:
        """Return a fresh id."""
        self._count += 1
        return f"{self._prefix}{self._count & 0xFFFFFFFF:08x}"
