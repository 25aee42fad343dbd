"""Which files open: plain ones below the folder, under their real names, and none of the proxy's."""

import os
from pathlib import Path

import pytest

from appsmith_proxy.sdk import ConnectFailed, OpenContext, Outcome
from appsmith_proxy.testing.network import LoopbackNetwork
from appsmith_proxy_sqlite.connection import Connection, Lane
from appsmith_proxy_sqlite.driver import SqliteDriver
from appsmith_proxy_sqlite.files import DatabaseFile, file_uri, name_problem
from tests.unit.sqlite.conftest import OpenClient, make, request

TRICKY = ["a?mode=memory.db", "a#b.db", "100%.db", "%2e%2e.db", "a&cache=shared.db", "ä ö.db", "file:x.db", "a;b'c.db"]


async def refusal(open_client: OpenClient, file: str, **more: object) -> str:
    with pytest.raises(ConnectFailed) as caught:
        await (await open_client(file, **more)).check()
    assert caught.value.outcome is Outcome.NOT_SENT
    return caught.value.message


@pytest.mark.parametrize("name", TRICKY)
async def test_a_name_with_characters_that_mean_something_in_a_uri_is_just_a_name(
    folder: Path, open_client: OpenClient, name: str
) -> None:
    make(folder / name, "CREATE TABLE t (x); INSERT INTO t VALUES ('this one')")
    before = sorted(os.listdir(folder))
    client = await open_client(name)
    assert (await client.execute(request("SELECT x FROM t"))).rows == [("this one",)]
    assert sorted(os.listdir(folder)) == before


def test_the_only_parameter_of_a_uri_is_the_mode() -> None:
    assert file_uri(Path("/d/a?mode=rwc&x#%.db"), read_only=True) == "file:/d/a%3Fmode%3Drwc%26x%23%25.db?mode=ro"
    assert file_uri(Path("/d/a.db"), read_only=False) == "file:/d/a.db?mode=rw"


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../x.db", "a/../x.db", "./x.db", "a//x.db", "a/", ".", "..", "x\0.db", "x\n.db", "x.db-wal"],
)
async def test_the_shape_of_a_name_is_checked(name: str) -> None:
    assert name_problem(name)
    problems = SqliteDriver().validate({"file": name}, frozenset())
    assert [problem.path for problem in problems] == ["configuration.file"]
    # What is opened was validated when it was saved, by whatever version of this code: so it is checked again.
    context = OpenContext(network=LoopbackNetwork(denied=True), options={"folder": "/tmp"})
    with pytest.raises(ConnectFailed, match="the file's name must"):
        await SqliteDriver().open({"file": name}, {}, context)


@pytest.mark.parametrize("name", ["x.db", "a/b/x.sqlite", "..x", "a b.db", *TRICKY])
def test_other_shapes_are_names(name: str) -> None:
    assert name_problem(name) is None
    assert SqliteDriver().validate({"file": name}, frozenset()) == []


async def test_without_a_folder_every_file_is_refused() -> None:
    for options, words in (({}, "switched off"), ({"folder": ""}, "switched off"), ({"folder": "data"}, "absolute")):
        context = OpenContext(network=LoopbackNetwork(denied=True), options=options)
        with pytest.raises(ConnectFailed, match=words):
            await SqliteDriver().open({"file": "sample.db"}, {}, context)


async def test_a_missing_file_is_never_created(folder: Path, open_client: OpenClient) -> None:
    assert "does not exist" in await refusal(open_client, "missing.db")
    client = await open_client("missing.db")
    with pytest.raises(ConnectFailed):
        await client.execute(request("CREATE TABLE t (x)"))
    assert os.listdir(folder) == ["sample.db"]


async def test_a_symbolic_link_is_refused_wherever_it_stands(
    folder: Path, tmp_path: Path, open_client: OpenClient
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    make(outside / "secret.db")
    (folder / "link.db").symlink_to(outside / "secret.db")
    (folder / "inside.db").symlink_to(folder / "sample.db")
    (folder / "sub").symlink_to(outside)
    for name in ("link.db", "inside.db", "sub/secret.db"):
        assert "symbolic link" in await refusal(open_client, name)


async def test_the_operators_folder_itself_may_be_a_link(folder: Path, tmp_path: Path, open_client: OpenClient) -> None:
    (tmp_path / "alias").symlink_to(folder)
    assert (await (await open_client(options={"folder": str(tmp_path / "alias")})).check()).server


async def test_a_journal_that_is_a_link_is_refused(folder: Path, tmp_path: Path, open_client: OpenClient) -> None:
    (folder / "sample.db-journal").symlink_to(tmp_path / "elsewhere")
    assert "journal" in await refusal(open_client, "sample.db")


async def test_a_second_name_of_a_file_is_refused(folder: Path, open_client: OpenClient) -> None:
    (folder / "second.db").hardlink_to(folder / "sample.db")
    assert "hard links" in await refusal(open_client, "second.db")


async def test_what_is_no_regular_file_is_refused(folder: Path, open_client: OpenClient) -> None:
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe.db")
    for name in ("sub", "pipe.db"):
        assert "not a regular file" in await refusal(open_client, name)


async def test_the_proxys_own_files_are_refused(folder: Path, open_client: OpenClient) -> None:
    store = folder / "store"
    store.mkdir()
    make(store / "own.db")
    assert "belongs to the proxy" in await refusal(open_client, "store/own.db", protected=(store,))
    assert "belongs to the proxy" in await refusal(open_client, "sample.db", protected=(folder / "sample.db",))
    (folder / "alias").symlink_to(store)
    assert "belongs to the proxy" in await refusal(open_client, "store/own.db", protected=(folder / "alias",))


async def test_a_file_that_is_no_database_is_refused(folder: Path, open_client: OpenClient) -> None:
    (folder / "text.db").write_text("no database " * 100)
    assert "not an SQLite database" in await refusal(open_client, "text.db")


async def test_a_file_that_was_exchanged_while_it_was_opened_is_refused(folder: Path) -> None:
    """The file is looked at before and after; here it changes in between."""

    class Exchanged(DatabaseFile):
        looks = 0

        def inspect(self) -> object:  # type: ignore[override]  # reason: the second look sees another file
            type(self).looks += 1
            if self.looks == 2:
                (folder / "sample.db").unlink()
                make(folder / "sample.db")
                (folder / "other").touch()
            return super().inspect()

    make(folder / "placeholder.db")
    before = (folder / "sample.db").stat().st_ino
    with pytest.raises(ConnectFailed, match="exchanged"):
        await Connection.open(Exchanged(folder=folder, name="sample.db"), Lane.READ, foreign_keys=True)
    assert (folder / "sample.db").stat().st_ino != before


async def test_a_world_writable_file_is_a_warning(folder: Path, open_client: OpenClient) -> None:
    assert (await (await open_client()).check()).warnings == ()
    (folder / "sample.db").chmod(0o666)
    assert (await (await open_client()).check()).warnings == ("every user of the machine may write the file",)


async def test_a_read_only_datasource_opens_a_file_that_cannot_be_written(
    folder: Path, open_client: OpenClient
) -> None:
    (folder / "sample.db").chmod(0o400)
    client = await open_client(readOnly=True)
    assert (await client.execute(request("SELECT count(*) FROM authors"))).rows == [(2,)]
