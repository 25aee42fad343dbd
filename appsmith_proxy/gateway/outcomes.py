"""What an execution came to: its answer as JSON text, an API's status line, and its record on the trail."""

import logging
import time
from typing import Final

from appsmith_proxy.audit.contract import OutcomeRecord
from appsmith_proxy.errors import BadResponse, ContractBroken, DatasourceError, Outcome, ProxyError, describe
from appsmith_proxy.gateway.encode import Encoder
from appsmith_proxy.gateway.execution import HttpAnswer
from appsmith_proxy.sdk import Body, BodyKind, EncodedRows, Result

HTTP_FAILURE: Final = 400

NO_ANSWER: Final = Result()
"""Of an execution that failed before there was one."""

_log: Final = logging.getLogger("appsmith_proxy.gateway")


def encoded(encoder: Encoder, result: Result, numbers: str, *, editor: bool) -> tuple[bytes, bytes]:
    """Return body and columns as JSON text.

    Raises:
        ContractBroken: the driver's answer is not what its columns promise.
    """
    try:
        body = encoder.encode(result, numbers=numbers)
        return body, encoder.encode_columns(result, editor=editor) if result.columns else b"[]"
    except ProxyError:
        raise
    except Exception as error:  # noqa: BLE001  # reason: what a driver answers may be anything
        _log.error("a driver's answer cannot be encoded: %s", describe(error))
        raise ContractBroken("the driver's answer is not what its columns promise") from None


def record_of(
    execution_id: str, started: float, *, error: ProxyError | None = None, outcome: Outcome | None = None
) -> OutcomeRecord:
    """Return the record of an execution that began at ``started`` and is over now, without an answer."""
    return OutcomeRecord(
        execution_id=execution_id,
        duration_ms=(time.perf_counter() - started) * 1000,
        rows=0,
        bytes=0,
        error_code=type(error) if error is not None else None,
        outcome=error.outcome if isinstance(error, DatasourceError) else outcome,
    )


def row_count(result: Result) -> int:
    """Return how many rows came."""
    rows = result.rows
    if rows is None:
        return 0
    return len(rows.texts) if isinstance(rows, EncodedRows) else len(rows)


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
