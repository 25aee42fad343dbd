"""A server process that lives no longer than ours: throwaway folder, loopback, never root, removed however we end."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0
_UNPRIVILEGED: Final = "nobody"

_WATCH: Final = 'read -r _; read -r pid < "$1/$2" && kill -"$3" "$pid"; rm -rf "$1"'
"""Waits for the end of its input, which is the end of this process however it comes, then cleans up after it."""


class NotInstalled(RuntimeError):
    """A server's program is not here; the text says what to install."""


class ThrowawayServer(ABC):
    """One server. ``with`` starts it, and stops and removes it at the end. A product says how it is made and started."""

    host: Final = HOST
    product: str
    """What messages call it."""

    pid_file: str
    """Where the running server writes its process id (the first line), below ``folder``."""

    stopping: signal.Signals
    """How an operator shuts it down."""

    killing: signal.Signals = signal.SIGKILL
    """How it ends at once, its children too."""

    def __init__(self) -> None:
        self.port = 0
        self.folder = Path(tempfile.mkdtemp(prefix=f"appsmith-proxy-{self.product.lower()}-"))
        self.identity = unprivileged(self.product)
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """Everything the server's process has written."""
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    @property
    def pid(self) -> int | None:
        """The process of the server, while it lives."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self.pid is not None

    def __enter__(self) -> Self:
        try:
            self._watch = subprocess.Popen(  # noqa: S603  # reason: every word of these commands is ours
                ["/bin/sh", "-c", _WATCH, "watch", self.folder, self.pid_file, self.killing.name.removeprefix("SIG")],
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self.hand_over(self.folder)
            self.initialise()
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def start(self) -> None:
        """Start, on the same port as before when there is one, and wait until it accepts connections."""
        for _attempt in range(5):
            port = self.port or free_port()
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603
                    self.command(port),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment(),
                    cwd=self.folder,
                    start_new_session=True,
                    **self.identity,
                )
            if self._wait_until_ready(self._process, port):
                self.port = port
                return
        raise RuntimeError(f"{self.product} did not start; it says:\n{self.output[-2000:]}")

    def stop(self) -> None:
        """Shut down as an operator does: sessions are ended, nothing is lost."""
        self._end(self.stopping)

    def kill(self) -> None:
        """End the server at once, as a crash or a power cut does."""
        self._end(self.killing)

    def remove(self) -> None:
        """Stop and delete everything. Idempotent."""
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()
            self._watch = None
        self._end(self.killing)
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file that only the server's user can read, and return its path."""
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        self.hand_over(path)
        return path

    def hand_over(self, path: Path) -> None:
        """Make a file or folder the server's user's own."""
        if self.identity:
            shutil.chown(path, self.identity["user"], self.identity["group"])

    def run(self, command: Sequence[str | Path], *, words: str = "") -> None:
        """Run a program of the server's as its user, with ``words`` as its input; raise what it says when it fails."""
        done = subprocess.run(  # noqa: S603
            command,
            input=words.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
            cwd=self.folder,
            check=False,
            **self.identity,
        )
        if done.returncode != 0:
            said = done.stdout.decode(errors="replace")[-2000:]
            raise RuntimeError(f"{Path(command[0]).name} failed; it says:\n{said}")

    @abstractmethod
    def initialise(self) -> None:
        """Make what the server needs before its first start; ``folder`` is there and its user's own."""

    @abstractmethod
    def command(self, port: int) -> Sequence[str | Path]:
        """Return the command that starts the server in the foreground."""

    @abstractmethod
    def ready(self, pid: int, port: int) -> bool:
        """Return whether this process of the server accepts connections."""

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]", port: int) -> bool:
        """Wait; False when the process ended (the port was taken)."""
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if process.poll() is not None:
                return False
            with contextlib.suppress(FileNotFoundError):
                if self.ready(process.pid, port):
                    return True
            time.sleep(0.02)
        self._end(self.killing)
        raise RuntimeError(f"{self.product} did not get ready in {_START_SECONDS:g} s; it says:\n{self.output[-2000:]}")

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)


def runs(program: Path, identity: dict[str, Any]) -> bool:
    """Return whether the server's user can run a program."""
    try:
        subprocess.run(  # noqa: S603
            [program, "--version"], check=True, capture_output=True, env=environment(), cwd="/", **identity
        )
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True


def unprivileged(product: str) -> dict[str, Any]:
    """Return how ``subprocess`` starts a server that must not be root: as a user without rights, when we are root."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise RuntimeError(
            f"{product} cannot run as root and there is no user '{_UNPRIVILEGED}': run this as another user"
        ) from None
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": ()}


def environment() -> dict[str, str]:
    """Return an environment of which nothing is ours: no variables of a client, no time zone, no locale."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def listens(port: int) -> bool:
    """Return whether somebody accepts connections on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def free_port() -> int:
    """Return a port of loopback on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
