"""The configuration of a PostgreSQL datasource: its rows, what relates them, and the same as one object."""

import base64
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from appsmith_proxy.sdk import ActionField, Field, FieldType, Place, Problem, TlsMode

FIELDS: Final = (
    Field(
        name="host",
        type=FieldType.HOST,
        label="Host",
        help="Name or IP address of the server. A socket path is refused.",
        required=True,
        destination=True,
        max_length=255,
    ),
    Field(name="port", type=FieldType.PORT, label="Port", default=5432, destination=True),
    Field(name="database", type=FieldType.TEXT, label="Database", required=True, destination=True, max_length=63),
    Field(
        name="username",
        type=FieldType.TEXT,
        label="User name",
        help="A role with the rights that the actions need, and no more.",
        required=True,
        destination=True,
        max_length=63,
    ),
    Field(name="password", type=FieldType.TEXT, label="Password", secret=True, max_length=1024),
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

ACTIONS: Final = (
    ActionField(
        name="body",
        type=FieldType.MULTILINE,
        label="Statement",
        help="One statement; {{ bindings }} are its values.",
        required=True,
        max_length=100_000,
        place=Place.SQL,
    ),
)

OPTIONS: Final = (
    Field(
        name="ceilingSeconds",
        type=FieldType.INTEGER,
        label="Ceiling",
        help="The server itself cancels a statement after so many seconds, whatever the action's deadline says.",
        default=120,
        minimum=1,
        maximum=86_400,
    ),
)

DEFAULT_CEILING: Final = 120
_LOOPBACK_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
_TLS_FIELDS: Final = ("tlsCa", "tlsCertificate", "tlsPinnedKey")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The plain fields, defaults filled in."""

    host: str
    port: int
    database: str
    username: str
    tls_mode: TlsMode
    ca: str
    certificate: str
    pinned_key: str

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read a configuration that ``problems`` found nothing wrong with."""
        host = fields["host"]
        return cls(
            host=host,
            port=fields.get("port", 5432),
            database=fields["database"],
            username=fields["username"],
            tls_mode=effective_mode(host, fields.get("tlsMode")),
            ca=fields.get("tlsCa", ""),
            certificate=fields.get("tlsCertificate", ""),
            pinned_key=fields.get("tlsPinnedKey", ""),
        )


def effective_mode(host: str, chosen: str | None) -> TlsMode:
    """Return the TLS mode: as chosen, else verified in full, or none for what never leaves the machine."""
    if chosen:
        return TlsMode(chosen)
    return TlsMode.DISABLE if is_loopback(host) else TlsMode.VERIFY_FULL


def problems(fields: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[Problem]:
    """Yield what is wrong between fields; each by itself has been checked against the table."""
    host = fields.get("host")
    if not host:
        return
    mode = effective_mode(host, fields.get("tlsMode"))
    if mode is TlsMode.DISABLE:
        for name in _TLS_FIELDS:
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
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in _LOOPBACK_NAMES


def _is_key_hash(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except ValueError:  # binascii.Error is one too
        return False
