"""A real MariaDB for tests: throwaway folder, loopback TCP, TLS with a throwaway CA, no option files, never root."""

import contextlib
import fcntl
import itertools
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import aiomysql

from appsmith_proxy.demo.servers import MARIADB_PACKAGES, ThrowawayMariadb
from tests.servers.certificates import Authority, chain_of, key_of
from tests.servers.throwaway import HOST, NotInstalled, until

ADMIN: Final = ThrowawayMariadb.user

_USUAL: Final = (
    "SET time_zone = '+00:00', tx_isolation = 'REPEATABLE-READ', sql_mode = 'STRICT_TRANS_TABLES', sql_notes = 0"
)
"""Without notes, which aiomysql would report as warnings: that there is nothing to drop is none."""

_ENTRY: Final = re.compile(r"^(?:\d{6} [ \d]\d:\d\d:\d\d\t|\t)\t? *(\d+) ([A-Z][A-Za-z ]+?)\t", re.MULTILINE)
"""How the general log begins an entry: a time or nothing, the thread, the command."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One entry of the general log: which connection asked, with which command, and the text it carried."""

    thread: int
    command: str
    text: str


class MariadbServer(ThrowawayMariadb):
    """One server. ``with MariadbServer() as server`` starts it, and stops and removes it at the end."""

    options = MappingProxyType(
        {
            # Other than what the driver pins, so that a pin that is missing shows.
            "default-time-zone": "+05:30",
            "sql-mode": "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,IGNORE_SPACE",
            "character-set-server": "latin1",
            "collation-server": "latin1_swedish_ci",
            "transaction-isolation": "SERIALIZABLE",
            "autocommit": "OFF",
            # What a careless operator allows, so that it is the proxy that refuses.
            "local-infile": "ON",
            "secure-file-priv": "",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.authority = Authority.new()
        self._numbers = itertools.count(1)
        self._shared: dict[str, str] = {}
        self._seen = 0

    @property
    def ca(self) -> str:
        """The PEM text of the authority that signed the server's certificate."""
        return self.authority.pem

    @property
    def log(self) -> str:
        """The general log since ``log_statements``: every connect, statement and prepare, with its values."""
        path = self.folder / "general"
        if not path.exists():
            return ""
        with path.open("rb") as log:
            log.seek(self._seen)
            return log.read().decode(errors="replace")

    def logged(self) -> tuple[Logged, ...]:
        """Return the general log since ``log_statements``, taken apart."""
        log = self.log
        starts = list(_ENTRY.finditer(log))
        ends = [start.start() for start in starts[1:]] + [len(log)]
        return tuple(
            Logged(int(start[1]), start[2], log[start.end() : end].rstrip("\n"))
            for start, end in zip(starts, ends, strict=True)
        )

    async def log_statements(self) -> None:
        """Begin the general log anew: look in ``log`` or ``logged()``. It is the whole server's."""
        async with self.session() as admin:
            await admin.execute("SET GLOBAL general_log = OFF")
            path = self.folder / "general"
            self._seen = path.stat().st_size if path.exists() else 0
            await admin.execute("SET GLOBAL general_log = ON")

    async def fresh_database(self) -> str:
        """Make an empty database (of the server's own character set, which is not utf8mb4) and return its name."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        async with self.session() as admin:
            await admin.execute(f"CREATE DATABASE `{name}`")
        return name

    async def drop_database(self, name: str) -> None:
        """Drop a database."""
        async with self.session() as admin:
            await admin.execute(f"DROP DATABASE IF EXISTS `{name}`")

    async def shared_database(self, name: str, script: str) -> str:
        """Return a database that a script of statements has filled once, when it was first asked for."""
        if name not in self._shared:
            self._shared[name] = await self.fresh_database()
            async with self.session(self._shared[name]) as admin:
                await admin.script(script)
        return self._shared[name]

    @contextlib.asynccontextmanager
    async def session(self, database: str = "mysql", *, user: str = "", password: str = "") -> Any:
        """Lend a session, the administrator's by default, to prepare and to look at things."""
        session = await self.connect(database, user=user, password=password)
        try:
            yield session
        finally:
            await session.close()

    async def connect(
        self, database: str = "mysql", *, user: str = "", password: str = "", **options: Any
    ) -> "Session":
        """Return a session; the caller closes it. It has the usual settings, not the server's strange ones."""
        return Session(
            await aiomysql.connect(
                host=self.host,
                port=self.port,
                user=user or self.user,
                password=password or self.password,
                db=database,
                charset="utf8mb4",
                autocommit=True,
                init_command=_USUAL,
                **options,
            )
        )

    async def create_user(self, name: str, *, grants: str = "", options: str = "") -> str:
        """Make an account with a password, with rights (``SELECT ON shop.*``) and options (``REQUIRE X509``)."""
        password = secrets.token_urlsafe(12)
        async with self.session() as admin:
            await admin.execute(f"CREATE USER `{name}`@'127.0.0.1' IDENTIFIED BY '{password}' {options}")
            if grants:
                await admin.execute(f"GRANT {grants} TO `{name}`@'127.0.0.1'")
        return password

    async def status(self, name: str) -> int:
        """Return one of the whole server's counters: ``Com_stmt_prepare``, ``Threads_connected`` …"""
        async with self.session() as admin:
            return int((await admin.rows(f"SHOW GLOBAL STATUS LIKE '{name}'"))[0][1])

    def configuration(self, database: str = "mysql", *, tls: bool = False, **fields: Any) -> dict[str, Any]:
        """Return a datasource configuration for this server: plain, or TLS fully verified; ``fields`` override."""
        plain: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "database": database,
            "username": self.user,
            "tlsMode": "disable",
        }
        if tls:
            plain |= {"host": "localhost", "tlsMode": "verify-full", "tlsCa": self.ca}
        return {name: value for name, value in {**plain, **fields}.items() if value is not None}

    @contextlib.asynccontextmanager
    async def presenting(self, *names: str, authority: Authority | None = None, **options: Any) -> Any:
        """Have the server present another certificate meanwhile; ``options`` go to ``trustme.CA.issue_cert``."""
        self._certify(*names, authority=authority, **options)
        try:
            async with self.session() as admin:
                await admin.execute("FLUSH SSL")
            yield self
        finally:
            self._certify()
            async with self.session() as admin:
                await admin.execute("FLUSH SSL")

    def client_certificate(self, name: str = "client") -> tuple[str, str]:
        """Return a client's certificate and key, PEM, signed by this server's authority."""
        issued = self.authority.ca.issue_cert(common_name=name)
        return chain_of(issued), key_of(issued)

    def initialise(self) -> None:
        """Make the system tables, one account, and the certificates."""
        super().initialise()
        self.write("ca.pem", self.ca)
        self._certify()

    def command(self, port: int) -> Sequence[str | Path]:
        """Return the command line; every option stands on it."""
        own = {
            "general-log-file": self.folder / "general",
            "ssl-ca": self.folder / "ca.pem",
            "ssl-cert": self.folder / "cert.pem",
            "ssl-key": self.folder / "key.pem",
        }
        return [*super().command(port), *(f"--{name}={value}" for name, value in own.items())]

    def programs(self) -> tuple[Path, Path]:
        """Return the server and its installer; as root on Debian they are installed when they are not."""
        try:
            return super().programs()
        except NotInstalled:
            if os.geteuid() != 0 or not shutil.which("apt-get"):
                raise
            _install(super().programs)
            return super().programs()

    def _certify(self, *names: str, authority: Authority | None = None, **options: Any) -> None:
        issued = (authority or self.authority).ca.issue_cert(*(names or ("localhost", HOST)), **options)
        self.write("cert.pem", chain_of(issued))
        self.write("key.pem", key_of(issued))


class Session:
    """A connection of aiomysql's that tests look at things with: texts only, nothing is bound."""

    def __init__(self, connection: Any) -> None:
        self.connection: Final = connection

    async def rows(self, text: str) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        async with self.connection.cursor() as cursor:
            await cursor.execute(text)
            return list(await cursor.fetchall())

    async def value(self, text: str) -> Any:
        """Run one statement and return the first value of its first row."""
        return (await self.rows(text))[0][0]

    async def execute(self, text: str) -> int:
        """Run one statement and return how many rows it changed."""
        async with self.connection.cursor() as cursor:
            changed: int = await cursor.execute(text)
            return changed

    async def script(self, text: str) -> None:
        """Run the statements of a script; each ends with a semicolon at the end of a line."""
        for statement in re.split(r";[ \t]*(?:\n|$)", text):
            if statement.strip():
                await self.execute(statement)

    async def close(self) -> None:
        """Close, telling the server."""
        await self.connection.ensure_closed()


def _install(programs: Callable[[], object]) -> None:
    """Install once; workers that come meanwhile wait for the first."""
    with (Path(tempfile.gettempdir()) / "appsmith-proxy-mariadb-install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(NotInstalled):
            programs()
            return
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *MARIADB_PACKAGES]
        options: dict[str, Any] = {
            "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            "stdin": subprocess.DEVNULL,
            "capture_output": True,
        }
        if subprocess.run(install, check=False, **options).returncode != 0:
            subprocess.run(["apt-get", "update", "--quiet"], check=False, **options)
            subprocess.run(install, check=False, **options)


__all__ = ["ADMIN", "Logged", "MariadbServer", "Session", "until"]
