"""Writing: how many documents a write changed, and a transaction around one that may change too many."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pymongo

from appsmith_proxy.sdk import AffectedLimitExceeded, Outcome
from appsmith_proxy_mongodb import faults
from appsmith_proxy_mongodb.command import Command


async def guarded(database: Any, wanted: Command, session: Any, limit: int) -> int:
    """Write in a transaction, and roll back what changes more than the limit; return how much it changed."""
    session.start_transaction()
    try:
        count = changed(wanted, await database.command(wanted.spec, session=session), rolls_back=True)
        if count > limit:
            raise AffectedLimitExceeded(
                "the action would change more documents than its maxAffectedRows",
                hint="narrow the filter, or raise maxAffectedRows",
                outcome=Outcome.ROLLED_BACK,
            )
    except BaseException:
        with pymongo.timeout(None):  # the deadline may have passed, and what is locked must not stay so
            await session.abort_transaction()
        raise
    try:
        await session.commit_transaction()
    except faults.RAISED as error:
        with pymongo.timeout(None), suppress(*faults.RAISED):  # if it was not committed, it must not stay open
            await database.client.admin.command({"killSessions": [session.session_id]})
        raise faults.translate(error, sent=True, partly=True) from None
    return count


def changed(wanted: Command, reply: Mapping[str, Any], *, rolls_back: bool = False) -> int:
    """Return how many documents a write changed, or raise what went wrong in it."""
    problems = reply.get("writeErrors") or ()
    count = int(reply.get("n", 0))
    if problems:
        partly = count > 0 or (wanted.changes_many and wanted.operation != "insert")
        raise faults.reported(problems[0], partly=partly and not rolls_back)
    if reply.get("writeConcernError"):
        raise faults.reported(reply["writeConcernError"], partly=True)
    return count
