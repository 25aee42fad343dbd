"""Who can write to the store cannot make a viewer run anything else: a published copy that was changed or moved is refused."""

import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from appsmith_proxy.audit.contract import Intent, Unverified
from appsmith_proxy.gateway.plan_seals import PlanSeals
from appsmith_proxy.model.plan import COMPILER_VERSION, Plan
from appsmith_proxy.model.records import Action, Datasource
from appsmith_proxy.store.contract import Put
from appsmith_proxy.store.sqlite import SqliteStore
from appsmith_proxy.testing.memory import MemoryServer
from tests.e2e.conftest import MemoryPlugin
from tests.servers.proxy import Proxy, Reply, running_proxy

LOOKUP: Final = "SELECT id, cents FROM orders WHERE id = {{ id }}"
Document = dict[str, Any]


class Intruder:
    """Writes to the store's file past the proxy."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, action_id: str) -> Document:
        """Return an action's document."""
        with closing(sqlite3.connect(self._path)) as file:
            ((document,),) = file.execute("SELECT document FROM record WHERE id = ?", (action_id,))
        found: Document = json.loads(document)
        return found

    def write(self, action_id: str, document: Document) -> None:
        """Put a document in the place of an action's, and tell every process, as a commit does."""
        with closing(sqlite3.connect(self._path)) as file, file:
            file.execute("UPDATE record SET document = ? WHERE id = ?", (json.dumps(document).encode(), action_id))
            file.execute("UPDATE head SET epoch = epoch + 1")
            file.execute("INSERT INTO feed SELECT epoch, 'actions', ? FROM head", (action_id,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "proxy.db"


@pytest.fixture
def intruder(path: Path) -> Intruder:
    return Intruder(path)


@pytest.fixture
async def proxy(paths: SimpleNamespace, path: Path, memory: MemoryServer) -> AsyncIterator[Proxy]:
    """A proxy whose store is a file."""
    async with running_proxy(paths.own, store=SqliteStore(path), plugins=[MemoryPlugin(memory)]) as running:
        yield running


async def executed(proxy: Proxy, action_id: str, **params: Any) -> Reply:
    """Execute as a viewer, with what the store holds now."""
    await proxy.runtime.cache.refresh()
    return await proxy.viewer.execute(action_id, {"id": 1, **params})


def leaves(node: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every single value in a document."""
    if isinstance(node, dict | list) and node:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves(value, *path, key)
    else:
        yield path


def changed(value: Any) -> Any:
    """Return something of the same form that is not the same."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return f"{'0' if value[:1] != '0' else '1'}{value[1:]}"
        case None:
            return 1
        case dict():
            return {"InvalidRequest": "x"}
        case _:
            return ["x"]


def with_change(document: Document, path: tuple[Any, ...]) -> Document:
    copy: Document = json.loads(json.dumps(document))
    node: Any = copy
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = changed(node[path[-1]])
    return copy


async def test_a_change_to_any_field_of_a_published_copy_is_refused_and_recorded(
    proxy: Proxy, shop: str, memory: MemoryServer, intruder: Intruder
) -> None:
    parameter = {"name": "id", "type": "integer", "min": 1, "max": 9, "choices": [1, 2, 3], "default": 1}
    action = await proxy.action(
        shop, LOOKUP, parameters=[parameter], userMessages={"Disconnected": "Gone."}, readOnly=True, maxAffectedRows=5
    )
    stored = intruder.read(action)
    assert (await executed(proxy, action)).data["body"] == [{"id": 1, "cents": 1250}]
    paths = list(leaves(stored["published"], "published"))
    assert len(paths) > 30
    before = len(memory.log)
    codes = set()
    for path in paths:
        intruder.write(action, with_change(stored, path))
        reply = await executed(proxy, action)
        # A document that is none of ours is refused before its seal; so is a datasource that there is not.
        codes.add(reply.error["code"])
        assert reply.status == (404 if path == ("published", "datasource_id") else 503), (path, reply.envelope)
        assert "LOOKUP" not in reply.raw.decode()
    assert codes == {"PlanUnverified", "StoreError", "NotFound"}
    assert len(memory.log) == before, "nothing may reach the datasource"
    events = [record for record in proxy.ring.records() if isinstance(record, Unverified)]
    assert {(event.action_id, event.workspace_id) for event in events} == {(action, proxy.workspace_id)}
    assert len(events) > len(paths) / 2
    intruder.write(action, stored)
    assert (await executed(proxy, action)).data["body"] == [{"id": 1, "cents": 1250}]


async def test_a_viewer_learns_nothing_and_an_editor_what_to_do(proxy: Proxy, shop: str, intruder: Intruder) -> None:
    action = await proxy.action(shop, LOOKUP)
    stored = intruder.read(action)
    intruder.write(action, with_change(stored, ("published", "configuration", "body")))
    viewers = await executed(proxy, action)
    assert (viewers.status, viewers.error["code"]) == (503, "PlanUnverified")
    assert "store" not in viewers.raw.decode()
    editors = await proxy.developer.execute(action, {"id": 1})
    assert "not what was published" in editors.error["message"]
    assert "publish its application again" in editors.error["hint"]
    intents = [record for record in proxy.ring.records() if isinstance(record, Intent)]
    assert not [intent for intent in intents if intent.action_id == action]


async def test_copies_change_places_neither_between_actions_nor_back_in_from_a_draft(
    proxy: Proxy, shop: str, memory: MemoryServer, intruder: Intruder
) -> None:
    other_shop = await proxy.datasource("memory", {"password": memory.password}, name="other")
    harmless = await proxy.action(shop, LOOKUP, name="harmless")
    mighty = await proxy.action(shop, "DELETE FROM orders WHERE id = {{ id }}", name="mighty")
    one, two = intruder.read(harmless), intruder.read(mighty)
    before = len(memory.log)
    for document in (
        {**one, "published": {**two["published"], "name": "harmless"}},
        {**one, "published": two["published"]},
        {**one, "published": {**two["draft"], "seal": one["published"]["seal"]}},
        {**one, "published": {**two["draft"], "seal": None}},
        {**one, "published": {**one["published"], "datasource_id": other_shop}},
    ):
        intruder.write(harmless, document)
        reply = await executed(proxy, harmless)
        assert (reply.status, reply.error["code"]) == (503, "PlanUnverified"), document
    assert len(memory.log) == before


async def test_a_copy_runs_in_its_own_workspace_and_application_only(
    proxy: Proxy, shop: str, memory: MemoryServer, intruder: Intruder
) -> None:
    action = await proxy.action(shop, LOOKUP)
    elsewhere = await proxy.administrator.created(
        "/applications", {"workspaceId": proxy.workspace_id, "name": "Elsewhere"}
    )
    intruder.write(action, {**intruder.read(action), "application_id": elsewhere["id"]})
    assert (await executed(proxy, action)).error["code"] == "PlanUnverified"


async def test_a_draft_needs_no_seal(proxy: Proxy, shop: str, intruder: Intruder) -> None:
    action = await proxy.action(shop, LOOKUP)
    stored = intruder.read(action)
    intruder.write(action, {**stored, "published": {**stored["published"], "seal": None}})
    assert (await executed(proxy, action)).status == 503
    draft = await proxy.developer.execute(action, {"id": 1}, viewMode=False)
    assert draft.data["body"] == [{"id": 1, "cents": 1250}]


async def test_publishing_again_seals_again_and_counts(proxy: Proxy, shop: str, intruder: Intruder) -> None:
    action = await proxy.action(shop, LOOKUP)
    intruder.write(action, with_change(intruder.read(action), ("published", "seal", "mac")))
    assert (await executed(proxy, action)).status == 503
    await proxy.publish()
    assert (await executed(proxy, action)).status == 200
    stored = await proxy.runtime.store.get(Action, action)
    assert stored is not None
    assert stored.published is not None
    assert stored.published.seal is not None
    assert stored.published.seal.version == 2
    assert stored.draft.seal is None


@pytest.mark.parametrize(
    ("compiler", "status"), [(COMPILER_VERSION, 503), (COMPILER_VERSION - 1, 200)], ids=["this", "an older one"]
)
async def test_what_this_compiler_makes_otherwise_than_it_did_does_not_run(
    proxy: Proxy, shop: str, memory: MemoryServer, compiler: int, status: int
) -> None:
    """What an older compiler made is authentic by its seal, and is compiled anew."""
    action = await proxy.action(shop, LOOKUP)
    stored, datasource = await proxy.runtime.store.get(Action, action), await proxy.runtime.store.get(Datasource, shop)
    assert stored is not None
    assert datasource is not None
    other = Plan(
        compiler=compiler, kind="memory", steps=(), bindings=(), parameters={}, writes=False, read_only=True, digest="0"
    )
    sealing = proxy.runtime.keyring.sealing
    copy = PlanSeals(sealing.vault, sealing.instance_id).seal(stored, stored.draft, datasource, other, ())
    await proxy.runtime.store.commit(Put(replace(stored, published=copy), expected=stored.revision))
    before = len(memory.log)
    assert (await executed(proxy, action)).status == status
    assert (len(memory.log) > before) is (status == 200)


async def test_an_older_publication_put_back_whole_does_not_run_where_a_newer_one_has(
    proxy: Proxy, shop: str, memory: MemoryServer, intruder: Intruder
) -> None:
    action = await proxy.action(shop, "SELECT id, cents, customer FROM orders WHERE id = {{ id }}")
    older = intruder.read(action)
    draft = {"revision": 2, "configuration": {"body": LOOKUP}}
    assert (await proxy.developer.call("PATCH", f"/actions/{action}", draft)).status == 200
    await proxy.publish()
    assert (await executed(proxy, action)).data["body"] == [{"id": 1, "cents": 1250}]
    before = len(memory.log)
    intruder.write(action, older)
    for _ in range(2):
        reply = await executed(proxy, action)
        assert (reply.status, reply.error["code"]) == (503, "PlanUnverified")
    assert len(memory.log) == before
    events = [record for record in proxy.ring.records() if isinstance(record, Unverified)]
    assert {event.action_id for event in events} == {action}
    found = await proxy.developer.call("POST", f"/workspaces/{proxy.workspace_id}/plans/check")
    assert "older publication" in found.raw.decode()
    await proxy.publish()
    assert (await executed(proxy, action)).status == 200, "publishing again cures it"
