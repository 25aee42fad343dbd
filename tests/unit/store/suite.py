"""The suite that every store passes. Subclass ``StoreSuite`` and give two handles on one store, as two processes have."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from appsmith_proxy.errors import InUse, NameTaken, NotFound, StaleRevision, StoreError
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.records import Action, Application, Datasource, Token, Workspace
from appsmith_proxy.store.collections import COLLECTIONS
from appsmith_proxy.store.contract import (
    PAGE,
    Changes,
    ConfigStore,
    Delete,
    Put,
    Record,
    Ref,
    Require,
    RequireNone,
)
from tests.unit.store import samples

FEED_KEPT = 5
"""What ``handles`` must open its stores with."""


async def create(store: ConfigStore, *records: Record) -> None:
    await store.commit(*(Put(record, expected=0) for record in records))


class StoreSuite:
    """What the contract promises, test by test."""

    @pytest.fixture
    def handles(self) -> AsyncIterator[tuple[ConfigStore, ConfigStore]]:
        """Yield two open handles on one empty store, made with ``feed_kept=FEED_KEPT``."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, handles: tuple[ConfigStore, ConfigStore]) -> ConfigStore:
        return handles[0]

    @pytest.fixture
    def other(self, handles: tuple[ConfigStore, ConfigStore]) -> ConfigStore:
        return handles[1]

    async def test_every_kind_comes_back_as_it_was_given(self, store: ConfigStore, other: ConfigStore) -> None:
        records: list[Record] = [
            (workspace := samples.workspace()),
            (application := samples.application(workspace.id)),
            (datasource := samples.datasource(workspace.id)),
            samples.action(workspace.id, application.id, datasource.id),
            samples.token(workspace.id),
            samples.keyed_run(),
        ]
        assert {type(record) for record in records} == set(COLLECTIONS)
        await create(store, *records)
        for record in records:
            expected = replace(record, revision=1)
            assert await store.get(type(record), record.id) == expected
            assert await other.get(type(record), record.id) == expected
            assert await store.find(type(record)) == (expected,)

    async def test_what_is_not_there_is_none(self, store: ConfigStore) -> None:
        workspace = samples.workspace()
        await create(store, workspace)
        assert await store.get(Workspace, new_id()) is None
        assert await store.get(Application, workspace.id) is None
        assert await store.find(Application) == ()

    async def test_each_change_makes_a_new_revision(self, store: ConfigStore) -> None:
        workspace = samples.workspace()
        await create(store, workspace)
        await store.commit(Put(replace(workspace, name="Support", revision=77), expected=1))
        assert await store.get(Workspace, workspace.id) == replace(workspace, name="Support", revision=2)
        await store.commit(Delete(Workspace, workspace.id, expected=2))
        assert await store.get(Workspace, workspace.id) is None

    async def test_a_stale_revision_is_refused(self, store: ConfigStore) -> None:
        workspace = samples.workspace()
        await create(store, workspace)
        for change in (Put(workspace, 0), Put(workspace, 2), Delete(Workspace, workspace.id, 2)):
            with pytest.raises(StaleRevision):
                await store.commit(change)

    async def test_what_is_gone_cannot_be_changed(self, store: ConfigStore) -> None:
        workspace = samples.workspace()
        for change in (Put(workspace, 1), Delete(Workspace, workspace.id, 1)):
            with pytest.raises(NotFound):
                await store.commit(change)

    async def test_a_name_is_taken_once_in_its_place(self, store: ConfigStore) -> None:
        sales, support = samples.workspace("Sales"), samples.workspace("Support")
        first = samples.application(sales.id, "Orders")
        await create(store, sales, support, first)
        with pytest.raises(NameTaken) as refused:
            await create(store, samples.application(sales.id, "Orders"))
        assert [problem.path for problem in refused.value.details] == ["name"]
        with pytest.raises(NameTaken):
            await create(store, samples.workspace("Sales"))
        await create(store, samples.application(support.id, "Orders"), samples.application(sales.id, "orders"))
        await store.commit(Put(first, expected=1))
        await store.commit(Put(replace(first, name="Old"), expected=2))
        await create(store, again := samples.application(sales.id, "Orders"))
        await store.commit(Delete(Application, again.id, expected=1))
        await create(store, samples.application(sales.id, "Orders"))

    async def test_unique_values_cannot_be_forged_by_delimiters(self, store: ConfigStore) -> None:
        for workspace_id, name in (('a","b', "c"), ("a", 'b","c'), ("a,b", "c"), ("a", "b,c"), ("a\x00b", "c")):
            await create(store, samples.application(workspace_id, name))

    async def test_find_by_indexed_fields(self, store: ConfigStore) -> None:
        sales, support = samples.workspace("Sales"), samples.workspace("Support")
        orders, returns = (samples.application(sales.id, name) for name in ("Orders", "Returns"))
        elsewhere = samples.application(support.id, "Orders")
        await create(store, sales, support, orders, returns, elsewhere)

        async def found(where: dict[str, str]) -> set[str]:
            return {record.id for record in await store.find(Application, where=where)}

        assert await found({}) == {orders.id, returns.id, elsewhere.id}
        assert await found({"workspace_id": sales.id}) == {orders.id, returns.id}
        assert await found({"workspace_id": sales.id, "name": "Orders"}) == {orders.id}
        assert await found({"workspace_id": sales.id, "name": "orders"}) == set()
        with pytest.raises(ValueError, match="published_at"):
            await found({"published_at": "x"})
        await store.commit(Put(replace(orders, workspace_id=support.id, name="Moved"), expected=1))
        assert await found({"workspace_id": sales.id}) == {returns.id}

    async def test_an_action_is_found_by_the_datasource_of_either_copy(self, store: ConfigStore) -> None:
        action = samples.action("w", "a", "new")
        assert action.published is not None
        action = replace(action, published=replace(action.published, datasource_id="old"))
        await create(store, action)
        for datasource_id, count in (("new", 1), ("old", 1), ("third", 0)):
            assert len(await store.find(Action, where={"datasource_id": datasource_id})) == count

    async def test_lists_are_in_id_order_and_paged(self, store: ConfigStore) -> None:
        records = [samples.workspace(f"w{number}") for number in range(PAGE + 5)]
        random.Random(1).shuffle(records)
        await create(store, *records)
        ids = sorted(record.id for record in records)
        assert [record.id for record in await store.find(Workspace)] == ids[:PAGE]
        assert [record.id for record in await store.find(Workspace, after=ids[2], limit=2)] == ids[3:5]
        assert [record.id async for record in store.scan(Workspace)] == ids

    async def test_a_commit_is_all_or_nothing(self, store: ConfigStore) -> None:
        kept, changed = samples.workspace("kept"), samples.workspace("changed")
        await create(store, kept, changed)
        epoch = (await store.changes(0)).epoch
        with pytest.raises(StaleRevision):
            await store.commit(
                Put(samples.workspace("new"), expected=0),
                Put(replace(changed, name="renamed"), expected=1),
                Delete(Workspace, kept.id, expected=1),
                Put(changed, expected=9),
            )
        assert {record.name for record in await store.find(Workspace)} == {"kept", "changed"}
        assert await store.changes(epoch) == Changes(epoch, (), complete=True)
        await create(store, samples.workspace("renamed"))

    async def test_changes_of_one_commit_see_each_other(self, store: ConfigStore) -> None:
        workspace = samples.workspace()
        await store.commit(
            Put(workspace, expected=0),
            Require(Workspace, workspace.id),
            Put(replace(workspace, name="Support"), expected=1),
            Put(samples.workspace("Sales"), expected=0),
        )
        assert await store.get(Workspace, workspace.id) == replace(workspace, name="Support", revision=2)

    async def test_require(self, store: ConfigStore) -> None:
        datasource = samples.datasource("w1")
        await create(store, datasource)
        epoch = (await store.changes(0)).epoch
        assert await store.commit(Require(Datasource, datasource.id, {"workspace_id": "w1"})) == epoch
        for record_id, where in ((new_id(), {}), (datasource.id, {"workspace_id": "w2"})):
            with pytest.raises(NotFound):
                await store.commit(Require(Datasource, record_id, where), Put(samples.workspace(), 0))
        assert await store.find(Workspace) == ()

    async def test_require_none(self, store: ConfigStore) -> None:
        datasource = samples.datasource("w")
        action = samples.action("w", "a", datasource.id, "byId")
        await create(store, datasource, action)
        deletion = (
            RequireNone(Action, {"datasource_id": datasource.id}),
            Delete(Datasource, datasource.id, expected=1),
        )
        with pytest.raises(InUse) as refused:
            await store.commit(*deletion)
        assert [(it.path, it.message) for it in refused.value.details] == [(f"actions/{action.id}", "byId")]
        assert await store.get(Datasource, datasource.id) is not None
        await store.commit(Delete(Action, action.id, expected=1))
        await store.commit(*deletion)
        assert await store.get(Datasource, datasource.id) is None

    async def test_the_feed_tells_each_record_once(self, store: ConfigStore, other: ConfigStore) -> None:
        start = (await store.changes(0)).epoch
        first, second = samples.workspace("first"), samples.token()
        epoch = await store.commit(Put(first, expected=0), Put(second, expected=0))
        assert epoch == start + 1
        await store.commit(Put(first, expected=1))
        await store.commit(Delete(Workspace, first.id, expected=2))
        changes = await other.changes(start)
        assert (changes.epoch, changes.complete) == (start + 3, True)
        assert len(changes.refs) == 2
        assert set(changes.refs) == {Ref(Workspace, first.id), Ref(Token, second.id)}
        assert (await other.changes(epoch)).refs == (Ref(Workspace, first.id),)

    async def test_a_reader_too_far_behind_or_ahead_is_told_so(self, store: ConfigStore) -> None:
        for number in range(FEED_KEPT + 1):
            await create(store, samples.workspace(f"w{number}"))
        epoch = FEED_KEPT + 1
        assert await store.changes(0) == Changes(epoch, (), complete=False)
        assert len((await store.changes(1)).refs) == FEED_KEPT
        assert await store.changes(epoch + 1) == Changes(epoch, (), complete=False)

    async def test_meta_is_compared_and_set(self, store: ConfigStore, other: ConfigStore) -> None:
        assert await store.get_meta("ring") is None
        await store.put_meta("ring", b"\x00one", expected=None)
        assert await other.get_meta("ring") == b"\x00one"
        for expected in (None, b"two", b""):
            with pytest.raises(StaleRevision):
                await other.put_meta("ring", b"two", expected=expected)
        await other.put_meta("ring", b"two", expected=b"\x00one")
        assert await store.get_meta("ring") == b"two"
        await store.put_meta("$a.b", b"", expected=None)
        assert (await other.meta_keys(), await other.get_meta("$a.b")) == (("$a.b", "ring"), b"")

    async def test_no_update_is_lost_between_handles(self, store: ConfigStore, other: ConfigStore) -> None:
        workspace = samples.workspace()
        await create(store, workspace)
        writers, times = (store, other, store, other), 10

        async def count_up(handle: ConfigStore) -> None:
            done = 0
            while done < times:
                present = await handle.get(Workspace, workspace.id)
                assert present is not None
                with contextlib.suppress(StaleRevision):
                    await handle.commit(Put(present, expected=present.revision))
                    done += 1

        async with asyncio.TaskGroup() as group:
            for handle in writers:
                group.create_task(count_up(handle))
        present = await store.get(Workspace, workspace.id)
        assert present is not None
        assert present.revision == 1 + len(writers) * times

    async def test_a_cancelled_commit_leaves_all_or_nothing(self, store: ConfigStore) -> None:
        dice = random.Random(7)
        for number in range(60):
            pair = samples.workspace(f"a{number}"), samples.workspace(f"b{number}")
            before = (await store.changes(0)).epoch
            task = asyncio.create_task(create(store, *pair))
            for _ in range(dice.randrange(40)):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            present = [await store.get(Workspace, record.id) for record in pair]
            moved = (await store.changes(0)).epoch - before
            assert [record is not None for record in present] in ([False, False], [True, True])
            assert moved == (present[0] is not None)

    async def test_what_json_cannot_keep_is_refused(self, store: ConfigStore) -> None:
        for value in (float("nan"), float("inf"), 2**70, {1, 2}, (1, 2), "\ud800", b"x", {1: "x"}):
            record = replace(samples.datasource("w"), configuration={"field": value})
            with pytest.raises(StoreError, match="datasources/") as refused:
                await create(store, record)
            assert "field" not in str(refused.value)
        assert await store.find(Datasource) == ()

    async def test_a_closed_store_says_so(self, store: ConfigStore) -> None:
        await store.close()
        await store.close()
        for attempt in (store.get(Workspace, new_id()), store.changes(0), store.get_meta("x"), store.commit()):
            with pytest.raises(StoreError, match="not open"):
                await attempt
        await store.open()
        assert await store.find(Workspace) == ()
