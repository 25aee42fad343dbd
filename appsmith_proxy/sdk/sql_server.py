"""A SQL server behind a host and a port: the rows of its configuration, the same as one object, and how a connection is begun.

::

    rows (sql_server_fields) ──validated──▶ SqlServer ──login──▶ SqlLogin ──dial_in_turn──▶ the driver's own session

A driver of such a server subclasses ``SqlServerDriver``, which has the rows, what relates them, and where TLS is spoken.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeVar

from appsmith_proxy.errors import ConnectFailed, DatasourceError, Outcome, Problem
from appsmith_proxy.sdk.capabilities import Payload
from appsmith_proxy.sdk.driver import Driver
from appsmith_proxy.sdk.fields import ActionField, Field, FieldType
from appsmith_proxy.sdk.network import Network, Target, TlsMode
from appsmith_proxy.sdk.secrets import Secret
from appsmith_proxy.sdk.sql_fields import SQL_STATEMENT, SQL_STEPS
from appsmith_proxy.sdk.tls_fields import TLS_FIELDS, TlsConfiguration, tls_problems

CEILING: Final = "ceilingSeconds"
"""The operator's option that ``ceiling_option`` makes."""
DEFAULT_CEILING_SECONDS: Final = 120
LONGEST_PASSWORD: Final = 1024

T = TypeVar("T")


def sql_server_fields(*, port: int, database_length: int, account: str, account_length: int) -> tuple[Field, ...]:
    """Return the rows of a datasource: host, port, database, user name, password, and ``TLS_FIELDS``.

    Args:
        port: the usual one.
        database_length: how many characters the name of a database has at most.
        account: what the product calls an account, with its article: "a role".
        account_length: how many characters its name has at most.
    """
    return (
        Field(
            name="host",
            type=FieldType.HOST,
            label="Host",
            help="Name or IP address of the server. A socket path is refused.",
            required=True,
            destination=True,
            max_length=255,
        ),
        Field(name="port", type=FieldType.PORT, label="Port", default=port, destination=True),
        Field(
            name="database",
            type=FieldType.TEXT,
            label="Database",
            required=True,
            destination=True,
            max_length=database_length,
        ),
        Field(
            name="username",
            type=FieldType.TEXT,
            label="User name",
            help=f"{account[:1].upper()}{account[1:]} with the rights that the actions need, and no more.",
            required=True,
            destination=True,
            max_length=account_length,
        ),
        Field(name="password", type=FieldType.TEXT, label="Password", secret=True, max_length=LONGEST_PASSWORD),
        *TLS_FIELDS,
    )


def ceiling_option(*, help: str) -> Field:  # noqa: A002  # reason: named as the row's own field
    """Return the operator's option after how many seconds the server itself ends a statement."""
    return Field(
        name=CEILING,
        type=FieldType.INTEGER,
        label="Ceiling",
        help=help,
        default=DEFAULT_CEILING_SECONDS,
        minimum=1,
        maximum=86_400,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlLogin:
    """Where and as whom to connect. Everything is explicit: nothing comes from the environment or a file."""

    target: Target
    context: ssl.SSLContext | None
    """None: without TLS."""
    verified: bool
    """The server's identity is checked, so even a password in clear text is safe."""
    database: str
    username: str
    password: Secret | None
    ceiling_seconds: int
    """The server cancels whatever takes longer, should our own cancel not reach it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlServer:
    """The plain fields of ``sql_server_fields``, defaults filled in."""

    host: str
    port: int
    database: str
    username: str
    tls: TlsConfiguration

    @classmethod
    def read(cls, fields: Mapping[str, Any], *, port: int) -> Self:
        """Read a configuration in which ``Driver.validate`` found nothing wrong; ``port`` is the usual one."""
        host = fields["host"]
        return cls(
            host=host,
            port=fields.get("port", port),
            database=fields["database"],
            username=fields["username"],
            tls=TlsConfiguration.read(host, fields),
        )

    async def login(self, network: Network, secrets: Mapping[str, Secret], options: Mapping[str, Any]) -> SqlLogin:
        """Resolve the host and return what a connection begins with.

        Args:
            network: of the ``OpenContext``.
            secrets: by field name, as ``Driver.open`` was given them.
            options: the operator's, of the ``OpenContext``.

        Raises:
            DatasourceError: the host does not resolve or is denied, or a certificate or key cannot be read.
        """
        target = await network.resolve(self.host, self.port)
        return SqlLogin(
            target=target,
            context=network.tls(target, self.tls.options(secrets.get("tlsKey"))),
            verified=self.tls.verified,
            database=self.database,
            username=self.username,
            password=secrets.get("password"),
            ceiling_seconds=int(options.get(CEILING, DEFAULT_CEILING_SECONDS)),
        )


async def dial_in_turn(
    target: Target,
    dial: Callable[[str], Awaitable[T]],
    translate: Callable[[BaseException], DatasourceError],
    *,
    raised: tuple[type[Exception], ...],
    deadline: float,
) -> T:
    """Try one checked address after the other, each for its share of the time, until one gives a session.

    Args:
        target: the addresses.
        dial: connects to one of them and logs in; it closes what it opened when it fails.
        translate: says what a failure to connect means. What is no ``ConnectFailed`` is final: a server has answered, and
            another try could lock the account.
        raised: what ``dial`` raises beside ``DatasourceError``.
        deadline: on the event loop's clock.

    Raises:
        DatasourceError: no address gave a session in time; nothing was sent but the login.
    """
    now = asyncio.get_running_loop().time
    failures: tuple[type[Exception], ...] = (DatasourceError, *raised)
    failure = ConnectFailed("the host has no address", outcome=Outcome.NOT_SENT)
    for left, address in zip(range(len(target.addresses), 0, -1), target.addresses, strict=True):
        start = now()
        try:
            async with asyncio.timeout_at(start + (deadline - start) / left):
                return await dial(address)
        except failures as error:
            translated = translate(error)
            if not isinstance(translated, ConnectFailed):
                raise translated from None
            failure = translated
    raise failure


class SqlServerDriver(Driver):
    """A driver of such servers: ``fields`` are of ``sql_server_fields``, and an action is one statement or several."""

    payload: ClassVar[Payload] = Payload.STATEMENT
    actions: ClassVar[tuple[ActionField, ...]] = (SQL_STATEMENT, SQL_STEPS)
    port: ClassVar[int]
    """The usual one."""
    tls_protocol: ClassVar[str] = "tls"
    """How TLS is asked for: a protocol of ``Network.presented_chain``."""

    def server(self, configuration: Mapping[str, Any]) -> SqlServer:
        """Return a valid configuration as one object."""
        return SqlServer.read(configuration, port=self.port)

    def validate(self, configuration: Mapping[str, Any], secrets_set: frozenset[str]) -> list[Problem]:
        """Return every problem of each field; when there is none, those between fields."""
        found = super().validate(configuration, secrets_set)
        return found or list(tls_problems(configuration["host"], configuration, secrets_set))

    def tls_endpoint(self, configuration: Mapping[str, Any]) -> tuple[str, int, str] | None:
        """Return where TLS is spoken, unless it is switched off."""
        server = self.server(configuration)
        return None if server.tls.mode is TlsMode.DISABLE else (server.host, server.port, self.tls_protocol)
