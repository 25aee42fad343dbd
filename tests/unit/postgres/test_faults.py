"""Every exception class of asyncpg becomes one of ours, with an honest outcome."""

import inspect
import ssl
from collections.abc import Iterator

import pytest
from asyncpg import exceptions

from appsmith_proxy.sdk import (
    BadResponse,
    ConnectFailed,
    ConstraintViolated,
    CredentialsRejected,
    DatasourceError,
    Disconnected,
    ExecutionTimeout,
    Outcome,
    ParameterInvalid,
    PermissionRejected,
    ResourceExhausted,
    StatementInvalid,
    TlsFailed,
)
from appsmith_proxy_postgres import faults

_EXPECTED = {
    "UniqueViolationError": ConstraintViolated,
    "ForeignKeyViolationError": ConstraintViolated,
    "CheckViolationError": ConstraintViolated,
    "RaiseError": ConstraintViolated,
    "InvalidTextRepresentationError": ParameterInvalid,
    "NumericValueOutOfRangeError": ParameterInvalid,
    "DatetimeFieldOverflowError": ParameterInvalid,
    "DivisionByZeroError": ParameterInvalid,
    "InsufficientPrivilegeError": PermissionRejected,
    "ReadOnlySQLTransactionError": PermissionRejected,
    "UndefinedTableError": StatementInvalid,
    "PostgresSyntaxError": StatementInvalid,
    "IndeterminateDatatypeError": StatementInvalid,
    "InvalidPasswordError": CredentialsRejected,
    "InvalidAuthorizationSpecificationError": CredentialsRejected,
    "QueryCanceledError": ExecutionTimeout,
    "TooManyConnectionsError": ResourceExhausted,
    "DiskFullError": ResourceExhausted,
    "OutOfMemoryError": ResourceExhausted,
    "DeadlockDetectedError": ResourceExhausted,
    "SerializationError": ResourceExhausted,
    "LockNotAvailableError": ResourceExhausted,
    "AdminShutdownError": Disconnected,
    "ConnectionDoesNotExistError": Disconnected,
    "CannotConnectNowError": ConnectFailed,
    "InternalServerError": BadResponse,
    "DataError": ParameterInvalid,
}


def _classes() -> Iterator[type[Exception]]:
    for _, kind in inspect.getmembers(exceptions, inspect.isclass):
        if issubclass(kind, Exception) and not issubclass(kind, (Warning, exceptions.PostgresLogMessage)):
            yield kind


@pytest.mark.parametrize("kind", list(_classes()), ids=lambda kind: kind.__name__)
def test_each_class_is_translated(kind: type[Exception]) -> None:
    error = kind("secret 4711")
    assert isinstance(error, faults.RAISED)
    for translated in (faults.translate(error), faults.translate_connect(error)):
        assert isinstance(translated, DatasourceError)
        assert type(translated) is not DatasourceError
        assert "4711" not in f"{translated} {translated.hint}"
    if kind.__name__ in _EXPECTED:
        assert type(faults.translate(error)) is _EXPECTED[kind.__name__]
    assert faults.translate_connect(error).outcome is Outcome.NOT_SENT


def test_every_expected_class_exists() -> None:
    """The table above names classes that this asyncpg has."""
    assert set(_EXPECTED) <= {kind.__name__ for kind in _classes()}


def test_what_the_server_reported_is_rolled_back_unless_a_procedure_may_have_committed() -> None:
    error = exceptions.UniqueViolationError("x")
    assert faults.translate(error).outcome is Outcome.ROLLED_BACK
    assert faults.translate(error, may_commit=True).outcome is Outcome.UNKNOWN
    assert faults.translate(error, sent=False).outcome is Outcome.NOT_SENT


def test_a_lost_connection_is_unknown_once_sent() -> None:
    error = exceptions.ConnectionDoesNotExistError("gone")
    assert faults.translate(error).outcome is Outcome.UNKNOWN
    assert faults.translate(error, sent=False).outcome is Outcome.NOT_SENT
    error.__cause__ = exceptions.AdminShutdownError("terminating connection")
    assert isinstance(faults.translate(error), Disconnected)
    assert faults.translate(error).outcome is Outcome.UNKNOWN


def test_time_and_network() -> None:
    assert isinstance(faults.translate(TimeoutError()), ExecutionTimeout)
    assert isinstance(faults.translate(ConnectionResetError()), Disconnected)
    assert isinstance(faults.translate(BrokenPipeError()), Disconnected)
    assert isinstance(faults.translate(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")), BadResponse)
    assert isinstance(faults.translate_connect(ConnectionRefusedError()), ConnectFailed)
    assert isinstance(faults.translate_connect(TimeoutError()), ConnectFailed)
    assert isinstance(faults.translate_connect(ssl.SSLCertVerificationError()), TlsFailed)
    assert isinstance(faults.translate_connect(ConnectionError("rejected SSL upgrade")), TlsFailed)


def test_defects_of_ours_are_not_taken_for_the_datasource() -> None:
    assert not isinstance(TypeError(), faults.RAISED)
    assert not isinstance(AttributeError(), faults.RAISED)


@pytest.mark.parametrize(
    ("context", "index"),
    [
        ("unnamed portal parameter $2", 1),
        ("unnamed portal parameter $12 = '...'", 11),
        ('portal "p" parameter $1', 0),
        ("PL/pgSQL function f() line 1 at SQL statement\nunnamed portal parameter $3", 2),
        ('SQL statement "SELECT parameter $1"', None),
        ("", None),
    ],
)
def test_the_parameter_is_read_from_the_servers_context(context: str, index: int | None) -> None:
    error = exceptions.PostgresError.new({"S": "ERROR", "V": "ERROR", "C": "22P02", "M": "invalid", "W": context})
    translated = faults.translate(error, expected=("int4",) * 20)
    assert translated.parameter == index
    assert translated.expected == ("" if index is None else "int4")
