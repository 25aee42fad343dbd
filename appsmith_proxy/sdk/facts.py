"""What is known, for a short while, of statements: whether they leave nothing in their session (``ExecuteRequest.scope``).

Facts are read from the catalog on a connection that nobody waits for, by one connection at a time, and again before they
are believed no more::

    read ──▶ believed ──────── RENEW ──▶ one claims, the others believe on ──▶ FRESH: in doubt
"""

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


@dataclass(frozen=True, slots=True)
class _Verdict:
    harmless: bool
    until: float


class Facts(Generic[C]):
    """The facts of one Client's statements.

    Args:
        ask: asks the catalog, over a connection, whether a statement leaves nothing behind. False when in doubt.
    """

    def __init__(self, ask: Callable[[C, Statement], Awaitable[bool]]) -> None:
        self._ask = ask
        self._verdicts: dict[str, _Verdict] = {}
        self._renew: dict[str, float] = {}
        """When to read again, by digest."""

    def harmless(self, statement: Statement, now: float) -> bool:
        """Return whether fresh facts say that the statement leaves nothing behind."""
        verdict = self._verdicts.get(statement.digest)
        return verdict is not None and verdict.harmless and now < verdict.until

    def claim(self, statement: Statement, now: float) -> bool:
        """Return whether the caller must ``read``, now; then for a while nobody else must."""
        if now < self._renew.get(statement.digest, now):
            return False
        self._renew[statement.digest] = now + CLAIM_SECONDS
        return True

    async def read(self, wire: C, statement: Statement, now: float) -> None:
        """Read the facts on a connection that nobody waits for."""
        harmless = await self._ask(wire, statement)
        self._verdicts[statement.digest] = _Verdict(harmless, now + FRESH_SECONDS)
        self._renew[statement.digest] = now + RENEW_SECONDS
