"""What came with a key runs at most once, and a repeat is told what became of it: status and count, no value."""

import asyncio
from dataclasses import fields

import pytest

from appsmith_proxy.errors import (
    BadResponse,
    ConnectFailed,
    ConstraintViolated,
    DriverCrashed,
    ExecutionTimeout,
    InvalidRequest,
    Outcome,
    Overloaded,
    ProxyError,
    StillRunning,
    VaultError,
)
from appsmith_proxy.gateway.execution import Execution, HttpAnswer
from appsmith_proxy.gateway.idempotency import NOTHING_STAYS, ONLY_READS
from appsmith_proxy.sdk import replace
from appsmith_proxy.store.codec import encode
from tests.unit.gateway.keyed import ACTION, COPY, Here, call, runnable


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
