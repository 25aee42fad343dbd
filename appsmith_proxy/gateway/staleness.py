"""Tell that a datasource's schema has changed since an action was published.

::

    a read's columns are others     ─┐
    the statement is refused         ├─▶ suspicion ──prepare again──▶ as reported: it is all right, and remembered
    a value does not fit its place  ─┘                            └─▶ otherwise:   PlanStale

Columns can differ without a change of the schema: some datasources report other types for a statement than for its rows. So
it is what prepare reports that decides, then and now. What a step did not answer for a later one is a value that does not
fit, and the step is asked after: its column may have another name by now. Whoever writes is not told afterwards: the work is done, and as asked.
"""

import asyncio
from typing import Final, final

from appsmith_proxy.errors import DatasourceError, ParameterInvalid, PlanStale, ProxyError, StatementInvalid
from appsmith_proxy.gateway.edge import driver_edge
from appsmith_proxy.gateway.leases import Leases
from appsmith_proxy.gateway.runnables import Runnable
from appsmith_proxy.model.records import Datasource
from appsmith_proxy.sdk import Outcome, Reported, Result, Statement, SupportsPrepare
from appsmith_proxy.template import Bound

ADVICE: Final = "look at the statement, and publish its application again"

_SUSPICIOUS: Final = frozenset({StatementInvalid, ParameterInvalid})


@final
class Staleness:
    """Asks the datasources whether what was published is still true."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    async def check(self, runnable: Runnable, bound: Bound, result: Result, deadline: float) -> None:
        """Refuse rows of other columns than those that were published; see ``Published.looks_new``.

        Raises:
            PlanStale: the schema has changed.
        """
        try:
            stale = await self._ask(runnable, bound, deadline)
        except (ProxyError, TimeoutError):
            return  # nothing is known, and the rows are the datasource's own
        if stale is not None:
            raise stale
        reported = runnable.published.of(bound.payload)
        if reported is not None:
            runnable.published.remember(reported, result.columns)

    async def reason(self, runnable: Runnable, bound: Bound | None, error: ProxyError, deadline: float) -> ProxyError:
        """Return why an execution failed: because the schema has changed, or as it says itself."""
        if bound is None or type(error) not in _SUSPICIOUS:
            return error
        try:
            return await self._ask(runnable, bound, deadline) or error
        except (ProxyError, TimeoutError):
            return error

    async def _ask(self, runnable: Runnable, bound: Bound, deadline: float) -> PlanStale | None:
        reported = runnable.published.of(bound.payload)
        if reported is None or not isinstance(bound.payload, Statement):
            return None
        return await staleness(self._leases, runnable.datasource, bound.payload, reported, deadline)


async def staleness(
    leases: Leases, datasource: Datasource, statement: Statement, reported: Reported, deadline: float
) -> PlanStale | None:
    """Ask the datasource to prepare a statement again; return what is not as it was, or None.

    Raises:
        ProxyError, TimeoutError: it cannot be asked, so nothing is known.
    """
    try:
        async with asyncio.timeout_at(deadline):
            lease = await leases.borrow(datasource)
            try:
                client = lease.client
                assert isinstance(client, SupportsPrepare)  # noqa: S101  # reason: who reported something has prepared
                with driver_edge("preparing", lease.secrets):
                    now = Reported.of(statement.digest, await client.prepare(statement, deadline=deadline))
            finally:
                lease.release()
    except (StatementInvalid, ParameterInvalid) as error:
        return _stale("the datasource does not take the statement any more", error)
    names = [parameter.name for parameter in statement.parameters]
    found = reported.differences(now, names)
    if not found:
        return None
    return _stale(f"the datasource's schema has changed since this was published: {'; '.join(found)}")


def _stale(message: str, error: DatasourceError | None = None) -> PlanStale:
    if error is None:
        return PlanStale(message, hint=ADVICE, outcome=Outcome.ROLLED_BACK)
    return PlanStale(
        message,
        hint=ADVICE,
        outcome=Outcome.ROLLED_BACK,
        native_code=error.native_code,
        native_message=error.native_message,
        position=error.position,
    )
