"""The processes that are measured: started, measured, and ended by their own handles."""

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Final, Self, final

import psutil

_END_SECONDS: Final = 15


@final
class ServerProcess:
    """A module run as a server, which prints one line of JSON when it listens."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise SystemExit(f"{module} did not start; its message is above")
        self.told: dict[str, Any] = json.loads(line)
        self._usage = psutil.Process(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.told["port"]
        return port

    def cpu(self) -> float:
        """Return its CPU seconds so far."""
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def rss_mb(self) -> float:
        """Return its resident memory now."""
        return float(self._usage.memory_info().rss) / 2**20


def other_cpu(*known: ServerProcess) -> float:
    """Return the CPU seconds so far of everything else that this process started: of the datasource."""
    seconds = 0.0
    for process in psutil.Process().children(recursive=True):
        if process.pid not in {one.pid for one in known}:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            seconds += times.user + times.system
    return seconds
