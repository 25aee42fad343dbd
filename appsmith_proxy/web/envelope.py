"""The envelope of every answer, built by joining bytes: what the gateway encoded is never decoded again.

::

    {"responseMeta": {"status", "success"[, "error"]}, "data": …, "errorDisplay": ""}
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import orjson

from appsmith_proxy.errors import DatasourceError, NotFound, ProxyError, Unauthenticated
from appsmith_proxy.gateway.execution import Execution, HttpAnswer
from appsmith_proxy.web.statuses import error_type_of

BINARY_HEADER: Final = "X-APPSMITH-DATATYPE"
"""The mark by which front ends of this family know that ``body`` is base64."""

WHEREABOUTS: Final = frozenset({"location", "content-location", "refresh", "via", "server", "x-powered-by"})
"""An API's headers that tell where it is and what it runs on: a viewer never sees the URL of an action."""

FIXED_MESSAGES: Final[Mapping[type[ProxyError], str]] = {
    Unauthenticated: "a valid API token is needed",
    NotFound: "there is no such thing, or it is not yours",
}
"""Errors whose answers are the same bytes whatever raised them: they must not tell what exists, or what was wrong."""

_NULL: Final = b"null"
_OPEN: Final = b'{"responseMeta":{"status":%d,"success":true},"data":'
_CLOSE: Final = b',"errorDisplay":""}'
_EXECUTED: Final = _OPEN % 200 + b'{"statusCode":%b,"title":null,"errorType":null,"headers":%b,"body":'
_EXECUTED_ROWS: Final = _EXECUTED % (_NULL, _NULL)
_AFTER_BODY: Final = (
    b',"readableError":null,"isExecutionSuccess":true,"messages":%b,"request":%b,"dataTypes":%b'
    b',"pluginErrorDetails":null,"columns":%b,"truncated":%b,"executionId":"%b"}' + _CLOSE
)

_Words: TypeAlias = tuple[str, ...]


def success(data: tuple[bytes, ...], *, status: int = 200) -> tuple[bytes, ...]:
    """Return the envelope of an answer as pieces to be written one after the other."""
    return (_OPEN % status, *data, _CLOSE)


def failure(error: ProxyError, *, status: int) -> bytes:
    """Return the envelope of a failed request."""
    message, hint, details = error.message, error.hint, error.details
    for kind, fixed in FIXED_MESSAGES.items():
        if isinstance(error, kind):
            message, hint, details = fixed, "", ()
    body: dict[str, Any] = {
        "code": error.code,
        "message": message,
        "title": error.title,
        "errorType": error_type_of(error),
    }
    if hint:
        body["hint"] = hint
    if details:
        body["details"] = [problem.as_json() for problem in details]
    return _dumps(
        {
            "responseMeta": {"status": status, "success": False, "error": body},
            "data": None,
            "errorDisplay": f"{error.code}: {message}",
        }
    )


def executed(execution: Execution) -> tuple[bytes, ...]:
    """Return the envelope of an execute call, whose query succeeded or failed, as pieces."""
    error = execution.error
    if error is not None:
        return success(_failed_data(execution, error))
    before_body = _EXECUTED_ROWS if execution.http is None else _executed_http(execution.http, editor=execution.editor)
    after_body = _AFTER_BODY % (
        _dumps(execution.messages) if execution.messages else b"[]",
        _NULL if execution.request is None else _request(execution),
        _DATA_TYPES.get(execution.data_types) or _data_types(execution.data_types),
        execution.columns,
        b"true" if execution.truncated else b"false",
        execution.id.encode(),
    )
    return (before_body, execution.body, after_body)


def _executed_http(http: HttpAnswer, *, editor: bool) -> bytes:
    return _EXECUTED % (_dumps(_status_line(http)), _dumps(_headers(http, editor=editor)))


def _dumps(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_clean(value))


def _clean(value: object) -> object:
    """Return a value that any JSON encoder takes: an API's headers and a database's words may hold bytes of no encoding."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case Mapping():
            return {str(_clean(name)): _clean(item) for name, item in value.items()}
        case list() | tuple():
            return [_clean(item) for item in value]
        case None | bool() | float():
            return value
        case _:
            return str(value)


def _failed_data(execution: Execution, error: ProxyError) -> tuple[bytes, ...]:
    """Return ``data`` of a failed query: to a viewer the code, the title, the id and the action's own words, and no more."""
    shown = execution.user_message or error.title
    native_code = native_message = outcome = None
    body = _dumps(shown)
    http = None
    if execution.editor:
        shown = execution.user_message or error.message
        native = error if isinstance(error, DatasourceError) else None
        native_code = (native and native.native_code) or None
        native_message = (native and native.native_message) or None
        outcome = native and native.outcome.value
        http = execution.http
        body = execution.body if http is not None else _dumps(native_message or error.message)
    head = {
        "statusCode": error.code,
        "title": error.title,
        "errorType": error_type_of(error),
        "headers": None if http is None else _headers(http, editor=execution.editor),
        "readableError": shown,
        "isExecutionSuccess": False,
        "messages": _advice(error) if execution.editor else [],
        "dataTypes": [],
        "pluginErrorDetails": {
            "title": error.title,
            "errorType": error_type_of(error),
            "appsmithErrorCode": error.code,
            "appsmithErrorMessage": shown,
            "downstreamErrorCode": native_code,
            "downstreamErrorMessage": native_message,
            "outcome": outcome,
        },
        "columns": [],
        "truncated": False,
        "executionId": execution.id,
    }
    return (_dumps(head)[:-1], b',"request":', _request(execution), b',"body":', body, b"}")


def _advice(error: ProxyError) -> list[str]:
    """Return what an editor can do: the hint, and each problem with its place."""
    hint = [error.hint] if error.hint else []
    return hint + [f"{problem.path}: {problem.message}" for problem in error.details]


def _request(execution: Execution) -> bytes:
    shown = execution.request
    if shown is None or not execution.editor:
        return _NULL
    return _dumps({"query": shown.query, "executionParameters": shown.execution_parameters})


def _data_types(words: Iterable[str]) -> bytes:
    return _dumps([{"dataType": word} for word in words])


_DATA_TYPES: Final[Mapping[_Words, bytes]] = {
    words: _data_types(words) for words in ((), ("RAW",), ("TABLE", "JSON", "RAW"), ("JSON", "RAW"))
}
"""What nearly every answer says, encoded once."""


def _status_line(http: HttpAnswer) -> str:
    reason = http.reason
    if not reason:
        try:
            reason = HTTPStatus(http.status).phrase
        except ValueError:
            reason = ""
    return f"{http.status} {reason}".rstrip()


def _headers(http: HttpAnswer, *, editor: bool) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for name, value in http.headers:
        if name.upper() == BINARY_HEADER or (name.lower() in WHEREABOUTS and not editor):
            continue  # only our own mark counts
        named.setdefault(name, []).append(value)
    if http.binary:
        named[BINARY_HEADER] = ["BINARY"]
    return named
