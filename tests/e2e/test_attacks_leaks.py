"""What dynamic statements tell when they fail: no value, no statement and no name of the datasource's to a viewer or a log."""

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from types import SimpleNamespace
from typing import Any, Final

import pytest

from appsmith_proxy.model.principal import Role
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Caller, Proxy, Reply

VALUE: Final = "canary-value-51c8"
TEXT: Final = "canary_text_51c8"
ROW: Final = "canary-row-51c8"
CANARIES: Final = (VALUE, TEXT, ROW)

NOTES: Final = (
    f"CREATE TABLE {TEXT} (id INTEGER PRIMARY KEY, note VARCHAR(90) UNIQUE, size INTEGER CHECK (size > 0));"
    f" INSERT INTO {TEXT} VALUES (1, '{ROW}', 1), (2, '{VALUE}', 2);"
)
FIELDS: Final = [{"name": "id", "type": "integer"}, {"name": "note"}, {"name": "size", "type": "integer"}]
ROWS: Final = {"name": "rows", "type": "object", "list": True, "maxItems": 5, "fields": FIELDS}
COLUMN: Final = {"name": "column", "type": "identifier", "choices": ["id", "note"]}

Asked = tuple[dict[str, Any], list[dict[str, Any]], list[Mapping[str, Any]]]

ASKED: Final[Mapping[str, Asked]] = {
    "rows": (
        {"body": f"INSERT INTO {TEXT} (id, note, size) VALUES {{{{rows}}}}"},
        [ROWS],
        [
            {"rows": [{"id": 9, "note": VALUE, "size": 1}]},
            {"rows": [{"id": VALUE, "note": "x", "size": 1}]},
            {"rows": [{"id": 9, "note": "x", "size": -1}]},
            {"rows": [{"id": 9, VALUE: "x"}]},
            {"rows": VALUE},
            {"rows": [VALUE]},
            {"rows": [{"id": n, "note": VALUE, "size": 1} for n in range(6)]},
        ],
    ),
    "steps": (
        {
            "steps": [
                {"name": "one", "body": f"SELECT note FROM {TEXT} WHERE id = {{{{id}}}}"},
                {"name": "two", "body": f"UPDATE {TEXT} SET size = {{{{steps.one.note}}}} WHERE id = {{{{id}}}}"},
            ]
        },
        [{"name": "id", "type": "integer"}],
        [{"id": 1}, {"id": 2}, {"id": 77}, {"id": VALUE}],
    ),
    "chooser": (
        {"body": f"SELECT id FROM {TEXT} WHERE note = 'x' [[ AND note = {{{{note}}}} ]] ORDER BY {{{{column}}}}"},
        [COLUMN],
        [{"column": VALUE}, {"column": [VALUE]}, {"column": {"a": VALUE}}, {"note": VALUE}],
    ),
    "list": (
        {"body": f"SELECT id FROM {TEXT} WHERE size IN ({{{{sizes}}}})"},
        [{"name": "sizes", "type": "integer", "list": True, "maxItems": 3}],
        [{"sizes": [VALUE]}, {"sizes": [1, 2, 3, 4]}, {"sizes": [None]}, {"sizes": {"a": VALUE}}],
    ),
    "update": (
        {"body": f"UPDATE {TEXT} SET note = {{{{note}}}} WHERE id = {{{{id}}}}"},
        [{"name": "id", "type": "integer"}],
        [{"id": 1, "note": VALUE}, {"id": 1, "note": "x" * 200}],
    ),
}


@pytest.fixture(params=["postgres", "mysql", "sqlite"])
async def notes(request: pytest.FixtureRequest, proxy: Proxy, paths: SimpleNamespace) -> str:
    """A datasource with canaries for a table and its rows, on each SQL driver."""
    kind: str = request.param
    if kind == "sqlite":
        with closing(sqlite3.connect(paths.data / "notes.db")) as file:
            file.executescript(NOTES)
        return await proxy.datasource(kind, {"file": "notes.db"})
    server: MariadbServer | PostgresServer = request.getfixturevalue("mariadb" if kind == "mysql" else kind)
    database = await server.fresh_database()
    async with server.session(database) as session:
        await (session.script(NOTES) if kind == "mysql" else session.execute(NOTES))
    return await proxy.datasource(kind, server.configuration(database, password=server.password))


def check(who: str, replies: list[Reply]) -> None:
    """Look for canaries in everything that was answered."""
    for reply in replies:
        told = reply.raw.decode() + repr(dict(reply.headers))
        assert not [canary for canary in CANARIES if canary in told], (who, told)


@pytest.mark.parametrize("name", list(ASKED))
async def test_failures_tell_no_value_and_no_statement(
    proxy: Proxy, notes: str, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    configuration, parameters, calls = ASKED[name]
    action = await proxy.action(notes, configuration, parameters=parameters, userMessages={})
    failed = 0
    for params in calls:
        replies = [
            await proxy.viewer.execute(action, params),
            await proxy.viewer.execute(action, params, viewMode=False),
            await proxy.viewer.execute(action, params, mode="dryRun"),
            await keyed(proxy.viewer, action, params),
            await keyed(proxy.viewer, action, params),
        ]
        failed += not replies[0].data["isExecutionSuccess"]
        check("viewer", replies)
        for mode in ("run", "dryRun"):
            await proxy.developer.execute(action, params, mode=mode)
    assert failed, "or nothing was shown"
    check("viewer", [await proxy.viewer.call("GET", f"/actions/view?applicationId={proxy.application_id}")])
    for canary in CANARIES:
        assert canary not in caplog.text
        assert canary not in repr(proxy.ring.records())


async def keyed(caller: Caller, action: str, params: Mapping[str, Any]) -> Reply:
    """Execute under one key."""
    body = {"actionId": action, "viewMode": True, "params": dict(params)}
    return await caller.call("POST", "/actions/execute", body, headers={"Idempotency-Key": VALUE})


async def test_what_explains_plans_is_for_editors_and_kept_nowhere(
    proxy: Proxy, notes: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"datasourceId": notes, "configuration": {"body": f"SELECT nope FROM {TEXT} WHERE note = {{{{x}}}}"}}
    broken = {"datasourceId": notes, "configuration": {"body": f"SELECT '{VALUE}"}}
    checks = f"/workspaces/{proxy.workspace_id}/plans/check"
    stranger = await proxy.caller(Role.DEVELOPER, (await other_workspace(proxy)))
    for caller in (proxy.viewer, proxy.anonymous, stranger):
        replies = [await caller.call("POST", "/actions/compile", each) for each in (body, broken)]
        replies.append(await caller.call("POST", checks))
        assert {reply.status for reply in replies} <= {401, 403, 404}
        check("not an editor", replies)
    for each in (body, broken):
        told = await proxy.developer.call("POST", "/actions/compile", each)
        assert told.status == 200
        assert told.data["problems"], told.envelope
    assert (await proxy.developer.call("POST", checks)).status == 200
    for canary in CANARIES:
        assert canary not in caplog.text
        assert canary not in repr(proxy.ring.records())


async def other_workspace(proxy: Proxy) -> str:
    """Make another workspace."""
    made: str = (await proxy.administrator.created("/workspaces", {"name": "Other"}))["id"]
    return made


async def test_a_key_is_its_caller_s_own(proxy: Proxy, notes: str) -> None:
    """Who guesses another's key learns nothing by it and takes nothing from it."""
    action = await proxy.action(notes, f"UPDATE {TEXT} SET size = size + 1 WHERE id = {{{{id}}}}")
    other = await proxy.caller(Role.VIEWER, proxy.workspace_id)
    stranger = await proxy.caller(Role.VIEWER, await other_workspace(proxy))
    first, again, others, strangers = [
        await keyed(caller, action, {"id": 1}) for caller in (proxy.viewer, proxy.viewer, other, stranger)
    ]
    assert first.data["body"] == again.data["body"] == others.data["body"] == [{"affectedRows": 1}]
    assert [bool(reply.data["messages"]) for reply in (first, again, others)] == [False, True, False]
    assert strangers.status == 404
