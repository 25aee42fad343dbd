"""The TLS of a database: its rows of the configuration, what relates them, and the same as one object.

A driver puts ``TLS_FIELDS`` after its own rows, adds ``tls_problems`` to what ``validate`` finds, and reads with
``TlsConfiguration.read``.
"""

import base64
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from appsmith_proxy.errors import Problem
from appsmith_proxy.sdk.fields import Field, FieldType
from appsmith_proxy.sdk.network import TlsMode, TlsOptions
from appsmith_proxy.sdk.secrets import Secret

TLS_FIELDS: Final = (
    Field(
        name="tlsMode",
        type=FieldType.CHOICE,
        label="TLS",
        help="How much of the server's identity is checked. Default: verify-full; disable for loopback hosts.",
        destination=True,
        choices=tuple(mode.value for mode in TlsMode),
        ordered=True,
    ),
    Field(
        name="tlsCa",
        type=FieldType.MULTILINE,
        label="Certificate authority",
        help="PEM. Default: the system's authorities.",
        destination=True,
        max_length=64_000,
    ),
    Field(
        name="tlsPinnedKey",
        type=FieldType.TEXT,
        label="Pinned key",
        help="Base64 of the SHA-256 of the server's public key (SubjectPublicKeyInfo).",
        destination=True,
        max_length=44,
    ),
    Field(
        name="tlsCertificate",
        type=FieldType.MULTILINE,
        label="Client certificate",
        help="PEM, with its chain.",
        max_length=64_000,
    ),
    Field(
        name="tlsKey",
        type=FieldType.MULTILINE,
        label="Client key",
        help="PEM, without a passphrase.",
        secret=True,
        max_length=16_000,
    ),
)

_NEEDS_TLS: Final = ("tlsCa", "tlsCertificate", "tlsPinnedKey")
_LOOPBACK_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
_WEAK: Final = {
    TlsMode.REQUIRE: "TLS is on, but anybody may answer: the server's certificate is not checked",
    TlsMode.VERIFY_CA: "the server's certificate is checked, but not its host name",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfiguration:
    """The plain fields of ``TLS_FIELDS`` for one host, the default mode filled in."""

    mode: TlsMode
    loopback: bool
    """The host never leaves the machine."""
    ca: str
    certificate: str
    pinned_key: str

    @classmethod
    def read(cls, host: str, fields: Mapping[str, Any]) -> Self:
        """Read fields that ``tls_problems`` found nothing wrong with."""
        return cls(
            mode=_mode(host, fields),
            loopback=is_loopback(host),
            ca=fields.get("tlsCa", ""),
            certificate=fields.get("tlsCertificate", ""),
            pinned_key=fields.get("tlsPinnedKey", ""),
        )

    @property
    def verified(self) -> bool:
        """Whether the server proves who it is, so that even a password in clear text is safe."""
        return self.mode in (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL) or (
            self.mode is TlsMode.REQUIRE and bool(self.pinned_key)
        )

    def options(self, key: Secret | None) -> TlsOptions:
        """Return what ``Network.tls`` wants, the client's key revealed."""
        return TlsOptions(
            mode=self.mode,
            ca=self.ca,
            certificate=self.certificate,
            key=key.reveal() if key is not None else "",
            pinned_key=self.pinned_key,
        )

    def warnings(self) -> Iterator[str]:
        """Yield what an operator should know of it, for ``Health``."""
        if self.mode is TlsMode.DISABLE and not self.loopback:
            yield "the connection is not encrypted"
        elif self.mode in _WEAK and not self.pinned_key:
            yield _WEAK[self.mode]


def tls_problems(host: str, fields: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[Problem]:
    """Yield what is wrong between the fields; each by itself has been checked against the table."""
    if _mode(host, fields) is TlsMode.DISABLE:
        for name in _NEEDS_TLS:
            if fields.get(name):
                yield Problem(f"configuration.{name}", "has no effect without TLS", hint="choose another tlsMode")
    for name in ("tlsCa", "tlsCertificate"):
        if fields.get(name) and "-----BEGIN CERTIFICATE-----" not in fields[name]:
            yield Problem(f"configuration.{name}", "must be a certificate in PEM form")
    if fields.get("tlsPinnedKey") and not _is_key_hash(fields["tlsPinnedKey"]):
        yield Problem("configuration.tlsPinnedKey", "must be the base64 of 32 bytes")
    if fields.get("tlsCertificate") and "tlsKey" not in secrets_set:
        yield Problem("configuration.tlsKey", "is required with a client certificate")
    if "tlsKey" in secrets_set and not fields.get("tlsCertificate"):
        yield Problem("configuration.tlsCertificate", "is required with a client key")


def is_loopback(host: str) -> bool:
    """Return whether a host, by name or address, is this machine itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in _LOOPBACK_NAMES


def _mode(host: str, fields: Mapping[str, Any]) -> TlsMode:
    """Return the mode: as chosen, else verified in full, or none for what never leaves the machine."""
    if chosen := fields.get("tlsMode"):
        return TlsMode(chosen)
    return TlsMode.DISABLE if is_loopback(host) else TlsMode.VERIFY_FULL


def _is_key_hash(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except ValueError:  # binascii.Error is one too
        return False
