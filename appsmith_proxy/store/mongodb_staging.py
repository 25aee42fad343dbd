"""What a commit of the MongoDB store writes down before it is decided, and how that becomes writes afterwards."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from bson import ObjectId
from pymongo import DeleteOne, UpdateOne
from pymongo.errors import PyMongoError

from appsmith_proxy.errors import StoreError
from appsmith_proxy.store.contract import Change
from appsmith_proxy.store.mongodb_client import Collection, Database, Document, bounded
from appsmith_proxy.store.mongodb_rows import content, load, naming
from appsmith_proxy.store.mongodb_schema import UNBORN, Head
from appsmith_proxy.store.tables import Entry, apply_all

REFS_TOLD: Final = 1_000
"""A commit of more records tells the feed only that much has changed."""

BATCH_BYTES: Final = 4 * 1024 * 1024
BATCH_COUNT: Final = 1_000

Write: TypeAlias = "UpdateOne | DeleteOne"

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A commit that is possible as things stand at ``base``."""

    id: ObjectId
    base: int
    newborn: list[Document]
    steps: list[Document]
    refs: list[tuple[str, str]]

    @property
    def epoch(self) -> int:
        """Of the commit, when it is decided."""
        return self.base + 1


async def make_plan(database: Database, changes: Sequence[Change], base: int) -> Plan:
    """Return what the changes come to. Raises as each change says."""
    tables, places = await load(database, changes)
    commit_id = ObjectId()
    newborn: list[Document] = []
    steps: list[Document] = []
    done = apply_all(tables, changes)
    for number, step in enumerate(done):
        staged: Document = {"commit": commit_id, "number": number, "base": base}
        match step.before, step.after:
            case None, Entry() as after:
                places[step.ref] = target = ObjectId()
                unborn = {"_id": target, "commit": commit_id, "base": base, **naming(step.ref), **content(after)}
                newborn.append({**unborn, "revision": 0})
                staged |= {"target": target, "was": 0, "set": {"revision": after.revision}}
            case Entry() as before, Entry() as after:
                staged |= {"target": places[step.ref], "was": before.revision, "set": content(after)}
            case Entry() as before, None:
                staged |= {"target": places.pop(step.ref), "was": before.revision, "set": None}
        steps.append(staged)
    refs = dict.fromkeys((document["collection"], document["id"]) for document in (naming(it.ref) for it in done))
    return Plan(id=commit_id, base=base, newborn=newborn, steps=steps, refs=list(refs))


async def stage(database: Database, plan: Plan) -> None:
    """Write down all of a plan; nothing of it can be seen."""
    refs = plan.refs if len(plan.refs) <= REFS_TOLD else None
    told: Document = {"_id": plan.id, "base": plan.base, "epoch": None, "steps": len(plan.steps), "refs": refs}
    outcomes = await asyncio.gather(
        _insert(database.commits, [told]),
        _insert(database.records, plan.newborn),
        _insert(database.staged, plan.steps),
        return_exceptions=True,
    )
    for outcome in outcomes:
        if outcome is not None:
            raise outcome


async def check_staged(database: Database, commit_id: ObjectId) -> None:
    """Refuse to do half of a commit: if it is not done yet, all that was staged for it must be there."""
    with bounded():
        found = await database.staged.count_documents({"commit": commit_id})
    with bounded():
        told = await database.commits.find_one({"_id": commit_id})
    if told is not None and told["epoch"] is None and told["steps"] != found:
        raise StoreError(
            f"the store {database.shown} is damaged: a part of its last commit is missing",
            hint="restore it from a backup",
        )


async def writes_of(database: Database, commit_id: ObjectId) -> AsyncIterator[list[Write]]:
    """Yield a commit's steps in order, as writes, some at a time."""
    writes: list[Write] = []
    size = 0
    with bounded():
        steps = database.staged.find({"commit": commit_id}).sort("number", 1)
        found = await steps.to_list(BATCH_COUNT)
    while found:
        for step in found:
            version = {"_id": step["target"], "revision": step["was"]}
            writes.append(DeleteOne(version) if step["set"] is None else UpdateOne(version, {"$set": step["set"]}))
            size += _size(step["set"] or {})
            if size > BATCH_BYTES:
                yield writes
                writes, size = [], 0
        with bounded():
            found = await steps.to_list(BATCH_COUNT)
    if writes:
        yield writes


async def tidy(database: Database, plan: Plan, feed_kept: int) -> None:
    """Remove what is no longer needed. What is missed here is swept when a store is opened."""
    try:
        with bounded():
            await database.quick_staged.delete_many({"commit": plan.id})
        with bounded():
            await database.quick_commits.delete_many({"epoch": {"$lte": plan.epoch - feed_kept}})
    except PyMongoError as exc:
        _log.info("what a commit had staged was not removed: %s", type(exc).__name__)


async def forget(database: Database, plan: Plan) -> None:
    """Remove what was staged for a commit that was not decided."""
    with bounded():
        await database.records.delete_many({**UNBORN, "commit": plan.id})
    with bounded():
        await database.quick_staged.delete_many({"commit": plan.id})
    with bounded():
        await database.quick_commits.delete_one({"_id": plan.id})


async def sweep(database: Database, settled: Head) -> None:
    """Remove what was staged by commits that can never be decided, or that are done, where nothing was pending."""
    dead = {"base": {"$lt": settled.epoch}}
    with bounded():
        await database.records.delete_many({**UNBORN, **dead})
    with bounded():
        await database.quick_staged.delete_many(dead)
    with bounded():
        await database.quick_commits.delete_many({**dead, "epoch": None})


async def _insert(collection: Collection, documents: Iterable[Document]) -> None:
    batch: list[Document] = []
    size = 0
    for document in documents:
        if batch and (size + _size(document) > BATCH_BYTES or len(batch) >= BATCH_COUNT):
            with bounded():
                await collection.insert_many(batch)
            batch, size = [], 0
        batch.append(document)
        size += _size(document)
    if batch:
        with bounded():
            await collection.insert_many(batch)


def _size(document: Document) -> int:
    """Return about how many bytes a staged document takes."""
    inner = document.get("set") or document
    return 200 + len(inner.get("document", b""))
