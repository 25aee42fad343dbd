"""What went wrong, by one table: SQLSTATE → the contract's errors. asyncpg's classes follow from their SQLSTATE.

====================================  ===========================================================================
what happened                         outcome
====================================  ===========================================================================
no connection, or none in time        ``not_sent``
a value asyncpg could not write       ``not_sent``
the server reported an ERROR          ``rolled_back``; ``unknown`` for CALL, whose procedures may commit midway
the connection was lost, or FATAL     ``not_sent`` while preparing, else ``unknown``
the deadline passed                   ``not_sent`` while preparing, else ``unknown``
====================================  ===========================================================================
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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

RAISED: Final = (
    exceptions.PostgresError,
    exceptions.InterfaceError,
    exceptions.InternalClientError,
    OSError,
    EOFError,
    BufferError,
    ValueError,
    LookupError,
    AssertionError,
    SystemError,
)
"""What asyncpg raises, or lets through when a server's bytes make no sense (its own checks of a row's lengths are the last
two). Defects of ours are not among them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What an SQLSTATE means to us."""

    error: type[DatasourceError]
    message: str
    hint: str = ""


_CODES: Final[Mapping[str, Fault]] = {
    "22001": Fault(ParameterInvalid, "a value is too long for its column"),
    "22003": Fault(ParameterInvalid, "a number is out of its type's range"),
    "22007": Fault(ParameterInvalid, "a value is not a valid date or time", "send it as ISO 8601"),
    "22008": Fault(ParameterInvalid, "a date or time is out of range"),
    "22021": Fault(ParameterInvalid, "a text holds a character that the database cannot store", "NUL is one of them"),
    "22023": Fault(ParameterInvalid, "a value is not valid where it stands"),
    "22P02": Fault(ParameterInvalid, "a value is not valid for its type"),
    "22P03": Fault(ParameterInvalid, "a value is not valid for its type"),
    "22P05": Fault(ParameterInvalid, "a text holds a character that the database cannot store"),
    "25006": Fault(PermissionRejected, "the action runs read-only and the statement writes"),
    "25P03": Fault(ExecutionTimeout, "the transaction was idle for too long"),
    "25P04": Fault(ExecutionTimeout, "the transaction took too long"),
    "28000": Fault(
        CredentialsRejected, "the server does not accept this role from here", "see the server's pg_hba.conf"
    ),
    "28P01": Fault(CredentialsRejected, "the server refused the role's name or password"),
    "3D000": Fault(ConnectFailed, "there is no such database on the server"),
    "40001": Fault(ResourceExhausted, "another transaction changed the same rows", "execute again"),
    "40P01": Fault(ResourceExhausted, "the server ended a deadlock by cancelling this statement", "execute again"),
    "42501": Fault(PermissionRejected, "the role has no right to do this", "grant it, or use another role"),
    "42P18": Fault(StatementInvalid, "the server cannot tell a binding's type", "declare the parameter's type"),
    "42804": Fault(StatementInvalid, "types in the statement do not fit", "declare the parameter's type, or cast"),
    "44000": Fault(ConstraintViolated, "the row does not satisfy the view's check option"),
    "53300": Fault(ResourceExhausted, "the server has no connection left for this role"),
    "55P03": Fault(ResourceExhausted, "the rows or the table are locked", "execute again"),
    "57014": Fault(ExecutionTimeout, "the server cancelled the statement"),
    "57P03": Fault(ConnectFailed, "the server does not accept connections at the moment"),
    "P0001": Fault(ConstraintViolated, "a function or trigger of the database refused this"),
}

_CLASSES: Final[Mapping[str, Fault]] = {
    "08": Fault(Disconnected, "the connection to the server failed"),
    "0L": Fault(PermissionRejected, "the role has no right to grant this"),
    "0P": Fault(PermissionRejected, "the role is not valid here"),
    "22": Fault(ParameterInvalid, "a value does not fit where the statement uses it"),
    "23": Fault(ConstraintViolated, "a constraint of the database refused the change"),
    "25": Fault(StatementInvalid, "the statement is not possible in this transaction"),
    "28": Fault(CredentialsRejected, "the server refused the role"),
    "40": Fault(ResourceExhausted, "the server rolled the transaction back", "execute again"),
    "53": Fault(ResourceExhausted, "the server is out of memory, disk or connections"),
    "54": Fault(ResourceExhausted, "the statement is too large or too complex for the server"),
    "57": Fault(Disconnected, "the server is shutting down or ended the session"),
    "58": Fault(BadResponse, "the server failed"),
    "XX": Fault(BadResponse, "the server failed; its data may be damaged"),
}
_OTHER: Final = Fault(StatementInvalid, "the server does not accept the statement")

_PORTAL_PARAMETER: Final = re.compile(r'^(?:unnamed portal|portal "[^"]*") parameter \$(\d+)', re.MULTILINE)
_ASYNCPG_ARGUMENT: Final = re.compile(r"^invalid input for query argument \$(\d+)|^query argument \$(\d+)")
_STALE: Final = frozenset({"0A000", "26000"})
"""The server asks for the statement to be prepared again: ``cached plan must not change result type`` (told from other
features that are not supported by the place it comes from), and a prepared name that is gone."""


def fault_of(sqlstate: str) -> Fault:
    """Return what an SQLSTATE means: its own row, else its class's."""
    return _CODES.get(sqlstate) or _CLASSES.get(sqlstate[:2], _OTHER)


def wants_preparing(error: BaseException) -> bool:
    """Return whether a kept statement must be prepared again. Raised before the statement did anything."""
    if isinstance(error, exceptions.InvalidCachedStatementError):
        return True
    return isinstance(error, exceptions.InvalidSQLStatementNameError)


def is_about_text(error: BaseException) -> bool:
    """Return whether an error may come from the text of a statement, as it was kept, and not from what the text means now.

    When a column's type changes, a kept statement may be wrong in itself (its parameters have types; its second text, see
    ``derive.py``, is made for the columns) before the server can say that it must be prepared again.
    """
    if not isinstance(error, exceptions.PostgresError):
        return False
    return (error.sqlstate or "")[:2] == "42" or _position(error) is not None


def translate(
    error: BaseException, *, sent: bool = True, may_commit: bool = False, expected: tuple[str, ...] = ()
) -> DatasourceError:
    """Return the contract's error for what asyncpg, or the network, raised (``RAISED``).

    Args:
        error: what was raised.
        sent: whether the statement itself may have been written to the socket.
        may_commit: whether a part of the statement's work can stay though it failed (CALL).
        expected: the type names of the parameters, for messages.
    """
    outcome = Outcome.UNKNOWN if sent else Outcome.NOT_SENT
    match error:
        case DatasourceError():
            return error
        case exceptions.PostgresConnectionError() | ConnectionError() | EOFError():
            told = error.__cause__
            if isinstance(told, exceptions.PostgresError) and not isinstance(told, exceptions.PostgresConnectionError):
                return _reported(told, outcome=outcome, expected=expected)
            return Disconnected("the connection to the server was lost", outcome=outcome)
        case exceptions.PostgresError():
            reported = Outcome.UNKNOWN if may_commit and sent else Outcome.ROLLED_BACK
            return _reported(error, outcome=reported if sent else outcome, expected=expected)
        case TimeoutError():
            return ExecutionTimeout("the deadline passed and the statement was cancelled", outcome=outcome)
        case exceptions.DataError():
            return _unwritable(error, expected)
        case OSError():
            return Disconnected("the connection to the server was lost", outcome=outcome)
        case _:
            return BadResponse("the server's answer cannot be read", outcome=outcome)


def translate_connect(error: BaseException) -> DatasourceError:
    """Return the contract's error for a connection that could not be made."""
    match error:
        case DatasourceError():
            return error
        case exceptions.PostgresError() if not isinstance(error, exceptions.PostgresConnectionError):
            reported = _reported(error, outcome=Outcome.NOT_SENT, expected=())
            if isinstance(reported, (Disconnected, StatementInvalid, ParameterInvalid, BadResponse)):
                return _like(reported, ConnectFailed, "the server does not accept the connection")
            return reported
        case ssl.SSLError() | ssl.CertificateError():
            return TlsFailed(
                "the TLS handshake with the server failed",
                hint="compare the server's certificate with the datasource's CA, host name and pinned key",
                outcome=Outcome.NOT_SENT,
            )
        case TimeoutError():
            return ConnectFailed(
                "the server did not answer in time", hint="check address, port and firewall", outcome=Outcome.NOT_SENT
            )
        case ConnectionError() if (
            type(error) is ConnectionError
        ):  # what asyncpg raises in the TLS upgrade, and only there
            return TlsFailed(
                "the server refused TLS", hint="enable TLS at the server, or lower tlsMode", outcome=Outcome.NOT_SENT
            )
        case OSError() | EOFError() | exceptions.PostgresConnectionError():
            return ConnectFailed(
                "no connection could be made to the server",
                hint="check address, port and that the server listens there",
                outcome=Outcome.NOT_SENT,
            )
        case _:
            return ConnectFailed(
                "the server's way of logging in is not supported, or its answer is not PostgreSQL's",
                outcome=Outcome.NOT_SENT,
            )


def _reported(error: exceptions.PostgresError, *, outcome: Outcome, expected: tuple[str, ...]) -> DatasourceError:
    sqlstate = getattr(error, "sqlstate", None) or ""
    fault = fault_of(sqlstate)
    parameter = _parameter(error) if fault.error is ParameterInvalid else None
    return fault.error(
        fault.message,
        hint=fault.hint,
        outcome=outcome,
        parameter=parameter,
        expected=expected[parameter] if parameter is not None and parameter < len(expected) else "",
        native_code=sqlstate,
        native_message=_words(error),
        constraint=getattr(error, "constraint_name", None) or "",
        position=_position(error),
    )


def _words(error: exceptions.PostgresError) -> str:
    parts = (getattr(error, name, None) for name in ("message", "detail", "hint"))
    return "\n".join(part for part in parts if part)


def _position(error: exceptions.PostgresError) -> int | None:
    position = getattr(error, "position", None)
    return int(position) - 1 if position and position.isdigit() else None


def _parameter(error: exceptions.PostgresError) -> int | None:
    match = _PORTAL_PARAMETER.search(getattr(error, "context", None) or "")
    return int(match.group(1)) - 1 if match else None


def _unwritable(error: BaseException, expected: tuple[str, ...]) -> ParameterInvalid:
    """A value that cannot be written at all, a lone surrogate for example. asyncpg's text quotes it: only its index is read."""
    match = _ASYNCPG_ARGUMENT.match(str(error.args[0]) if error.args else "")
    index = int(match.group(1) or match.group(2)) - 1 if match else None
    return ParameterInvalid(
        "a value cannot be written as text",
        outcome=Outcome.NOT_SENT,
        parameter=index,
        expected=expected[index] if index is not None and index < len(expected) else "",
    )


def _like(error: DatasourceError, kind: type[DatasourceError], message: str) -> DatasourceError:
    return kind(
        message,
        outcome=error.outcome,
        native_code=error.native_code,
        native_message=error.native_message,
    )
