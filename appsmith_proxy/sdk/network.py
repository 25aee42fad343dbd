"""The network as a driver sees it: the only way out. Every address is checked before a byte is sent."""

import asyncio
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class TlsMode(StrEnum):
    """How much of the server's identity is checked, from weakest to strongest."""

    DISABLE = "disable"
    REQUIRE = "require"
    """Encrypted; anybody may answer. No certificate is checked (a pinned key, if given, still is)."""
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A checked destination: dial ``addresses``, verify ``host``."""

    host: str
    """The canonical name or literal as configured: what TLS verifies and HTTP's Host header says."""
    port: int
    addresses: tuple[str, ...]
    """IP literals, all of them allowed, in the order to try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """TLS of one datasource, in PEM texts. ``key`` is a secret: it is used in memory only."""

    mode: TlsMode = TlsMode.VERIFY_FULL
    ca: str = ""
    """Own certificate authorities; ``""``: the system's."""
    certificate: str = ""
    key: str = field(default="", repr=False)
    pinned_key: str = ""
    """Base64 of the SHA-256 of the server's SubjectPublicKeyInfo (RFC 7469 §2.4), or ``""``."""


class Network(Protocol):
    """What ``OpenContext.network`` offers. Denied or unresolvable hosts raise ``ConnectFailed``, bad TLS ``TlsFailed``."""

    async def resolve(self, host: str, port: int) -> Target:
        """Resolve once and check **all** answers; one denied address refuses the whole answer.

        Raises:
            ConnectFailed: the host does not resolve, is spelled unusually, or an address of it is denied.
        """
        ...

    def tls(self, target: Target, options: TlsOptions) -> ssl.SSLContext | None:
        """Return a context that verifies ``target.host`` whatever address is dialled, or None for ``DISABLE``.

        Its ``wrap_bio`` fixes the server name, so libraries that pass the address (or nothing) still verify the name.

        Raises:
            TlsFailed: the certificates or the key cannot be read.
        """
        ...

    async def connect(
        self, host: str, port: int, *, tls: TlsOptions | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Resolve, check and dial; the caller closes the writer."""
        ...

    async def relay(self, host: str, port: int) -> tuple[str, int]:
        """Return a loopback address that forwards to the checked target, for libraries that dial by themselves.

        Lives as long as the Client whose context this is; closed by the proxy.
        """
        ...

    async def presented_chain(self, host: str, port: int, *, protocol: str = "tls") -> tuple[str, ...]:
        """Return subject, issuer, validity and fingerprint of the certificates a server presents, for editors.

        ``protocol`` is ``tls``, or ``postgres`` or ``mysql``, which ask for TLS first. No credentials are sent. Empty when
        there are none.
        """
        ...
