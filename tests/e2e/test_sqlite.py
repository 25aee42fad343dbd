"""SQLite files, end to end: what may be opened, what is answered, and that nothing else can be reached."""

import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.servers.proxy import Proxy

ORDERS = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, total NUMERIC, big INTEGER, picture BLOB);
INSERT INTO orders VALUES (1, 'ann', 12.5, 9007199254740993, x'00ff'), (2, '100%', NULL, 7, NULL);
"""


def make(path: Path) -> Path:
    """Make a database file."""
    with sqlite3.connect(path) as database:
        database.executescript(ORDERS)
    database.close()
    return path


@pytest.fixture
async def shop(proxy: Proxy, paths: SimpleNamespace) -> str:
    """A datasource on a file with two orders."""
    make(paths.data / "shop.db")
    return await proxy.datasource("sqlite", {"file": "shop.db"})


async def test_a_lookup_answers_exact_values(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, "SELECT id, customer, total, big, picture FROM orders WHERE id = {{ id }}")
    for reply in (
        await proxy.viewer.execute(action, {"id": 1}),
        await proxy.viewer.execute_form(action, {"id": ("1", "number")}),
    ):
        assert reply.data["body"] == [
            {"id": 1, "customer": "ann", "total": 12.5, "big": "9007199254740993", "picture": "AP8="}
        ]


async def test_values_stay_values(proxy: Proxy, shop: str, paths: SimpleNamespace) -> None:
    search = await proxy.action(
        shop, "SELECT id FROM orders WHERE customer LIKE '%{{ q }}%' ORDER BY id", name="search"
    )
    assert (await proxy.viewer.execute(search, {"q": "%"})).data["body"] == [{"id": 2}]
    several = await proxy.action(shop, "SELECT id FROM orders WHERE id IN ({{ ids }}) ORDER BY id", name="several")
    parameters = [{"name": "ids", "type": "integer", "list": True}]
    declared = await proxy.action(
        shop, "SELECT id FROM orders WHERE id IN ({{ ids }}) ORDER BY id", name="declared", parameters=parameters
    )
    assert (await proxy.viewer.execute(declared, {"ids": [1, 2]})).data["body"] == [{"id": 1}, {"id": 2}]
    assert (await proxy.viewer.execute(several, {"ids": []})).data["body"] == []
    insert = await proxy.action(shop, "INSERT INTO orders (customer) VALUES ({{ who }})", name="insert")
    evil = "x'); DROP TABLE orders; --"
    assert (await proxy.viewer.execute(insert, {"who": evil})).data["body"] == [{"affectedRows": 1}]
    with sqlite3.connect(paths.data / "shop.db") as database:
        assert database.execute("SELECT customer FROM orders WHERE id = 3").fetchall() == [(evil,)]
    database.close()


@pytest.mark.parametrize(
    "body",
    [
        "ATTACH DATABASE 'x.db' AS x",
        "PRAGMA journal_mode = OFF",
        "SELECT 1; SELECT 2",
        "VACUUM INTO 'copy.db'",
        "BEGIN",
        "SELECT load_extension({{ path }})",
    ],
)
async def test_statements_that_reach_beyond_the_file_are_refused_at_save(proxy: Proxy, shop: str, body: str) -> None:
    wanted = {
        "applicationId": proxy.application_id,
        "datasourceId": shop,
        "name": "beyond",
        "configuration": {"body": body},
    }
    reply = await proxy.developer.call("POST", "/actions", wanted)
    assert reply.status == 400, reply.envelope
    assert reply.error["details"][0]["path"] == "configuration.body"


async def test_a_function_that_loads_programs_is_refused_when_it_runs(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, "SELECT load_extension('x')")
    reply = await proxy.developer.execute(action)
    assert reply.data["isExecutionSuccess"] is False
    assert "not authorized" in reply.data["pluginErrorDetails"]["downstreamErrorMessage"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../own/store.db", "a/../shop.db", "shop.db-wal", "./shop.db", "x\0y"])
async def test_names_that_leave_the_folder_are_refused_at_save(proxy: Proxy, name: str) -> None:
    body = {"workspaceId": proxy.workspace_id, "name": "n", "kind": "sqlite", "configuration": {"file": name}}
    reply = await proxy.developer.call("POST", "/datasources", body)
    assert reply.status == 400
    assert reply.error["details"][0]["path"] == "configuration.file"


async def test_files_that_are_not_plain_files_of_the_folder_are_refused(
    proxy: Proxy, paths: SimpleNamespace, tmp_path: Path
) -> None:
    make(tmp_path / "outside.db")
    (paths.data / "link.db").symlink_to(tmp_path / "outside.db")
    (paths.data / "out").symlink_to(tmp_path)
    (paths.data / "folder.db").mkdir()
    os.mkfifo(paths.data / "pipe.db")
    for name in ("link.db", "out/outside.db", "folder.db", "pipe.db", "missing.db"):
        body = {"workspaceId": proxy.workspace_id, "name": name, "kind": "sqlite", "configuration": {"file": name}}
        tested = await proxy.developer.call("POST", "/datasources/test", body)
        assert tested.data["success"] is False, name
        assert tested.data["error"]["code"] == "ConnectFailed", name
        datasource = await proxy.datasource("sqlite", {"file": name}, name=name)
        action = await proxy.action(datasource, "SELECT 1 AS one", name=name)
        assert (await proxy.viewer.execute(action)).data["statusCode"] == "ConnectFailed", name
    assert not (paths.data / "missing.db").exists(), "files are never made"


async def test_a_reading_plan_cannot_write(proxy: Proxy, shop: str) -> None:
    body = {
        "applicationId": proxy.application_id,
        "datasourceId": shop,
        "name": "writes",
        "configuration": {"body": "DELETE FROM orders"},
        "readOnly": True,
    }
    assert (await proxy.developer.call("POST", "/actions", body)).status == 400
    read_only = await proxy.datasource("sqlite", {"file": "shop.db", "readOnly": True}, name="read only")
    action = await proxy.action(read_only, "DELETE FROM orders WHERE id = 1")
    assert (await proxy.viewer.execute(action)).data["statusCode"] == "PermissionRejected"


async def test_the_structure_gives_tables_keys_and_statements_that_run(proxy: Proxy, shop: str) -> None:
    reply = await proxy.developer.call("GET", f"/datasources/{shop}/structure")
    (table,) = reply.data["tables"]
    assert table["name"] == "orders"
    assert [column["name"] for column in table["columns"]] == ["id", "customer", "total", "big", "picture"]
    assert any(key["columns"] == ["id"] for key in table["keys"])
    for number, template in enumerate(table["templates"]):
        saved = await proxy.developer.call(
            "POST",
            "/actions",
            {
                "applicationId": proxy.application_id,
                "datasourceId": shop,
                "name": f"starter {number}",
                "configuration": {"body": template["body"]},
            },
        )
        assert saved.status == 201, (template, saved.envelope)
        assert saved.data["checked"] is True


async def test_tests_of_a_file_say_what_it_is(proxy: Proxy, shop: str, paths: SimpleNamespace) -> None:
    fine: dict[str, Any] = (await proxy.developer.call("POST", f"/datasources/{shop}/test")).data
    assert (fine["success"], fine["error"], fine["chain"]) == (True, None, [])
    assert "SQLite" in fine["server"]
    (paths.data / "noise.db").write_bytes(os.urandom(4096))
    body = {"workspaceId": proxy.workspace_id, "name": "n", "kind": "sqlite", "configuration": {"file": "noise.db"}}
    noise = (await proxy.developer.call("POST", "/datasources/test", body)).data
    assert noise["success"] is False
    assert noise["error"]["message"]


async def test_a_slow_statement_ends_at_the_deadline(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(
        shop,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        timeoutMs=300,
    )
    reply = await proxy.viewer.execute(action)
    assert reply.data["statusCode"] == "ExecutionTimeout"
    fine = await proxy.action(shop, "SELECT 1 AS one", name="fine")
    assert (await proxy.viewer.execute(fine)).data["body"] == [{"one": 1}]
