"""The command line as its users have it: processes, files and exit codes of an installation in a folder of its own."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from appsmith_proxy.catalog import keys
from appsmith_proxy.sdk import Secret
from appsmith_proxy.store.places import store_at
from appsmith_proxy.store.urls import parse_store_url
from appsmith_proxy.vault import FLOOR, read_private
from tests.servers.proxy import Caller

SECONDS: Final = 60.0
"""For one command, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


class Served:
    """A serving process. ``stop`` ends it as a service manager does, ``kill`` as the kernel does."""

    def __init__(
        self, process: asyncio.subprocess.Process, port: int, log: Path, session: aiohttp.ClientSession
    ) -> None:
        self.process = process
        self.port = port
        self.base = f"http://127.0.0.1:{port}/api/v1"
        self._log = log
        self._session = session

    @property
    def log(self) -> str:
        """What it wrote on standard error so far."""
        return self._log.read_text()

    def caller(self, token: str | None) -> Caller:
        """Return a client with a token."""
        return Caller(self.base, self._session, token)

    async def stop(self) -> int:
        """Ask it to end; return its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self._ended()

    async def kill(self) -> None:
        """End it without a chance to tidy up."""
        if self.process.returncode is None:
            self.process.kill()
        await self._ended()

    async def _ended(self) -> int:
        async with asyncio.timeout(SECONDS):
            return await self.process.wait()


class Installation:
    """Keys, a store and SQLite files in one folder, and commands that are told of them by their environment only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self.own = folder / "own"
        self.store = self.own / "store.db"
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self._served = 0

    @property
    def environment(self) -> dict[str, str]:
        """What its commands are told."""
        return {
            "APPSMITH_PROXY_ENCRYPTION_PASSWORD_FILE": str(self.keys / "encryption_password"),
            "APPSMITH_PROXY_ENCRYPTION_SALT_FILE": str(self.keys / "encryption_salt"),
            "APPSMITH_PROXY_DATA_FOLDER": str(self.own),
            "APPSMITH_PROXY_PORT": "0",
            "APPSMITH_PROXY_ALLOW_LOOPBACK": "true",
            "APPSMITH_PROXY_DRIVER_SQLITE_FOLDER": str(self.data),
        }

    async def run(self, *arguments: str, environment: Mapping[str, str | None] | None = None, **options: Any) -> Ran:
        """Run a command to its end. ``environment`` changes what it is told; None takes a name away."""
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._told(environment),
            cwd=self.folder,
            **options,
        )
        try:
            async with asyncio.timeout(SECONDS):
                out, err = await process.communicate()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return Ran(process.returncode or 0, out.decode(), err.decode())

    async def ok(self, *arguments: str, **options: Any) -> str:
        """Run a command that must succeed; return what it printed, without the last line's end."""
        ran = await self.run(*arguments, **options)
        assert ran.code == 0, ran
        return ran.out.rstrip("\n")

    async def make_keys(self) -> None:
        """Make the password and the salt, as ``keys init`` does."""
        await asyncio.to_thread(keys.init, self.keys)

    async def make_ring(self, url: str = "") -> None:
        """Make the store and its key ring before a command does, at the least cost that is allowed: each command pays it.

        ``url`` is the store's, when it is not the file that the commands are told of.
        """
        password, salt = (Secret(read_private(self.keys / name)) for name in (keys.PASSWORD_FILE, keys.SALT_FILE))
        async with store_at(parse_store_url(url or f"sqlite://{self.store}")) as store:
            await keys.Keyring.open(store, password, salt, {}, cost=FLOOR)

    async def tokens(self) -> list[dict[str, Any]]:
        """Return what ``tokens list --json`` prints."""
        listed: list[dict[str, Any]] = json.loads(await self.ok("tokens", "list", "--json"))
        return listed

    @asynccontextmanager
    async def serving(self, environment: Mapping[str, str | None] | None = None) -> AsyncIterator[Served]:
        """Serve meanwhile, on a free port."""
        self._served += 1
        log = self.folder / f"serve-{self._served}.log"
        with log.open("w") as errors:
            process = await asyncio.create_subprocess_exec(
                *_COMMAND,
                "serve",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=errors,
                env=self._told(environment),
                cwd=self.folder,
            )
        try:
            port = await _listening(process, log)
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session:
                served = Served(process, port, log, session)
                yield served
            await served.stop()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _told(self, changes: Mapping[str, str | None] | None) -> dict[str, str]:
        told = {"PATH": os.defpath, "HOME": str(self.folder), **self.environment, **(changes or {})}
        return {name: value for name, value in told.items() if value is not None}


_COMMAND: Final = (sys.executable, "-m", "appsmith_proxy")


async def _listening(process: asyncio.subprocess.Process, log: Path) -> int:
    async with asyncio.timeout(SECONDS):
        while True:
            for line in log.read_text().splitlines():
                words = json.loads(line)["message"].split() if line.startswith("{") else []
                if words[:2] == ["listening", "on"]:
                    return int(words[-1])
            assert process.returncode is None, log.read_text()
            await asyncio.sleep(0.05)
