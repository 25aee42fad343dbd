"""What went wrong, as one of the contract's errors with an honest outcome. What a server's numbers mean is in ``codes.py``.

====================================  ===========================================================================
what happened                         outcome
====================================  ===========================================================================
no connection, or none in time        ``not_sent``
a value that could not be written     ``not_sent``
the server reported an error          ``rolled_back``; ``unknown`` where a part of the work may stay
the connection was lost               ``not_sent`` while preparing, else ``unknown``
the deadline passed                   ``not_sent`` while preparing, else ``unknown``
====================================  ===========================================================================
"""

import re
import ssl
import struct
from typing import Final

from pymysql.err import MySQLError

from appsmith_proxy.sdk import (
    BadResponse,
    ConnectFailed,
    ConstraintViolated,
    DatasourceError,
    Disconnected,
    ExecutionTimeout,
    Outcome,
    ParameterInvalid,
    StatementInvalid,
    TlsFailed,
)
from appsmith_proxy_mysql.codes import fault_of
from appsmith_proxy_mysql.protocol import Malformed, Reported

RAISED: Final = (
    Reported,
    Malformed,
    MySQLError,
    struct.error,
    OSError,
    EOFError,
    LookupError,
    ValueError,
    AssertionError,
)
"""What our own reading, and aiomysql's login, raise or let through when a server's bytes make no sense. Defects of ours
are not among them."""


_WANT_PREPARING: Final = frozenset({1243, 1615})
_KEY: Final = re.compile(r"for key '((?:[^']|'')+)'$")
_CONSTRAINT: Final = re.compile(r"CONSTRAINT `((?:[^`]|``)+)` (?:FOREIGN KEY|failed for)")
_CHECK_NAME: Final = re.compile(r"^Check constraint '([^']+)' is violated\.$")


def wants_preparing(error: BaseException) -> bool:
    """Return whether a kept statement must be prepared again. Raised before the statement did anything."""
    return isinstance(error, Reported) and error.number in _WANT_PREPARING


def reported(error: BaseException) -> bool:
    """Return whether the server reported it, and so lives on and can be asked."""
    return isinstance(error, Reported)


def translate(error: BaseException, *, sent: bool = True, may_commit: bool = False) -> DatasourceError:
    """Return the contract's error for what was raised on a connection (``RAISED``).

    Args:
        error: what was raised.
        sent: whether the statement itself may have been written to the socket.
        may_commit: whether a part of the statement's work can stay though it failed (CALL, tables without transactions).
    """
    outcome = Outcome.UNKNOWN if sent else Outcome.NOT_SENT
    match error:
        case DatasourceError():
            return error
        case Reported():
            return _reported(error, outcome=_outcome_of(error, sent=sent, may_commit=may_commit))
        case TimeoutError():
            return ExecutionTimeout("the deadline passed and the statement was cancelled", outcome=outcome)
        case OSError() | EOFError():
            return Disconnected("the connection to the server was lost", outcome=outcome)
        case _:
            return BadResponse("the server's answer cannot be read", outcome=outcome)


def translate_connect(error: BaseException) -> DatasourceError:
    """Return the contract's error for a connection that could not be made."""
    if isinstance(error, MySQLError):
        error = _as_reported(error)
    match error:
        case DatasourceError():
            return error
        case Reported():
            reported = _reported(error, outcome=Outcome.NOT_SENT)
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
        case OSError() | EOFError():
            return ConnectFailed(
                "no connection could be made to the server",
                hint="check address, port and that the server listens there",
                outcome=Outcome.NOT_SENT,
            )
        case _:
            return ConnectFailed(
                "the server's way of logging in is not supported, or its answer is not MySQL's",
                outcome=Outcome.NOT_SENT,
            )


def _outcome_of(error: Reported, *, sent: bool, may_commit: bool) -> Outcome:
    if not sent:
        return Outcome.NOT_SENT
    if may_commit or fault_of(error.number, error.state).error is Disconnected:
        return Outcome.UNKNOWN
    return Outcome.ROLLED_BACK


def _reported(error: Reported, *, outcome: Outcome) -> DatasourceError:
    fault = fault_of(error.number, error.state)
    return fault.error(
        fault.message,
        hint=fault.hint,
        outcome=outcome,
        native_code=str(error.number),
        native_message=error.words,
        constraint=_constraint(error.words) if fault.error is ConstraintViolated else "",
    )


def _constraint(words: str) -> str:
    """Return a constraint's name out of the server's words. A value that is quoted in them stands before it."""
    for pattern in (_KEY, _CHECK_NAME):
        if found := pattern.search(words):
            return found[1].replace("''", "'")
    named = _CONSTRAINT.findall(words)
    return str(named[-1]).replace("``", "`") if named else ""


def _as_reported(error: MySQLError) -> BaseException:
    """Return what aiomysql raised while logging in as an error of the server, if it was one."""
    number = error.args[0] if error.args else None
    if not isinstance(number, int):
        return Malformed("the login cannot be understood")
    words = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], str) else ""
    return Reported(number & 0xFFFF, getattr(error, "sqlstate", None) or "", words)


def _like(error: DatasourceError, kind: type[DatasourceError], message: str) -> DatasourceError:
    return kind(message, outcome=error.outcome, native_code=error.native_code, native_message=error.native_message)
