"""Which statements PostgreSQL encodes itself: those whose last answer was one for which that is faster, and that only read.

A first execution is plain. What its answer was tells about the next one: many rows, none of them long, are faster as JSON
texts of the server's (``derive.py``); a row or two, and long texts, are faster as cells. Measured in ADR 0011.
"""

import re
from typing import Final

from appsmith_proxy.sdk import Parameter, Statement
from appsmith_proxy_postgres.wire import Kept, Wire

ENCODE_ROWS: Final = 10
"""An answer of so many rows is worth it."""
ROW_BYTES: Final = 2_000
"""Longer rows, on the average, are not: to escape a long text is slower in the server than here."""
_MAX_KNOWN: Final = 4096

_WORD: Final = re.compile(r"[^\W\d][\w$]*")
_VOLATILE: Final = Statement(
    text="SELECT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE provolatile = 'v' AND proname = ANY ($1::pg_catalog.text[]::pg_catalog.name[]))",
    parameters=(Parameter(name="words", type=None, is_list=True),),
)


class Encoding:
    """What is known of the statements of one Client.

    Args:
        rows: see ``ENCODE_ROWS``; 0 has each statement encoded from its first execution on.
    """

    def __init__(self, *, rows: int = ENCODE_ROWS) -> None:
        self._rows = rows
        self._pays: dict[str, bool] = {}
        self._volatile: dict[str, bool] = {}

    def pays(self, statement: Statement) -> bool:
        """Return whether the next answer should come encoded, if it can."""
        return self._pays.get(statement.digest, not self._rows)

    async def second(self, wire: Wire, kept: Kept, *, timeout: float) -> Kept | None:  # noqa: ASYNC109  # reason: as in wire.py
        """Return the second text as prepared on this connection, or None: there is none to be used.

        Raises:
            DatasourceError, and what ``faults.RAISED`` says.
        """
        if kept.plain:
            return None
        if await self._is_volatile(wire, kept.statement):
            kept.plain = True
            return None
        return await wire.derive(kept, timeout=timeout)

    def learn(self, statement: Statement, *, rows: int, size: int) -> None:
        """Remember what an answer was like: how many rows, and how many bytes of them."""
        if not self._rows:
            return
        pays = rows >= self._rows and size <= rows * ROW_BYTES
        if self._pays.get(statement.digest, False) is not pays:
            _bounded(self._pays)[statement.digest] = pays

    async def _is_volatile(self, wire: Wire, statement: Statement) -> bool:
        """Return whether any word of the statement names a volatile function.

        That it runs once a row, and no more, is seen to by ``OFFSET 0``. Yet nothing is gained by trying.
        """
        verdict = self._volatile.get(statement.digest)
        if verdict is None:
            words = set(_WORD.findall(statement.text))
            ((verdict,),) = await wire.fetch(_VOLATILE, [*words | {word.lower() for word in words}])
            _bounded(self._volatile)[statement.digest] = verdict
        return verdict


def _bounded(known: dict[str, bool]) -> dict[str, bool]:
    if len(known) >= _MAX_KNOWN:
        known.clear()
    return known
