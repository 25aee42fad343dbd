"""A real MongoDB for tests: throwaway folder, loopback TCP, a replica set of one node unless told otherwise, never root."""

import contextlib
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import trustme
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, PyMongoError

from appsmith_proxy.demo.servers import mongod_program
from tests.servers.throwaway import HOST, environment, free_port, unprivileged

ADMIN: Final = "admin"
REPLICA_SET: Final = "rs0"
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0

_WATCH: Final = (
    'read -r _; for lock in "$1"/node*/mongod.lock; do read -r pid < "$lock" && kill -KILL "$pid"; done; rm -rf "$1"'
)
"""Waits for the end of its input, which is the end of this process however it comes, then cleans up after it."""

_PARAMETERS: Final = MappingProxyType(
    {
        "diagnosticDataCollectionEnabled": "false",
        "shutdownTimeoutMillisForSignaledShutdown": "0",
        "scramIterationCount": "5000",
        "scramSHA256IterationCount": "5000",
        "enableTestCommands": "1",  # for failCommand: a lost answer can be had exactly where a test wants it
        "ttlMonitorEnabled": "false",
    }
)

_OPTIONS: Final = (
    *("--bind_ip", HOST, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"),
    *("--networkMessageCompressors", "disabled"),
)

_ELECTIONS: Final = MappingProxyType({"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500})
"""A set of several nodes elects within seconds, and not while a busy machine is only slow."""


class MongodServer:
    """One mongod, or a replica set of some. ``with MongodServer() as server`` starts it, and removes it at the end.

    ``announced`` is the host name that the members of the replica set have in its configuration. A fault can be put
    exactly where a test wants it: ``server.fault({"times": 1}, failCommands=["insert"], closeConnection=True)``.
    """

    host: Final = HOST
    user: Final = ADMIN

    def __init__(
        self,
        *,
        replica_set: bool = True,
        authentication: bool = False,
        tls: bool = False,
        nodes: int = 1,
        announced: str = HOST,
        parameters: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        if nodes > 1 and not replica_set:
            raise ValueError("several nodes are a replica set")
        self.replica_set = REPLICA_SET if replica_set else ""
        self.password = secrets.token_urlsafe(18) if authentication else ""
        self.ports = [0] * nodes
        self._tls = tls
        self._announced = announced
        self._parameters = {**_PARAMETERS, **parameters}
        self._authority = trustme.CA()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._watch: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._folder = Path(tempfile.mkdtemp(prefix="appsmith-proxy-mongod-"))
        self._identity = unprivileged("MongoDB")

    @property
    def port(self) -> int:
        """The first node's port; it stays the same when a node is started again."""
        return self.ports[0]

    @property
    def ca(self) -> str:
        """The PEM text of the authority that signed the server's certificate."""
        return self._authority.cert_pem.bytes().decode()

    @property
    def ca_file(self) -> Path:
        """The same, in a file."""
        return self._folder / "ca.pem"

    @property
    def log(self) -> str:
        """Everything that the nodes have logged."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("node*.log")))

    @property
    def running(self) -> bool:
        """Whether every node's process lives."""
        return len(self._processes) == len(self.ports) and all(one.poll() is None for one in self._processes.values())

    def __enter__(self) -> Self:
        try:
            self._watch = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, "watch", self._folder], stdin=subprocess.PIPE, start_new_session=True
            )
            self._prepare()
            for node in range(len(self.ports)):
                self._start_node(node)
            if self.replica_set:
                self._initiate()
            if self.password:
                self._create_administrator()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def start(self, node: int | None = None) -> None:
        """Start what does not run, on the same ports as before, and wait until there is a primary that takes writes."""
        for one in self._nodes(node):
            self._start_node(one)
        self.wait_for_primary()

    def stop(self, node: int | None = None) -> None:
        """Shut down as an operator does: nothing is lost."""
        for one in self._nodes(node):
            self._end(one, signal.SIGTERM)

    def kill(self, node: int | None = None) -> None:
        """End at once, as a crash or a power cut does."""
        for one in self._nodes(node):
            self._end(one, signal.SIGKILL)

    def pause(self, node: int | None = None) -> None:
        """Let it hang: connections stay open and are accepted, nothing is answered."""
        for one in self._nodes(node):
            self._processes[one].send_signal(signal.SIGSTOP)

    def resume(self, node: int | None = None) -> None:
        """Let it go on."""
        for one in self._nodes(node):
            self._processes[one].send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop and delete everything. Idempotent."""
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()
            self._watch = None
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def step_down(self, *, seconds: int = 1) -> int:
        """Have the primary step down, which ends what it was doing; return its node. A set of one elects itself again."""
        node = self.primary()
        with self.client(node=node) as admin, contextlib.suppress(AutoReconnect):
            admin.admin.command("replSetStepDown", seconds, secondaryCatchUpPeriodSecs=0, force=True)
        return node

    def primary(self) -> int:
        """Return the number of the node that takes writes, waiting for one."""
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            for node in [one for one in self._processes if self._processes[one].poll() is None]:
                with contextlib.suppress(PyMongoError), self._probe(node) as probe:
                    if probe.admin.command("hello")["isWritablePrimary"]:
                        return node
            time.sleep(0.02)
        raise RuntimeError(f"MongoDB has no primary after {_START_SECONDS:g} s; its log says:\n{self.log[-2000:]}")

    def wait_for_primary(self) -> None:
        """Wait until there is a node that takes writes."""
        self.primary()

    def fresh_database(self) -> str:
        """Return the name of a database that no other test has. ``drop_database`` gives its room back."""
        return f"test_{os.getpid()}_{next(self._numbers)}"

    def drop_database(self, name: str) -> None:
        """Drop a database."""
        with self.client() as admin:
            admin.drop_database(name)

    def client(self, *, node: int | None = None, **options: Any) -> MongoClient[dict[str, Any]]:
        """Return PyMongo's blocking client, the administrator's, to prepare and to look at things; use ``with``.

        With ``node`` it speaks to that one directly, whatever it is in the set.
        """
        direct = {"directConnection": "true"} if node is not None else {}
        return MongoClient(self.url(node=node, **direct), serverSelectionTimeoutMS=10_000, **options)

    def url(
        self, database: str = "", node: int | None = None, user: str = "", password: str = "", **options: str
    ) -> str:
        """Return a connection string: every node, the administrator's credentials if it has any; ``options`` override."""
        user, password = user or self.user, password or self.password
        credentials = f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else ""
        host = "localhost" if self._tls else HOST
        hosts = ",".join(f"{host}:{port}" for port in (self.ports if node is None else [self.ports[node]]))
        wanted: dict[str, str] = {}
        if credentials:
            wanted["authSource"] = "admin"
        if self.replica_set and node is None:
            wanted["replicaSet"] = self.replica_set
        if self._tls:
            wanted |= {"tls": "true", "tlsCAFile": str(self.ca_file)}
        query = urlencode({**wanted, **options})
        return f"mongodb://{credentials}{hosts}/{database}" + (f"?{query}" if query else "")

    def create_user(self, name: str, *roles: dict[str, str] | str, database: str = "admin") -> str:
        """Make a user with a password and return the password."""
        password = secrets.token_urlsafe(12)
        with self.client() as admin:
            admin[database].command("createUser", name, pwd=password, roles=list(roles))
        return password

    @contextlib.contextmanager
    def fault(self, mode: dict[str, int] | str, *, node: int | None = None, **data: Any) -> Iterator[None]:
        """Let commands fail as told (the server's own failCommand) until the end of the block."""
        with self.client(node=node) as admin:
            admin.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)
        try:
            yield
        finally:
            with self.client(node=node) as admin:
                admin.admin.command("configureFailPoint", "failCommand", mode="off")

    def _nodes(self, node: int | None) -> range:
        return range(len(self.ports)) if node is None else range(node, node + 1)

    def _prepare(self) -> None:
        self._program = mongod_program(self._folder, self._identity)
        self._authority.cert_pem.write_to_path(str(self.ca_file))
        issued = self._authority.issue_cert("localhost", HOST)
        issued.private_key_and_cert_chain_pem.write_to_path(str(self._folder / "server.pem"))
        (self._folder / "keyfile").write_text(secrets.token_hex(64))
        for name in ("keyfile", "server.pem"):
            (self._folder / name).chmod(0o600)
        for node in range(len(self.ports)):
            (self._folder / f"node{node}").mkdir()
        if self._identity:
            for path in (self._folder, *self._folder.iterdir()):
                shutil.chown(path, self._identity["user"], self._identity["group"])

    def _start_node(self, node: int) -> None:
        if node in self._processes:
            return
        for _attempt in range(5):
            port = self.ports[node] or free_port()
            with (self._folder / f"node{node}.log").open("ab") as log:
                self._processes[node] = subprocess.Popen(
                    [self._program, *self._arguments(node, port)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment(),
                    cwd=self._folder,
                    start_new_session=True,
                    **self._identity,
                )
            if self._wait_until_answering(node, port):
                self.ports[node] = port
                return
            del self._processes[node]
        raise RuntimeError(f"mongod did not start; its log says:\n{self.log[-2000:]}")

    def _arguments(self, node: int, port: int) -> list[str]:
        arguments = ["--dbpath", str(self._folder / f"node{node}"), "--port", str(port), *_OPTIONS]
        for name, value in self._parameters.items():
            arguments += ["--setParameter", f"{name}={value}"]
        if self.replica_set:
            arguments += ["--replSet", self.replica_set, "--oplogSize", "64"]
        if self.password:
            arguments += ["--keyFile", str(self._folder / "keyfile")] if self.replica_set else ["--auth"]
        if self._tls:
            arguments += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(self._folder / "server.pem")]
            arguments += ["--tlsCAFile", str(self.ca_file), "--tlsAllowConnectionsWithoutCertificates"]
        return arguments

    def _wait_until_answering(self, node: int, port: int) -> bool:
        """False: the process ended (the port was taken)."""
        process = self._processes[node]
        until = time.monotonic() + _START_SECONDS
        with self._probe(node, port=port) as probe:
            while time.monotonic() < until:
                if process.poll() is not None:
                    return False
                with contextlib.suppress(PyMongoError):
                    # Another's mongod may answer on a port that was taken meanwhile: it has another process id.
                    if probe.admin.command("hello").get("ok") and self._locked_by(node) == process.pid:
                        return True
                time.sleep(0.02)
        self._end(node, signal.SIGKILL)
        raise RuntimeError(f"mongod does not answer after {_START_SECONDS:g} s; its log says:\n{self.log[-2000:]}")

    def _locked_by(self, node: int) -> int:
        lock = self._folder / f"node{node}" / "mongod.lock"
        return int(lock.read_text().strip() or 0) if lock.exists() else 0

    def _initiate(self) -> None:
        members = [{"_id": node, "host": f"{self._announced}:{port}"} for node, port in enumerate(self.ports)]
        with self._probe(0) as admin:
            admin.admin.command(
                "replSetInitiate", {"_id": self.replica_set, "members": members, "settings": dict(_ELECTIONS)}
            )
        self.wait_for_primary()

    def _create_administrator(self) -> None:
        """The first user may be made from loopback without being one."""
        with self._probe(self.primary()) as admin:
            admin.admin.command("createUser", self.user, pwd=self.password, roles=["root"])

    def _probe(self, node: int, *, port: int = 0) -> MongoClient[dict[str, Any]]:
        """Return a client without credentials for one node, whatever its state, that does not wait for it."""
        secure: dict[str, Any] = {"tls": True, "tlsCAFile": str(self.ca_file)} if self._tls else {}
        return MongoClient(
            "localhost" if self._tls else HOST,
            port or self.ports[node],
            directConnection=True,
            serverSelectionTimeoutMS=500,
            connectTimeoutMS=2000,
            socketTimeoutMS=20_000,
            **secure,
        )

    def _end(self, node: int, how: signal.Signals) -> None:
        process = self._processes.pop(node, None)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)
