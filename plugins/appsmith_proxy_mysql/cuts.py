"""Reads whose answers were cut before: the server is told to stop there, so that the connection lives on.

An answer that reaches a limit while the server goes on sending costs the connection. So the next time the server ends a
statement that had too many rows after one row more than wanted; and it holds the rows of one that had too many bytes, so
that they are fetched in batches. Holding means making all rows first, which is why others are not read that way.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from appsmith_proxy.sdk import Cell, EncodedRows, ExecuteRequest, Statement
from appsmith_proxy_mysql.encode import Argument
from appsmith_proxy_mysql.replies import Kept
from appsmith_proxy_mysql.wire import Answer, Wire

Rows: TypeAlias = Sequence[Sequence[Cell]] | EncodedRows | None

_MAX_KNOWN: Final = 4096


class Cuts:
    """What is known of the statements of one Client."""

    def __init__(self) -> None:
        self._large: dict[str, bool] = {}
        """By digest: whether it was its bytes that were too many."""

    def known(self, statement: Statement) -> bool:
        """Return whether an answer was cut before."""
        return statement.digest in self._large

    def learn(self, statement: Statement, answer: Answer) -> None:
        """Remember that an answer was cut."""
        if self.known(statement) or len(self._large) < _MAX_KNOWN:
            self._large[statement.digest] = self._large.get(statement.digest, False) or not answer.rows_cut

    async def run(
        self,
        wire: Wire,
        kept: Kept,
        arguments: Sequence[Argument],
        request: ExecuteRequest,
        *,
        timeout: float,  # noqa: ASYNC109  # reason: the wire's own timer
    ) -> Answer:
        """Run a read whose answer may be cut again."""
        limits = request.limits
        await wire.limit_reads(limits.rows + 1)
        answer = await wire.run(
            kept,
            arguments,
            limits=replace(limits, rows=limits.rows + 1),
            stop=True,
            encode=request.encode,
            cursor=self._large[kept.statement.digest],
            timeout=timeout,
        )
        kept_rows = _first(answer.rows, limits.rows)
        return answer if kept_rows is answer.rows else answer._replace(rows=kept_rows, cut=True, rows_cut=True)


def _first(rows: Rows, count: int) -> Rows:
    """Return the first rows; the very same when there are no more."""
    if isinstance(rows, EncodedRows):
        return rows if len(rows.texts) <= count else EncodedRows(rows.texts[:count])
    return rows if rows is None or len(rows) <= count else rows[:count]
