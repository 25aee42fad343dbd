"""Identifiers: 24 lower-case hexadecimal digits, the first eight the creation time in seconds, the rest random."""

import re
import secrets
import time
from typing import Final

ID_PATTERN: Final = re.compile(r"[0-9a-f]{24}")


def new_id() -> str:
    """Return a fresh id. Ids sort by creation second; 64 random bits make them unguessable enough to be no secret."""
    return f"{int(time.time()) & 0xFFFFFFFF:08x}{secrets.token_hex(8)}"


def is_id(text: object) -> bool:
    """Return whether ``text`` has the form of an id."""
    return isinstance(text, str) and ID_PATTERN.fullmatch(text) is not None
