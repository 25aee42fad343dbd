"""What came with a key runs at most once, whatever happens to who runs it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from typing import Any

import pytest

from appsmith_proxy.errors import (
    BadResponse,
    ConnectFailed,
    ConstraintViolated,
    DriverCrashed,
    ExecutionTimeout,
    InvalidRequest,
    Outcome,
    OutcomeUnknown,
    Overloaded,
    ProxyError,
    StillRunning,
    StoreError,
    VaultError,
)
from appsmith_proxy.gateway.execution import ExecuteCall, Execution, HttpAnswer
from appsmith_proxy.gateway.idempotency import (
    DEFAULT_SECONDS,
    NOTHING_STAYS,
    ONLY_READS,
    SLACK_SECONDS,
    Idempotency,
)
from appsmith_proxy.gateway.limits import AdmissionLimits, Gate
from appsmith_proxy.gateway.runnables import Runnable
from appsmith_proxy.model.keyed_runs import KeyedRun
from appsmith_proxy.model.plan import Plan
from appsmith_proxy.model.principal import Principal, Role, User
from appsmith_proxy.model.records import Action, ActionCopy, Datasource
from appsmith_proxy.sdk import Limits
from appsmith_proxy.store.codec import encode
from appsmith_proxy.store.contract import Change
from appsmith_proxy.store.memory import MemoryData, MemoryStore
from appsmith_proxy.testing.memory import MemoryDriver

DATASOURCE = Datasource(id="d" * 24, workspace_id="w" * 24, name="shop", kind="memory")
COPY = ActionCopy(
    datasource_id=DATASOURCE.id,
    name="add",
    configuration={},
    user_messages={"orders_pkey": "That order exists already.", "BadResponse": "The shop is closed."},
)
ACTION = Action(id="a" * 24, workspace_id="w" * 24, application_id="b" * 24, draft=COPY, published=replace(COPY))
PLAN = Plan(kind="memory", steps=(), bindings=(), parameters={}, writes=True, read_only=False, digest="cd" * 32)
TIMEOUT = 10.0


def runnable(*, writes: bool = True, draft: bool = False, action: Action = ACTION) -> Runnable:
    copy = action.draft if draft else action.published
    assert copy is not None
    return Runnable(
        action=action,
        copy=copy,
        plan=replace(PLAN, writes=writes),
        datasource=DATASOURCE,
        driver=MemoryDriver(),
        gate=Gate(AdmissionLimits()),
        limits=Limits(),
        timeout=TIMEOUT,
        scope="",
    )


def call(key: str = "order 17", *, caller: str = "c" * 24, dry_run: bool = False, **params: Any) -> ExecuteCall:
    principal = Principal(id=caller, role=Role.VIEWER, workspace_id="w" * 24, user=User())
    return ExecuteCall(
        principal=principal,
        action_id=ACTION.id,
        view_mode=True,
        params=params,
        dry_run=dry_run,
        idempotency_key=key,
    )


class Here:
    """One process's room, and a datasource that counts what reaches it."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.now = 1_700_000_000.0
        self.room = Idempotency(store, clock=lambda: self.now)
        self.ran = 0
        self.told: list[ProxyError | None] = []
        self.answer: Execution | BaseException = Execution(id="", body=b'[{"id":4711}]', affected=3)

    async def work(self) -> Execution:
        self.ran += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return replace(self.answer, id=f"execution {self.ran}")

    async def not_run(self, error: ProxyError | None) -> None:
        self.told.append(error)

    async def run(self, asked: ExecuteCall, what: Runnable | None = None, work: Any = None) -> Execution:
        return await self.room.run(
            asked, what or runnable(), "the execution's id", work or self.work, self.not_run, editor=True
        )

    async def stored(self) -> list[KeyedRun]:
        return [run async for run in self.store.scan(KeyedRun)]


@pytest.fixture
async def here() -> AsyncIterator[Here]:
    async with MemoryStore() as store:
        room = Here(store)
        yield room
        await room.room.finish()


async def test_a_repeat_answers_status_and_count_and_does_not_run(here: Here) -> None:
    first = await here.run(call())
    again = await here.run(call())
    assert (first.body, first.messages) == (b'[{"id":4711}]', ())
    assert (again.body, again.affected, again.error) == (b'[{"affectedRows":3}]', 3, None)
    assert "not run again" in again.messages[0]
    assert again.data_types == ("TABLE", "JSON", "RAW")
    assert (here.ran, here.told) == (1, [None])


async def test_an_api_s_status_is_answered_again(here: Here) -> None:
    http = HttpAnswer(status=201, reason="Created", headers=(("X-Secret", "canary"),), binary=False)
    here.answer = Execution(id="", body=b'{"id":1}', http=http)
    await here.run(call())
    again = await here.run(call())
    assert again.http == HttpAnswer(status=201, reason="", headers=(), binary=False)
    assert again.body == b"null"
    here.answer = Execution(id="", body=b"{}", http=replace(http, status=503), error=BadResponse("no"))
    await here.run(call("another"))
    failed = await here.run(call("another"))
    assert isinstance(failed.error, BadResponse)
    assert (failed.error.native_code, failed.user_message) == ("503", "The shop is closed.")
    assert here.ran == 2


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConstraintViolated("canary", outcome=Outcome.ROLLED_BACK, native_message="canary"), Outcome.ROLLED_BACK),
        (ExecutionTimeout("canary", outcome=Outcome.UNKNOWN), Outcome.UNKNOWN),
        (DriverCrashed("canary"), None),
    ],
)
async def test_a_failure_is_answered_again(here: Here, error: ProxyError, outcome: Outcome | None) -> None:
    here.answer = Execution(id="", error=error)
    await here.run(call())
    again = await here.run(call())
    assert type(again.error) is type(error)
    assert getattr(again.error, "outcome", None) is outcome
    assert "canary" not in str(again.error)
    assert here.ran == 1


async def test_a_constraint_that_the_action_has_words_for_is_remembered(here: Here) -> None:
    for name, words in (("orders_pkey", "That order exists already."), ("another", None)):
        here.answer = Execution(id="", error=ConstraintViolated("x", outcome=Outcome.ROLLED_BACK, constraint=name))
        await here.run(call(name))
        assert (await here.run(call(name))).user_message == words


async def test_a_driver_s_own_error_is_answered_as_what_it_is_of(here: Here) -> None:
    class Peculiar(BadResponse):
        def __init__(self) -> None:
            super().__init__("peculiar", outcome=Outcome.ROLLED_BACK)

    here.answer = Execution(id="", error=Peculiar())
    await here.run(call())
    assert type((await here.run(call())).error) is BadResponse


@pytest.mark.parametrize(
    "answer",
    [
        Execution(id="", error=ConnectFailed("x", outcome=Outcome.NOT_SENT)),
        Execution(id="", error=InvalidRequest("values are missing")),
        Overloaded("full"),
        VaultError("the secret does not open"),
    ],
    ids=lambda answer: type(getattr(answer, "error", answer)).__name__,
)
async def test_what_was_never_sent_frees_the_key(here: Here, answer: Execution | BaseException) -> None:
    good, here.answer = here.answer, answer
    if isinstance(answer, BaseException):
        with pytest.raises(type(answer)):
            await here.run(call())
    else:
        assert (await here.run(call())).error is answer.error
    assert await here.stored() == []
    here.answer = good
    assert (await here.run(call())).affected == 3
    assert here.ran == 2


async def test_of_two_at_once_one_runs_and_the_other_is_told_to_ask_again(here: Here) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Execution:
        begun.set()
        await go_on.wait()
        return await here.work()

    first = asyncio.create_task(here.run(call(), work=slow))
    await begun.wait()
    with pytest.raises(StillRunning) as caught:
        await here.run(call())
    assert caught.value.retryable
    assert here.told == [caught.value]
    go_on.set()
    await first
    assert (await here.run(call())).affected == 3
    assert here.ran == 1


async def test_a_crowd_runs_once(here: Here) -> None:
    answers = await asyncio.gather(*(here.run(call()) for _ in range(20)), return_exceptions=True)
    assert here.ran == 1
    assert all(isinstance(answer, Execution | StillRunning) for answer in answers)


@pytest.mark.parametrize("lost", [asyncio.CancelledError(), RuntimeError("a defect")], ids=["cancelled", "defect"])
async def test_what_is_lost_is_not_run_again(here: Here, lost: BaseException) -> None:
    good, here.answer = here.answer, lost
    with pytest.raises(type(lost)):
        await here.run(call())
    here.answer = good
    with pytest.raises(OutcomeUnknown) as caught:
        await here.run(call())
    assert not caught.value.retryable
    here.now += DEFAULT_SECONDS + 1
    assert (await here.run(call())).affected == 3
    assert here.ran == 2


async def test_a_process_that_died_leaves_a_run_whose_outcome_is_unknown(here: Here) -> None:
    data = MemoryData()
    async with MemoryStore(data) as its:
        dead = Here(its)
        doomed = asyncio.create_task(dead.run(call(), work=asyncio.Event().wait))
        while not await dead.stored():
            await asyncio.sleep(0)
        async with MemoryStore(data) as ours:
            alive = Here(ours)
            with pytest.raises(StillRunning):
                await alive.run(call())
            alive.now += TIMEOUT + SLACK_SECONDS - 1
            with pytest.raises(StillRunning):
                await alive.run(call())
            alive.now += 1
            with pytest.raises(OutcomeUnknown):
                await alive.run(call())
            alive.now += DEFAULT_SECONDS
            assert (await alive.run(call())).affected == 3
        doomed.cancel()
        await asyncio.wait({doomed})


async def test_what_runs_is_not_forgotten_while_it_may_still_run(here: Here) -> None:
    here.room = Idempotency(here.store, seconds=1, clock=lambda: here.now)
    begun = asyncio.Event()

    async def stay() -> Execution:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.create_task(here.run(call(), work=stay))
    await begun.wait()
    here.now += TIMEOUT + SLACK_SECONDS - 1
    await here.room.sweep()
    with pytest.raises(StillRunning):
        await here.run(call())
    task.cancel()
    await asyncio.wait({task})


async def test_after_its_time_a_key_is_as_good_as_new(here: Here) -> None:
    await here.run(call())
    here.now += DEFAULT_SECONDS - 1
    await here.run(call())
    assert here.ran == 1
    here.now += 1
    await here.run(call())
    assert here.ran == 2
    await here.run(call())
    assert here.ran == 2


async def test_a_key_is_its_caller_s_its_action_s_and_its_copy_s_own(here: Here) -> None:
    other = replace(ACTION, id="e" * 24)
    for asked, what in (
        (call(), runnable()),
        (call("order 18"), runnable()),
        (call(caller="f" * 24), runnable()),
        (call(), runnable(draft=True)),
        (call(), runnable(action=other)),
        (call(), runnable(action=replace(ACTION, workspace_id="v" * 24))),
    ):
        await here.run(asked, what)
        await here.run(asked, what)
    assert here.ran == 6


async def test_parts_of_a_key_do_not_run_into_each_other(here: Here) -> None:
    await here.run(call("b", caller="a"), runnable(action=replace(ACTION, workspace_id="x")))
    await here.run(call("b", caller="xa"), runnable(action=replace(ACTION, workspace_id="")))
    assert here.ran == 2


async def test_a_repeat_after_publishing_is_still_a_repeat(here: Here) -> None:
    await here.run(call())
    published = replace(ACTION, published=replace(COPY, name="renamed"), revision=7)
    await here.run(call(), runnable(action=published))
    assert here.ran == 1


@pytest.mark.parametrize(("writes", "dry_run", "why"), [(False, False, ONLY_READS), (True, True, NOTHING_STAYS)])
async def test_a_key_is_ignored_where_nothing_is_written(here: Here, *, writes: bool, dry_run: bool, why: str) -> None:
    for _ in range(2):
        answer = await here.run(call(dry_run=dry_run), runnable(writes=writes))
        assert answer.messages == (why,)
    assert here.ran == 2
    assert await here.stored() == []


async def test_no_value_is_stored(here: Here) -> None:
    here.answer = Execution(
        id="",
        body=b'[{"id":"canary"}]',
        columns=b"canary",
        messages=("canary",),
        http=HttpAnswer(status=200, reason="canary", headers=(("canary", "canary"),), binary=False),
        error=ConstraintViolated(
            "canary", hint="canary", native_code="canary", native_message="canary", constraint="canary"
        ),
        user_message="canary",
    )
    await here.run(call("canary", value="canary"))
    (run,) = await here.stored()
    assert run.end is not None
    assert b"canary" not in encode(run).document
    assert {field.name for field in fields(run.end)} == {"affected", "status", "error_code", "outcome", "constraint"}


class Failing(MemoryStore):
    """A store that stops answering after so many commits."""

    def __init__(self, commits: int) -> None:
        super().__init__()
        self.commits = commits

    async def commit(self, *changes: Change) -> int:
        self.commits -= 1
        if self.commits < 0:
            raise StoreError("the store does not answer")
        return await super().commit(*changes)


async def test_without_the_store_nothing_runs() -> None:
    async with Failing(0) as store:
        here = Here(store)
        with pytest.raises(StoreError):
            await here.run(call())
        assert here.ran == 0
        assert len(here.told) == 1


async def test_an_outcome_that_cannot_be_stored_is_answered_and_unknown_later(caplog: pytest.LogCaptureFixture) -> None:
    async with Failing(1) as store:
        here = Here(store)
        assert (await here.run(call())).affected == 3
        assert "was not stored" in caplog.text
        store.commits = 100
        here.now += TIMEOUT + SLACK_SECONDS
        with pytest.raises(OutcomeUnknown):
            await here.run(call())
        assert here.ran == 1


async def test_sweeping_removes_what_has_expired_and_nothing_else(here: Here) -> None:
    for number in range(250):
        await here.run(call(f"old {number}"))
    here.now += DEFAULT_SECONDS / 2
    for number in range(20):
        await here.run(call(f"new {number}"))
    here.now += DEFAULT_SECONDS / 2
    await here.room.sweep()
    assert len(await here.stored()) == 20
    await here.room.sweep()
    assert len(await here.stored()) == 20


async def test_sweeping_is_bounded_and_goes_on_where_it_ended(here: Here) -> None:
    for number in range(1_100):
        await here.run(call(str(number)))
    here.now += DEFAULT_SECONDS
    await here.room.sweep()
    assert len(await here.stored()) == 100
    await here.room.sweep()
    assert await here.stored() == []
