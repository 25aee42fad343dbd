"""The databases that ``demo --with`` adds: a throwaway server each, the shop in it, and sample actions of its own."""

import asyncio
import itertools
import secrets
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from appsmith_proxy.demo.samples import MONGODB, MYSQL, POSTGRES, Sample
from appsmith_proxy.demo.servers import ThrowawayMariadb, ThrowawayMongod, ThrowawayPostgres
from appsmith_proxy.demo.shop import COLUMNS, Row, Words, schema, shop_rows
from appsmith_proxy.demo.throwaway import HOST, ThrowawayServer
from appsmith_proxy.errors import IncompatibleDriver
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.sdk import Client, Document, ExecuteRequest, Parameter, Place, Statement, Value

Payload: TypeAlias = tuple[Statement | Document, tuple[Value, ...]]

FILL_SECONDS: Final = 30.0
ROWS_AT_ONCE: Final = 100
ACCOUNT: Final = "shop"
"""Of the datasource: it owns the shop's database and has no other rights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDatabase:
    """One database that can be added."""

    kind: str
    """Of the driver, and what ``--with`` calls it."""
    server: Callable[[str], ThrowawayServer]
    """Makes the server, with an account that has this password where it has accounts."""
    configuration: Callable[[int, str], Mapping[str, Any]]
    """Of the datasource, from the server's port and the password."""
    payloads: Callable[[str], Iterable[Payload]]
    """What fills the shop, for an owner."""
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A database that runs."""

    database: DemoDatabase
    configuration: Mapping[str, Any]
    """Of its datasource."""


async def start(stack: AsyncExitStack, kinds: Sequence[str], registry: Registry) -> list[Started]:
    """Start what was asked for, all at the same time; ``stack`` ends it. What cannot be started is told and left out."""
    starting = [_start(stack, DATABASES[kind], registry) for kind in kinds]
    return [one for one in await asyncio.gather(*starting) if one]


async def fill(client: Client, started: Started, *, owner_email: str) -> None:
    """Make the shop, through the driver: each value is bound."""
    deadline = asyncio.get_running_loop().time() + FILL_SECONDS
    for payload, values in started.database.payloads(owner_email):
        await client.execute(ExecuteRequest(payload=payload, values=values, deadline=deadline))


async def _start(stack: AsyncExitStack, database: DemoDatabase, registry: Registry) -> Started | None:
    password = secrets.token_urlsafe(18)
    try:
        registry.driver(database.kind)
        server = database.server(password)
        stack.push(server.__exit__)
        await asyncio.to_thread(server.__enter__)
    except (IncompatibleDriver, RuntimeError) as error:
        why = f"{error.message}; {error.hint}" if isinstance(error, IncompatibleDriver) else error.args[0]
        print(f"the demo goes on without {database.kind}: {why}", file=sys.stderr)
        return None
    return Started(database=database, configuration=database.configuration(server.port, password))


def _postgres(password: str) -> ThrowawayServer:
    return ThrowawayPostgres(
        first=(f"CREATE ROLE {ACCOUNT} LOGIN PASSWORD '{password}'", f"CREATE DATABASE {ACCOUNT} OWNER {ACCOUNT}")
    )


def _mysql(password: str) -> ThrowawayServer:
    return ThrowawayMariadb(
        first=(
            f"CREATE DATABASE {ACCOUNT} CHARACTER SET utf8mb4",
            f"CREATE USER {ACCOUNT}@'{HOST}' IDENTIFIED BY '{password}'",
            f"GRANT ALL PRIVILEGES ON {ACCOUNT}.* TO {ACCOUNT}@'{HOST}'",
        )
    )


def _mongodb(_: str) -> ThrowawayServer:
    return ThrowawayMongod()


def _account(port: int, password: str) -> Mapping[str, Any]:
    return {
        "host": HOST,
        "port": port,
        "database": ACCOUNT,
        "username": ACCOUNT,
        "password": password,
        "tlsMode": "disable",
    }


def _no_account(port: int, _: str) -> Mapping[str, Any]:
    return {"hosts": f"{HOST}:{port}", "database": ACCOUNT, "authMechanism": "none", "tlsMode": "disable"}


def _sql(words: Words, placeholder: str) -> Callable[[str], Iterable[Payload]]:
    """Return what makes the shop in a SQL database; ``placeholder`` may hold ``{}`` for its number."""

    def payloads(owner_email: str) -> Iterable[Payload]:
        for text in schema(words):
            yield Statement(text=text, returns_rows=False, writes=True), ()
        for table, rows in shop_rows(owner_email=owner_email).items():
            for at in range(0, len(rows), ROWS_AT_ONCE):
                yield _insert(table, rows[at : at + ROWS_AT_ONCE], placeholder)

    return payloads


def _insert(table: str, rows: Sequence[Row], placeholder: str) -> Payload:
    columns = COLUMNS[table]
    numbers = itertools.count(1)
    one = ", ".join
    places = one(f"({one(placeholder.format(next(numbers)) for _ in columns)})" for _ in rows)
    parameters = tuple(Parameter(name=name, type=None, place=Place.SQL) for _ in rows for name in columns)
    text = f"INSERT INTO {table} VALUES {places}"  # noqa: S608  # reason: constants of ours; the values are bound
    return Statement(text=text, parameters=parameters, returns_rows=False, writes=True), tuple(itertools.chain(*rows))


def _documents(owner_email: str) -> Iterable[Payload]:
    """Yield what makes the shop of documents: an order holds its lines."""
    rows = shop_rows(owner_email=owner_email)
    lines: dict[int | str, list[Value]] = {}
    for order, *line in rows.pop("order_lines"):
        lines.setdefault(order, []).append(dict(zip(COLUMNS["order_lines"][1:], line, strict=True)))
    for collection, found in rows.items():
        names = ["_id", *COLUMNS[collection][1:]]
        documents: list[dict[str, Value]] = [dict(zip(names, row, strict=True)) for row in found]
        if collection == "orders":
            documents = [{**one, "lines": lines.get(row[0], [])} for one, row in zip(documents, found, strict=True)]
        for at in range(0, len(documents), ROWS_AT_ONCE):
            fields: dict[str, Value] = {"operation": "insert", "collection": collection}
            yield Document(fields={**fields, "documents": [*documents[at : at + ROWS_AT_ONCE]]}), ()


DATABASES: Final[Mapping[str, DemoDatabase]] = {
    database.kind: database
    for database in (
        DemoDatabase(
            kind="postgres",
            server=_postgres,
            configuration=_account,
            payloads=_sql(
                Words(text="text", date="date", generated="integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
                "${}",
            ),
            samples=POSTGRES,
        ),
        DemoDatabase(
            kind="mysql",
            server=_mysql,
            configuration=_account,
            payloads=_sql(Words(text="varchar(200)", date="date", generated="integer AUTO_INCREMENT PRIMARY KEY"), "?"),
            samples=MYSQL,
        ),
        DemoDatabase(
            kind="mongodb",
            server=_mongodb,
            configuration=_no_account,
            payloads=_documents,
            samples=MONGODB,
        ),
    )
}
