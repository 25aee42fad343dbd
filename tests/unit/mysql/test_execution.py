"""What an execution does and refuses to do, beyond the conformance kit."""

import asyncio
from contextlib import suppress
from typing import Any, Final

import pytest

from appsmith_proxy.sdk import (
    AffectedLimitExceeded,
    ConnectFailed,
    ConstraintViolated,
    CredentialsRejected,
    DatasourceError,
    Disconnected,
    EncodedRows,
    ExecutionTimeout,
    Lane,
    Limits,
    Outcome,
    ParameterInvalid,
    PermissionRejected,
    Statement,
    StatementInvalid,
    replace,
)
from appsmith_proxy.testing.corpus import CLASSES, texts
from appsmith_proxy_mysql.client import MysqlClient
from tests.conformance import mysql_writes
from tests.servers.mariadb import MariadbServer, until
from tests.servers.mysql_client import fetch, opened, request

_HOSTILE_VALUES: Final = 10_000


@pytest.fixture
async def client(mariadb: MariadbServer, database: str) -> Any:
    """A Client on the test's database, as administrator."""
    async with opened(mariadb, database) as client:
        yield client


async def run(server: MariadbServer, database: str, script: str) -> None:
    """Run a script as administrator."""
    async with server.session(database) as admin:
        await admin.script(script)


# statements are prepared, and nothing else


async def test_ten_thousand_hostile_values_are_one_constant_text(mariadb: MariadbServer, database: str) -> None:
    hostile = [text for name in CLASSES for text in texts(name) if text.isprintable()]
    values = [f"{hostile[number % len(hostile)]} {number}" for number in range(_HOSTILE_VALUES)]
    await run(mariadb, database, "CREATE TABLE t (id INT PRIMARY KEY, note TEXT CHARACTER SET utf8mb4);")
    insert, text = "INSERT INTO t VALUES (?, ?)", "SELECT CONCAT('<', ?, '>') AS x, (SELECT COUNT(*) FROM t) AS n"
    prepares, executes = await mariadb.status("Com_stmt_prepare"), await mariadb.status("Com_stmt_execute")
    await mariadb.log_statements()
    async with opened(mariadb, database, max_connections=1) as client:
        for index, value in enumerate(values):
            if index % 100:
                assert await fetch(client, text, value, scope="a") == [(f"<{value}>", 1 + index // 100)]
            else:
                await client.execute(request(insert, index, value, writes=True, scope="b"))
        assert await fetch(client, "SELECT COUNT(*) FROM t") == [(_HOSTILE_VALUES // 100,)]
        await client.pool.settled()
    logged = mariadb.logged()
    prepared = [entry.text for entry in logged if entry.command == "Prepare"]
    sent = [entry.text for entry in logged if entry.command == "Query"]
    ours = {entry for entry in prepared if "information_schema" not in entry and "DATABASE()" not in entry}
    assert ours == {insert, text, "SELECT COUNT(*) FROM t"}
    assert {entry.split("=")[0] for entry in sent if not entry.startswith(("SET GLOBAL", "SHOW GLOBAL"))} <= {
        "SET NAMES utf8mb4, time_zone ",
        "SET time_zone ",  # the test's own sessions
    }, "of the text protocol only what a session begins with"
    assert await mariadb.status("Com_stmt_execute") - executes >= _HOSTILE_VALUES
    assert 0 < await mariadb.status("Com_stmt_prepare") - prepares < _HOSTILE_VALUES


@pytest.mark.parametrize("values", [(), ("x",)])
async def test_two_statements_in_one_text_are_refused(
    mariadb: MariadbServer, database: str, client: MysqlClient, values: tuple[str, ...]
) -> None:
    await run(mariadb, database, "CREATE TABLE counter (note TEXT);")
    for text in ("SELECT 1; INSERT INTO counter VALUES ('x')", "INSERT INTO counter VALUES ('x'); SELECT 1"):
        with pytest.raises(StatementInvalid) as caught:
            await client.execute(request(text + (" WHERE ? = 'x'" if values else ""), *values))
        assert caught.value.outcome is Outcome.NOT_SENT
    assert await fetch(client, "SELECT COUNT(*) FROM counter") == [(0,)]


async def test_a_prepare_that_nothing_follows_keeps_nothing(
    mariadb: MariadbServer, database: str, client: MysqlClient
) -> None:
    await run(mariadb, database, "CREATE TABLE t (a INT);")
    before = await mariadb.status("Prepared_stmt_count")
    deadline = asyncio.get_running_loop().time() + 5
    text = Statement(text="SELECT a FROM t WHERE a = ?", parameters=request("?", 1).payload.parameters)  # type: ignore[union-attr]  # reason: a Statement
    prepared = await client.prepare(text, deadline=deadline)
    assert prepared.parameter_types == (None,)
    assert [column.name for column in prepared.columns] == ["a"]
    await client.pool.settled()
    assert await mariadb.status("Prepared_stmt_count") == before
    await run(mariadb, database, "SET lock_wait_timeout = 1;\nALTER TABLE t ADD COLUMN b INT;")


async def test_a_statement_is_prepared_again_when_the_server_has_forgotten_it(
    mariadb: MariadbServer, database: str
) -> None:
    async with opened(mariadb, database, max_connections=1) as client:
        await run(mariadb, database, "CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);")
        wire = await client.pool.acquire(Lane.READ_WRITE, "", deadline=1e12)
        kept = await wire.keep(Statement(text="SELECT a FROM t"), timeout=5)
        wire.discard(kept)  # behind the driver's back
        wire.scope = "a"
        client.pool.release(wire, harmless_scope="a")
        assert await fetch(client, "SELECT a FROM t", scope="a") == [(1,)]


@pytest.mark.parametrize("limits", [Limits(), Limits(affected=10)])
async def test_a_change_of_the_schema_is_seen_by_the_next_execution(
    mariadb: MariadbServer, database: str, limits: Limits
) -> None:
    await run(mariadb, database, "CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);")
    async with opened(mariadb, database, max_connections=1) as client:
        text = "DELETE FROM t WHERE a = 1 RETURNING *"
        for change, names, row in (
            ("", ["a"], (1,)),
            ("ALTER TABLE t ADD COLUMN b VARCHAR(9) DEFAULT 'seven'", ["a", "b"], (1, "seven")),
            ("ALTER TABLE t MODIFY a DECIMAL(5, 2), DROP COLUMN b", ["a"], ("1.00",)),
        ):
            async with mariadb.session(database) as admin:
                if change:
                    await admin.execute(change)
                    await admin.execute("INSERT INTO t (a) VALUES (1)")
            result = await client.execute(request(text, writes=True, limits=limits, scope="a"))
            assert [tuple(found) for found in result.rows or ()] == [row]  # type: ignore[union-attr]  # reason: rows
            assert [column.name for column in result.columns] == names


# read-only, transactions, limits of changes


async def test_writes_in_a_read_only_execution_change_nothing(mariadb: MariadbServer, database: str) -> None:
    await run(mariadb, database, mysql_writes.SETUP + "INSERT INTO kit_rows (note) VALUES ('before');")
    before = await _catalog(mariadb, database)
    async with opened(mariadb, database, max_connections=2) as client:
        unrefused = []
        for text in mysql_writes.WRITES:
            for writes in (True, False):
                with suppress(PermissionRejected, StatementInvalid):
                    await client.execute(request(text, read_only=True, writes=writes, seconds=3))
                    unrefused.append(text)
        assert unrefused == []
    assert await _catalog(mariadb, database) == before


async def test_no_execution_makes_the_next_one_writable(mariadb: MariadbServer, database: str) -> None:
    await run(mariadb, database, mysql_writes.SETUP)
    async with opened(mariadb, database, max_connections=1) as client:
        for escape in mysql_writes.ESCAPES:
            with suppress(PermissionRejected, StatementInvalid):
                await client.execute(request(escape, read_only=True, scope="a"))
            with pytest.raises(PermissionRejected):
                await client.execute(request("INSERT INTO kit_rows (note) VALUES ('x')", read_only=True, scope="a"))
        assert await fetch(client, "SELECT COUNT(*) FROM kit_rows") == [(0,)]


async def _catalog(server: MariadbServer, database: str) -> Any:
    async with server.session(database) as admin:
        return [
            await admin.rows(text)
            for text in (
                "SELECT * FROM kit_rows ORDER BY id",
                "SELECT * FROM kit_loose",
                "SELECT next_not_cached_value FROM kit_counter",
                f"SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = '{database}'",
                f"SELECT index_name FROM information_schema.statistics WHERE table_schema = '{database}'",
                "SHOW GRANTS",
            )
        ]


@pytest.mark.parametrize(
    "text",
    ["START TRANSACTION", "CALL opens()", "BEGIN", "XA START 'x'", "START TRANSACTION WITH CONSISTENT SNAPSHOT"],
)
async def test_a_transaction_is_left_open_by_nobody(
    mariadb: MariadbServer, database: str, client: MysqlClient, text: str
) -> None:
    await run(
        mariadb,
        database,
        "CREATE TABLE t (a INT);\nCREATE PROCEDURE opens() BEGIN START TRANSACTION; INSERT INTO t VALUES (1); END;",
    )
    with pytest.raises(StatementInvalid, match="transaction open") as caught:
        await client.execute(request(text, writes=True, scope="a"))
    assert caught.value.outcome is (Outcome.UNKNOWN if "CALL" in text else Outcome.ROLLED_BACK)
    await client.pool.settled()
    assert await fetch(client, "SELECT COUNT(*), @@in_transaction FROM t") == [(0, 0)]


async def test_a_statement_that_ends_its_transaction_is_told(
    mariadb: MariadbServer, database: str, client: MysqlClient
) -> None:
    await run(mariadb, database, "CREATE TABLE t (a INT);")
    deadline = asyncio.get_running_loop().time() + 10
    async with client.transaction(read_only=False, deadline=deadline) as session:
        await session.execute(request("INSERT INTO t VALUES (1)", writes=True))
        with pytest.raises(StatementInvalid) as caught:
            await session.execute(request("CREATE TABLE u (a INT)", writes=True))
    assert caught.value.outcome is Outcome.UNKNOWN


async def test_a_limit_of_changes_counts_found_and_returned_rows(
    mariadb: MariadbServer, database: str, client: MysqlClient
) -> None:
    await run(mariadb, database, "CREATE TABLE t (a INT) AS SELECT seq AS a FROM seq_1_to_10;")
    for text in (
        "UPDATE t SET a = a WHERE a <= ?",
        "DELETE FROM t WHERE a <= ? RETURNING a",
        "INSERT INTO t SELECT a FROM t WHERE a <= ?",
        "UPDATE t SET a = 99 WHERE a <= ?",
    ):
        with pytest.raises(AffectedLimitExceeded) as caught:
            await client.execute(request(text, 5, writes=True, limits=Limits(affected=4)))
        assert caught.value.outcome is Outcome.ROLLED_BACK
        assert await fetch(client, "SELECT COUNT(*), SUM(a) FROM t") == [(10, "55")]
    text = "DELETE FROM t WHERE a <= ? RETURNING a"
    with pytest.raises(AffectedLimitExceeded):  # more rows came back than are counted
        await client.execute(request(text, 5, writes=True, limits=Limits(affected=4, rows=3)))
    result = await client.execute(request("UPDATE t SET a = a WHERE a <= ?", 5, writes=True, limits=Limits(affected=5)))
    assert result.affected == 5, "rows that were found, as everywhere else, changed or not"


async def test_what_is_too_much_is_rolled_back_before_the_answer(
    mariadb: MariadbServer, database: str, client: MysqlClient
) -> None:
    await run(mariadb, database, "CREATE TABLE t (a INT);")
    await mariadb.log_statements()
    with pytest.raises(AffectedLimitExceeded):
        await client.execute(request("INSERT INTO t VALUES (1), (2)", writes=True, limits=Limits(affected=1)))
    texts = [entry.text for entry in mariadb.logged() if entry.command == "Query"]
    assert texts[-2:] == ["START TRANSACTION", "ROLLBACK"]


async def test_a_limit_of_changes_is_refused_where_it_cannot_be_kept(
    mariadb: MariadbServer, database: str, client: MysqlClient
) -> None:
    script = "CREATE TABLE loose (a INT) ENGINE = MyISAM;\nCREATE PROCEDURE p() INSERT INTO loose VALUES (1);"
    await run(mariadb, database, script)
    for text in ("INSERT INTO loose VALUES (1), (2)", "CALL p()", "/* x */ call p()"):
        with pytest.raises(StatementInvalid) as caught:
            await client.execute(request(text, writes=True, limits=Limits(affected=1)))
        assert caught.value.outcome is Outcome.NOT_SENT
    assert await fetch(client, "SELECT COUNT(*) FROM loose") == [(0,)]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("INSERT INTO firm VALUES (1), (2), (1)", Outcome.ROLLED_BACK),
        ("INSERT INTO loose VALUES (1), (2), (1)", Outcome.UNKNOWN),
        ("INSERT INTO fires VALUES (1), (2), (1)", Outcome.UNKNOWN),
        ("INSERT INTO seen VALUES (1), (2), (1)", Outcome.UNKNOWN),
        ("INSERT INTO firm SELECT writes(id) FROM firm", Outcome.UNKNOWN),
        ("CALL halfway()", Outcome.UNKNOWN),
        ("DROP TABLE firm, absent", Outcome.UNKNOWN),
    ],
)
async def test_outcomes_are_honest(
    mariadb: MariadbServer, database: str, client: MysqlClient, text: str, outcome: Outcome
) -> None:
    await run(
        mariadb,
        database,
        """CREATE TABLE firm (id INT PRIMARY KEY);
        INSERT INTO firm VALUES (7);
        CREATE TABLE loose (id INT PRIMARY KEY) ENGINE = MyISAM;
        CREATE TABLE fires (id INT PRIMARY KEY);
        CREATE TRIGGER log BEFORE INSERT ON fires FOR EACH ROW INSERT INTO loose VALUES (NEW.id);
        CREATE VIEW seen AS SELECT * FROM loose;
        CREATE FUNCTION writes(n INT) RETURNS INT BEGIN INSERT INTO loose VALUES (n); RETURN n; END;
        CREATE PROCEDURE halfway() BEGIN INSERT INTO firm VALUES (1); COMMIT; INSERT INTO firm VALUES (1); END;
        """,
    )
    with pytest.raises((ConstraintViolated, StatementInvalid)) as caught:
        await client.execute(request(text, writes=True))
    assert caught.value.outcome is outcome


async def test_a_failed_write_is_rolled_back_where_all_tables_have_transactions(
    mariadb: MariadbServer, database: str, client: MysqlClient
) -> None:
    await run(mariadb, database, "CREATE TABLE t (id INT PRIMARY KEY);\nCREATE VIEW v AS SELECT * FROM t;")
    for table in ("t", "v"):
        with pytest.raises(ConstraintViolated) as caught:
            await client.execute(request(f"INSERT INTO {table} VALUES (1), (2), (1)", writes=True))
        assert (caught.value.outcome, caught.value.constraint) == (Outcome.ROLLED_BACK, "PRIMARY")
    assert await fetch(client, "SELECT COUNT(*) FROM t") == [(0,)]


# bounds


@pytest.mark.parametrize("limits", [Limits(rows=10), Limits(bytes=20_000)], ids=["rows", "bytes"])
@pytest.mark.parametrize("encode", [True, False])
async def test_a_truncated_read_costs_one_connection_once(
    mariadb: MariadbServer, database: str, limits: Limits, *, encode: bool
) -> None:
    """From the second time on the server knows where to stop, and the connection lives."""
    await run(mariadb, database, "CREATE TABLE t AS SELECT seq AS n, REPEAT('x', 500) AS x FROM seq_1_to_50000;")
    async with opened(mariadb, database) as client:
        threads = set()
        for _ in range(4):
            asked = request("SELECT * FROM t", read_only=True, limits=limits, encode=encode)
            result = await client.execute(asked)
            assert result.truncated
            count = len(result.rows.texts if isinstance(result.rows, EncodedRows) else result.rows or ())
            assert count == 10 if limits.rows == 10 else 20 < count < 40
            await client.pool.settled()
            threads |= set(await fetch(client, "SELECT CONNECTION_ID()", read_only=True))
            await client.pool.settled()
        assert len(threads) == 1
        whole = await fetch(client, "SELECT * FROM t", read_only=True, limits=Limits(bytes=10**8))
        assert len(whole) == 50_000


async def test_a_truncated_write_runs_to_its_end(mariadb: MariadbServer, database: str, client: MysqlClient) -> None:
    await run(mariadb, database, "CREATE TABLE t (a INT, b TEXT);")
    for limits in (Limits(rows=3), Limits(bytes=5000)):
        before = (await fetch(client, "SELECT COUNT(*) FROM t"))[0][0]
        text = "INSERT INTO t SELECT seq, REPEAT('x', 1000) FROM seq_1_to_2000 RETURNING *"
        result = await client.execute(request(text, writes=True, limits=limits))
        assert result.truncated
        assert await fetch(client, "SELECT COUNT(*) FROM t") == [(before + 2000,)]


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_row_of_17_mib_is_left_out_or_whole(client: MysqlClient, *, read_only: bool) -> None:
    size = 17 * 1024 * 1024
    text = "SELECT REPEAT('x', ?)"
    result = await client.execute(request(text, size, read_only=read_only, limits=Limits(bytes=1_000_000)))
    assert (result.truncated, result.rows) == (True, [])
    ((found,),) = await fetch(client, text, size, read_only=read_only, limits=Limits(bytes=2 * size))
    assert found == "x" * size
    assert await fetch(client, "SELECT LENGTH(?)", "y" * size, read_only=read_only) == [(size,)]


async def test_the_deadline_stops_the_server_too(mariadb: MariadbServer, database: str, client: MysqlClient) -> None:
    for text in ("SELECT SLEEP(20)", "SELECT BENCHMARK(1000000000, MD5('x'))"):
        with pytest.raises(ExecutionTimeout):
            await client.execute(request(text, seconds=0.3))
        await until(lambda: _is_idle(mariadb, database), seconds=2)


async def _is_idle(server: MariadbServer, database: str) -> bool:
    async with server.session() as admin:
        where = f"DB = '{database}' AND COMMAND <> 'Sleep'"
        return not await admin.value(f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE {where}")


async def test_the_ceiling_holds_without_us(mariadb: MariadbServer, database: str) -> None:
    async with opened(mariadb, database, options={"ceilingSeconds": 1}) as client:
        with pytest.raises(ExecutionTimeout) as caught:
            await client.execute(request("SELECT SLEEP(20)"))
        assert caught.value.native_code == "1969"


# the server's end, and who asks


async def test_a_server_that_goes_away_between_prepare_and_execute(database: str) -> None:
    """What is idle is found stale, nothing was sent, and the next try has a server that knows nothing of us."""
    with MariadbServer() as server:
        name = await server.fresh_database()
        await run(server, name, "CREATE TABLE t (a INT);")
        async with opened(server, name) as client:
            for how in (server.stop, server.kill):
                await client.execute(request("INSERT INTO t VALUES (?)", 1, writes=True, scope="a"))
                await client.pool.settled()
                await client.execute(request("INSERT INTO t VALUES (?)", 1, writes=True, scope="a"))
                running = asyncio.create_task(client.execute(request("SELECT SLEEP(20)")))
                await until(lambda: _sleeps(server, name))
                how()
                with pytest.raises((Disconnected, ExecutionTimeout)):
                    await running
                with pytest.raises(ConnectFailed) as caught:
                    await client.execute(request("INSERT INTO t VALUES (?)", 1, writes=True, scope="a"))
                assert caught.value.outcome is Outcome.NOT_SENT
                server.start()
                await client.execute(request("INSERT INTO t VALUES (?)", 1, writes=True, scope="a"))
                assert await fetch(client, "SELECT COUNT(*) > 0 FROM t") == [(1,)]


async def _sleeps(server: MariadbServer, database: str) -> bool:
    return not await _is_idle(server, database)


async def test_nothing_comes_from_the_environment(
    mariadb: MariadbServer,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """No variable, option file or login path of the proxy's own user is ever used."""
    home = tmp_path_factory.mktemp("home")
    options = f"[client]\nuser=decoy\npassword={mariadb.password}\nhost=192.0.2.1\nport=1\nlocal-infile=1\n"
    for name in (".my.cnf", "my.cnf", ".mylogin.cnf"):
        (home / name).write_text(options)
        (home / name).chmod(0o600)
    decoys = {
        "HOME": str(home),
        "USER": "decoy",
        "LOGNAME": "decoy",
        "MYSQL_PWD": mariadb.password,
        "MYSQL_HOST": "192.0.2.1",
        "MYSQL_TCP_PORT": "1",
        "MYSQL_UNIX_PORT": str(home / "socket"),
        "MYSQL_HOME": str(home),
        "MYSQL_GROUP_SUFFIX": "_decoy",
        "MYSQL_TEST_LOGIN_FILE": str(home / ".mylogin.cnf"),
        "MARIADB_HOME": str(home),
        "LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN": "1",
        "LIBMYSQL_PLUGIN_DIR": str(home),
    }
    for name, value in decoys.items():
        monkeypatch.setenv(name, value)
    async with opened(mariadb, database, password="") as client:
        with pytest.raises(CredentialsRejected):
            await client.check()
    async with opened(mariadb, database) as client:
        found = await fetch(client, "SELECT USER(), DATABASE(), @@time_zone, @@port")
        assert found == [("admin@127.0.0.1", database, "+00:00", mariadb.port)]


async def test_check_warns_of_dangerous_rights(mariadb: MariadbServer, database: str) -> None:
    cases = {
        f"SELECT, INSERT, UPDATE, DELETE ON {database}.*": "",
        f"ALL PRIVILEGES ON {database}.*": "",
        "FILE ON *.*": "files",
        "PROCESS ON *.*": "statements of others",
        "SUPER ON *.*": "nearly everything",
        "CREATE USER ON *.*": "accounts",
        "SELECT ON *.*": "read every database",
        "UPDATE ON *.*": "change every database",
        "REPLICATION SLAVE ON *.*": "whole server",
    }
    for number, (grants, word) in enumerate(cases.items()):
        name = f"rights@{number}_{database}"
        password = await mariadb.create_user(name, grants=grants)
        async with opened(mariadb, "information_schema", username=name, password=password) as client:
            health = await client.check()
        assert health.server.startswith("MariaDB 10.")
        assert bool(health.warnings) is bool(word), grants
        assert not word or any(word in warning for warning in health.warnings)


async def test_check_warns_of_rights_that_can_be_given_on(mariadb: MariadbServer, client: MysqlClient) -> None:
    assert any("GRANT OPTION" in warning for warning in (await client.check()).warnings)


async def test_an_account_with_too_few_rights_is_told_so(mariadb: MariadbServer, database: str) -> None:
    await run(mariadb, database, "CREATE TABLE open (a INT);\nCREATE TABLE closed (a INT);")
    password = await mariadb.create_user(f"poor_{database}", grants=f"SELECT ON {database}.open")
    async with opened(mariadb, database, username=f"poor_{database}", password=password) as client:
        with pytest.raises(PermissionRejected) as caught:
            await client.execute(request("SELECT * FROM closed"))
        assert caught.value.native_code == "1142"
        structure = await client.describe((), None)
        assert [table.name for table in structure.tables] == ["open"], "what the account may not use is not shown"


async def test_native_words_are_kept_apart(client: MysqlClient) -> None:
    with pytest.raises(StatementInvalid) as caught:
        await client.execute(request("SELECT absent_column FROM DUAL"))
    assert "absent_column" in caught.value.native_message
    assert "absent_column" not in f"{caught.value} {caught.value.hint}"


async def test_a_value_that_does_not_fit_is_never_sent(client: MysqlClient) -> None:
    with pytest.raises(ParameterInvalid) as caught:
        await client.execute(request("SELECT ?, ?", 1, 2**70))
    assert (caught.value.outcome, caught.value.parameter) == (Outcome.NOT_SENT, 1)


async def test_other_payloads_are_refused(client: MysqlClient) -> None:
    asked = replace(request("SELECT 1"), payload=None)  # what a broken caller sends
    with pytest.raises(DatasourceError) as caught:
        await client.execute(asked)
    assert caught.value.outcome is Outcome.NOT_SENT
