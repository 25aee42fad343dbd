"""A real PostgreSQL for tests: throwaway folder, loopback TCP, TLS with a throwaway CA, never root."""

import contextlib
import itertools
import os
import re
import secrets
import ssl
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import trustme

from appsmith_proxy.demo.servers import ThrowawayPostgres
from tests.servers.throwaway import HOST, until
from tests.servers.tls_front import TlsFront

SUPERUSER: Final = ThrowawayPostgres.user

_ENTRY: Final = re.compile(
    r"^([^|\n]*)\|([^|\n]*)\| LOG:  (?:(execute) [^:\n]*|(statement)): (.*(?:\n\t.*)*)$", re.MULTILINE
)
"""How the server logs a statement: the database, the application, how it came, the text with its lines."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One statement of the server's log."""

    prepared: bool
    """Whether it came through the extended protocol, and not as a text of the simple one."""
    text: str


class PostgresServer(ThrowawayPostgres):
    """One server. ``with PostgresServer() as server`` starts it, and stops and removes it at the end."""

    settings = """
log_parameter_max_length = -1
# Other than what the driver pins, so that a pin that is missing shows.
timezone = 'Asia/Kolkata'
datestyle = 'SQL, DMY'
intervalstyle = 'postgres_verbose'
bytea_output = 'escape'
extra_float_digits = 0
"""

    def __init__(self) -> None:
        super().__init__()
        self._authority = trustme.CA()
        self._front: TlsFront | None = None
        self._numbers = itertools.count(1)
        self._shared: dict[str, str] = {}
        self._since: dict[str, int] = {}

    @property
    def ca(self) -> str:
        """The PEM text of the authority that signed the server's certificate."""
        return self._authority.cert_pem.bytes().decode()

    @property
    def tls_port(self) -> int:
        """The port that speaks TLS (and plain, to who does not ask). ``port`` is the server's own, plain."""
        if self._front is None:
            self._front = TlsFront(self.port, self.server_context()).__enter__()
        return self._front.port

    def logged(self, database: str) -> tuple[Logged, ...]:
        """Return what a database was sent by the proxy since its ``log_statements``, in order.

        The server is the whole test run's, and a connection of an earlier test may still be put back while this one
        looks: that is why there is no way to look at the whole log.
        """
        return tuple(
            Logged(bool(entry[3]), entry[5].replace("\n\t", "\n"))
            for entry in _ENTRY.finditer(self.output, self._since.get(database, 0))
            if entry[1] == database and entry[2] == "appsmith_proxy"
        )

    def remove(self) -> None:
        """Stop and delete everything. Idempotent."""
        super().remove()
        if self._front is not None:
            self._front.__exit__(None, None, None)
            self._front = None

    async def fresh_database(self) -> str:
        """Make an empty database and return its name. ``drop_database`` gives its 8 MB back before the server's end."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        async with self.session() as admin:
            await admin.execute(f'CREATE DATABASE "{name}"')
        return name

    async def drop_database(self, name: str) -> None:
        """Drop a database, ending whoever is still connected to it."""
        async with self.session() as admin:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def shared_database(self, name: str, script: str) -> str:
        """Return a database that a script has filled once, when it was first asked for."""
        if name not in self._shared:
            self._shared[name] = await self.fresh_database()
            async with self.session(self._shared[name]) as admin:
                await admin.execute(script)
        return self._shared[name]

    @contextlib.asynccontextmanager
    async def session(self, database: str = "postgres", *, user: str = "", password: str = "") -> Any:
        """Lend an asyncpg connection, the superuser's by default, to prepare and to look at things."""
        connection = await self.connect(database, user=user, password=password)
        try:
            yield connection
        finally:
            await connection.close(timeout=5)

    async def connect(self, database: str = "postgres", *, user: str = "", password: str = "") -> Any:
        """Return an asyncpg connection; the caller closes it."""
        return await asyncpg.connect(
            host=self.host,
            port=self.port,
            user=user or self.user,
            password=password or self.password,
            database=database,
            ssl=False,
        )

    async def create_role(self, name: str, *, options: str = "LOGIN") -> str:
        """Make a role with a password and return the password."""
        password = secrets.token_urlsafe(12)
        async with self.session() as admin:
            await admin.execute(f"CREATE ROLE \"{name}\" {options} PASSWORD '{password}'")
        return password

    async def log_statements(self, database: str) -> None:
        """Log every statement of later sessions of a database: look with ``logged``."""
        self._since[database] = len(self.output)
        async with self.session() as admin:
            await admin.execute(f"ALTER DATABASE \"{database}\" SET log_statement = 'all'")

    def configuration(self, database: str = "postgres", *, tls: bool = False, **fields: Any) -> dict[str, Any]:
        """Return a datasource configuration for this server: plain, or TLS fully verified; ``fields`` override."""
        plain: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "database": database,
            "username": self.user,
            "tlsMode": "disable",
        }
        if tls:
            plain |= {"host": "localhost", "port": self.tls_port, "tlsMode": "verify-full", "tlsCa": self.ca}
        return {name: value for name, value in {**plain, **fields}.items() if value is not None}

    def server_context(
        self, *names: str, client_certificates: bool = False, authority: trustme.CA | None = None, **options: Any
    ) -> ssl.SSLContext:
        """Return a TLS context for a ``TlsFront``: which names it proves, who signed it, whether it asks for a client's.

        ``options`` go to ``trustme.CA.issue_cert`` (``not_after`` for an expired one …).
        """
        issued = (authority or self._authority).issue_cert(*(names or ("localhost", HOST)), **options)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        if client_certificates:
            self._authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_certificate(self, name: str = "client") -> tuple[str, str]:
        """Return a client's certificate and key, PEM, signed by this server's authority."""
        issued = self._authority.issue_cert(common_name=name)
        return "".join(
            blob.bytes().decode() for blob in issued.cert_chain_pems
        ), issued.private_key_pem.bytes().decode()


__all__ = ["SUPERUSER", "PostgresServer", "until"]
