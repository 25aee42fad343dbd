"""A configuration moves from a SQLite file to a MongoDB and back, and the proxy goes on as it was."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.servers.command import Installation
from tests.servers.mongod import MongodServer
from tests.servers.place import Place
from tests.servers.throwaway import until

MISCONFIGURED = 78


@pytest.fixture
async def here(tmp_path: Path) -> Installation:
    here = Installation(tmp_path / "here")
    await here.make_keys()
    await here.make_ring()
    return here


def written(here: Installation, name: str, url: str) -> str:
    """Write a URL to a file that only its owner can read; return what names it on the command line."""
    file = here.folder / name
    file.write_text(url + "\n")
    file.chmod(0o600)
    return f"@{file}"


async def test_a_configuration_moves_to_mongodb_and_back(here: Installation, mongod: MongodServer) -> None:
    with sqlite3.connect(here.data / "shop.db") as shop:
        shop.execute("CREATE TABLE orders AS SELECT 1 AS id, 1250 AS cents")
    shop.close()
    token = await here.ok("tokens", "create", "--role", "administrator")
    async with here.serving() as served:
        root = served.caller(token)
        place = await Place.made(root)
        rest = {"url": "http://127.0.0.1:9", "secretHeaders": {"X-Key": "the key"}}
        await place.datasource("rest", rest)
        action = await place.action(await place.datasource("sqlite", {"file": "shop.db"}), "SELECT cents FROM orders")
        await place.publish()
    url = mongod.url(mongod.fresh_database())
    there = written(here, "store_url", url)
    ran = await here.run("store", "copy", "--from", f"sqlite://{here.store}", "--to", there)
    assert (ran.code, ran.err) == (0, "")
    for line in ("workspaces: 1 of 1", "datasources: 2 of 2", "actions: 1 of 1", "tokens: 1 of 1", "APPSMITH_DB_URL"):
        assert line in ran.out
    assert mongod.password not in ran.out

    moved = {"APPSMITH_DB_URL_FILE": there[1:], "APPSMITH_PROXY_DATA_FOLDER": str(here.folder / "other")}
    async with here.serving(moved) as served:
        assert (await served.caller(token).execute(action)).data["body"] == [{"cents": 1250}]
        rotated = await here.ok("keys", "rotate", environment=moved)
        assert "key 2: 1 secrets" in rotated
        assert (await served.caller(token).execute(action)).status == 200

    back = f"sqlite://{here.folder}/back/store.db"
    assert "datasources: 2 of 2" in await here.ok("store", "copy", "--from", there, "--to", back)
    async with here.serving({"APPSMITH_DB_URL": back}) as served:
        assert (await served.caller(token).execute(action)).data["body"] == [{"cents": 1250}]
        (row,) = [
            row
            for row in (await served.caller(token).call("GET", "/datasources")).data["items"]
            if row["kind"] == "rest"
        ]
        assert row["secretsSet"] == ["secretHeaders.X-Key"]
    mongod.drop_database(url.rpartition("/")[2].partition("?")[0])


async def test_killed_amid_a_copy_it_is_run_again(here: Installation, mongod: MongodServer) -> None:
    with sqlite3.connect(here.store) as store:
        for number in range(3_000):
            record_id = f"{number:024x}"
            row = (
                "workspaces",
                record_id,
                1,
                f'["w{number}"]',
                f'{{"version":1,"id":"{record_id}","name":"w{number}"}}',
            )
            store.execute("INSERT INTO record VALUES (?, ?, ?, ?, CAST(? AS BLOB))", row)
            store.execute("INSERT INTO record_index VALUES (?, 'name', ?, ?)", ("workspaces", f"w{number}", record_id))
    store.close()
    name = mongod.fresh_database()
    there = written(here, "store_url", mongod.url(name))
    command = ("store", "copy", "--from", f"sqlite://{here.store}", "--to", there)
    copying = asyncio.create_task(here.run(*command))
    with mongod.client() as looking:

        async def is_half_done() -> bool:
            return looking[name].records.count_documents({"revision": 1}) > 500

        await until(is_half_done, seconds=30, every=0.005)
    copying.cancel()  # which kills it
    await asyncio.wait([copying])
    ran = await here.run("serve", environment={"APPSMITH_DB_URL_FILE": there[1:]})
    assert ran.code == MISCONFIGURED
    assert "copy that is not done" in ran.err
    assert "workspaces: 3000 of 3000 compared" in await here.ok(*command)
    mongod.drop_database(name)


async def test_what_cannot_be_copied_is_refused_in_plain_words(here: Installation) -> None:
    used = f"sqlite://{here.store}"
    new = f"sqlite://{here.folder}/new/store.db"
    for source, target, words in (
        (used, used, "the same store"),
        (f"sqlite://{here.folder}/none.db", new, "no store"),
        ("store.db", new, "--from must be"),
        (used, "mongodb+srv://user:canary@cluster.example/x", "--to mongodb+srv"),
        (used, f"@{here.folder}/none", "cannot be read"),
    ):
        ran = await here.run("store", "copy", "--from", source, "--to", target)
        assert ran.code == MISCONFIGURED, ran
        assert words in ran.err
        assert "canary" not in ran.err
        assert not (here.folder / "new").exists()
    await here.ok("store", "copy", "--from", used, "--to", new)
    ran = await here.run("store", "copy", "--from", used, "--to", new)
    assert (ran.code, ran.out) == (MISCONFIGURED, "")
    assert "in use" in ran.err
