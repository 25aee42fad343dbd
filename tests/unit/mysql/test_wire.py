"""One connection: statements kept and closed, answers bounded, sessions pinned and reset, cancels that reach the server."""

import asyncio
from typing import Any

import orjson
import pytest

from appsmith_proxy.sdk import LARGE_ANSWER, EncodedRows, Lane, Limits, Outcome, Room, StatementInvalid
from appsmith_proxy_mysql import faults
from appsmith_proxy_mysql.pins import SQL_MODE
from appsmith_proxy_mysql.protocol import Malformed, Reported
from appsmith_proxy_mysql.wire import BATCH, MAX_KEPT, Wire
from tests.servers.mariadb import MariadbServer
from tests.servers.mysql_wire import answer, login_to, objects, rows, statement, wired
from tests.servers.throwaway import until


async def _running(server: MariadbServer, text: str) -> int:
    async with server.session() as admin:
        found: int = await admin.value(
            "SELECT COUNT(*) FROM information_schema.processlist"
            f" WHERE info LIKE '{text}%' AND info NOT LIKE '%processlist%'"
        )
        return found


def _in_transaction(wire: Wire) -> bool:
    return wire.in_transaction


class TestStatements:
    async def test_are_prepared_and_executed_and_never_queried(self, mariadb: MariadbServer, database: str) -> None:
        async with wired(login_to(mariadb, database)) as wire:
            await mariadb.log_statements()
            prepared, executed = await mariadb.status("Com_stmt_prepare"), await mariadb.status("Com_stmt_execute")
            for value in ("x", "' OR 1=1 -- ", "\0", None, 5):
                await rows(wire, "SELECT ?", value)
            assert await mariadb.status("Com_stmt_prepare") == prepared + 1
            assert await mariadb.status("Com_stmt_execute") == executed + 5
            mine = [entry for entry in mariadb.logged() if entry.thread == wire.thread_id]
            assert {entry.command for entry in mine} == {"Prepare", "Execute"}
            assert {entry.text for entry in mine if entry.command == "Prepare"} == {"SELECT ?"}

    async def test_kept_ones_are_bounded_and_closed_at_the_server(self, mariadb: MariadbServer, wire: Wire) -> None:
        held = await mariadb.status("Prepared_stmt_count") - len(wire.kept)
        for number in range(MAX_KEPT + 20):
            await rows(wire, f"SELECT {number}")
        assert len(wire.kept) == MAX_KEPT
        assert await rows(wire, "SELECT 1000") == [(1000,)]
        assert await mariadb.status("Prepared_stmt_count") == held + MAX_KEPT

    async def test_the_one_unused_for_longest_goes(self, wire: Wire) -> None:
        for number in range(MAX_KEPT):
            await rows(wire, f"SELECT {number}")
        await rows(wire, "SELECT 0")
        await rows(wire, "SELECT 'one more'")
        assert wire.find(statement("SELECT 0")) is not None
        assert wire.find(statement("SELECT 1")) is None

    async def test_a_table_that_changes_is_noticed(self, wire: Wire) -> None:
        """The server prepares again by itself; what it then answers has other columns."""
        await wire.script("CREATE TABLE t (a INT)")
        await answer(wire, "INSERT INTO t VALUES (1)")
        assert await rows(wire, "SELECT * FROM t") == [(1,)]
        await wire.script("ALTER TABLE t ADD COLUMN b VARCHAR(9) DEFAULT 'x', MODIFY a DECIMAL(5,1)")
        found = await answer(wire, "SELECT * FROM t")
        assert (found.rows, [column.name for column in found.columns]) == ([("1.0", "x")], ["a", "b"])

    async def test_one_that_the_server_forgot_wants_preparing(self, wire: Wire) -> None:
        text = statement("SELECT 1")
        kept = await wire.keep(text, timeout=5)
        wire.discard(kept)
        with pytest.raises(Reported) as caught:
            await wire.run(kept, (), limits=Limits(), stop=False, timeout=5)
        assert faults.wants_preparing(caught.value)
        wire.forget(text)
        assert await rows(wire, "SELECT 1") == [(1,)]

    async def test_a_plan_with_another_number_of_bindings_is_refused(self, wire: Wire) -> None:
        with pytest.raises(StatementInvalid) as caught:
            await wire.keep(statement("SELECT ?, ?", None), timeout=5)
        assert caught.value.outcome is Outcome.NOT_SENT

    async def test_a_text_of_two_statements_is_refused_prepared_or_not(self, wire: Wire) -> None:
        for attempt in (
            wire.keep(statement("SELECT 1; SELECT 2"), timeout=5),
            wire.script("SET @a = 1; SET @b = 2"),
        ):
            with pytest.raises(Reported) as caught:
                await attempt
            assert caught.value.number == 1064
        assert wire.alive

    async def test_a_procedure_may_answer_several_results_and_the_first_is_shown(self, wire: Wire) -> None:
        await wire.script(
            "CREATE PROCEDURE p(IN n INT) BEGIN SELECT seq FROM seq_1_to_100 LIMIT n; SELECT 'other', 2; SELECT 3; END"
        )
        for _ in range(2):
            assert await rows(wire, "CALL p(?)", 3) == [(1,), (2,), (3,)]
            assert len(await objects(wire, "CALL p(?)", 3)) == 3
        await wire.script("CREATE PROCEDURE q() BEGIN CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2); END")
        assert (await answer(wire, "CALL q()")).rows is None
        assert wire.alive

    async def test_rows_that_match_are_counted_not_rows_that_differ(self, wire: Wire) -> None:
        await wire.script("CREATE TABLE t (a INT)")
        assert (await answer(wire, "INSERT INTO t VALUES (1), (1), (2)")).affected == 3
        assert (await answer(wire, "UPDATE t SET a = 1 WHERE a = 1")).affected == 2
        assert (await answer(wire, "DELETE FROM t WHERE a = 9")).affected == 0


class TestSessions:
    PINNED = (
        "SELECT @@time_zone, @@sql_mode, @@character_set_client, @@character_set_results, @@character_set_connection,"
        " @@autocommit, @@max_statement_time, @@tx_read_only, @@completion_type, @@sql_auto_is_null"
    )

    @pytest.mark.parametrize("lane", list(Lane))
    async def test_are_pinned_whatever_the_server_prefers(self, mariadb: MariadbServer, lane: Lane) -> None:
        pinned = (
            *("+00:00", SQL_MODE, "utf8mb4", "utf8mb4", "utf8mb4", 1),
            *(7.0, int(lane is Lane.READ_ONLY), "NO_CHAIN", 0),
        )
        async with wired(login_to(mariadb, ceiling_seconds=7), lane=lane) as wire:
            ((*found,),) = await rows(wire, self.PINNED)
            found[6] = float(found[6])
            assert tuple(found) == pinned
            await wire.script("SET time_zone = '+02:00', sql_mode = '', max_statement_time = 0, NAMES latin1")
            await wire.script("SET autocommit = 0, tx_read_only = 0, @mine = 1, completion_type = 2")
            await wire.reset()
            ((*found,),) = await rows(wire, self.PINNED)
            found[6] = float(found[6])
            assert tuple(found) == pinned
            assert await rows(wire, "SELECT @mine") == [(None,)]

    async def test_reset_ends_transactions_and_forgets_statements(self, mariadb: MariadbServer, wire: Wire) -> None:
        await wire.script("CREATE TABLE t (a INT)")
        await wire.script("START TRANSACTION")
        await answer(wire, "INSERT INTO t VALUES (1)")
        await wire.script("CREATE TEMPORARY TABLE mine (a INT)")
        assert _in_transaction(wire)
        await wire.reset()
        assert not _in_transaction(wire)
        assert not wire.kept
        assert await rows(wire, "SELECT COUNT(*) FROM t") == [(0,)]
        with pytest.raises(Reported):
            await rows(wire, "SELECT * FROM mine")

    async def test_of_the_read_only_lane_do_not_write(self, mariadb: MariadbServer, database: str) -> None:
        async with mariadb.session(database) as admin:
            await admin.execute("CREATE TABLE t (a INT)")
        async with wired(login_to(mariadb, database), lane=Lane.READ_ONLY) as wire:
            for _ in range(2):
                with pytest.raises(Reported) as caught:
                    await answer(wire, "INSERT INTO t VALUES (1)")
                assert caught.value.number == 1792
                await wire.reset()

    async def test_a_transaction_is_known(self, wire: Wire) -> None:
        assert not _in_transaction(wire)
        await wire.script("START TRANSACTION READ ONLY")
        assert _in_transaction(wire)
        await rows(wire, "SELECT 1")
        assert _in_transaction(wire)
        await wire.script("COMMIT")
        assert not _in_transaction(wire)


class TestLimits:
    MANY = "SELECT seq, REPEAT('x', 100) FROM seq_1_to_20000"

    @pytest.mark.parametrize("encode", [False, True])
    @pytest.mark.parametrize(
        ("limits", "count", "rows_cut"),
        [
            (Limits(rows=10), 10, True),
            (Limits(rows=0), 0, True),
            (Limits(rows=19_999), 19_999, True),
            (Limits(rows=20_000), 20_000, None),
            (Limits(bytes=1_170), 10, False),
            (Limits(bytes=114), 0, False),
            (Limits(bytes=1_000_000), None, False),
        ],
    )
    async def test_end_an_answer(
        self, wire: Wire, limits: Limits, count: int | None, rows_cut: bool | None, encode: bool
    ) -> None:
        """Read on or stopped, or from a cursor: the same rows."""
        found = await answer(wire, self.MANY, limits=limits, encode=encode)
        assert (found.cut, found.rows_cut) == (rows_cut is not None, bool(rows_cut))
        assert count is None or _count(found) == count
        assert wire.alive, "what may write is read to its end"
        fetched = await answer(wire, self.MANY, limits=limits, encode=encode, stop=True, cursor=True)
        assert wire.alive, "the server holds the rest back"
        stopped = await answer(wire, self.MANY, limits=limits, encode=encode, stop=True)
        assert wire.alive == (not stopped.cut)
        assert fetched == found == stopped

    async def test_a_cursor_of_few_rows_and_of_none(self, wire: Wire) -> None:
        for count in (0, 1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH):
            text = f"SELECT seq FROM seq_1_to_5000 WHERE seq <= {count}"
            assert len(await rows(wire, text, cursor=True)) == count
            assert len(await rows(wire, text)) == count
        done = await answer(wire, "SET @a = ?", 1, cursor=True)
        assert done.rows is None

    async def test_a_cursor_that_is_left_is_closed(self, mariadb: MariadbServer, wire: Wire) -> None:
        """Else the server would hold the rows until the statement is executed again."""
        closed = await mariadb.status("Com_stmt_reset")
        assert (await answer(wire, self.MANY, limits=Limits(rows=30_000), cursor=True)).cut is False
        assert await mariadb.status("Com_stmt_reset") == closed
        assert (await answer(wire, self.MANY, limits=Limits(rows=30), cursor=True)).cut
        assert await mariadb.status("Com_stmt_reset") == closed + 1

    async def test_a_row_that_is_too_large_is_not_collected(self, wire: Wire) -> None:
        for size in (100_000, 20_000_000):
            found = await answer(wire, f"SELECT 1, REPEAT('x', {size})", limits=Limits(bytes=50_000))
            assert (found.rows, found.cut, found.rows_cut) == ([], True, False)
            assert await rows(wire, "SELECT 2") == [(2,)]
        found = await answer(wire, "SELECT 1, REPEAT('x', 40000000)", limits=Limits(bytes=20_000_000))
        assert (found.rows, found.cut, found.rows_cut) == ([], True, False)
        assert await rows(wire, "SELECT 2") == [(2,)]
        found = await answer(wire, "SELECT 1, REPEAT('x', 20000000)", limits=Limits(bytes=50_000), stop=True)
        assert (found.rows, found.cut, wire.alive) == ([], True, False)

    async def test_own_statements_are_bounded_too(self, wire: Wire) -> None:
        with pytest.raises(Malformed):
            await wire.fetch(statement("SELECT seq FROM seq_1_to_200000"))

    async def test_a_large_answer_waits_for_room(self, mariadb: MariadbServer) -> None:
        room = Room(places=1, patience_seconds=60)
        text = f"SELECT REPEAT('x', 1000) FROM seq_1_to_{LARGE_ANSWER // 250}"
        async with wired(login_to(mariadb), room=room) as first, wired(login_to(mariadb), room=room) as second:
            await rows(first, "SELECT 1")

            def nothing() -> None:
                pass

            assert room.enter(nothing)
            waiting = asyncio.create_task(rows(second, text, stop=True))
            done, _ = await asyncio.wait([waiting], timeout=0.3)
            assert not done, "there is no room"
            assert await rows(first, "SELECT 1", stop=True) == [(1,)], "a small one needs none"
            room.leave(nothing)
            assert len(await waiting) == LARGE_ANSWER // 250
            assert room.enter(nothing), "it has left again"
            room.leave(nothing)


def _count(found: Any) -> int:
    return len(found.rows.texts) if isinstance(found.rows, EncodedRows) else len(found.rows)


class TestEnds:
    async def test_each_has_its_own_time_though_they_share_a_timer(self, mariadb: MariadbServer, database: str) -> None:
        """A time that is over when its answer has come ends nobody; a shorter one does not wait for a longer one."""
        async with wired(login_to(mariadb, database)) as wire:
            text, loop = "SELECT SLEEP(?)", asyncio.get_running_loop()
            await wire.keep(statement(text, None), timeout=20)
            assert await rows(wire, text, 0, seconds=0.5) == [(0,)]
            assert await rows(wire, text, 0.8, seconds=20) == [(0,)]
            start = loop.time()
            with pytest.raises(TimeoutError):
                await rows(wire, text, 20, seconds=0.2)
            assert loop.time() - start < 4

    @pytest.mark.parametrize("how", ["deadline", "cancel"])
    async def test_a_cancel_reaches_the_server(self, mariadb: MariadbServer, how: str) -> None:
        async with wired(login_to(mariadb)) as wire:
            kept = await wire.keep(statement("SELECT SLEEP(20)"), timeout=5)
            if how == "deadline":
                with pytest.raises(TimeoutError):
                    await wire.run(kept, (), limits=Limits(), stop=True, timeout=0.2)
            else:
                running = asyncio.create_task(wire.run(kept, (), limits=Limits(), stop=True, timeout=20))

                async def started() -> bool:
                    return await _running(mariadb, "SELECT SLEEP(20)") == 1

                await until(started)
                running.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await running
            assert wire._packets.stopped, "the connection is dropped at once, not when somebody tidies up"
            assert not wire.alive
            await wire.close()

            async def ended() -> bool:
                return await _running(mariadb, "SELECT SLEEP(20)") == 0

            await until(ended, seconds=2)

    async def test_a_connection_that_is_killed_is_lost(self, mariadb: MariadbServer, wire: Wire) -> None:
        async with mariadb.session() as admin:
            await admin.execute(f"KILL {wire.thread_id}")

        async def lost() -> bool:
            return not wire.alive

        await until(lost)
        with pytest.raises(ConnectionError):
            await rows(wire, "SELECT 1")

    @pytest.mark.parametrize("how", ["close", "abort"])
    async def test_nothing_waits_for_the_deadline_of_a_connection_that_is_gone(self, wire: Wire, how: str) -> None:
        """The timer outlives an answer, but not its connection."""
        await rows(wire, "SELECT 1", seconds=60)
        packets = wire._packets
        assert packets._timer is not None
        if how == "abort":
            packets.abort()
        else:
            packets.transport.close()
            await packets.lost
        assert packets._timer is None

    async def test_a_kill_of_the_query_is_reported_and_the_connection_lives(
        self, mariadb: MariadbServer, wire: Wire
    ) -> None:
        kept = await wire.keep(statement("SELECT seq, SLEEP(0.01) FROM seq_1_to_100000"), timeout=5)
        running = asyncio.create_task(wire.run(kept, (), limits=Limits(), stop=True, timeout=20))

        async def started() -> bool:
            return await _running(mariadb, "SELECT seq, SLEEP") == 1

        await until(started)
        await Wire.kill(login_to(mariadb), wire.thread_id)
        with pytest.raises(Reported) as caught:
            await running
        assert caught.value.number == 1317
        assert await rows(wire, "SELECT 1") == [(1,)]

    async def test_close_is_idempotent_and_leaves_no_session(self, mariadb: MariadbServer) -> None:
        async with wired(login_to(mariadb)) as wire:
            await wire.close()
            await wire.close()
            assert not wire.alive
            with pytest.raises(ConnectionError):
                await wire.script("SET @a = 1")

    async def test_a_server_that_goes_away_between_prepare_and_execute(self) -> None:
        with MariadbServer() as server:
            async with wired(login_to(server)) as wire:
                kept = await wire.keep(statement("SELECT 1"), timeout=5)
                server.kill()
                with pytest.raises((ConnectionError, Malformed, Reported)):
                    await wire.run(kept, (), limits=Limits(), stop=True, timeout=5)
                assert not wire.alive


async def test_encoded_rows_are_what_the_cells_are(wire: Wire) -> None:
    text = "SELECT seq AS n, IF(seq % 3, CONCAT('\"\\\\', seq, CHAR(7 USING utf8mb4)), NULL) AS t FROM seq_1_to_500"
    cells = await rows(wire, text)
    assert [tuple(orjson.loads(item).values()) for item in await objects(wire, text)] == cells
