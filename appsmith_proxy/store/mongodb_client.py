"""The MongoDB store's client: how it connects, how sure each read and write is, and what is said when one fails.

What the connection string may not decide is decided here: every write waits until a majority of the replica set has it in
its journal, every read asks the primary, and nothing waits for ever.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from appsmith_proxy.errors import StoreError
from appsmith_proxy.store.urls import MongodbUrl

Document: TypeAlias = dict[str, Any]
Collection: TypeAlias = AsyncIOMotorCollection[Document]

OPERATION_SECONDS: Final = 3.0
"""Longest wait for one operation, its retry on another node included."""

_OPTIONS: Final[Mapping[str, Any]] = {
    "appname": "appsmith-proxy",
    "connectTimeoutMS": 2_000,
    "serverSelectionTimeoutMS": 2_000,
    "socketTimeoutMS": 5_000,
    "waitQueueTimeoutMS": 2_000,
    "maxPoolSize": 20,
    "retryReads": True,
    "retryWrites": True,
}

_PLAIN: Final = ReadConcern("local")
"""What the primary has. A record is written after its commit was decided by a majority: none that is seen is ever undone."""

_SURE: Final = ReadConcern("majority")
"""What a majority has, for what is not behind a commit."""

_DURABLE: Final = WriteConcern("majority", j=True)
_QUICK: Final = WriteConcern(1)

_UNREACHABLE: Final = (
    "cannot be reached",
    "check that MongoDB runs and has a primary, the hosts, the ports and the TLS options",
)
_FORBIDDEN: Final = ("refuses what the proxy must do", "give its user the role readWrite on the store's database")
_REFUSALS: Final[Mapping[int, tuple[str, str]]] = {
    13: _FORBIDDEN,
    18: ("refuses the user or the password", "check them, and authSource, in the store's URL"),
    8000: ("refuses the user or the password", "check them, and authSource, in the store's URL"),
}
"""MongoDB's code → what is said, what to do. Its own words quote values; they are for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The store's collections. ``sure_…`` is read as a majority has it, ``quick_…`` written as what may be lost."""

    client: AsyncIOMotorClient[Document]
    shown: str
    head: Collection
    sure_head: Collection
    records: Collection
    commits: Collection
    staged: Collection
    quick_staged: Collection
    quick_commits: Collection
    meta: Collection
    sure_meta: Collection
    replica_set: bool

    @classmethod
    async def connect(cls, url: MongodbUrl) -> Self:
        """Connect and look at what is there. The caller closes it."""
        logging.getLogger("pymongo").setLevel(logging.INFO)  # at DEBUG it writes down every value
        with plain_words(url.shown):
            client = _client(url)
            try:
                with bounded():
                    hello = await client.admin.command("hello")
            except BaseException:
                client.close()
                raise
        if hello.get("msg") == "isdbgrid":
            client.close()
            raise StoreError(
                f"the store {url.shown} is a sharded cluster, which is not supported",
                hint="name the members of a replica set",
            )
        return cls._of(client, url, replica_set="setName" in hello)

    @classmethod
    def _of(cls, client: AsyncIOMotorClient[Document], url: MongodbUrl, *, replica_set: bool) -> Self:
        database = client.get_database(
            url.database, read_preference=pymongo.ReadPreference.PRIMARY, read_concern=_PLAIN, write_concern=_DURABLE
        )
        sure = _SURE if replica_set else _PLAIN
        return cls(
            client=client,
            shown=url.shown,
            head=database["head"],
            sure_head=database.get_collection("head", read_concern=sure),
            records=database["records"],
            commits=database["commits"],
            staged=database["staged"],
            quick_staged=database.get_collection("staged", write_concern=_QUICK),
            quick_commits=database.get_collection("commits", write_concern=_QUICK),
            meta=database["meta"],
            sure_meta=database.get_collection("meta", read_concern=sure),
            replica_set=replica_set,
        )

    @property
    def nodes(self) -> tuple[tuple[str, int], ...]:
        """The (host, port)s of the servers that are known now: what the URL names, and what the replica set announces."""
        known = self.client.delegate.topology_description.server_descriptions()
        return tuple((host, port) for host, port in known if port)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Bound one operation, and say in our words what goes wrong."""
        with plain_words(self.shown), bounded():
            yield

    async def close(self) -> None:
        """Close every connection. May be called twice."""
        await asyncio.to_thread(self.client.delegate.close)  # it says goodbye to a server that may hang


def _client(url: MongodbUrl) -> AsyncIOMotorClient[Document]:
    try:
        return AsyncIOMotorClient(url.text.reveal(), **_OPTIONS)
    except (OSError, ValueError) as exc:  # the files of TLS are read at once
        raise ConfigurationError(type(exc).__name__) from exc


@contextmanager
def bounded(seconds: float = OPERATION_SECONDS) -> Iterator[None]:
    """Bound what is asked inside, all of it together."""
    with pymongo.timeout(seconds):
        yield


@contextmanager
def plain_words(shown: str) -> Iterator[None]:
    """Say in our words what goes wrong with the store."""
    try:
        yield
    except PyMongoError as exc:
        what, hint = _in_words(exc)
        raise StoreError(f"the store {shown} {what}", hint=hint) from exc


def is_passing(error: PyMongoError) -> bool:
    """Return whether the same may go well a moment later: an election, a lost connection, a slow majority."""
    if isinstance(error, BulkWriteError):
        return not (error.details or {}).get("writeErrors")
    return isinstance(error, AutoReconnect | ExecutionTimeout | WriteConcernError) or error.timeout


def _in_words(error: PyMongoError) -> tuple[str, str]:
    if isinstance(error, ServerSelectionTimeoutError):
        return _UNREACHABLE
    if isinstance(error, ConfigurationError):
        return "cannot be used as its URL says", "check the URL's options and the files that they name"
    if is_passing(error):
        return "does not answer in time", "check that MongoDB runs, and that a majority of its replica set does"
    if isinstance(error, OperationFailure):
        return _REFUSALS.get(error.code or 0, ("cannot be used", "MongoDB's log says more"))
    return "cannot be used", "MongoDB's log says more"
