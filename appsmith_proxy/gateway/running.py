"""Running at the datasource what is bound: lease a Client, run under the deadline, try once more where that is safe.

What a driver raises ends here: its own errors go on without secrets, everything else is its crash.
"""

import asyncio
import logging
from typing import Final, final

from appsmith_proxy.errors import (
    ContractBroken,
    DatasourceError,
    Disconnected,
    DriverCrashed,
    ExecutionTimeout,
    Outcome,
    ProxyError,
    describe,
)
from appsmith_proxy.gateway.deadlines import Deadline, Deadlines
from appsmith_proxy.gateway.edge import is_cancelled
from appsmith_proxy.gateway.leases import Leases
from appsmith_proxy.gateway.outcomes import row_count
from appsmith_proxy.gateway.runnables import Runnable
from appsmith_proxy.gateway.shown import redact
from appsmith_proxy.gateway.transactions import Transaction
from appsmith_proxy.sdk import ExecuteRequest, Result

GRACE_SECONDS: Final = 1.0
"""A driver keeps the deadline itself; this much later an execution that does not is ended."""

_log: Final = logging.getLogger("appsmith_proxy.gateway")


@final
class Running:
    """Runs requests and transactions on leased Clients."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._deadlines = Deadlines()

    async def run(self, runnable: Runnable, request: ExecuteRequest, *, again: bool = False) -> Result:
        """Run one request.

        Args:
            runnable: whose it is.
            request: what is sent.
            again: it is the second time, and there is no third.

        Raises:
            DatasourceError: as the datasource says; ``ExecutionTimeout`` when the deadline passed.
            DriverError: the driver crashed, or broke the contract.
        """
        datasource = runnable.datasource
        try:
            with Deadline(self._deadlines, request.deadline + GRACE_SECONDS):
                lease = self._leases.borrow_open(datasource) or await self._leases.borrow(datasource)
                try:
                    result = await lease.client.execute(request)
                except DatasourceError as error:
                    redact(error, lease.secrets)
                    raise
                except ProxyError as error:
                    raise ContractBroken(f"the driver raised {error.code}, which is not a DatasourceError") from error
                except asyncio.CancelledError as error:
                    if is_cancelled():
                        raise
                    raise _crashed(error) from None
                except (Exception, SystemExit) as error:  # noqa: BLE001  # reason: the one place where a driver's failure is caught
                    raise _crashed(error) from None
                finally:
                    lease.release()
        except TimeoutError:
            raise _too_late(runnable, Outcome.UNKNOWN) from None
        except ExecutionTimeout as error:
            raise _too_late(runnable, error.outcome) from error
        except Disconnected as error:
            # Safe to repeat: nothing was sent, or it only read and no row has gone out.
            if again or (error.outcome is not Outcome.NOT_SENT and not request.read_only):
                raise
        else:
            if not isinstance(result, Result):
                raise ContractBroken("the driver's answer is no Result")
            if row_count(result) > request.limits.rows:
                raise ContractBroken("the driver answered more rows than the limit")
            return result
        return await self.run(runnable, request, again=True)

    async def run_transaction(self, runnable: Runnable, transaction: Transaction, deadline: float) -> Result:
        """Run all steps of a transaction.

        Raises:
            InvalidRequest, ParameterInvalid: values are missing, or do not fit.
            DatasourceError, DriverError: see ``run``.
        """
        await transaction.aside(transaction.check)
        try:
            with Deadline(self._deadlines, deadline + GRACE_SECONDS):
                try:
                    return await self._run_steps(runnable, transaction, deadline)
                except Disconnected as error:
                    if transaction.begun or error.outcome is not Outcome.NOT_SENT:
                        raise
                return await self._run_steps(runnable, transaction, deadline)
        except TimeoutError:
            raise _too_late(runnable, Outcome.UNKNOWN) from None
        except ExecutionTimeout as error:
            raise _too_late(runnable, error.outcome) from error

    async def _run_steps(self, runnable: Runnable, transaction: Transaction, deadline: float) -> Result:
        lease = await self._leases.borrow(runnable.datasource)
        try:
            return await transaction.run(lease, deadline)
        finally:
            lease.release()


def _crashed(error: BaseException) -> DriverCrashed:
    _log.error("driver crashed: %s", describe(error))
    return DriverCrashed("the driver crashed; the log names the place")


def _too_late(runnable: Runnable, outcome: Outcome) -> ExecutionTimeout:
    return ExecutionTimeout(
        f"{runnable.copy.name} timed out in {round(runnable.timeout * 1000)} milliseconds",
        hint="make the statement faster, or raise the action's timeoutMs",
        outcome=outcome,
    )
