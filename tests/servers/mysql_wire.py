"""One connection of the MySQL driver in a test's hands, on a real server or on one that a test plays."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from appsmith_proxy.sdk import (
    EncodedRows,
    Lane,
    Limits,
    Parameter,
    ParameterType,
    Room,
    Secret,
    SqlLogin,
    Statement,
    Target,
)
from appsmith_proxy_mysql.encode import bind
from appsmith_proxy_mysql.wire import Answer, Wire
from tests.servers.mariadb import MariadbServer

HOST = "127.0.0.1"


def login_at(
    port: int,
    *,
    host: str = HOST,
    addresses: tuple[str, ...] = (HOST,),
    context: Any = None,
    verified: bool = False,
    database: str = "",
    username: str = "somebody",
    password: str = "sesame",
    ceiling_seconds: int = 30,
) -> SqlLogin:
    """Return a login at a port of loopback."""
    return SqlLogin(
        target=Target(host=host, port=port, addresses=addresses),
        context=context,
        verified=verified,
        database=database,
        username=username,
        password=Secret(password) if password else None,
        ceiling_seconds=ceiling_seconds,
    )


def login_to(server: MariadbServer, database: str = "mysql", **options: Any) -> SqlLogin:
    """Return the administrator's login to a server, or another one's."""
    usual: dict[str, Any] = {
        "port": server.port,
        "database": database,
        "username": server.user,
        "password": server.password,
    }
    return login_at(**usual | options)


@asynccontextmanager
async def wired(
    login: SqlLogin, *, lane: Lane = Lane.READ_WRITE, room: Room | None = None, seconds: float = 10.0
) -> AsyncIterator[Wire]:
    """Lend a connection, and close it."""
    deadline = asyncio.get_running_loop().time() + seconds
    wire = await Wire.connect(login, lane, room or Room(), deadline=deadline)
    try:
        yield wire
    finally:
        await wire.close()


def statement(text: str, *types: ParameterType | None) -> Statement:
    """Return a statement with parameters of these types."""
    return Statement(
        text=text, parameters=tuple(Parameter(name=f"p{index}", type=type_) for index, type_ in enumerate(types))
    )


async def answer(
    wire: Wire,
    text: str,
    *values: Any,
    types: Iterable[ParameterType | None] | None = None,
    limits: Limits | None = None,
    stop: bool = False,
    encode: bool = False,
    cursor: bool = False,
    seconds: float = 10.0,
) -> Answer:
    """Prepare a statement, unless it is kept, and execute it."""
    prepared = statement(text, *(types if types is not None else (None,) * len(values)))
    kept = wire.find(prepared) or await wire.keep(prepared, timeout=seconds)
    return await wire.run(
        kept,
        bind(values, kept.writers_for(prepared)),
        limits=limits or Limits(),
        stop=stop,
        encode=encode,
        cursor=cursor,
        timeout=seconds,
    )


async def rows(wire: Wire, text: str, *values: Any, **options: Any) -> list[tuple[Any, ...]]:
    """Execute and return the rows as tuples of cells."""
    found = (await answer(wire, text, *values, **options)).rows
    assert isinstance(found, list)
    return [tuple(row) for row in found]


async def objects(wire: Wire, text: str, *values: Any, **options: Any) -> Sequence[bytes]:
    """Execute and return the rows as JSON objects."""
    found = (await answer(wire, text, *values, encode=True, **options)).rows
    assert isinstance(found, EncodedRows)
    return [text if isinstance(text, bytes) else text.encode() for text in found.texts]
