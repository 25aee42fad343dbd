"""Translate the client library's exceptions: one table, the first row that fits."""

from typing import Final

import aiohttp

from appsmith_proxy.sdk import (
    BadResponse,
    ConnectFailed,
    DatasourceError,
    Disconnected,
    Outcome,
    StatementInvalid,
    TlsFailed,
)

_NOT_SENT: Final = Outcome.NOT_SENT
_UNKNOWN: Final = Outcome.UNKNOWN

_TLS_HINT: Final = "Check the TLS mode, the certificate authorities, the pinned key and the server's name."
_REACH_HINT: Final = "Check the URL's host and port, and that the server runs and can be reached from here."

TABLE: Final[tuple[tuple[type[BaseException], type[DatasourceError], str, str, Outcome], ...]] = (
    (
        aiohttp.ClientConnectorCertificateError,
        TlsFailed,
        "the server's identity could not be verified",
        _TLS_HINT,
        _NOT_SENT,
    ),
    (aiohttp.ClientSSLError, TlsFailed, "the TLS handshake failed", _TLS_HINT, _NOT_SENT),
    (aiohttp.ServerFingerprintMismatch, TlsFailed, "the server's certificate is another", _TLS_HINT, _NOT_SENT),
    (aiohttp.ClientConnectorDNSError, ConnectFailed, "the host name does not resolve", _REACH_HINT, _NOT_SENT),
    (aiohttp.ClientProxyConnectionError, ConnectFailed, "the server cannot be reached", _REACH_HINT, _NOT_SENT),
    (aiohttp.ClientConnectorError, ConnectFailed, "the server cannot be reached", _REACH_HINT, _NOT_SENT),
    (aiohttp.ConnectionTimeoutError, ConnectFailed, "the server did not answer in time", _REACH_HINT, _NOT_SENT),
    (aiohttp.InvalidURL, StatementInvalid, "the URL cannot be sent", "", _NOT_SENT),
    (aiohttp.ClientPayloadError, Disconnected, "the upstream's answer ends too early", "", _UNKNOWN),
    (aiohttp.ClientResponseError, BadResponse, "the upstream's answer is no HTTP that can be read", "", _UNKNOWN),
    (aiohttp.ClientConnectionError, Disconnected, "the connection to the upstream was lost", "", _UNKNOWN),
    (aiohttp.ClientError, BadResponse, "the exchange with the upstream failed", "", _UNKNOWN),
    (OSError, Disconnected, "the connection to the upstream was lost", "", _UNKNOWN),
)


def translated(exc: BaseException) -> DatasourceError:
    """Return our error for one of the library's. Its own text stays behind: it can quote a URL."""
    for theirs, ours, message, hint, outcome in TABLE:
        if isinstance(exc, theirs):
            return ours(message, hint=hint, outcome=outcome)
    return BadResponse("the exchange with the upstream failed")
