"""Identifiers: 24 lower-case hexadecimal digits, the first eight the creation time in seconds, the rest random."""

import os
import re
import secrets
import time
from typing import Final, TypeGuard, final

ID_PATTERN: Final = re.compile(r"[0-9a-f]{24}")

_RANDOM_BYTES: Final = 8
_IDS_A_BLOCK: Final = 256


def new_id() -> str:
    """Return a fresh id. Ids sort by creation second; 64 random bits make them unguessable enough to be no secret."""
    return f"{int(time.time()) & 0xFFFFFFFF:08x}{secrets.token_hex(_RANDOM_BYTES)}"


@final
class Ids:
    """Makes ids like ``new_id``, for who needs many: the random bits are fetched from the system in blocks."""

    __slots__ = ("_endings",)

    def __init__(self) -> None:
        self._endings: list[str] = []

    def next(self, now: float) -> str:
        """Return a fresh id, made at ``now`` on the wall clock."""
        endings = self._endings or self._more()
        return f"{int(now) & 0xFFFFFFFF:08x}{endings.pop()}"

    def _more(self) -> list[str]:
        digits = 2 * _RANDOM_BYTES
        block = os.urandom(_RANDOM_BYTES * _IDS_A_BLOCK).hex()
        self._endings = [block[at : at + digits] for at in range(0, len(block), digits)]
        return self._endings


def is_id(text: object) -> TypeGuard[str]:
    """Return whether ``text`` has the form of an id."""
    return isinstance(text, str) and ID_PATTERN.fullmatch(text) is not None
