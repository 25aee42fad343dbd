"""The ladder, through the whole proxy: who may, what is bounded, what is retried, what becomes of failures."""

import asyncio
from types import SimpleNamespace

import pytest

from appsmith_proxy.audit.contract import AuditRecord, Copy, Intent, OutcomeRecord
from appsmith_proxy.errors import Overloaded
from appsmith_proxy.model.principal import Role
from appsmith_proxy.sdk import Disconnected, Outcome
from appsmith_proxy.testing.memory import MemoryServer
from tests.e2e.conftest import MemoryPlugin
from tests.servers.postgres import until
from tests.servers.proxy import Proxy, running_proxy

LOOKUP = "SELECT id, cents FROM orders WHERE id = {{ id }}"


def body_of(text: str) -> dict[str, str]:
    return {"body": text}


async def test_a_viewer_runs_the_published_copy_whatever_it_asks_for(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, "SELECT 'published' AS copy")
    got = (await proxy.developer.call("GET", f"/actions/{action}")).data
    reply = await proxy.developer.call(
        "PATCH", f"/actions/{action}", {"revision": got["revision"], "configuration": body_of("SELECT 'draft' AS copy")}
    )
    assert reply.status == 200, reply.envelope
    for caller, view_mode, expected in (
        (proxy.viewer, True, "published"),
        (proxy.viewer, False, "published"),
        (proxy.developer, True, "published"),
        (proxy.developer, False, "draft"),
    ):
        answer = await caller.execute(action, viewMode=view_mode)
        assert answer.data["body"] == [{"copy": expected}]
        form = await caller.execute_form(action, {}, view_mode=view_mode)
        assert form.data["body"] == [{"copy": expected}]


async def test_an_action_that_was_never_published_does_not_exist_for_viewers(proxy: Proxy, shop: str) -> None:
    draft = await proxy.action(shop, "SELECT 1 AS one", publish=False)
    absent = await proxy.viewer.execute("0" * 24)
    for view_mode in (True, False):
        reply = await proxy.viewer.execute(draft, viewMode=view_mode)
        assert reply.status == absent.status == 404
        assert reply.envelope == absent.envelope
    assert (await proxy.developer.execute(draft, viewMode=False)).data["body"] == [{"one": 1}]


async def test_another_workspace_answers_as_if_nothing_were_there(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, "SELECT 1 AS one")
    other = await proxy.administrator.created("/workspaces", {"name": "Other"})
    stranger = await proxy.caller(Role.DEVELOPER, other["id"])
    absent = await stranger.execute("0" * 24)
    reply = await stranger.execute(action)
    assert (reply.status, reply.envelope) == (absent.status, absent.envelope)
    assert reply.status == 404


async def test_a_revoked_token_is_refused_within_a_second(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, "SELECT 1 AS one")
    assert (await proxy.viewer.execute(action)).status == 200
    for token in await proxy.runtime.tokens.list():
        if token.role is Role.VIEWER:
            await proxy.runtime.tokens.revoke(token.id)

    async def refused() -> bool:
        return (await proxy.viewer.execute(action)).status == 401

    await until(refused, seconds=1)


async def test_intent_and_outcome_are_on_record_without_values(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, LOOKUP)
    reply = await proxy.viewer.execute(action, {"id": 1})
    intent, outcome = proxy.ring.of(reply.data["executionId"])
    assert isinstance(intent, Intent)
    assert (intent.action_id, intent.datasource_id, intent.copy) == (action, shop, Copy.PUBLISHED)
    assert isinstance(outcome, OutcomeRecord)
    assert (outcome.rows, outcome.error_code) == (1, None)
    assert outcome.bytes > 0


@pytest.mark.parametrize("statement", ["SELECT 1 AS one", "SELECT fail('crash')"])
async def test_work_that_is_done_is_answered_though_its_outcome_is_on_no_trail(
    proxy: Proxy, shop: str, statement: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    action = await proxy.action(shop, statement)
    keep = proxy.ring.record_now

    def only_intents(record: AuditRecord) -> None:
        if isinstance(record, Intent):
            return keep(record)
        raise MemoryError

    monkeypatch.setattr(proxy.ring, "record_now", only_intents)
    reply = await proxy.viewer.execute(action)
    assert (reply.status, reply.data["isExecutionSuccess"]) == (200, "fail" not in statement)
    assert f"the outcome of execution {reply.data['executionId']} is not on the audit trail" in caplog.text


async def test_a_driver_that_crashes_is_named_and_the_process_lives_on(proxy: Proxy, shop: str) -> None:
    crash = await proxy.action(shop, "SELECT fail('crash')")
    fine = await proxy.action(shop, "SELECT 1 AS one")
    reply = await proxy.viewer.execute(crash)
    assert reply.status == 200
    assert reply.data["statusCode"] == "DriverCrashed"
    assert (await proxy.viewer.execute(fine)).data["isExecutionSuccess"] is True


async def test_a_lost_connection_is_tried_once_more_when_it_only_reads(
    proxy: Proxy, shop: str, memory: MemoryServer
) -> None:
    action = await proxy.action(shop, LOOKUP)
    memory.script.append(Disconnected("lost", outcome=Outcome.UNKNOWN))
    assert (await proxy.viewer.execute(action, {"id": 1})).data["body"] == [{"id": 1, "cents": 1250}]
    memory.script.extend(Disconnected("lost", outcome=Outcome.UNKNOWN) for _ in range(2))
    assert (await proxy.viewer.execute(action, {"id": 1})).data["statusCode"] == "Disconnected"
    assert not memory.script


@pytest.mark.parametrize(("outcome", "runs"), [(Outcome.UNKNOWN, 1), (Outcome.ROLLED_BACK, 1), (Outcome.NOT_SENT, 2)])
async def test_a_write_is_tried_again_only_when_nothing_was_sent(
    proxy: Proxy, shop: str, memory: MemoryServer, outcome: Outcome, runs: int
) -> None:
    action = await proxy.action(shop, "UPDATE orders SET cents = cents + 1 WHERE id = {{ id }}")
    before = len(memory.log)
    memory.script.append(Disconnected("lost", outcome=outcome))
    reply = await proxy.viewer.execute(action, {"id": 1})
    assert len(memory.log) - before == runs
    assert reply.data["isExecutionSuccess"] is (runs == 2)


async def test_a_write_goes_on_when_its_caller_leaves_and_a_read_does_not(
    proxy: Proxy, shop: str, memory: MemoryServer
) -> None:
    write = await proxy.action(shop, "UPDATE orders SET cents = 99 WHERE id = 1 AND sleep(0.3) >= 0", name="write")
    read = await proxy.action(shop, "SELECT id FROM orders WHERE sleep(30) >= 0", name="read")

    async def one_runs() -> bool:
        return memory.running == 1

    async def none_runs() -> bool:
        return memory.running == 0

    for action in (write, read):
        call = asyncio.create_task(proxy.viewer.execute(action))
        await until(one_runs)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(none_runs, seconds=2)
    check = await proxy.action(shop, LOOKUP)
    assert (await proxy.viewer.execute(check, {"id": 1})).data["body"] == [{"id": 1, "cents": 99}]


async def test_the_queue_is_bounded_and_other_datasources_go_on(paths: SimpleNamespace, memory: MemoryServer) -> None:
    async with running_proxy(
        paths.own, plugins=[MemoryPlugin(memory)], max_running=1, max_waiting=1, wait_seconds=30
    ) as proxy:
        slow_shop = await proxy.datasource("memory", {"password": memory.password}, name="slow")
        fast_shop = await proxy.datasource("memory", {"password": memory.password}, name="fast")
        slow = await proxy.action(slow_shop, "SELECT sleep(0.5) AS s", name="slow")
        fast = await proxy.action(fast_shop, "SELECT 1 AS one", name="fast")
        calls = [asyncio.create_task(proxy.viewer.execute(slow)) for _ in range(6)]

        async def refused() -> bool:
            return sum(call.done() for call in calls) >= 4

        await until(refused)
        assert (await proxy.viewer.execute(fast)).data["body"] == [{"one": 1}]
        replies = await asyncio.gather(*calls)
        assert sorted(reply.status for reply in replies) == [200, 200, 503, 503, 503, 503]
        shed = next(reply for reply in replies if reply.status == 503)
        assert shed.error["code"] == "Overloaded"
        assert "Retry-After" in shed.headers
        records = proxy.ring.records()
        intents = [record for record in records if isinstance(record, Intent)]
        outcomes = [record for record in records if isinstance(record, OutcomeRecord)]
        assert {record.execution_id for record in intents} == {record.execution_id for record in outcomes}
        turned_away = [record for record in outcomes if record.error_code is Overloaded]
        assert [record.outcome for record in turned_away] == [Outcome.NOT_SENT] * 4


async def test_rows_and_bytes_are_bounded_and_it_is_said(paths: SimpleNamespace, memory: MemoryServer) -> None:
    async with running_proxy(paths.own, plugins=[MemoryPlugin(memory)], max_rows=2, max_result_bytes=100_000) as proxy:
        shop = await proxy.datasource("memory", {"password": memory.password})
        action = await proxy.action(shop, "SELECT id FROM orders ORDER BY id")
        reply = await proxy.viewer.execute(action)
        assert reply.data["body"] == [{"id": 1}, {"id": 2}]
        assert reply.data["truncated"] is True
        assert reply.data["isExecutionSuccess"] is True
        wide = await proxy.action(shop, "SELECT hex(zeroblob(40000)) AS x FROM orders", name="wide")
        cut = await proxy.viewer.execute(wide)
        assert cut.data["truncated"] is True
        assert len(cut.raw) < 200_000


async def test_a_changed_datasource_is_opened_anew(proxy: Proxy, shop: str, memory: MemoryServer) -> None:
    memory.fill("CREATE TABLE orders (id INTEGER, cents INTEGER); INSERT INTO orders VALUES (1, 5)", database="second")
    action = await proxy.action(shop, LOOKUP)
    assert (await proxy.viewer.execute(action, {"id": 1})).data["body"] == [{"id": 1, "cents": 1250}]
    present = (await proxy.developer.call("GET", f"/datasources/{shop}")).data
    changed = await proxy.developer.call(
        "PATCH",
        f"/datasources/{shop}",
        {"revision": present["revision"], "configuration": {"database": "second", "password": memory.password}},
    )
    assert changed.status == 200, changed.envelope
    assert (await proxy.viewer.execute(action, {"id": 1})).data["body"] == [{"id": 1, "cents": 5}]

    async def one_client() -> bool:
        return memory.clients == 1

    await until(one_client)


async def test_the_actions_own_words_are_told_for_a_constraint(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(
        shop,
        "UPDATE orders SET cents = {{ cents }} WHERE id = 1",
        userMessages={"ConstraintViolated": "An amount cannot be negative."},
    )
    reply = await proxy.viewer.execute(action, {"cents": "-1"})
    assert reply.data["statusCode"] == "ConstraintViolated"
    assert "An amount cannot be negative." in reply.raw.decode()


async def test_two_failures_of_one_class_look_the_same_to_a_viewer(proxy: Proxy, shop: str) -> None:
    first = await proxy.action(
        shop, "SELECT id FROM orders WHERE id = {{ a }}", parameters=[{"name": "a", "type": "integer"}]
    )
    second = await proxy.action(
        shop, "SELECT cents FROM orders WHERE id = {{ b }}", parameters=[{"name": "b", "type": "date"}]
    )
    answers = []
    for action, params in ((first, {"a": "no"}), (second, {"b": [1]})):
        data = (await proxy.viewer.execute(action, params)).data
        data.pop("executionId")
        data.pop("executionTime", None)
        answers.append(data)
    assert answers[0] == answers[1]
    assert answers[0]["isExecutionSuccess"] is False
