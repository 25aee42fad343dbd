"""The bounds of the web room: sizes, deadlines and who may call from a browser."""

from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """What an operator can set. The defaults are the documented ones."""

    execute_body_bytes: int = 10 * MIB
    """The whole body of an execute call."""
    value_bytes: int = 5 * MIB
    """One value of an execute call."""
    body_bytes: int = MIB
    """The body of every other call."""
    header_seconds: float = 10.0
    """From the first byte of a request to the end of its headers."""
    body_seconds: float = 30.0
    """From the end of the headers to the end of the body."""
    write_seconds: float = 60.0
    """For a client to take its answer."""
    idle_seconds: float = 75.0
    """A connection without a request is closed after this long."""
    connections: int = 2_000
    """Open connections, all together."""
    connections_per_address: int = 256
    """Open connections from one address. Behind a reverse proxy everybody has the same one."""
    allowed_origins: frozenset[str] = frozenset()
    """Origins whose pages may call, spelled exactly as browsers do. Empty: none."""
