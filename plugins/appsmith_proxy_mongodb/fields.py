"""The configuration of a MongoDB datasource and of its actions: their rows, what relates them, and the same as one object."""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from appsmith_proxy.sdk import (
    TLS_FIELDS,
    ActionField,
    Field,
    FieldType,
    Place,
    Problem,
    TlsConfiguration,
    is_loopback,
    tls_problems,
)

DEFAULT_PORT: Final = 27017
MAX_HOSTS: Final = 15
MECHANISMS: Final = ("SCRAM-SHA-256", "SCRAM-SHA-1", "MONGODB-X509", "PLAIN", "none")
X509: Final = "MONGODB-X509"
PLAIN: Final = "PLAIN"
NO_LOGIN: Final = "none"
PREFERENCES: Final = ("primary", "primaryPreferred", "secondary", "secondaryPreferred")
_WITH_PASSWORD: Final = ("SCRAM-SHA-256", "SCRAM-SHA-1", PLAIN)

FIELDS: Final = (
    Field(
        name="hosts",
        type=FieldType.TEXT,
        label="Hosts",
        help="One or several host:port, with commas between them; the port is 27017 where none is given. No mongodb:// URL.",
        required=True,
        destination=True,
        max_length=2048,
    ),
    Field(
        name="replicaSet",
        type=FieldType.TEXT,
        label="Replica set",
        help="Its name: a server that says another one is refused. Needed with several hosts.",
        destination=True,
        max_length=128,
    ),
    Field(name="database", type=FieldType.TEXT, label="Database", required=True, destination=True, max_length=63),
    Field(
        name="authMechanism",
        type=FieldType.CHOICE,
        label="Authentication",
        help="PLAIN sends the password itself, so it needs TLS that verifies the server.",
        choices=MECHANISMS,
        default=MECHANISMS[0],
        destination=True,
    ),
    Field(
        name="username",
        type=FieldType.TEXT,
        label="User name",
        help="A user with the rights that the actions need, and no more.",
        required=True,
        destination=True,
        max_length=128,
        shown_when=("authMechanism", _WITH_PASSWORD),
    ),
    Field(
        name="password",
        type=FieldType.TEXT,
        label="Password",
        secret=True,
        required=True,
        max_length=1024,
        shown_when=("authMechanism", _WITH_PASSWORD),
    ),
    Field(
        name="authSource",
        type=FieldType.TEXT,
        label="Authentication database",
        help="Where the user is kept. Default: admin.",
        default="admin",
        destination=True,
        max_length=63,
        shown_when=("authMechanism", ("SCRAM-SHA-256", "SCRAM-SHA-1")),
    ),
    Field(
        name="readPreference",
        type=FieldType.CHOICE,
        label="Reads",
        help="Which members of a replica set answer what only reads.",
        choices=PREFERENCES,
        default=PREFERENCES[0],
    ),
    *TLS_FIELDS,
)

OPERATIONS: Final = ("find", "aggregate", "count", "distinct", "insert", "update", "delete")
READS: Final = ("find", "aggregate", "count", "distinct")
_LONG: Final = 200_000


def _json(
    name: str, label: str, help_text: str, operations: tuple[str, ...], *, required: bool = False, lines: bool = True
) -> ActionField:
    return ActionField(
        name=name,
        type=FieldType.MULTILINE if lines else FieldType.TEXT,
        label=label,
        help=help_text,
        required=required,
        max_length=_LONG,
        place=Place.JSON,
        shown_when=("operation", operations),
    )


_FILTERED: Final = ("find", "count", "distinct", "update", "delete")

ACTIONS: Final = (
    ActionField(
        name="operation",
        type=FieldType.CHOICE,
        label="Operation",
        choices=OPERATIONS,
        default="find",
    ),
    ActionField(name="collection", type=FieldType.TEXT, label="Collection", required=True, max_length=255),
    _json("filter", "Filter", "Which documents: JSON, with extended JSON for types. Empty: all.", _FILTERED),
    _json("pipeline", "Pipeline", "A list of stages.", ("aggregate",), required=True),
    ActionField(
        name="key",
        type=FieldType.TEXT,
        label="Field",
        help="The field whose values are listed.",
        required=True,
        max_length=1024,
        shown_when=("operation", ("distinct",)),
    ),
    _json("documents", "Documents", "One document, or a list of them.", ("insert",), required=True),
    _json("update", "Update", "Update operators, a pipeline, or a whole document.", ("update",), required=True),
    _json("projection", "Projection", "Which fields: JSON.", ("find",)),
    _json("sort", "Sort", "Fields and directions, 1 or -1.", ("find",), lines=False),
    _json("skip", "Skip", "So many documents are left out.", ("find", "count"), lines=False),
    _json("limit", "Limit", "At most so many documents.", ("find", "count"), lines=False),
    ActionField(
        name="many",
        type=FieldType.BOOLEAN,
        label="Many",
        help="Change every document that matches, and not only one.",
        default=False,
        shown_when=("operation", ("update", "delete")),
    ),
    ActionField(
        name="upsert",
        type=FieldType.BOOLEAN,
        label="Upsert",
        help="Insert a document when none matches.",
        default=False,
        shown_when=("operation", ("update",)),
    ),
    _json("arrayFilters", "Array filters", "A list of filters for $[name].", ("update",)),
    _json(
        "collation",
        "Collation",
        "How texts are compared.",
        ("find", "aggregate", "count", "distinct", "update", "delete"),
    ),
    _json(
        "hint", "Hint", "The index to use: its name, or its keys.", ("find", "aggregate", "count", "update", "delete")
    ),
)

OPTIONS: Final = (
    Field(
        name="ceilingSeconds",
        type=FieldType.INTEGER,
        label="Ceiling",
        help="No operation runs for longer, whatever the action's deadline says.",
        default=120,
        minimum=1,
        maximum=86_400,
    ),
)
DEFAULT_CEILING: Final = 120


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One configured host."""

    host: str
    port: int

    @property
    def name(self) -> str:
        """As a replica set's members are called: lower case, with the port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host.lower()}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The plain fields, defaults filled in."""

    hosts: tuple[Endpoint, ...]
    replica_set: str
    database: str
    mechanism: str
    username: str
    auth_source: str
    preference: str
    tls: TlsConfiguration

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read a configuration that ``problems`` found nothing wrong with."""
        hosts = tuple(endpoint for endpoint in endpoints(fields["hosts"]) if endpoint is not None)
        return cls(
            hosts=hosts,
            replica_set=fields.get("replicaSet", ""),
            database=fields["database"],
            mechanism=fields.get("authMechanism", MECHANISMS[0]),
            username=fields.get("username", ""),
            auth_source=fields.get("authSource", "admin"),
            preference=fields.get("readPreference", PREFERENCES[0]),
            tls=TlsConfiguration.read(_farthest(hosts), fields),
        )


def endpoints(text: str) -> tuple[Endpoint | None, ...]:
    """Return the hosts of the field; None for what is none."""
    return tuple(_endpoint(part.strip()) for part in text.split(","))


def problems(fields: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[Problem]:
    """Yield what is wrong between fields; each by itself has been checked against the table."""
    hosts = endpoints(fields.get("hosts", ""))
    if None in hosts or not 1 <= len(hosts) <= MAX_HOSTS:
        yield Problem(
            "configuration.hosts",
            f"must be one to {MAX_HOSTS} hosts, with commas between them",
            hint="db.example or db1.example:27017, db2.example:27017; a mongodb:// URL is not taken",
        )
        return
    known = [endpoint for endpoint in hosts if endpoint is not None]
    if len({endpoint.name for endpoint in known}) != len(known):
        yield Problem("configuration.hosts", "names a host twice")
    if len(known) > 1 and not fields.get("replicaSet"):
        yield Problem("configuration.replicaSet", "is required with several hosts")
    if _NO_DATABASE.search(fields.get("database", "")):
        yield Problem("configuration.database", "is no name of a database")
    farthest = _farthest(known)
    yield from tls_problems(farthest, fields, secrets_set)
    mechanism = fields.get("authMechanism", MECHANISMS[0])
    tls = TlsConfiguration.read(farthest, fields)
    if mechanism == PLAIN and not tls.verified:
        yield Problem(
            "configuration.authMechanism",
            "sends the password itself, and TLS does not verify the server",
            hint="choose tlsMode verify-full, or SCRAM-SHA-256",
        )
    if mechanism == X509 and not fields.get("tlsCertificate"):
        yield Problem("configuration.tlsCertificate", "is required for MONGODB-X509")


_HOST: Final = re.compile(r"[^\s/@?#\\\x00-\x20\x7f,:\[\]]+")
_WITH_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_NO_DATABASE: Final = re.compile(r'[/\\. "$*<>:|?\x00]')


def _farthest(hosts: Sequence[Endpoint]) -> str:
    """Return the host that decides whether TLS is the default: one that is not on this machine, if there is one."""
    return next((endpoint.host for endpoint in hosts if not is_loopback(endpoint.host)), hosts[0].host)


def _endpoint(text: str) -> Endpoint | None:
    match = _WITH_PORT.fullmatch(text)
    if match is None:
        return None
    host, port = match[1], int(match[2] or DEFAULT_PORT)
    if not 1 <= port <= 65_535:
        return None
    if host.startswith("["):
        try:
            return Endpoint(str(ipaddress.IPv6Address(host[1:-1])), port)
        except ValueError:
            return None
    return Endpoint(host, port) if _HOST.fullmatch(host) and len(host) <= 253 else None
