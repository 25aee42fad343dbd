"""What a runtime refuses to be opened with, and what a server refuses to be started with: each guard by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from appsmith_proxy.errors import ConfigurationError
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.runtime import DEMO_KEY_PREFIX, Runtime
from appsmith_proxy.sdk import Secret
from appsmith_proxy.settings import Settings
from appsmith_proxy.store.contract import DEMO_MARK
from appsmith_proxy.store.memory import MemoryStore
from appsmith_proxy.vault import FLOOR
from tests.servers.proxy import PASSWORD, SALT

MISCONFIGURED = 78


async def opened(store: MemoryStore, folder: Path, password: Secret = PASSWORD, *, demo: bool = False) -> None:
    """Open a runtime, and close it again."""
    settings = Settings(encryption_password=password, encryption_salt=SALT, data_folder=folder)
    runtime = await Runtime.open(
        settings, registry=Registry.discover(entry_points=()), store=store, key_cost=FLOOR, demo=demo
    )
    await runtime.close()


async def test_a_store_that_the_demo_made_is_refused_under_any_keys(tmp_path: Path) -> None:
    store = MemoryStore()
    await store.open()
    await store.put_meta(DEMO_MARK, b"1", expected=None)
    with pytest.raises(ConfigurationError, match="store was made by the demo"):
        await opened(store, tmp_path)


async def test_keys_that_the_demo_made_are_refused_with_any_store(tmp_path: Path) -> None:
    key = Secret(DEMO_KEY_PREFIX + PASSWORD.reveal())
    with pytest.raises(ConfigurationError, match="password was made by the demo") as caught:
        await opened(MemoryStore(), tmp_path, key)
    assert "keys init" in caught.value.hint
    await opened(MemoryStore(), tmp_path, key, demo=True)


def test_the_parser_in_python_is_refused(tmp_path: Path) -> None:
    """It reads malformed requests in ways that a proxy before us may not."""
    environment = {
        "PATH": os.environ["PATH"],
        "AIOHTTP_NO_EXTENSIONS": "1",
        "APPSMITH_PROXY_ENCRYPTION_PASSWORD": PASSWORD.reveal(),
        "APPSMITH_PROXY_ENCRYPTION_SALT": SALT.reveal(),
        "APPSMITH_PROXY_DATA_FOLDER": str(tmp_path / "own"),
        "APPSMITH_PROXY_PORT": "0",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "appsmith_proxy", "serve"], env=environment, capture_output=True, check=False, timeout=60
    )
    assert ran.returncode == MISCONFIGURED
    assert b"without its compiled parser" in ran.stderr
