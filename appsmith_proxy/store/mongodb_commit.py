"""How the MongoDB store commits: staged, decided by one write to one document, done by whoever comes next.

::

    plan ──▶ stage ──▶ decide ─────────────▶ do ──▶ done
    read      write     head: epoch n ─▶ n+1  steps   head: applied n ─▶ n+1
                        pending: this commit          pending: none

- **Decide** is the commit. It succeeds only when nothing was decided since the plan was made, so what the plan has checked
  still holds. Before it nothing is visible; after it nothing can prevent it.
- **Do** may be begun by one process, finished by another, repeated, and come late: each step names the very version of the
  document that it replaces (``_id`` and revision), and versions never return. A document that a commit makes is there
  before, unborn (revision 0), so that a late step cannot bring back what was deleted since.
- What is staged for a commit that was not decided is dead as soon as another was; ``sweep`` removes it.

It needs no transactions, so a standalone mongod and a replica set commit in the same way.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bson import ObjectId
from pymongo.errors import PyMongoError

from appsmith_proxy.errors import ProxyError, StoreError
from appsmith_proxy.store.contract import Change
from appsmith_proxy.store.mongodb_client import Database, bounded, is_passing
from appsmith_proxy.store.mongodb_schema import SCHEMA, THE_HEAD, Head, read_head
from appsmith_proxy.store.mongodb_staging import Plan, check_staged, forget, make_plan, stage, tidy, writes_of

GRACE_SECONDS: Final = 0.05
"""How long a pending commit is left to the process that decided it."""

_PAUSE_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a commit may take, elections included."""

    until: float

    @classmethod
    def of(cls, seconds: float) -> "Patience":
        """Begin now."""
        return cls(until=time.monotonic() + seconds)

    @property
    def is_over(self) -> bool:
        """Whether it is time to give up."""
        return time.monotonic() > self.until


async def commit(database: Database, changes: Sequence[Change], *, patience: Patience, feed_kept: int) -> int:
    """Do all changes, or none of them; return the epoch. Raises as each change says, or ``StoreError``."""
    while True:
        try:
            epoch = await _attempt(database, changes, patience, feed_kept)
        except PyMongoError as exc:
            if patience.is_over or not is_passing(exc):
                raise  # nothing was decided
        else:
            if epoch is not None:
                return epoch
        if patience.is_over:
            raise too_busy(database)
        await asyncio.sleep(_PAUSE_SECONDS * secrets.randbelow(100) / 100)  # out of each other's way


async def settled(database: Database, *, patience: Patience) -> Head:
    """Return where the store stands once no commit is pending, finishing one that its own process does not finish."""
    waiting_for: ObjectId | None = None
    since = 0.0
    while True:
        head = await _certain(database)
        if head.pending is None:
            return head
        now = time.monotonic()
        if head.pending != waiting_for:
            waiting_for, since = head.pending, now
        elif now - since >= GRACE_SECONDS:
            await finish(database, head.pending, head.epoch)
            continue
        if patience.is_over:
            raise too_busy(database)
        await asyncio.sleep(GRACE_SECONDS / 5)


async def finish(database: Database, commit_id: ObjectId, epoch: int) -> None:
    """Do what a decided commit says. May be repeated, by several at once, and at any time later."""
    await check_staged(database, commit_id)
    async for writes in writes_of(database, commit_id):
        with bounded():
            await database.records.bulk_write(writes, ordered=True)
    with bounded():
        await database.commits.update_one({"_id": commit_id, "epoch": None}, {"$set": {"epoch": epoch}})
    with bounded():
        await database.head.update_one(
            {**THE_HEAD, "pending": commit_id}, {"$set": {"applied": epoch, "pending": None}}
        )


def too_busy(database: Database) -> StoreError:
    """Return the error for a store whose other writers leave no room."""
    return StoreError(f"the store {database.shown} is written to by too many at once", hint="try again")


async def _attempt(database: Database, changes: Sequence[Change], patience: Patience, feed_kept: int) -> int | None:
    """Try once; return the epoch, or None when another commit came between."""
    head = await settled(database, patience=patience)
    try:
        plan = await make_plan(database, changes, head.epoch)
    except ProxyError:
        if await _certain(database) == head:
            raise
        return None  # it was refused for what may have been half of another commit
    if not plan.steps:
        return head.epoch if await _certain(database) == head else None
    await stage(database, plan)
    if not await _decide(database, plan, patience):
        await forget(database, plan)
        return None
    await _carry_out(database, plan, patience)
    await tidy(database, plan, feed_kept)
    return plan.epoch


async def _decide(database: Database, plan: Plan, patience: Patience) -> bool:
    """Make the commit happen; return whether it did. When an answer is lost, find out."""
    expected = {**THE_HEAD, "schema": SCHEMA, "epoch": plan.base, "pending": None}
    while True:
        try:
            with bounded():
                moved = await database.head.update_one(expected, {"$set": {"epoch": plan.epoch, "pending": plan.id}})
            if moved.matched_count:
                return True
            # Not so, unless it was an earlier try of ours, whose answer was lost, that moved it.
            head = await _certain(database)
            if head.epoch > plan.base:
                return head.pending == plan.id or await _is_done(database, plan)
        except PyMongoError as exc:
            if patience.is_over or not is_passing(exc):
                raise _unsure(database) from exc
        await asyncio.sleep(_PAUSE_SECONDS)


async def _is_done(database: Database, plan: Plan) -> bool:
    with bounded():
        return await database.commits.find_one({"_id": plan.id, "epoch": plan.epoch}) is not None


async def _carry_out(database: Database, plan: Plan, patience: Patience) -> None:
    while True:
        try:
            await finish(database, plan.id, plan.epoch)
        except PyMongoError as exc:
            if patience.is_over or not is_passing(exc):
                raise _unsure(database) from exc
        else:
            return
        await asyncio.sleep(_PAUSE_SECONDS)


async def _certain(database: Database) -> Head:
    with bounded():
        return await read_head(database)


def _unsure(database: Database) -> StoreError:
    return StoreError(
        f"the store {database.shown} went away while it was written to: the change may have been made or not",
        hint="read it again before repeating the change",
    )
