"""The MongoDB store's collections, its head document, and the migrations that make them.

::

    head      one document: which commit was the last (epoch), whether all of it stands in ``records`` (applied, pending)
    records   one document a record, found once its revision is above 0; below that, the birth of one that may come
    staged    what a commit will do, step by step, until it is done
    commits   one document a commit: what it changed; it has its epoch once it is done. This is the change feed
    meta      one document a key
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from appsmith_proxy.errors import StoreError
from appsmith_proxy.store.mongodb_client import Database, Document

PRODUCT: Final = "appsmith-proxy"
"""In the head: this database is a store of ours, and nobody else's."""

THE_HEAD: Final = {"_id": "head"}
FOUND: Final = {"revision": {"$gt": 0}}
"""What every search for records asks, as the indexes do."""

_SHOWN: Final = {"schema": 1, "epoch": 1, "applied": 1, "pending": 1}

UNBORN: Final = {"revision": {"$lt": 1}}


@dataclass(frozen=True, slots=True)
class Head:
    """Where the store stands."""

    epoch: int
    """Of the last commit that was decided."""
    applied: int
    """Of the last commit that was done: ``epoch``, or, while one is pending, the one before."""
    pending: ObjectId | None
    """The commit that was decided and is not done yet. Whoever meets it may finish it."""


async def read_head(database: Database, *, certain: bool = True) -> Head:
    """Return where the store stands. Without ``certain`` it may be where it stood, on a node that was the primary.

    Certainty takes a write: only one that a majority has taken proves that the node was the primary when it answered. (Read
    concern *linearizable* says the same and takes 100 ms on a replica set of one.)
    """
    found: Document | None
    if certain:
        found = await database.head.find_one_and_update(THE_HEAD, {"$inc": {"asked": 1}}, _SHOWN)
    else:
        found = await database.head.find_one(THE_HEAD, _SHOWN)
    if found is None:
        raise StoreError(f"the store {database.shown} is gone", hint="restore it from a backup")
    if found["schema"] != SCHEMA:
        raise _other_schema(database, found["schema"])
    return Head(found["epoch"], found["applied"], found["pending"])


async def migrate(database: Database) -> None:
    """Make the store, or bring it to this release's schema; refuse a database that is not ours, or newer than we are.

    Several processes may do this at once, and any may die in it: each step may be repeated, and the schema's number moves
    only from the one before, after the step. From then on a release that knows only the number before refuses to go on.
    """
    found = await database.sure_head.find_one(THE_HEAD)
    if found is None:
        await _claim(database)
        found = await database.sure_head.find_one(THE_HEAD)
    if found is None or found.get("product") != PRODUCT:
        raise _not_ours(database)
    if found["schema"] > SCHEMA:
        raise _other_schema(database, found["schema"])
    for number, step in enumerate(MIGRATIONS[found["schema"] :], start=found["schema"]):
        await step(database)
        await database.head.update_one({**THE_HEAD, "schema": number}, {"$set": {"schema": number + 1}})


async def _claim(database: Database) -> None:
    present = await database.head.database.list_collection_names()
    # Another process may have made it since we looked; the head comes first of all.
    if set(present) - {"head"} and await database.sure_head.find_one(THE_HEAD) is None:
        raise _not_ours(database)
    head: Document = {**THE_HEAD, "product": PRODUCT, "schema": 0, "epoch": 0, "applied": 0, "pending": None}
    try:
        await database.head.insert_one(head)
    except DuplicateKeyError:
        return  # another process was first


async def _make_indexes(database: Database) -> None:
    await database.records.create_index(["collection", "id"], name="by_id", unique=True, partialFilterExpression=FOUND)
    await database.records.create_index(
        ["collection", "unique"], name="by_unique", unique=True, partialFilterExpression=FOUND
    )
    await database.records.create_index(["collection", "index", "id"], name="by_index", partialFilterExpression=FOUND)
    await database.records.create_index(["commit"], name="unborn", partialFilterExpression=UNBORN)
    await database.staged.create_index(["commit", "number"], name="by_commit", unique=True)
    await database.commits.create_index(["epoch"], name="by_epoch")


MIGRATIONS: Final[tuple[Callable[[Database], Awaitable[None]], ...]] = (_make_indexes,)
"""The steps. One that was released is never edited: what follows is a new step. Each may be repeated, and run twice at once."""

SCHEMA: Final = len(MIGRATIONS)


def _not_ours(database: Database) -> StoreError:
    return StoreError(
        f"{database.shown} is not a store of this proxy; nothing was changed", hint="name another database"
    )


def _other_schema(database: Database, schema: int) -> StoreError:
    return StoreError(
        f"the store {database.shown} has schema {schema}, this release knows {SCHEMA}",
        hint="run the release that migrated it, or a newer one",
    )
