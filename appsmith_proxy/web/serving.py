"""What all connections of one server share: ids of requests, the time of day, and whether it is about to stop."""

import secrets
import time
from email.utils import formatdate
from typing import final


@final
class Serving:
    """The state of one server. One event loop uses it."""

    def __init__(self) -> None:
        self.draining = False
        """About to stop: readiness fails, and every answer closes its connection."""
        self._prefix = secrets.token_hex(8)
        self._count = 0
        self._second = 0
        self._date = b""

    def request_id(self) -> str:
        """Return a fresh id: ours, never the client's, so that no log line can be forged or collided with."""
        self._count += 1
        return f"{self._prefix}{self._count & 0xFFFFFFFF:08x}"

    def date(self) -> bytes:
        """Return the time of day as the Date header has it, formatted once a second."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._date = formatdate(now, usegmt=True).encode()
        return self._date
