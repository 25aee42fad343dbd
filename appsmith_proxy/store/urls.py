"""Where a store is: the URLs that name one, read and checked without asking anybody.

::

    StoreUrl ── SqliteUrl   sqlite:///absolute/path
             └─ MongodbUrl  mongodb://user:password@host:port,host:port/database?replicaSet=rs0&tls=true
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, unquote

from appsmith_proxy.sdk import Secret

MONGODB_PORT: Final = 27_017
MONGODB_DATABASE: Final = "appsmith_proxy"
"""Where the URL names none."""

Endpoint: TypeAlias = tuple[str, int]
"""(host name or address, port)."""


class BadUrl(Exception):
    """No URL of a store; ``reason`` says what would be, and never quotes it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SqliteUrl:
    """A SQLite file."""

    path: Path

    @property
    def shown(self) -> str:
        """What may be shown."""
        return f"sqlite://{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MongodbUrl:
    """A database of a MongoDB."""

    text: Secret
    """The whole of it, as the client library takes it."""
    hosts: tuple[Endpoint, ...]
    database: str
    has_password: bool
    tls: bool

    @property
    def shown(self) -> str:
        """What may be shown: hosts and database."""
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"mongodb://{hosts}/{self.database}"


StoreUrl: TypeAlias = SqliteUrl | MongodbUrl


def parse_store_url(text: str) -> StoreUrl:
    """Return where a store is. Raises ``BadUrl``."""
    scheme = text.partition("://")[0]
    if (parse := _SCHEMES.get(scheme)) is None:
        raise BadUrl("must be sqlite:///absolute/path or mongodb://host/database")
    return parse(text)


def _sqlite(text: str) -> SqliteUrl:
    if not re.fullmatch(r"sqlite:///[^?#%]*[^?#%/]", text):
        raise BadUrl("must be sqlite:///absolute/path, without ?, # and %")
    return SqliteUrl(Path("/" + text.removeprefix("sqlite://").lstrip("/")))


def _srv(_text: str) -> MongodbUrl:
    raise BadUrl(
        "mongodb+srv is not accepted, because DNS would decide where the store is and whether TLS is used; "
        "write mongodb:// with every host, replicaSet=… and tls=true"
    )


_MONGODB: Final = re.compile(
    r"mongodb://(?:(?P<user>[^:@/?#]+)(?P<password>:[^:@/?#]*)?@)?(?P<hosts>[^@/?#]+)(?:/(?P<database>[^/?#]*))?"
    r"(?:\?(?P<options>[^?#;]*))?"  # no semicolon: the client library would begin another option there
)
_HOST: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]+))(?::(?P<port>[0-9]{1,5}))?")
_DATABASE: Final = re.compile(r"[A-Za-z0-9_-]{1,38}")


def _anything(value: str) -> bool:
    return bool(value)


def _is_boolean(value: str) -> bool:
    return value in ("true", "false")


def _is_file(value: str) -> bool:
    return value.startswith("/")


_MONGODB_OPTIONS: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "authSource": (_anything, "the database that knows the user"),
    "authMechanism": (
        lambda it: it in ("SCRAM-SHA-256", "SCRAM-SHA-1", "MONGODB-X509"),
        "SCRAM-SHA-256, SCRAM-SHA-1 or MONGODB-X509",
    ),
    "directConnection": (_is_boolean, "true or false"),
    "replicaSet": (_anything, "the replica set's name"),
    "tls": (_is_boolean, "true or false"),
    "tlsCAFile": (_is_file, "an absolute path"),
    "tlsCertificateKeyFile": (_is_file, "an absolute path"),
}
"""The options that a URL may carry. How reads and writes are done, and how long they may take, is not the URL's to say."""


def _mongodb(text: str) -> MongodbUrl:
    parts = _MONGODB.fullmatch(text)
    if parts is None:
        raise BadUrl(
            "must be mongodb://user:password@host:port/database?option=value; write @ : / ? # in a password as %40 …"
        )
    options = _options(parts["options"] or "")
    database = unquote(parts["database"] or "") or MONGODB_DATABASE
    if not _DATABASE.fullmatch(database) or database in ("admin", "local", "config"):
        raise BadUrl("must name a database of its own: letters, digits, _ and -, at most 38")
    if parts["user"] and parts["password"] in (None, ":") and options.get("authMechanism") != "MONGODB-X509":
        raise BadUrl("names a user without a password")
    return MongodbUrl(
        text=Secret(text),
        hosts=tuple(_endpoint(host) for host in parts["hosts"].split(",")),
        database=database,
        has_password=bool(parts["password"]),
        tls=options.get("tls") == "true",
    )


def _endpoint(text: str) -> Endpoint:
    parts = _HOST.fullmatch(text)
    port = int(parts["port"] or MONGODB_PORT) if parts else 0
    if parts is None or not 1 <= port <= 65_535:
        raise BadUrl("must name each host as host, host:port or [address]:port")
    return (parts["six"] or parts["name"]).lower(), port


def _options(text: str) -> dict[str, str]:
    names = {name.lower(): name for name in _MONGODB_OPTIONS}
    found: dict[str, str] = {}
    for given, value in parse_qsl(text, keep_blank_values=True):
        name = names.get(given.lower())
        if name is None or name in found:
            raise BadUrl(f"may carry each of these options once, and no other: {', '.join(_MONGODB_OPTIONS)}")
        fits, wanted = _MONGODB_OPTIONS[name]
        if not fits(value):
            raise BadUrl(f"has an option {name} that is not {wanted}")
        found[name] = value
    return found


_SCHEMES: Final[Mapping[str, Callable[[str], StoreUrl]]] = {
    "sqlite": _sqlite,
    "mongodb": _mongodb,
    "mongodb+srv": _srv,
}
