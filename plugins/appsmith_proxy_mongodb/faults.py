"""What went wrong, by one table: the server's code → the contract's errors. PyMongo's classes follow from where they come from.

=========================================  ======================================================================
what happened                              outcome
=========================================  ======================================================================
no connection, or none in time             ``not_sent``
the server refused the command             ``rolled_back``; ``unknown`` where a write may have been done in part
the server says that it is not primary     ``not_sent``: it has done nothing
the connection was lost                    ``not_sent`` before the command went out, else ``unknown``
the deadline passed                        the same
=========================================  ======================================================================
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bson.errors import BSONError, InvalidDocument
from pymongo import errors

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

RAISED: Final = (errors.PyMongoError, BSONError, OSError, OverflowError)
"""What motor and pymongo raise, or let through. Defects of ours are not among them."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What a code means to us."""

    error: type[DatasourceError]
    message: str
    hint: str = ""


_NOT_PRIMARY: Final = Fault(Disconnected, "the server is not the replica set's primary any more")
_INTERRUPTED: Final = Fault(Disconnected, "the server ended the operation: it shuts down, or is not primary any more")
_DUPLICATE: Final = Fault(ConstraintViolated, "a unique index has this key already")
_TOO_LATE: Final = Fault(ExecutionTimeout, "the deadline passed and the operation was ended")
_MEMORY: Final = Fault(ResourceExhausted, "the operation needs more memory than the server allows it")
_BUSY: Final = Fault(ResourceExhausted, "another operation changed the same documents", "execute again")
_NO_WRITE: Final = Fault(ResourceExhausted, "the write was not confirmed by enough members of the replica set")
_TOO_LARGE: Final = Fault(ResourceExhausted, "a document would be larger than the 16 MiB that MongoDB takes")
_OTHER: Final = Fault(StatementInvalid, "the server refused the operation")

CODES: Final[Mapping[int, Fault]] = {
    11: Fault(CredentialsRejected, "the server refused the user's name or password"),
    13: Fault(PermissionRejected, "the user has no right to do this", "grant it, or use another user"),
    18: Fault(CredentialsRejected, "the server refused the user's name or password"),
    24: _BUSY,
    43: Fault(Disconnected, "the server has forgotten the rest of the answer"),
    46: _BUSY,
    50: _TOO_LATE,
    64: _NO_WRITE,
    91: _INTERRUPTED,
    100: _NO_WRITE,
    112: _BUSY,
    121: Fault(ConstraintViolated, "the document does not pass the collection's validation"),
    146: _MEMORY,
    189: _INTERRUPTED,
    251: _BUSY,
    262: _TOO_LATE,
    292: _MEMORY,
    8000: Fault(PermissionRejected, "the service does not allow this"),
    10058: _NOT_PRIMARY,
    10107: _NOT_PRIMARY,
    10334: _TOO_LARGE,
    11000: _DUPLICATE,
    11001: _DUPLICATE,
    11600: _INTERRUPTED,
    11601: Fault(ExecutionTimeout, "the operation was ended at the server"),
    11602: _INTERRUPTED,
    12582: _DUPLICATE,
    13435: _NOT_PRIMARY,
    13436: Fault(Disconnected, "the server is not ready to be read: it is joining the replica set"),
    14031: Fault(ResourceExhausted, "the server's disk is full"),
    17280: Fault(ResourceExhausted, "a value is too long for its index"),
}
"""The codes that mean more than that the operation is refused."""

REFUSED_BEFORE: Final = frozenset({10058, 10107, 13435})
"""The server says that it would need to be primary, and has done nothing."""

_INDEX: Final = re.compile(r"\bindex: ([^\s]+) dup key")


def fault_of(code: int | None) -> Fault:
    """Return what a code means."""
    return CODES.get(code or 0, _OTHER)


def translate(error: BaseException, *, sent: bool, partly: bool = False) -> DatasourceError:
    """Return the contract's error for what was raised (``RAISED``).

    Args:
        error: what was raised.
        sent: whether the command itself may have been written to the socket.
        partly: whether a part of the work may stay though it failed.
    """
    lost = Outcome.UNKNOWN if sent else Outcome.NOT_SENT
    match error:
        case errors.NetworkTimeout() | errors.WaitQueueTimeoutError() | TimeoutError():
            return ExecutionTimeout("the deadline passed", outcome=lost)
        case errors.NotPrimaryError() | errors.OperationFailure():
            details = error.details if isinstance(error.details, Mapping) else {}
            code = getattr(error, "code", None) or details.get("code")
            return reported(details, code=code, partly=partly and sent, sent=sent)
        case errors.DocumentTooLarge():
            return ResourceExhausted(_TOO_LARGE.message, outcome=Outcome.NOT_SENT)
        case errors.ConnectionFailure():
            return Disconnected("the connection to the server was lost", outcome=lost) if sent else connecting(error)
        case InvalidDocument() | OverflowError():
            return ParameterInvalid("a value cannot be written as BSON", outcome=Outcome.NOT_SENT)
        case errors.InvalidOperation():
            return ConnectFailed("the datasource's client is closed", outcome=Outcome.NOT_SENT)
        case BSONError() | errors.ProtocolError():
            return BadResponse("the server's answer cannot be read", outcome=lost)
        case ssl.SSLError():
            return connecting(error)
        case OSError():
            return Disconnected("the connection to the server was lost", outcome=lost)
        case _:
            return BadResponse("the server's answer cannot be used", outcome=lost)


def connecting(error: BaseException) -> DatasourceError:
    """Return the contract's error for a connection that could not be made."""
    cause = error.__cause__ or error.__context__ or error
    match cause:
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
        case _:
            return ConnectFailed(
                "no connection could be made to the server",
                hint="check address and port, that the server listens there, and whether it wants TLS",
                outcome=Outcome.NOT_SENT,
            )


def reported(
    details: Mapping[str, Any], *, code: int | None = None, partly: bool = False, sent: bool = True
) -> DatasourceError:
    """Return the contract's error for what a server says went wrong (a reply, a write error)."""
    code = code or details.get("code")
    fault = fault_of(code)
    outcome = Outcome.UNKNOWN if partly else Outcome.ROLLED_BACK
    if not sent or code in REFUSED_BEFORE:
        outcome = Outcome.NOT_SENT
    elif fault in (_INTERRUPTED, _NO_WRITE):
        outcome = Outcome.UNKNOWN
    words = details.get("errmsg")
    return fault.error(
        fault.message,
        hint=fault.hint,
        outcome=outcome,
        native_code=str(code or ""),
        native_message=words if isinstance(words, str) else "",
        constraint=_constraint(details) if fault.error is ConstraintViolated else "",
    )


def is_refused_before(error: DatasourceError) -> bool:
    """Return whether the server says that it is no primary, so that another may be."""
    return isinstance(error, Disconnected) and error.native_code in {str(code) for code in REFUSED_BEFORE}


def _constraint(details: Mapping[str, Any]) -> str:
    match = _INDEX.search(str(details.get("errmsg", "")))
    return match[1] if match else ""
