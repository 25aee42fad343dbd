"""The exception tree. A class name is a stable error code; the class says whose fault it is.

::

    ProxyError
    ├── RequestError (caller)
    │   ├── InvalidRequest ── TooLarge
    │   ├── Unauthenticated
    │   ├── Forbidden
    │   ├── NotFound
    │   ├── Conflict ── StaleRevision, InUse, NameTaken, SecretRequired, StillRunning, OutcomeUnknown
    │   ├── LimitExceeded ── Overloaded
    │   └── CapabilityNotSupported
    ├── DatasourceError (datasource)
    │   ├── ConnectFailed  CredentialsRejected  PermissionRejected  TlsFailed
    │   ├── StatementInvalid ── PlanStale
    │   ├── ConstraintViolated  ParameterInvalid  ExecutionTimeout
    │   └── Disconnected  ResourceExhausted ── AffectedLimitExceeded  BadResponse
    ├── DriverError (driver)
    │   └── ContractBroken  DriverCrashed  IncompatibleDriver
    └── InternalError (proxy)
        └── StoreError ── StoreStale,  VaultError,  ConfigurationError,  AuditUnavailable,  PlanUnverified

Texts here are ours and safe to show: they never hold a secret, a statement or a value. What a database said is kept
apart in ``DatasourceError.native_message``, which only an editor may see, redacted.
"""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Origin(StrEnum):
    """Whose fault an error is."""

    CALLER = "caller"
    DATASOURCE = "datasource"
    DRIVER = "driver"
    PROXY = "proxy"


class Outcome(StrEnum):
    """What became of the work when an execution failed."""

    NOT_SENT = "not_sent"
    """No byte of the statement was written: it did not run."""
    ROLLED_BACK = "rolled_back"
    """The datasource says that nothing of it stayed."""
    UNKNOWN = "unknown"
    """It may or may not have taken effect."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where."""

    path: str
    """Dotted path of the field (``configuration.host``, ``params.id``), or ``""`` for the whole."""
    message: str
    line: int | None = None
    """One-based line in a template, where the problem stands in one."""
    column: int | None = None
    """One-based column in a template."""
    hint: str = ""
    """What would work instead."""

    def as_json(self) -> dict[str, object]:
        """Return the problem as the API shows it: empty parts left out."""
        parts = {
            "path": self.path,
            "message": self.message,
            "line": self.line,
            "column": self.column,
            "hint": self.hint or None,
        }
        return {key: value for key, value in parts.items() if value is not None}


class ProxyError(Exception):
    """Everything this system raises on purpose. ``message`` says what and where, ``hint`` what to do."""

    origin: ClassVar[Origin] = Origin.PROXY
    title: ClassVar[str] = "The proxy failed"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", details: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    @property
    def code(self) -> str:
        """The stable code: the name of the class."""
        return type(self).__name__

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    __repr__ = __str__


class RequestError(ProxyError):
    """The caller asked for something it cannot have, or asked wrongly."""

    origin = Origin.CALLER
    title = "The request cannot be served"


class InvalidRequest(RequestError):
    """The request is malformed; every problem is in ``details``."""

    title = "The request is not valid"


class TooLarge(InvalidRequest):
    """A body, part or value is over its limit."""

    title = "The request is too large"


class Unauthenticated(RequestError):
    """No valid credentials came with the request. Says no more, on purpose."""

    title = "Not authenticated"


class Forbidden(RequestError):
    """The caller may see the object but not do this to it."""

    title = "Not allowed"


class NotFound(RequestError):
    """No such object, or not the caller's: the same answer for both."""

    title = "Not found"


class Conflict(RequestError):
    """The object's present state does not allow the change."""

    title = "Conflict"


class StaleRevision(Conflict):
    """The object has changed since the caller read it. Read it again and repeat the change."""

    title = "Changed by somebody else"


class InUse(Conflict):
    """Something else still refers to the object; ``details`` names it."""

    title = "Still in use"


class NameTaken(Conflict):
    """Another object of the same kind and place has this name."""

    title = "Name already taken"


class SecretRequired(Conflict):
    """The destination of a secret would change, so the secret must be given again."""

    title = "The secret must be given again"


class StillRunning(Conflict):
    """An execution with the same Idempotency-Key has not ended. Send the same call again in a moment."""

    title = "Still running"
    retryable = True


class OutcomeUnknown(Conflict):
    """What became of the first execution with this Idempotency-Key is not known, so it is not run again."""

    title = "The outcome is not known"


class LimitExceeded(RequestError):
    """A limit of the proxy was reached."""

    title = "Limit reached"


class Overloaded(LimitExceeded):
    """The datasource's queue is full or the wait in it was too long. Try again in a moment."""

    title = "Too many executions"
    retryable = True


class CapabilityNotSupported(RequestError):
    """The driver does not do this."""

    title = "Not supported by this kind of datasource"


class DatasourceError(ProxyError):
    """What a driver raises: the datasource refused, failed or went away.

    ``outcome`` says what became of the work, ``parameter`` is the zero-based index of the offending value in
    ``ExecuteRequest.values``, ``expected`` the type it should have had, ``native_code`` the datasource's own code
    (an SQLSTATE, an HTTP status), ``native_message`` its own words (editors only), ``constraint`` the violated
    constraint's name, and ``position`` the zero-based character offset in the statement's text.
    """

    origin = Origin.DATASOURCE
    title = "The datasource failed"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        details: tuple[Problem, ...] = (),
        outcome: Outcome = Outcome.UNKNOWN,
        parameter: int | None = None,
        expected: str = "",
        native_code: str = "",
        native_message: str = "",
        constraint: str = "",
        position: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.outcome = outcome
        self.parameter = parameter
        self.expected = expected
        self.native_code = native_code
        self.native_message = native_message
        self.constraint = constraint
        self.position = position


class ConnectFailed(DatasourceError):
    """No connection could be made: address, network or listener."""

    title = "Cannot connect to the datasource"
    retryable = True


class CredentialsRejected(DatasourceError):
    """The datasource refused the stored credentials."""

    title = "The datasource refused its credentials"


class PermissionRejected(DatasourceError):
    """The datasource's own permissions, or a read-only execution, do not allow the statement."""

    title = "The datasource does not allow this"


class TlsFailed(DatasourceError):
    """The TLS handshake or the check of the server's identity failed."""

    title = "The datasource's identity could not be verified"


class StatementInvalid(DatasourceError):
    """The datasource does not accept the statement."""

    title = "The statement is not valid"


class PlanStale(StatementInvalid):
    """The datasource's schema changed under a published action; publish it again."""

    title = "The action must be published again"


class ConstraintViolated(DatasourceError):
    """A constraint of the database refused the change."""

    title = "A constraint of the database was violated"


class ParameterInvalid(DatasourceError):
    """A value does not fit the type of its place."""

    title = "A value does not fit"


class ExecutionTimeout(DatasourceError):
    """The deadline passed; the work was cancelled at the datasource."""

    title = "The execution took too long"


class Disconnected(DatasourceError):
    """The connection was lost during the execution."""

    title = "The connection to the datasource was lost"
    retryable = True


class ResourceExhausted(DatasourceError):
    """The datasource is out of connections, memory or disk."""

    title = "The datasource is out of resources"
    retryable = True


class AffectedLimitExceeded(ResourceExhausted):
    """The statement changes more rows than the action allows; nothing was changed."""

    title = "More rows would be changed than allowed"
    retryable = False


class BadResponse(DatasourceError):
    """The datasource answered something that cannot be read or is not allowed."""

    title = "The datasource's answer could not be used"


class DriverError(ProxyError):
    """A driver is at fault."""

    origin = Origin.DRIVER
    title = "The driver failed"


class ContractBroken(DriverError):
    """A driver returned or asked for something that the contract does not allow."""

    title = "The driver broke its contract"


class DriverCrashed(DriverError):
    """A driver raised something that is not a DatasourceError. The log names the place."""

    title = "The driver crashed"


class IncompatibleDriver(DriverError):
    """The driver of this kind is missing, or was written for another contract version."""

    title = "The driver cannot be used"


class InternalError(ProxyError):
    """The proxy is at fault. The execution id finds it in the log."""

    title = "The proxy failed"


class StoreError(InternalError):
    """The configuration store cannot be read or written."""

    title = "The configuration store failed"


class StoreStale(StoreError):
    """The configuration store has not answered for too long; what is cached is no longer trusted."""

    title = "The configuration store is out of reach"
    retryable = True


class VaultError(InternalError):
    """A secret could not be sealed or unsealed. Nothing was changed."""

    title = "A secret could not be opened"


class ConfigurationError(InternalError):
    """The proxy's own settings are wrong; ``details`` lists every problem."""

    title = "The settings are not valid"


class AuditUnavailable(InternalError):
    """No audit sink accepted the record, so the work was refused."""

    title = "The audit trail is unavailable"
    retryable = True


class PlanUnverified(InternalError):
    """A published action is not what was published here, so it does not run. Publish it again."""

    title = "The action must be published again"


def all_errors(root: type[ProxyError] = ProxyError) -> Iterator[type[ProxyError]]:
    """Yield every class of the tree above, parents first: the table of codes. What others derive from it is not in it."""
    yield root
    for child in root.__subclasses__():
        if child.__module__ == __name__:
            yield from all_errors(child)


def describe(error: BaseException | None, *, causes: int = 5) -> str:
    """Return the class names and places of an exception and its causes, for the log: never its text, which quotes values."""
    parts: list[str] = []
    while error is not None and len(parts) < causes:
        frames = traceback.extract_tb(error.__traceback__)
        where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        parts.append(f"{type(error).__module__}.{type(error).__qualname__}{where}")
        error = error.__cause__ or error.__context__
    return " caused by ".join(parts) or "nothing was raised"
