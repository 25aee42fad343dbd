"""The one place that decides HTTP statuses: from an error's class, never from its text.

A failed *query* is an answer (200); only a failed *request* comes here. A datasource's 401 never becomes ours: it would log
the caller out of the proxy.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from appsmith_proxy.errors import (
    AuditUnavailable,
    CapabilityNotSupported,
    Conflict,
    ConnectFailed,
    ConstraintViolated,
    CredentialsRejected,
    DatasourceError,
    Disconnected,
    DriverError,
    ExecutionTimeout,
    Forbidden,
    IncompatibleDriver,
    InternalError,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    Overloaded,
    ParameterInvalid,
    PermissionRejected,
    PlanUnverified,
    ProxyError,
    RequestError,
    ResourceExhausted,
    StatementInvalid,
    StoreError,
    TlsFailed,
    TooLarge,
    Unauthenticated,
)

_T = TypeVar("_T")

STATUSES: Final[Mapping[type[ProxyError], int]] = {
    RequestError: 400,
    InvalidRequest: 400,
    TooLarge: 413,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    LimitExceeded: 429,
    Overloaded: 503,
    CapabilityNotSupported: 422,
    DatasourceError: 502,
    StatementInvalid: 422,
    ConstraintViolated: 422,
    ParameterInvalid: 422,
    ExecutionTimeout: 504,
    DriverError: 500,
    IncompatibleDriver: 503,
    InternalError: 500,
    StoreError: 503,
    AuditUnavailable: 503,
    PlanUnverified: 503,
    ProxyError: 500,
}
"""Class → status; a class that is not here has its nearest ancestor's."""

ERROR_TYPES: Final[Mapping[type[ProxyError], str]] = {
    RequestError: "BAD_REQUEST",
    Unauthenticated: "AUTHENTICATION_ERROR",
    Forbidden: "AUTHENTICATION_ERROR",
    DatasourceError: "INTERNAL_ERROR",
    ConnectFailed: "CONNECTIVITY_ERROR",
    Disconnected: "CONNECTIVITY_ERROR",
    ExecutionTimeout: "CONNECTIVITY_ERROR",
    TlsFailed: "CONNECTIVITY_ERROR",
    CredentialsRejected: "AUTHENTICATION_ERROR",
    PermissionRejected: "AUTHENTICATION_ERROR",
    StatementInvalid: "ACTION_CONFIGURATION_ERROR",
    ConstraintViolated: "BAD_REQUEST",
    ParameterInvalid: "ACTION_CONFIGURATION_ERROR",
    ResourceExhausted: "CONNECTIVITY_ERROR",
    ProxyError: "INTERNAL_ERROR",
}
"""Class → the word that front ends of this family read as ``errorType``."""

RETRY_AFTER_SECONDS: Final = 1


class Refused(Exception):
    """A request refused with a status that only HTTP has a word for (405, 408, 415, 417) and headers of its own."""

    def __init__(self, status: int, error: ProxyError, *, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.headers = tuple(headers)


def status_of(error: ProxyError) -> int:
    """Return the HTTP status of a failed request."""
    return _nearest(STATUSES, type(error))


def error_type_of(error: ProxyError) -> str:
    """Return the family's ``errorType`` of an error."""
    return _nearest(ERROR_TYPES, type(error))


def headers_of(error: ProxyError) -> tuple[tuple[str, str], ...]:
    """Return the headers that an error's answer carries."""
    if isinstance(error, Unauthenticated):
        return (("WWW-Authenticate", "Bearer"),)
    if error.retryable:
        return (("Retry-After", str(RETRY_AFTER_SECONDS)),)
    return ()


def _nearest(table: Mapping[type[ProxyError], _T], kind: type[ProxyError]) -> _T:
    return next(table[ancestor] for ancestor in kind.__mro__ if ancestor in table)
