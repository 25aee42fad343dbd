"""What is known, for a short while, of statements: whether they leave nothing in their session (``ExecuteRequest.scope``).

Facts are read from the catalog on a connection that nobody waits for, by one connection at a time, and again before they
are believed no more::

    read ──▶ believed ──────── RENEW ──▶ one claims, the others believe on ──▶ FRESH: in doubt
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from appsmith_proxy.sdk.pool import Pooled
from appsmith_proxy.sdk.statements import Statement

FRESH_SECONDS: Final = 5.0
"""How long facts are believed."""
RENEW_SECONDS: Final = 3.5
"""After so long they are read again, by one connection, so that the others need not wait for it."""
CLAIM_SECONDS: Final = 1.0
"""How long a reading under way keeps others from it."""

C = TypeVar("C", bound=Pooled)


@dataclass(slots=True)
class _Known:
    """What is known of one statement; both times are of the event loop's clock."""

    harmless_until: float = -math.inf
    read_at: float = -math.inf
    """When it is to be read, or read again."""


class Facts(Generic[C]):
    """The facts of one Client's statements.

    Args:
        ask: asks the catalog, over a connection, whether a statement leaves nothing behind. False when in doubt.
    """

    def __init__(self, ask: Callable[[C, Statement], Awaitable[bool]]) -> None:
        self._ask = ask
        self._known: dict[str, _Known] = {}

    def harmless(self, statement: Statement, now: float) -> bool | None:
        """Return whether fresh facts say that the statement leaves nothing behind.

        None: the caller must ``read`` them, now; then for a while nobody else must.
        """
        known = self._known.get(statement.digest)
        if known is None:
            known = self._known[statement.digest] = _Known()
        if now >= known.read_at:
            known.read_at = now + CLAIM_SECONDS
            return None
        return now < known.harmless_until

    async def read(self, wire: C, statement: Statement, now: float) -> None:
        """Read the facts on a connection that nobody waits for."""
        harmless = await self._ask(wire, statement)
        self._known[statement.digest] = _Known(now + FRESH_SECONDS if harmless else -math.inf, now + RENEW_SECONDS)
