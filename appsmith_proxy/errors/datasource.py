"""The datasource is at fault: what drivers raise, and what became of the work."""

from enum import StrEnum

from appsmith_proxy.errors.base import Origin, Problem, ProxyError


class Outcome(StrEnum):
    """What became of the work when an execution failed."""

    NOT_SENT = "not_sent"
    """No byte of the statement was written: it did not run."""
    ROLLED_BACK = "rolled_back"
    """The datasource says that nothing of it stayed."""
    UNKNOWN = "unknown"
    """It may or may not have taken effect."""


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
