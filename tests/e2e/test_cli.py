"""The command line as an operator has it: real processes on real files, what they print, and how they end."""

import asyncio
import fcntl
import json
import os
import socket
import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from appsmith_proxy.settings.table import SETTINGS
from tests.servers.command import Installation, Ran
from tests.servers.http import HttpUpstream
from tests.servers.place import Place
from tests.servers.postgres import until

MISCONFIGURED = 78
PASSWORD = "APPSMITH_PROXY_ENCRYPTION_PASSWORD"
SALT = "APPSMITH_PROXY_ENCRYPTION_SALT"
WITHOUT_FILES: dict[str, str | None] = {f"{PASSWORD}_FILE": None, f"{SALT}_FILE": None}


@pytest.fixture
def bare(tmp_path: Path) -> Installation:
    """Nothing but folders."""
    return Installation(tmp_path / "here")


@pytest.fixture
async def proxy(bare: Installation) -> Installation:
    """Keys are there; the first command makes the store."""
    await bare.make_keys()
    return bare


def refused(ran: Ran, *words: str, code: int = MISCONFIGURED) -> None:
    """Expect a refusal in plain words, on standard error alone."""
    assert ran.code == code, ran
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert "defect" not in ran.err
    for word in words:
        assert word in ran.err


# keys


async def test_keys_are_their_owners_alone_and_never_overwritten(bare: Installation) -> None:
    printed = await bare.ok("keys", "init", "--folder", str(bare.keys))
    files = [bare.keys / "encryption_password", bare.keys / "encryption_salt"]
    assert printed.splitlines() == [f"{PASSWORD}_FILE={files[0]}", f"{SALT}_FILE={files[1]}"]
    before = [path.read_bytes() for path in files]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]
    assert before[0] != before[1]
    refused(
        await bare.run("keys", "init", "--folder", str(bare.keys)), str(files[0]), str(files[1]), "never overwritten"
    )
    assert [path.read_bytes() for path in files] == before


async def test_keys_without_a_folder_are_printed_as_settings_that_work(bare: Installation) -> None:
    printed = dict(line.split("=", 1) for line in (await bare.ok("keys", "init")).splitlines())
    assert set(printed) == {PASSWORD, SALT}
    await bare.ok("tokens", "list", environment={**WITHOUT_FILES, **printed})


async def test_the_familys_names_of_the_keys_work(bare: Installation) -> None:
    printed = [line.split("=", 1)[1] for line in (await bare.ok("keys", "init")).splitlines()]
    named = {"APPSMITH_ENCRYPTION_PASSWORD": printed[0], "APPSMITH_ENCRYPTION_SALT": printed[1]}
    url = {"APPSMITH_DB_URL": f"sqlite://{bare.folder}/elsewhere/store.db"}
    await bare.ok("tokens", "list", environment={**WITHOUT_FILES, **named, **url})
    assert (bare.folder / "elsewhere" / "store.db").exists()
    assert not bare.own.exists()


async def test_every_problem_of_the_settings_is_told_at_once(bare: Installation) -> None:
    wrong = {**WITHOUT_FILES, "APPSMITH_PROXY_PORT": "eighty", "APPSMITH_PROXY_PROT": "80", PASSWORD: "password123"}
    ran = await bare.run("serve", environment=wrong)
    refused(ran, "APPSMITH_PROXY_PORT", "APPSMITH_PROXY_PROT", PASSWORD, SALT, "appsmith-proxy keys init")
    assert "password123" not in ran.err
    assert not bare.own.exists(), "nothing is made before the settings are right"


async def test_keys_that_others_can_read_are_refused(proxy: Installation) -> None:
    (proxy.keys / "encryption_salt").chmod(0o640)
    refused(await proxy.run("serve"), f"{SALT}_FILE", "chmod 600")


async def test_another_password_opens_nothing_and_changes_nothing(proxy: Installation) -> None:
    await proxy.ok("tokens", "list")
    before = _content(proxy.store)
    other = dict(line.split("=", 1) for line in (await proxy.ok("keys", "init")).splitlines())
    refused(await proxy.run("serve", environment={**WITHOUT_FILES, **other}), "is not the one", code=1)
    assert _content(proxy.store) == before


# what it says to what cannot be


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "COMMAND"),
        (("sevre",), "invalid choice"),
        (("tokens",), "COMMAND"),
        (("tokens", "create"), "--role"),
        (("tokens", "create", "--role", "king"), "invalid choice"),
        (("tokens", "create", "--role", "viewer", "--days", "soon"), "--days"),
        (("tokens", "revoke"), "id"),
        (("demo", "--port", "99999"), "0 to 65535"),
        (("demo", "--port", "-1"), "0 to 65535"),
        (("keys", "change-password"), "--new-password-file"),
    ],
)
async def test_wrong_usage_is_told(bare: Installation, arguments: tuple[str, ...], words: str) -> None:
    refused(await bare.run(*arguments), words, code=2)


async def test_every_bad_setting_is_told_at_once(proxy: Installation) -> None:
    wrong = {
        "PORT": ("70000", "0 to 65535"),
        "ALLOWED_ORIGINS": ("*", "origins exactly"),
        "LOG_LEVEL": ("debug", "one of: error, warning, info"),
        "STORE_URL": ("mongodb+srv://somebody:canary@localhost/x", "replicaSet"),
        "DRIVER_SQLITE_FLODER": ("/tmp", "DRIVER_SQLITE_FOLDER"),
        "MAX_ROWS": ("0", "1 to"),
    }
    ran = await proxy.run("serve", environment={f"APPSMITH_PROXY_{name}": value for name, (value, _) in wrong.items()})
    refused(ran, f"{len(wrong)} settings are not valid")
    assert "canary" not in ran.err
    lines = ran.err.splitlines()
    for name, (_, words) in wrong.items():
        (line,) = [line for line in lines if f"- APPSMITH_PROXY_{name}:" in line]
        assert words in line


async def test_an_address_that_is_not_ours_is_told(proxy: Installation) -> None:
    refused(await proxy.run("serve", environment={"APPSMITH_PROXY_HOST": "203.0.113.7"}), "cannot listen")


async def test_a_bad_configuration_file_is_told(proxy: Installation) -> None:
    refused(await proxy.run("serve", "--config", "none.toml"), "none.toml", "No such file")
    (proxy.folder / "odd.toml").write_text("port = = 1")
    refused(await proxy.run("serve", "--config", "odd.toml"), "odd.toml", "not valid TOML")
    (proxy.folder / "secret.toml").write_text('encryption_password = "not here, please, thank you"\nprot = 1\n')
    ran = await proxy.run("serve", "--config", "secret.toml", environment=WITHOUT_FILES)
    refused(ran, "encryption_password_file", "prot", "did you mean port?")
    assert "please" not in ran.err


async def test_a_taken_port_is_told(proxy: Installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused(await proxy.run("serve", environment={"APPSMITH_PROXY_PORT": port}), "cannot listen", port)


async def test_a_store_that_cannot_be_one_is_told(proxy: Installation) -> None:
    at = f"sqlite://{proxy.folder}"
    (proxy.folder / "file").write_text("no folder")
    proxy.own.mkdir(mode=0o700)
    with sqlite3.connect(proxy.own / "other.db") as other:
        other.execute("CREATE TABLE theirs (id INTEGER)")
    other.close()
    (proxy.own / "other.db").chmod(0o600)
    (proxy.own / "noise.db").write_bytes(os.urandom(8192))
    (proxy.own / "noise.db").chmod(0o600)
    for place, words in {
        "file/store.db": "cannot be reached",
        "own/other.db": "is not a store of this proxy",
        "own/noise.db": "is not a store of this proxy, or is damaged",
    }.items():
        refused(await proxy.run("tokens", "list", environment={"APPSMITH_DB_URL": f"{at}/{place}"}), words, code=1)


async def test_a_damaged_store_is_told(proxy: Installation) -> None:
    await proxy.ok("tokens", "list")
    size = proxy.store.stat().st_size
    with proxy.store.open("r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(size - size // 2))
    refused(await proxy.run("serve"), "damaged", "restore it from a backup", code=1)


async def test_only_the_stores_owner_may_use_it(proxy: Installation) -> None:
    if os.geteuid() == 0:
        await proxy.ok("tokens", "list")
        for path in (proxy.own, *proxy.own.iterdir()):
            os.chown(path, 65534, 65534)
        theirs: dict[str, str | None] = {}
    else:
        theirs = {"APPSMITH_DB_URL": "sqlite:///usr/store.db"}
    for arguments in (("tokens", "list"), ("serve",)):
        ran = await proxy.run(*arguments, environment=theirs)
        refused(ran, "belongs to user", "run the command as the user that the server runs as", code=1)


async def test_what_is_refused_by_the_rooms_is_told(proxy: Installation) -> None:
    await proxy.make_ring()
    refused(await proxy.run("tokens", "revoke", "0" * 24), "no such token", "tokens list", code=1)
    refused(await proxy.run("tokens", "create", "--role", "viewer", "--days", "0"), "days", "at most 3650", code=1)
    refused(await proxy.run("tokens", "create", "--role", "viewer", "--days", "nan"), "days", code=1)
    refused(await proxy.run("tokens", "create", "--role", "viewer", "--workspace", "0" * 24), "workspace", code=1)
    missing = ("keys", "change-password", "--new-password-file", "a", "--new-salt-file", "b")
    refused(await proxy.run(*missing), "a: the file cannot be read", "b: the file cannot be read")


# what it shows


async def test_the_settings_and_the_plugins_are_shown(bare: Installation) -> None:
    table = await bare.ok("settings", environment=WITHOUT_FILES)
    assert [row.env for row in SETTINGS if f"| `{row.env}`" not in table] == []
    plugins = await bare.ok("plugins", environment=WITHOUT_FILES)
    for kind in ("postgres", "rest", "sqlite"):
        assert [line.split()[1] for line in plugins.splitlines() if line.split()[0] == kind] == ["active"]
    assert (await bare.ok("--version")).count(".") == 2
    assert "serve" in await bare.ok("--help")


async def test_a_reader_that_has_enough_is_no_failure_to_tell(bare: Installation) -> None:
    command = f"{sys.executable} -m appsmith_proxy settings | head -n 1"
    process = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=bare.folder
    )
    out, err = await process.communicate()
    assert out.count(b"\n") == 1
    assert err == b""


# tokens beside a server


async def test_tokens_are_made_shown_and_revoked_beside_a_server(proxy: Installation) -> None:
    await proxy.make_ring()
    plain = await proxy.ok("tokens", "create", "--role", "administrator")
    async with proxy.serving() as served:
        root = served.caller(plain)
        workspace = (await root.created("/workspaces", {"name": "Shop"}))["id"]
        who = ("--user-id", "u-1", "--user-email", "ann@shop.example", "--user-group", "sales", "--user-group", "north")
        made = await proxy.run("tokens", "create", "--role", "viewer", "--workspace", workspace, "--days", "2", *who)
        assert made.code == 0
        assert "not shown again" in made.err
        viewer = served.caller(made.out.strip())
        me = (await viewer.call("GET", "/me")).data
        assert (me["role"], me["workspaceId"]) == ("viewer", workspace)
        assert me["user"] == {
            "id": "u-1",
            "email": "ann@shop.example",
            "name": None,
            "groups": ["sales", "north"],
            "roles": ["viewer"],
        }
        (listed,) = [token for token in await proxy.tokens() if token["role"] == "viewer"]
        assert listed["id"] == me["id"]
        assert (listed["workspaceId"], listed["expired"]) == (workspace, False)
        shown = await proxy.ok("tokens", "list")
        (line,) = [line for line in shown.splitlines() if me["id"] in line]
        assert line.split()[1:3] == ["viewer", workspace]
        assert line.endswith("ann@shop.example")
        for text in (shown, json.dumps(await proxy.tokens())):
            assert plain not in text
            assert "sha256" not in text
        assert "revoked" in await proxy.ok("tokens", "revoke", me["id"])

        async def is_refused() -> bool:
            return (await viewer.call("GET", "/me")).status == 401

        await until(is_refused, seconds=1)
        assert (await root.call("GET", "/me")).status == 200
        assert await served.stop() == 0


# serving


async def test_it_serves_until_it_is_asked_to_stop_and_cuts_nobody_off(proxy: Installation) -> None:
    await proxy.make_ring()
    plain = await proxy.ok("tokens", "create", "--role", "administrator")
    async with proxy.serving() as served, HttpUpstream() as upstream:
        root = served.caller(plain)
        for probe in ("live", "ready"):
            assert (await served.caller(None).call("GET", f"/health/{probe}")).data == {"status": probe}
        place = await Place.made(root)
        api = await place.datasource("rest", {"url": upstream.url})
        action = await place.action(api, {"path": "/slow/1"})
        execution = asyncio.create_task(root.execute(action, viewMode=False))

        async def is_running() -> bool:
            return upstream.running == 1

        await until(is_running)
        ended = asyncio.create_task(served.stop())
        answer = await execution
        assert answer.data["body"] == "done"
        assert await ended == 0
        log = [json.loads(line) for line in served.log.splitlines()]
        assert [line["message"] for line in log if line["logger"] == "appsmith_proxy.server"][-1] == "stopping"
        assert all(line["level"] == "info" for line in log)


# keys beside a server


async def test_keys_change_beside_a_server_and_executions_go_on(proxy: Installation) -> None:
    await proxy.make_ring()
    plain = await proxy.ok("tokens", "create", "--role", "administrator")
    async with HttpUpstream() as upstream:
        async with proxy.serving() as served:
            root = served.caller(plain)
            place = await Place.made(root)
            api = await place.datasource("rest", {"url": upstream.url, "secretHeaders": {"X-Secret": "the old value"}})
            action = await place.action(api, {"path": "/echo"})

            async def works() -> bool:
                arrived = len(upstream.arrived)
                reply = await root.execute(action, viewMode=False)
                assert reply.data["isExecutionSuccess"] is True, reply.envelope
                assert upstream.arrived[arrived].header("X-Secret") == "the old value"
                return True

            assert await works()
            rotating = asyncio.create_task(proxy.run("keys", "rotate"))
            while not rotating.done():
                assert await works()
                await asyncio.sleep(0.1)
            rotated = await rotating
            assert (rotated.code, rotated.err) == (0, ""), rotated
            assert "key 2 is active" in rotated.out
            assert "key 1: 0 secrets, dropped" in rotated.out
            assert "key 2: 1 secrets" in rotated.out
            assert await works()

            fresh = proxy.folder / "fresh"
            await proxy.ok("keys", "init", "--folder", str(fresh))
            password, salt = fresh / "encryption_password", fresh / "encryption_salt"
            files = ("--new-password-file", str(password), "--new-salt-file", str(salt))
            assert "restart every server" in await proxy.ok("keys", "change-password", *files)
            assert await works()
            refused(await proxy.run("tokens", "list"), "is not the one", code=1)
            assert await served.stop() == 0

        new = {f"{PASSWORD}_FILE": str(password), f"{SALT}_FILE": str(salt)}
        async with proxy.serving(new) as served:
            root = served.caller(plain)
            assert await works()


# the demo


async def test_the_demo_runs_once_and_cannot_be_served(proxy: Installation) -> None:
    folder = proxy.folder / "demo"
    ran = await proxy.run("demo", "--once", "--folder", str(folder), environment=WITHOUT_FILES)
    assert (ran.code, ran.err) == (0, ""), ran
    assert "24 of 24 executions succeeded" in ran.out
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    store = {"APPSMITH_DB_URL": f"sqlite://{folder}/store/store.db"}
    keys: dict[str, str | None] = {
        f"{PASSWORD}_FILE": str(folder / "keys/encryption-password"),
        f"{SALT}_FILE": str(folder / "keys/encryption-salt"),
    }
    refused(await proxy.run("serve", environment={**store, **keys}), "made by the demo")
    refused(await proxy.run("serve", environment=keys), "made by the demo", "keys init")
    refused(await proxy.run("serve", environment=store), "made by the demo")


async def test_the_demo_touches_no_folder_but_its_own(proxy: Installation) -> None:
    (proxy.data / "precious").write_text("x")
    refused(await proxy.run("demo", "--once", "--folder", str(proxy.data)), "not a folder of the demo")
    assert (proxy.data / "precious").read_text() == "x"
    (proxy.folder / "file").write_text("x")
    refused(await proxy.run("demo", "--once", "--folder", str(proxy.folder / "file" / "demo")), "--folder")


async def test_two_demos_do_not_share_a_folder(proxy: Installation) -> None:
    folder = proxy.folder / "demo"
    folder.mkdir()
    with (folder / "demo-made-this-folder").open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        (folder / "store").mkdir()
        refused(await proxy.run("demo", "--once", "--folder", str(folder)), "a demo is running")
        assert (folder / "store").is_dir()


def _content(store: Path) -> list[list[object]]:
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
        names = [
            row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        ]
        rows: list[list[object]] = [database.execute(f'SELECT * FROM "{name}"').fetchall() for name in names]
    database.close()
    return rows
