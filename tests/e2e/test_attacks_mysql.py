"""What an author tries against MariaDB with a dry run: whatever stays is told, and nothing that stays is called undone."""

import pytest

from tests.servers.mariadb import MariadbServer
from tests.servers.proxy import Proxy

TABLE = "CREATE TABLE notes (id INT PRIMARY KEY, text TEXT)"
KEEP = "CREATE PROCEDURE keep(IN number INT) BEGIN INSERT INTO notes VALUES (number, 'kept'); COMMIT; END"


@pytest.fixture
async def notes(proxy: Proxy, mariadb: MariadbServer) -> tuple[str, str]:
    """A datasource on a fresh database, and the database's name."""
    database = await mariadb.fresh_database()
    async with mariadb.session(database) as session:
        await session.script(TABLE)
        await session.execute(KEEP)
    return await proxy.datasource("mysql", mariadb.configuration(database, password=mariadb.password)), database


@pytest.mark.parametrize(
    "text", ["CALL keep({{ id }})", "/* a * b / c */ CALL keep({{ id }})", "--\nCALL keep(\n(SELECT {{ id }}))"]
)
async def test_what_a_procedure_commits_is_never_called_undone(proxy: Proxy, notes: tuple[str, str], text: str) -> None:
    action = await proxy.action(notes[0], text)
    reply = await proxy.developer.execute(action, {"id": 7}, mode="dryRun")
    assert reply.data["isExecutionSuccess"] is False
    assert reply.data["pluginErrorDetails"]["outcome"] == "unknown"


@pytest.mark.parametrize("text", ["ALTER TABLE notes ADD COLUMN other INT", "DROP TABLE notes"])
async def test_a_change_of_the_schema_has_no_dry_run(
    proxy: Proxy, mariadb: MariadbServer, notes: tuple[str, str], text: str
) -> None:
    action = await proxy.action(notes[0], text, allowDdl=True)
    reply = await proxy.developer.execute(action, mode="dryRun")
    assert (reply.status, reply.error["code"]) == (422, "CapabilityNotSupported")
    async with mariadb.session(notes[1]) as session:
        assert "other" not in str(await session.execute("SHOW CREATE TABLE notes"))


async def test_a_comment_hides_no_procedure_from_the_limit_of_changed_rows(
    proxy: Proxy, notes: tuple[str, str]
) -> None:
    for text in ("CALL keep({{ id }})", "--\nCALL keep(\n(SELECT {{ id }}))"):
        action = await proxy.action(notes[0], text, maxAffectedRows=0)
        reply = await proxy.developer.execute(action, {"id": 8})
        assert reply.data["pluginErrorDetails"]["outcome"] == "not_sent"
