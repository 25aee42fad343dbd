"""What an execution came to: its answer as JSON text, an API's status line, and its record on the trail."""

import logging
import time
from typing import Final

from appsmith_proxy.audit.contract import OutcomeRecord
from appsmith_proxy.errors import BadResponse, ContractBroken, DatasourceError, Outcome, ProxyError, describe
from appsmith_proxy.gateway.execution import ExecuteCall, HttpAnswer
from appsmith_proxy.gateway.runnables import Runnable
from appsmith_proxy.sdk import Body, BodyKind, EncodedRows, Result

HTTP_FAILURE: Final = 400

_log: Final = logging.getLogger("appsmith_proxy.gateway")


def numbers_of(call: ExecuteCall, runnable: Runnable) -> str:
    """Return how decimals are written: as the call says, else as the action says."""
    return call.numbers or runnable.copy.numbers


def encoded(call: ExecuteCall, runnable: Runnable, result: Result, *, editor: bool) -> tuple[bytes, bytes]:
    """Return body and columns as JSON text.

    Raises:
        ContractBroken: the driver's answer is not what its columns promise.
    """
    encoder = runnable.encoder
    try:
        body = encoder.encode(result, numbers=numbers_of(call, runnable))
        return body, encoder.encode_columns(result, editor=editor) if result.columns else b"[]"
    except ProxyError:
        raise
    except Exception as error:  # noqa: BLE001  # reason: what a driver answers may be anything
        _log.error("a driver's answer cannot be encoded: %s", describe(error))
        raise ContractBroken("the driver's answer is not what its columns promise") from None


def record_of(
    execution_id: str,
    started: float,
    *,
    result: Result | None = None,
    size: int = 0,
    error: ProxyError | None = None,
    outcome: Outcome | None = None,
) -> OutcomeRecord:
    """Return the record of an execution that began at ``started`` and is over now."""
    return OutcomeRecord(
        execution_id=execution_id,
        duration_ms=(time.perf_counter() - started) * 1000,
        rows=row_count(result),
        bytes=size,
        error_code=type(error) if error is not None else None,
        outcome=error.outcome if isinstance(error, DatasourceError) else outcome,
    )


def row_count(result: Result | None) -> int:
    """Return how many rows came."""
    if result is None or result.rows is None:
        return 0
    return len(result.rows.texts) if isinstance(result.rows, EncodedRows) else len(result.rows)


def http_answer(body: Body) -> HttpAnswer:
    """Return the status line and the headers of an API's answer."""
    # Client libraries give subclasses of str, which are not what they seem to whoever encodes them.
    headers = tuple([(str(name), str(value)) for name, value in body.headers])
    return HttpAnswer(status=body.status, reason=str(body.reason), headers=headers, binary=body.kind is BodyKind.BINARY)


def http_failure(body: Body) -> BadResponse | None:
    """Return the error that an API's status says, if it does."""
    if body.status < HTTP_FAILURE:
        return None
    return BadResponse(
        f"the API answered {body.status}",
        hint="the body of the answer says why",
        native_code=str(body.status),
    )
