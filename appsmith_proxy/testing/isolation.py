"""The isolation suite: what one execution does to its session is gone before the next."""

from appsmith_proxy.sdk import Client, DatasourceError
from appsmith_proxy.testing.harness import Part, StateChange
from appsmith_proxy.testing.rig import Rig
from appsmith_proxy.testing.suite import Suite, needs


class IsolationSuite(Suite):
    """One connection, so that the next execution is sure to borrow the one that was changed."""

    @needs(Part.STATE)
    async def test_isolation_state_does_not_stay(self, rig: Rig) -> None:
        changes = rig.harness.state_changes()
        assert changes, "name what a statement can change in a session, or declare the part absent"
        kept = [change.name for change in changes if await _stays(rig, change)]
        assert not kept, f"the next execution sees what an earlier one left in the session: {', '.join(kept)}"

    @needs(Part.STATE)
    async def test_isolation_read_only_is_not_switched_off(self, rig: Rig) -> None:
        """A change of state in a read-only execution does not make a later one writable, nor the other way round."""
        client = await rig.open(max_connections=1)
        for change in rig.harness.state_changes():
            for read_only in (True, False):
                await _try(rig, client, change, read_only=read_only)
        await rig.works(client)
        if Part.WRITES not in rig.harness.absent:
            await rig.error(client, rig.harness.write(), read_only=True)
            before = await rig.count(client)
            await rig.execute(client, rig.harness.write())
            assert await rig.count(client) == before + 1


async def _stays(rig: Rig, change: StateChange) -> bool:
    """Return whether an execution after the change sees it."""
    client = await rig.open(max_connections=1)
    before = await _seen(rig, client, change)
    await _try(rig, client, change, read_only=False)
    after = await _seen(rig, client, change)
    await client.close()
    return before != after


async def _seen(rig: Rig, client: Client, change: StateChange) -> str:
    try:
        return repr(rig.harness.echoed(await rig.execute(client, change.probe)))
    except DatasourceError as error:  # a temporary table that is not there, say
        return error.code


async def _try(rig: Rig, client: Client, change: StateChange, *, read_only: bool) -> None:
    try:
        await rig.execute(client, change.change, read_only=read_only)
    except DatasourceError:
        return
