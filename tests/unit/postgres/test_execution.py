"""What an execution does and refuses to do, beyond the conformance kit."""

import asyncio
from contextlib import suppress

import pytest

from appsmith_proxy.sdk import (
    ConnectFailed,
    ConstraintViolated,
    CredentialsRejected,
    ExecutionTimeout,
    Limits,
    Outcome,
    ParameterInvalid,
    PermissionRejected,
    ResourceExhausted,
    Statement,
    StatementInvalid,
)
from appsmith_proxy_postgres.client import PostgresClient
from tests.conformance import postgres_writes
from tests.servers.postgres import PostgresServer, until
from tests.servers.postgres_client import fetch, opened, request


@pytest.mark.parametrize("values", [(), ("x",)])
async def test_two_statements_in_one_text_are_refused(
    postgres: PostgresServer, database: str, client: PostgresClient, values: tuple[str, ...]
) -> None:
    async with postgres.session(database) as admin:
        await admin.execute("CREATE TABLE counter (note text)")
    for text in ("SELECT 1; INSERT INTO counter VALUES ('x')", "INSERT INTO counter VALUES ('x'); SELECT 1"):
        with pytest.raises(StatementInvalid) as caught:
            await client.execute(request(text + (" WHERE $1::text = 'x'" if values else ""), *values))
        assert caught.value.outcome is Outcome.NOT_SENT
    assert await fetch(client, "SELECT count(*) FROM counter") == [(0,)]


async def test_every_execution_goes_through_the_servers_prepare(
    postgres: PostgresServer, database: str, client: PostgresClient
) -> None:
    """The server's own log shows it, without parameters too; of the simple protocol it shows only our resets."""
    await postgres.log_statements(database)
    await fetch(client, "SELECT 'no parameters'")
    await fetch(client, "SELECT $1::text", "a value of mine")
    await client.pool.settled()
    logged = postgres.logged(database)
    assert {"SELECT 'no parameters'", "SELECT $1::text"} <= {entry.text for entry in logged if entry.prepared}
    simple = [entry.text for entry in logged if not entry.prepared]
    assert simple
    assert not [text for text in simple if "SET SESSION AUTHORIZATION DEFAULT" not in text]


async def test_writes_in_a_read_only_execution_change_nothing(postgres: PostgresServer, database: str) -> None:
    async with postgres.session(database) as admin:
        await admin.execute(postgres_writes.SETUP + "INSERT INTO kit_rows (note) VALUES ('before');")
        before = await _catalog(admin)
        async with opened(postgres, database, max_connections=2) as client:
            unrefused = []
            for text in (*postgres_writes.WRITES, *postgres_writes.CALLS):
                for writes in (True, False):
                    if text in postgres_writes.CALLS and not writes:
                        continue  # the compiler's classes say of a CALL that it writes
                    with suppress(PermissionRejected, StatementInvalid):
                        await client.execute(request(text, read_only=True, writes=writes, seconds=3))
                        unrefused.append(text)
            assert unrefused == ["NOTIFY kit_channel"] * 2, "a NOTIFY is no write for PostgreSQL"
        assert await _catalog(admin) == before


async def test_no_execution_makes_the_next_one_writable(postgres: PostgresServer, database: str) -> None:
    async with postgres.session(database) as admin:
        await admin.execute(postgres_writes.SETUP)
    async with opened(postgres, database, max_connections=1) as client:
        for escape in postgres_writes.ESCAPES:
            for writes in (True, False):
                with suppress(PermissionRejected, StatementInvalid):
                    await client.execute(request(escape, read_only=True, writes=writes))
                with pytest.raises(PermissionRejected):
                    await client.execute(request("INSERT INTO kit_rows (note) VALUES ('x')", read_only=True))
        assert await fetch(client, "SELECT count(*) FROM kit_rows") == [(0,)]


async def _catalog(admin: object) -> object:
    return await admin.fetch(  # type: ignore[attr-defined]  # reason: asyncpg has no types
        """SELECT (SELECT jsonb_agg(kit_rows ORDER BY id) FROM kit_rows), (SELECT last_value FROM kit_numbers),
        (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_attribute), (SELECT count(*) FROM pg_largeobject_metadata),
        obj_description('kit_rows'::regclass), (SELECT relacl::text FROM pg_class WHERE oid = 'kit_rows'::regclass)"""
    )


async def test_a_prepare_that_nothing_follows_keeps_no_lock(
    postgres: PostgresServer, database: str, client: PostgresClient
) -> None:
    async with postgres.session(database) as admin:
        await admin.execute("CREATE TABLE t (a int)")
        deadline = asyncio.get_running_loop().time() + 5
        prepared = await client.prepare(Statement(text="SELECT a FROM t WHERE a = $1"), deadline=deadline)
        assert prepared.parameter_types == ("int4",)
        await admin.execute("SET lock_timeout = '200ms'; ALTER TABLE t ADD COLUMN b int")
        names = "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT a FROM t WHERE a = $1' AND name <> ''"
        assert await fetch(client, names) == [(0,)]


async def test_a_misfit_that_ends_an_execution_after_its_prepare_keeps_no_lock(
    postgres: PostgresServer, database: str, client: PostgresClient
) -> None:
    async with postgres.session(database) as admin:
        await admin.execute("CREATE TABLE t (a int)")
        with pytest.raises(ParameterInvalid):
            await client.execute(request("SELECT a FROM t WHERE a = $1", 1.5))
        await client.pool.settled()
        await admin.execute("SET lock_timeout = '200ms'; ALTER TABLE t ADD COLUMN b int")


@pytest.mark.parametrize("limits", [Limits(), Limits(affected=10)])
async def test_a_statement_is_prepared_again_when_the_schema_changes(
    postgres: PostgresServer, database: str, limits: Limits
) -> None:
    """``cached plan must not change result type``: one execution, no error, the new columns."""
    async with postgres.session(database) as admin, opened(postgres, database, max_connections=1) as client:
        await admin.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        text = "UPDATE t SET a = a + 1 RETURNING *"
        first = await client.execute(request(text, writes=True, limits=limits))
        assert [tuple(row) for row in first.rows or ()] == [(2,)]  # type: ignore[union-attr]  # reason: rows
        await client.pool.settled()
        await admin.execute("ALTER TABLE t ALTER a TYPE text; ALTER TABLE t ADD COLUMN b int DEFAULT 7")
        with pytest.raises(StatementInvalid):  # text + integer: the new schema's own error, not the plan's
            await client.execute(request(text, writes=True, limits=limits))
        await admin.execute("ALTER TABLE t ALTER a TYPE int USING a::int")
        again = await client.execute(request(text, writes=True, limits=limits))
        assert [tuple(row) for row in again.rows or ()] == [(3, 7)]  # type: ignore[union-attr]  # reason: rows
        assert [column.name for column in again.columns] == ["a", "b"]


async def test_a_prepared_name_that_is_gone_is_made_anew(postgres: PostgresServer, database: str) -> None:
    async with opened(postgres, database, max_connections=1) as client:
        assert await fetch(client, "SELECT 1") == [(1,)]
        await client.execute(request("DISCARD ALL"))
        assert await fetch(client, "SELECT 1") == [(1,)]


async def test_limits_of_changed_rows_count_what_a_with_changes(
    postgres: PostgresServer, database: str, client: PostgresClient
) -> None:
    async with postgres.session(database) as admin:
        await admin.execute("CREATE TABLE t AS SELECT n FROM generate_series(1, 10) n")
    text = "WITH gone AS (DELETE FROM t WHERE n <= $1 RETURNING 1) SELECT 'done'"
    with pytest.raises(ResourceExhausted) as caught:
        await client.execute(request(text, 5, writes=True, limits=Limits(affected=4)))
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert await fetch(client, "SELECT count(*) FROM t") == [(10,)]
    await client.execute(request(text, 5, writes=True, limits=Limits(affected=5)))
    assert await fetch(client, "SELECT count(*) FROM t") == [(5,)]


async def test_a_deferred_constraint_fails_at_commit_as_rolled_back(
    postgres: PostgresServer, database: str, client: PostgresClient
) -> None:
    async with postgres.session(database) as admin:
        await admin.execute("CREATE TABLE t (a int, CONSTRAINT once UNIQUE (a) DEFERRABLE INITIALLY DEFERRED)")
    for limits in (Limits(), Limits(affected=5)):
        with pytest.raises(ConstraintViolated) as caught:
            await client.execute(request("INSERT INTO t VALUES (1), (1)", writes=True, limits=limits))
        assert caught.value.outcome is Outcome.ROLLED_BACK
        assert caught.value.constraint == "once"
        assert caught.value.native_code == "23505"


async def test_a_truncated_read_by_rows_costs_one_connection_once(postgres: PostgresServer, database: str) -> None:
    """The server is told the limit from the second time on, and the connection lives."""
    async with opened(postgres, database) as client:
        pids = set()
        for _ in range(4):
            result = await client.execute(
                request("SELECT n FROM generate_series(1, 100000) n", read_only=True, limits=Limits(rows=10))
            )
            assert result.truncated
            await client.pool.settled()
            pids.add((await fetch(client, "SELECT pg_backend_pid()", read_only=True))[0])
            await client.pool.settled()
        assert len(pids) == 1


async def test_a_truncated_write_runs_to_its_end(
    postgres: PostgresServer, database: str, client: PostgresClient
) -> None:
    async with postgres.session(database) as admin:
        await admin.execute("CREATE TABLE t (a int, b text)")
    for limits in (Limits(rows=3), Limits(bytes=5000)):
        before = (await fetch(client, "SELECT count(*) FROM t"))[0][0]
        result = await client.execute(
            request(
                "INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 2000) n RETURNING *",
                writes=True,
                limits=limits,
            )
        )
        assert result.truncated
        assert result.affected == 2000
        assert await fetch(client, "SELECT count(*) FROM t") == [(before + 2000,)]


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_row_larger_than_the_limit_is_left_out(client: PostgresClient, read_only: bool) -> None:
    result = await client.execute(
        request("SELECT repeat('x', 30000000)", read_only=read_only, limits=Limits(bytes=1_000_000))
    )
    assert result.truncated
    assert result.rows == []
    assert await fetch(client, "SELECT 1", read_only=read_only) == [(1,)]


async def test_the_deadline_stops_the_server_too(postgres: PostgresServer, database: str) -> None:
    async with postgres.session() as admin, opened(postgres, database) as client:
        with pytest.raises(ExecutionTimeout):
            await client.execute(request("SELECT pg_sleep(20)", seconds=0.3))

        async def idle() -> bool:
            return not await admin.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND state = 'active'", database
            )

        await until(idle, seconds=2)


async def test_the_ceiling_holds_without_us(postgres: PostgresServer, database: str) -> None:
    async with opened(postgres, database, options={"ceilingSeconds": 1}) as client:
        with pytest.raises(ExecutionTimeout) as caught:
            await client.execute(request("SELECT pg_sleep(20)"))
        assert caught.value.outcome is Outcome.ROLLED_BACK
        assert caught.value.native_code == "57014"


async def test_a_restarted_server_is_found_again(database: str) -> None:
    with PostgresServer() as server:
        async with opened(server) as client:
            assert await fetch(client, "SELECT 1") == [(1,)]
            for how in (server.stop, server.kill):
                running = asyncio.create_task(client.execute(request("SELECT pg_sleep(20)")))
                async with server.session() as admin:
                    await until(lambda admin=admin: _sleeping(admin))
                how()
                with pytest.raises(Exception, match="Disconnected"):
                    await running
                with pytest.raises(ConnectFailed) as caught:
                    await client.execute(request("SELECT 1"))
                assert caught.value.outcome is Outcome.NOT_SENT
                server.start()
                assert await fetch(client, "SELECT 1") == [(1,)]


async def _sleeping(admin: object) -> bool:
    sleeping = await admin.fetchval(  # type: ignore[attr-defined]  # reason: asyncpg has no types
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    )
    return bool(sleeping)


async def test_nothing_comes_from_the_environment(
    postgres: PostgresServer,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """No variable, password file, service file or certificate of the proxy's own user is ever used."""
    home = tmp_path_factory.mktemp("home")
    (home / ".pgpass").write_text(f"*:*:*:*:{postgres.password}\n")
    (home / ".pgpass").chmod(0o600)
    (home / ".pg_service.conf").write_text(f"[decoy]\npassword={postgres.password}\nuser=postgres\n")
    (home / ".postgresql").mkdir()
    (home / ".postgresql" / "root.crt").write_text("not a certificate")
    decoys = {
        "HOME": str(home),
        "PGPASSWORD": postgres.password,
        "PGPASSFILE": str(home / ".pgpass"),
        "PGSERVICE": "decoy",
        "PGSERVICEFILE": str(home / ".pg_service.conf"),
        "PGUSER": "decoy",
        "PGDATABASE": "decoy",
        "PGHOST": "192.0.2.1",
        "PGPORT": "1",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(home / "absent"),
        "PGTARGETSESSIONATTRS": "read-only",
        "PGOPTIONS": "-c work_mem=77kB",
        "PGTZ": "Asia/Tokyo",
        "PGAPPNAME": "decoy",
        "PGKRBSRVNAME": "decoy",
        "PGGSSLIB": "decoy",
        "PGSSLNEGOTIATION": "direct",
    }
    for name, value in decoys.items():
        monkeypatch.setenv(name, value)
    async with opened(postgres, database, password="") as client:
        with pytest.raises(CredentialsRejected):
            await client.check()
    async with opened(postgres, database) as client:
        settings = await fetch(
            client,
            "SELECT current_user::text, current_database()::text, current_setting('TimeZone'),"
            " current_setting('application_name'), current_setting('work_mem')",
        )
        assert settings == [("postgres", database, "UTC", "appsmith_proxy", "4MB")]


async def test_check_warns_of_dangerous_rights(postgres: PostgresServer) -> None:
    cases = {
        "LOGIN": "",
        "LOGIN CREATEROLE": "change roles",
        "LOGIN REPLICATION": "replicate",
        "LOGIN BYPASSRLS": "row security",
        "LOGIN IN ROLE pg_read_server_files": "read files",
        "LOGIN IN ROLE pg_execute_server_program": "run programs",
    }
    for number, (options, word) in enumerate(cases.items()):
        name = f"rights_{number}"
        password = await postgres.create_role(name, options=options)
        async with opened(postgres, username=name, password=password) as client:
            health = await client.check()
        assert health.server.startswith("PostgreSQL ")
        assert bool(health.warnings) is bool(word)
        assert not word or any(word in warning for warning in health.warnings)


async def test_a_role_with_too_few_rights_is_told_so(postgres: PostgresServer, database: str) -> None:
    async with postgres.session(database) as admin:
        await admin.execute("CREATE TABLE closed (a int)")
    password = await postgres.create_role(f"poor_{database}")
    async with opened(postgres, database, username=f"poor_{database}", password=password) as client:
        with pytest.raises(PermissionRejected) as caught:
            await client.execute(request("SELECT * FROM closed"))
        assert caught.value.native_code == "42501"
        structure = await client.describe((), None)
        assert structure.tables == (), "what the role may not use is not shown"


async def test_native_words_are_kept_apart(client: PostgresClient) -> None:
    with pytest.raises(StatementInvalid) as caught:
        await client.execute(request("SELECT absent_column FROM pg_class"))
    assert "absent_column" in caught.value.native_message
    assert caught.value.position == 7
    assert "absent_column" not in f"{caught.value} {caught.value.hint}"


async def test_transactions_can_be_left_open_by_nobody(client: PostgresClient) -> None:
    with pytest.raises(StatementInvalid):
        await client.execute(request("BEGIN"))
    assert await fetch(client, "SELECT now() <> statement_timestamp() AND false") == [(False,)]
