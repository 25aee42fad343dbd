"""Translate the client library's exceptions: one table, the first row that fits; and another while there is no connection."""

import ssl
from typing import Final, TypeAlias

import aiohttp
from aiohttp.http import HttpProcessingError

from appsmith_proxy.sdk import (
    BadResponse,
    ConnectFailed,
    DatasourceError,
    Disconnected,
    Outcome,
    TlsFailed,
)

_Row: TypeAlias = tuple[type[BaseException], type[DatasourceError], str]

_TLS_HINT: Final = "Check the TLS mode, the certificate authorities, the pinned key and the server's name."
_REACH_HINT: Final = "Check the URL's host and port, and that the server runs and can be reached from here."

TABLE: Final[tuple[_Row, ...]] = (
    (aiohttp.ClientPayloadError, Disconnected, "the upstream's answer ends too early"),
    (aiohttp.ClientResponseError, BadResponse, "the upstream's answer is no HTTP that can be read"),
    (HttpProcessingError, BadResponse, "the upstream's answer is no HTTP that can be read"),
    (aiohttp.ClientConnectionError, Disconnected, "the connection to the upstream was lost"),
    (aiohttp.ClientError, BadResponse, "the exchange with the upstream failed"),
    (OSError, Disconnected, "the connection to the upstream was lost"),
)

_CONNECTING: Final[tuple[_Row, ...]] = (
    (ssl.SSLCertVerificationError, TlsFailed, "the server's identity could not be verified"),
    (ssl.SSLError, TlsFailed, "the TLS handshake failed"),
    (TimeoutError, ConnectFailed, "the server did not answer in time"),
    (OSError, ConnectFailed, "the server cannot be reached"),
)
"""While there is no connection: nothing was sent."""

RAISED: Final = (aiohttp.ClientError, HttpProcessingError, OSError)
"""What the library raises when the other side is at fault. All else is a defect of ours."""


def translated(exc: BaseException) -> DatasourceError:
    """Return our error for one of the library's. Its own text stays behind: it can quote a URL."""
    for theirs, ours, message in TABLE:
        if isinstance(exc, theirs):
            return ours(message, outcome=Outcome.UNKNOWN)
    return BadResponse("the exchange with the upstream failed")


def not_connected(exc: BaseException) -> DatasourceError:
    """Return our error for what went wrong while connecting."""
    for theirs, ours, message in _CONNECTING:
        if isinstance(exc, theirs):
            hint = _TLS_HINT if ours is TlsFailed else _REACH_HINT
            return ours(message, hint=hint, outcome=Outcome.NOT_SENT)
    return ConnectFailed("the server cannot be reached", hint=_REACH_HINT, outcome=Outcome.NOT_SENT)
