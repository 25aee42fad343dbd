"""The configuration store that several replicas share: one MongoDB database, on motor.

Who may use it is decided by the URL's credentials. ``mongodb_commit`` says how a commit is all or nothing, ``mongodb_rows``
what the records look like, ``mongodb_client`` how sure reads and writes are.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from bson import Binary, ObjectId
from pymongo.errors import DuplicateKeyError

from appsmith_proxy.store import mongodb_rows as rows
from appsmith_proxy.store import refusals
from appsmith_proxy.store.contract import FEED_KEPT, PAGE, Change, Changes, ConfigStore, R
from appsmith_proxy.store.mongodb_client import Database, bounded, plain_words
from appsmith_proxy.store.mongodb_commit import Patience, commit, settled, too_busy
from appsmith_proxy.store.mongodb_feed import News
from appsmith_proxy.store.mongodb_schema import migrate, read_head
from appsmith_proxy.store.mongodb_staging import sweep
from appsmith_proxy.store.urls import Endpoint, MongodbUrl

PATIENCE_SECONDS: Final = 10.0
"""Longest wait of a commit: for other writers, for an election."""

MIGRATION_SECONDS: Final = 60.0

T = TypeVar("T")


class MongodbStore(ConfigStore):
    """Keep records in a MongoDB database."""

    def __init__(
        self, url: MongodbUrl, *, patience_seconds: float = PATIENCE_SECONDS, feed_kept: int = FEED_KEPT
    ) -> None:
        self._url = url
        self._patience_seconds = patience_seconds
        self._feed_kept = feed_kept
        self._database: Database | None = None
        self._news = News()
        self._met_pending: ObjectId | None = None
        """The commit that was pending when the feed was last read; one that still is then is stuck."""
        self._turn = asyncio.Lock()
        """One commit of this process at a time: they would only get in each other's way."""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The (host, port)s of every server of the store that is known now."""
        announced = () if self._database is None else self._database.nodes
        return tuple(dict.fromkeys((*self._url.hosts, *announced)))

    async def open(self) -> None:
        """Connect, and make or migrate the store."""
        async with self._turn:
            if self._database is None:
                database = await Database.connect(self._url)
                try:
                    with plain_words(database.shown):
                        with bounded(MIGRATION_SECONDS):
                            await migrate(database)
                        await sweep(database, await settled(database, patience=self._patience()))
                except BaseException:
                    await database.close()
                    raise
                self._database = database
                self._news.start(database)

    async def close(self) -> None:
        """Close when the present commit is over."""
        async with self._turn:
            await self._news.stop()
            database, self._database = self._database, None
            if database is not None:
                await database.close()

    async def get(self, kind: type[R], record_id: str) -> R | None:
        """Return a record, or None."""
        with self._asking() as database:
            return await rows.one(database, kind, record_id)

    async def find(
        self, kind: type[R], *, where: Mapping[str, str] | None = None, after: str = "", limit: int = PAGE
    ) -> tuple[R, ...]:
        """Return matching records in id order, all of them as they were at one moment between two commits."""
        if limit == 1:  # one document is never half of two commits
            with self._asking() as database:
                return await rows.matching(database, kind, where, after=after, limit=1)
        patience = self._patience()
        while True:
            with self._asking() as database:
                before = await read_head(database, certain=False)
                found = await rows.matching(database, kind, where, after=after, limit=limit)
                if before.pending is None and await read_head(database, certain=False) == before:
                    return found
            if patience.is_over:
                raise too_busy(database)
            with plain_words(database.shown):
                await settled(database, patience=patience)

    async def commit(self, *changes: Change) -> int:
        """Do all changes or none. Once begun it goes to its end, also when its task is cancelled meanwhile."""
        async with self._turn:
            return await _to_its_end(self._commit(changes))

    async def changes(self, after: int) -> Changes:
        """Return what changed after an epoch. A commit that is not done yet is not told; one that is stuck is finished."""
        with self._asking() as database:
            head = await read_head(database)
        if head.pending is not None and head.pending == self._met_pending:
            with plain_words(database.shown):
                head = await settled(database, patience=self._patience())
        self._met_pending = head.pending
        with self._asking() as database:
            return await rows.changes(database, head, after, feed_kept=self._feed_kept)

    async def get_meta(self, key: str) -> bytes | None:
        """Return the bytes stored under a key."""
        with self._asking() as database:
            found = await database.sure_meta.find_one({"_id": key})
        return None if found is None else bytes(found["value"])

    async def put_meta(self, key: str, value: bytes, *, expected: bytes | None) -> None:
        """Store bytes if the present ones are as expected."""
        with self._asking() as database:
            if expected is None:
                try:
                    await database.meta.insert_one({"_id": key, "value": Binary(value)})
                except DuplicateKeyError:
                    raise refusals.stale_meta(key) from None
                return
            present = {"_id": key, "value": Binary(expected)}
            done = await database.meta.update_one(present, {"$set": {"value": Binary(value)}})
        if not done.matched_count:
            raise refusals.stale_meta(key)

    async def meta_keys(self) -> tuple[str, ...]:
        """Return the keys that have bytes."""
        with self._asking() as database:
            found = await database.sure_meta.find({}, {"_id": 1}).sort("_id", 1).to_list(None)
        return tuple(entry["_id"] for entry in found)

    async def wait(self, after: int, seconds: float) -> None:
        """Return when another process has told of a commit, or when the time is over."""
        await self._news.wait(after, seconds)

    async def _commit(self, changes: tuple[Change, ...]) -> int:
        database = self._opened()
        with plain_words(database.shown):
            return await commit(database, changes, patience=self._patience(), feed_kept=self._feed_kept)

    @contextmanager
    def _asking(self) -> Iterator[Database]:
        database = self._opened()
        with database.asking():
            yield database

    def _opened(self) -> Database:
        if self._database is None:
            raise refusals.not_open()
        return self._database

    def _patience(self) -> Patience:
        return Patience.of(self._patience_seconds)


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns. Cancelled, wait for its end, which is never far, before the cancellation goes on."""
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as exc:
            cancelled = exc
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain
        raise cancelled
    return task.result()
