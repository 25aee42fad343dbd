"""A folder with one sample database, and Clients on it that are closed at the end."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from appsmith_proxy.sdk import ExecuteRequest, Limits, OpenContext, Result
from appsmith_proxy.testing.harness import statement
from appsmith_proxy.testing.network import LoopbackNetwork
from appsmith_proxy_sqlite.client import SqliteClient
from appsmith_proxy_sqlite.driver import SqliteDriver

OpenClient: TypeAlias = Callable[..., Awaitable[SqliteClient]]
Run: TypeAlias = Callable[..., Awaitable[Result]]

SAMPLE = """
CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, born INTEGER CHECK (born > 0));
CREATE TABLE books (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES authors (id), price REAL);
INSERT INTO authors VALUES (1, 'Ada', 1815), (2, 'Grace', 1906);
INSERT INTO books VALUES (1, 1, 12.5), (2, 2, 20);
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The operator's folder, with ``sample.db`` in it."""
    place = tmp_path / "data"
    place.mkdir()
    make(place / "sample.db")
    return place


def make(path: Path, script: str = SAMPLE) -> Path:
    """Make a database file."""
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


@pytest.fixture
async def open_client(folder: Path) -> AsyncIterator[OpenClient]:
    """Open Clients as the proxy does, through the driver."""
    async with opener(folder) as open_client:
        yield open_client


@asynccontextmanager
async def opener(folder: Path) -> AsyncIterator[OpenClient]:
    """The same for tests that run a loop of their own. Every Client is closed at the end."""
    clients: list[SqliteClient] = []

    async def open_client(
        file: str = "sample.db",
        *,
        options: dict[str, Any] | None = None,
        protected: tuple[Path, ...] = (),
        size: int = 4,
        idle_seconds: float = 60,
        **configuration: Any,
    ) -> SqliteClient:
        context = OpenContext(
            network=LoopbackNetwork(denied=True),
            options={"folder": str(folder)} if options is None else options,
            protected_paths=protected,
            max_connections=size,
            idle_seconds=idle_seconds,
        )
        client = await SqliteDriver().open({"file": file, **configuration}, {}, context)
        assert isinstance(client, SqliteClient)
        clients.append(client)
        return client

    yield open_client
    for client in clients:
        await client.close()


@pytest.fixture
async def client(open_client: OpenClient) -> SqliteClient:
    """A Client on the sample."""
    return await open_client()


def request(text: str, *types: Any, values: tuple[Any, ...] = (), **other: Any) -> ExecuteRequest:
    """Return a request whose class of statement is read off its first word, as the compiler would know it."""
    writes = not text.lstrip().upper().startswith(("SELECT", "VALUES", "EXPLAIN", "WITH RECURSIVE"))
    call = statement(text, *(types or (None,) * len(values)), values=values, writes=other.pop("writes", writes))
    limits = Limits(**{name: other.pop(name) for name in ("rows", "bytes", "affected") if name in other})
    deadline = asyncio.get_running_loop().time() + other.pop("seconds", 10)
    return ExecuteRequest(payload=call.payload, values=call.values, limits=limits, deadline=deadline, **other)


@pytest.fixture
def run(client: SqliteClient) -> Run:
    """Execute one statement on the sample."""

    async def run(text: str, *types: Any, values: tuple[Any, ...] = (), **other: Any) -> Result:
        return await client.execute(request(text, *types, values=values, **other))

    return run
