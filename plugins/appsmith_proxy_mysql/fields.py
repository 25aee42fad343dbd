"""The configuration of a MySQL datasource: its rows, what relates them, and the same as one object."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from appsmith_proxy.sdk import (
    SQL_STATEMENT,
    SQL_STEPS,
    TLS_FIELDS,
    Field,
    FieldType,
    Problem,
    TlsConfiguration,
    tls_problems,
)

DEFAULT_PORT: Final = 3306
DEFAULT_CEILING: Final = 120

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
    Field(name="port", type=FieldType.PORT, label="Port", default=DEFAULT_PORT, destination=True),
    Field(name="database", type=FieldType.TEXT, label="Database", required=True, destination=True, max_length=64),
    Field(
        name="username",
        type=FieldType.TEXT,
        label="User name",
        help="An account with the rights that the actions need, and no more.",
        required=True,
        destination=True,
        max_length=128,
    ),
    Field(name="password", type=FieldType.TEXT, label="Password", secret=True, max_length=1024),
    *TLS_FIELDS,
)

ACTIONS: Final = (SQL_STATEMENT, SQL_STEPS)

OPTIONS: Final = (
    Field(
        name="ceilingSeconds",
        type=FieldType.INTEGER,
        label="Ceiling",
        help="The server itself ends a statement after so many seconds, whatever the action's deadline says (MySQL: reads).",
        default=DEFAULT_CEILING,
        minimum=1,
        maximum=86_400,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The plain fields, defaults filled in."""

    host: str
    port: int
    database: str
    username: str
    tls: TlsConfiguration

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read a configuration that ``problems`` found nothing wrong with."""
        host = fields["host"]
        return cls(
            host=host,
            port=fields.get("port", DEFAULT_PORT),
            database=fields["database"],
            username=fields["username"],
            tls=TlsConfiguration.read(host, fields),
        )


def problems(fields: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[Problem]:
    """Yield what is wrong between fields; each by itself has been checked against the table."""
    if host := fields.get("host"):
        yield from tls_problems(host, fields, secrets_set)
