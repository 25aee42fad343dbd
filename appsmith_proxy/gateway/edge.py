"""The edge to a driver, off the hot path: its own errors pass, without secrets; everything else that it raises is its crash.

The executor does the same for executions, in line.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from appsmith_proxy.errors import ContractBroken, DatasourceError, DriverCrashed, ProxyError, describe
from appsmith_proxy.gateway.shown import redact
from appsmith_proxy.sdk import Secret

_log: Final = logging.getLogger("appsmith_proxy.gateway")


@contextmanager
def driver_edge(doing: str, secrets: Iterable[Secret]) -> Iterator[None]:
    """Call a driver in the block.

    Args:
        doing: what is asked of it, for the message: ``opening``.
        secrets: what must not stand in the datasource's own words.

    Raises:
        DatasourceError: the driver's own.
        DriverError: it broke the contract, or crashed.
    """
    try:
        yield
    except DatasourceError as error:
        redact(error, tuple(secrets))
        raise
    except ProxyError as error:
        raise ContractBroken(f"the driver raised {error.code}, which is not a DatasourceError") from error
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        raise _crashed(doing, error) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # reason: a driver's failure must not reach the caller as it is
        raise _crashed(doing, error) from None


def is_cancelled() -> bool:
    """Return whether somebody cancelled this task. Otherwise a ``CancelledError`` is a driver's own affair that got out."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _crashed(doing: str, error: BaseException) -> DriverCrashed:
    _log.error("driver crashed while %s: %s", doing, describe(error))
    return DriverCrashed(f"the driver crashed while {doing}; the log names the place")
