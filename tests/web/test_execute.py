"""The execute call: both wire forms, what is answered, and what a viewer may not see of a failure."""

import json
from typing import Any

import pytest

from appsmith_proxy.errors import (
    AuditUnavailable,
    ConstraintViolated,
    ContractBroken,
    DriverCrashed,
    IncompatibleDriver,
    Overloaded,
    ParameterInvalid,
    Problem,
    ProxyError,
    StatementInvalid,
    StoreStale,
    VaultError,
    all_errors,
)
from appsmith_proxy.gateway.execution import ExecuteCall, Execution, HttpAnswer, ShownRequest
from appsmith_proxy.model.principal import Role
from appsmith_proxy.sdk import replace
from appsmith_proxy.web.answers_execution import ExecutionAnswer
from appsmith_proxy.web.bodies import LARGE_BYTES, SMALL_BYTES
from tests.web.client import Client
from tests.web.fakes import ACTION, CANARIES, NOBODY, FakeRuntime, rows

FIELDS = set(ExecutionAnswer.model_json_schema(by_alias=True)["properties"])


def body(**more: Any) -> dict[str, Any]:
    return {"actionId": ACTION, **more}


async def test_answers_rows_with_the_familys_fields(client: Client, runtime: FakeRuntime) -> None:
    answered = await client.call("POST", "/actions/execute", body(viewMode=True, params={"id": 1}), token="viewer")
    assert answered.status == 200
    data = answered.data
    assert set(data) == FIELDS
    assert data["isExecutionSuccess"] is True
    assert data["body"] == [{"id": 1}]
    assert data["columns"] == [{"name": "id", "type": "integer"}]
    assert data["dataTypes"] == [{"dataType": "TABLE"}, {"dataType": "JSON"}, {"dataType": "RAW"}]
    assert data["request"] is None
    assert data["truncated"] is False
    (call,) = runtime.executor.calls
    assert (call.action_id, call.view_mode, call.params, call.family, call.numbers) == (
        ACTION,
        True,
        {"id": 1},
        False,
        None,
    )
    assert call.principal.role is Role.VIEWER


async def test_view_mode_is_off_unless_asked_for(client: Client, runtime: FakeRuntime) -> None:
    await client.call("POST", "/actions/execute", body())
    await client.execute_form([("executeActionDTO", json.dumps(body()).encode())])
    assert [call.view_mode for call in runtime.executor.calls] == [False, False]


async def test_both_forms_of_one_call_reach_the_executor_alike(client: Client, runtime: FakeRuntime) -> None:
    params = {"id": 5, "q": "it's", "tags": ["a", None], "on": True, "none": None}
    await client.call("POST", "/actions/execute", body(viewMode=True, params=params), token="viewer")
    words = {"id": "number", "q": "string", "tags": {"array": ["string"]}, "on": "boolean", "none": "null"}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
    metadata = body(
        viewMode=True,
        paramProperties={f"k{at}": {"datatype": words[name], "blobIdentifiers": []} for at, name in enumerate(params)},
        analyticsProperties={"isUserInitiated": False},
    )
    answered = await client.execute_form(
        [
            *((f"k{at}", texts[name].encode()) for at, name in enumerate(params)),
            ("parameterMap", json.dumps({name: f"k{at}" for at, name in enumerate(params)}).encode()),
            ("executeActionDTO", json.dumps(metadata).encode()),
        ]
    )
    assert answered.status == 200
    first, second = runtime.executor.calls
    assert second.family
    assert replace(second, family=False) == first


async def test_a_captured_request_of_real_clients_is_read(client: Client, runtime: FakeRuntime) -> None:
    metadata = (
        b'{"actionId":"%b","viewMode":true,"paramProperties":{"k0":{"datatype":"string","blobIdentifiers":[]}},'
        b'"analyticsProperties":{"isUserInitiated":false}}' % ACTION.encode()
    )
    answered = await client.execute_form(
        [("executeActionDTO", metadata), ("parameterMap", b'{"Input1.text":"k0"}'), ("k0", b"x")]
    )
    assert answered.status == 200
    assert runtime.executor.calls[0].params == {"Input1.text": "x"}


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ({"actionId": "x"}, "actionId"),
        ({}, "actionId"),
        (body(viewMode="true"), "viewMode"),
        (body(viewMode=None), "viewMode"),
        (body(params=[]), "params"),
        (body(numbers="float"), "numbers"),
        (body(analyticsProperties={}), "analyticsProperties"),
        (body(statement="SELECT 1"), "statement"),
    ],
)
async def test_refuses_bad_bodies(client: Client, runtime: FakeRuntime, sent: Any, problem: str) -> None:
    answered = await client.call("POST", "/actions/execute", sent)
    assert (answered.status, answered.paths) == (400, {problem})
    assert runtime.executor.calls == []


async def test_an_action_that_is_not_there_is_not_found(client: Client) -> None:
    answered = await client.call("POST", "/actions/execute", body() | {"actionId": NOBODY}, token="viewer")
    assert (answered.status, answered.error["code"]) == (404, "NotFound")
    assert "words of its own" not in answered.error["message"]


async def test_an_overloaded_datasource_is_a_failed_request(client: Client, runtime: FakeRuntime) -> None:
    def refuse(call: ExecuteCall) -> Execution:
        raise Overloaded("the queue is full", hint="try again")

    runtime.executor.answer = refuse
    answered = await client.call("POST", "/actions/execute", body())
    assert (answered.status, answered.headers["Retry-After"]) == (503, "1")


async def test_editors_see_the_request_native_types_and_messages(client: Client, runtime: FakeRuntime) -> None:
    def answer(call: ExecuteCall) -> Execution:
        return replace(
            rows(call),
            request=ShownRequest(query="SELECT $1", execution_parameters=({"name": "id", "value": 1},)),
            messages=("two columns were called id",),
            truncated=True,
            columns=b'[{"name":"id_2","type":"text","nativeType":"varchar"}]',
            data_types=("X",),
        )

    runtime.executor.answer = answer
    data = (await client.call("POST", "/actions/execute", body(), token="developer")).data
    assert data["request"] == {"query": "SELECT $1", "executionParameters": [{"name": "id", "value": 1}]}
    assert data["columns"] == [{"name": "id_2", "type": "text", "nativeType": "varchar"}]
    assert (data["truncated"], data["messages"]) == (True, ["two columns were called id"])
    assert data["dataTypes"] == [{"dataType": "X"}]
    viewers = (await client.call("POST", "/actions/execute", body(), token="viewer")).data
    assert viewers["request"] is None


async def test_an_api_answers_with_its_status_line_and_headers(client: Client, runtime: FakeRuntime) -> None:
    http = HttpAnswer(
        status=200,
        reason="",
        headers=(("X-A", "1"), ("X-A", "2"), ("x-appsmith-datatype", "FORGED")),
        binary=True,
    )
    runtime.executor.answer = lambda call: replace(rows(call), http=http, body=b'"AAE="')
    data = (await client.call("POST", "/actions/execute", body())).data
    assert data["statusCode"] == "200 OK"
    assert data["headers"] == {"X-A": ["1", "2"], "X-APPSMITH-DATATYPE": ["BINARY"]}
    assert data["body"] == "AAE="


async def test_where_an_api_is_is_for_editors_to_know(client: Client, runtime: FakeRuntime) -> None:
    told = {"Location": "http://10.0.0.5:8080/things/7", "SERVER": "Thing/1.2", "Via": "1.1 gate", "X-Total": "7"}
    http = HttpAnswer(status=201, reason="Created", headers=tuple(told.items()), binary=False)
    runtime.executor.answer = lambda call: replace(rows(call), http=http)
    editors = await client.call("POST", "/actions/execute", body(), token="developer")
    assert editors.data["headers"] == {name: [value] for name, value in told.items()}
    viewers = await client.call("POST", "/actions/execute", body(), token="viewer")
    assert viewers.data["headers"] == {"X-Total": ["7"]}


async def test_bytes_of_no_encoding_do_not_break_an_answer(client: Client, runtime: FakeRuntime) -> None:
    http = HttpAnswer(status=200, reason="O\udcff", headers=(("X-\udcfe", "a\udcff"),), binary=False)
    runtime.executor.answer = lambda call: replace(rows(call), http=http, messages=("m\udcff",))
    data = (await client.call("POST", "/actions/execute", body())).data
    assert (data["statusCode"], data["headers"], data["messages"]) == ("200 O?", {"X-?": ["a?"]}, ["m?"])
    error = StatementInvalid("no", native_message="near \udcff")
    shown = ShownRequest(query="q\udcff", execution_parameters=(2**70, None, True, 1.5, ["\udcff"]))
    runtime.executor.answer = lambda call: replace(rows(call), error=error, request=shown)
    data = (await client.call("POST", "/actions/execute", body())).data
    assert data["body"] == "near ?"
    assert data["request"] == {"query": "q?", "executionParameters": [str(2**70), None, True, 1.5, ["?"]]}


FAILURE = ConstraintViolated(
    "the value of sku must be unique",
    hint=CANARIES["hint"],
    details=(Problem("params.sku", "is taken"),),
    native_code="23505",
    native_message=CANARIES["native"],
    constraint="items_sku_key",
)


def failing(call: ExecuteCall) -> Execution:
    return replace(
        rows(call),
        body=b"null",
        error=FAILURE,
        request=ShownRequest(query=CANARIES["statement"]),
    )


async def test_a_failed_query_is_an_answer(client: Client, runtime: FakeRuntime) -> None:
    runtime.executor.answer = failing
    answered = await client.call("POST", "/actions/execute", body(), token="developer")
    assert (answered.status, answered.json["responseMeta"]["success"]) == (200, True)
    data = answered.data
    assert set(data) == FIELDS
    assert (data["isExecutionSuccess"], data["statusCode"]) == (False, "ConstraintViolated")
    assert data["body"] == CANARIES["native"]
    assert data["messages"] == [CANARIES["hint"], "params.sku: is taken"]
    assert data["request"]["query"] == CANARIES["statement"]
    assert data["pluginErrorDetails"] == {
        "title": FAILURE.title,
        "errorType": "BAD_REQUEST",
        "appsmithErrorCode": "ConstraintViolated",
        "appsmithErrorMessage": "the value of sku must be unique",
        "downstreamErrorCode": "23505",
        "downstreamErrorMessage": CANARIES["native"],
        "outcome": "unknown",
    }


async def test_a_viewer_gets_the_code_the_title_and_the_actions_own_words(client: Client, runtime: FakeRuntime) -> None:
    runtime.executor.answer = failing
    answered = await client.call("POST", "/actions/execute", body(), token="viewer")
    data = answered.data
    assert (data["statusCode"], data["title"], data["body"]) == ("ConstraintViolated", FAILURE.title, FAILURE.title)
    assert (data["request"], data["messages"], data["headers"]) == (None, [], None)
    assert data["pluginErrorDetails"]["downstreamErrorCode"] is None
    assert data["pluginErrorDetails"]["downstreamErrorMessage"] is None
    for canary in (*CANARIES.values(), "sku", "23505"):
        assert canary.encode() not in answered.body
    runtime.executor.answer = lambda call: replace(failing(call), user_message="This number is taken.")
    data = (await client.call("POST", "/actions/execute", body(), token="viewer")).data
    assert data["body"] == data["readableError"] == "This number is taken."


async def test_a_viewers_failures_of_one_class_differ_in_the_id_alone(client: Client, runtime: FakeRuntime) -> None:
    http = HttpAnswer(status=500, reason="", headers=(("X", CANARIES["native"]),), binary=False)
    seen = []
    for error in (
        ParameterInvalid("one", native_message="a", parameter=1, hint="h"),
        ParameterInvalid("two", native_code="42", details=(Problem("params.x", "y"),)),
    ):
        runtime.executor.answer = lambda call, error=error: replace(  # type: ignore[misc]  # reason: binds the loop's error
            rows(call), error=error, http=http, body=b'"the body"', truncated=True, messages=("m",)
        )
        data = (await client.call("POST", "/actions/execute", body(), token="viewer")).data
        del data["executionId"]
        seen.append(data)
    assert seen[0] == seen[1]
    assert "the body" not in json.dumps(seen[0])


async def test_editors_see_the_body_of_an_api_that_failed(client: Client, runtime: FakeRuntime) -> None:
    http = HttpAnswer(status=404, reason="Not Found", headers=(("X", "1"),), binary=False)
    runtime.executor.answer = lambda call: replace(rows(call), error=FAILURE, http=http, body=b'{"why":"gone"}')
    data = (await client.call("POST", "/actions/execute", body(), token="developer")).data
    assert (data["body"], data["headers"]) == ({"why": "gone"}, {"X": ["1"]})


@pytest.mark.parametrize("kind", list(all_errors()), ids=lambda kind: str(kind.__name__))
async def test_every_error_can_be_a_failed_query(client: Client, runtime: FakeRuntime, kind: Any) -> None:
    runtime.executor.answer = lambda call: replace(rows(call), error=kind("message"))
    for token in ("viewer", "developer"):
        answered = await client.call("POST", "/actions/execute", body(), token=token)
        assert answered.data["statusCode"] == kind.__name__
        assert set(answered.data) == FIELDS


@pytest.mark.parametrize("kind", [IncompatibleDriver, ContractBroken, VaultError, StoreStale, AuditUnavailable])
async def test_what_is_wrong_with_the_proxy_is_for_editors_to_know(
    client: Client, runtime: FakeRuntime, kind: type[ProxyError]
) -> None:
    error = kind(CANARIES["native"], hint=CANARIES["hint"], details=(Problem("kind", "postgres"),))

    def fail(call: ExecuteCall) -> Execution:
        raise error

    runtime.executor.answer = fail
    editors = await client.call("POST", "/actions/execute", body(), token="developer")
    assert editors.error["hint"] == CANARIES["hint"]
    viewers = await client.call("POST", "/actions/execute", body(), token="viewer")
    assert (viewers.status, viewers.error["code"]) == (editors.status, editors.error["code"])
    assert viewers.error["message"] == kind.title
    assert not {"hint", "details"} & viewers.error.keys()


async def test_a_crashed_driver_is_named_to_nobody(
    client: Client, runtime: FakeRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(call: ExecuteCall) -> Execution:
        raise DriverCrashed("the driver crashed; the log names the place")

    runtime.executor.answer = crash
    answered = await client.call("POST", "/actions/execute", body(), token="viewer")
    assert answered.status == 500
    assert answered.headers["X-Request-Id"] in caplog.text


@pytest.mark.parametrize("size", [100, LARGE_BYTES, SMALL_BYTES + 1])
@pytest.mark.parametrize("more", [{}, {"numbers": "string"}], ids=["plain", "other"])
async def test_large_calls_are_told_apart(
    client: Client, runtime: FakeRuntime, size: int, more: dict[str, Any]
) -> None:
    sent = body(viewMode=True, params={"x": "a" * size}, **more)
    assert (await client.call("POST", "/actions/execute", sent, token="viewer")).status == 200
    (call,) = runtime.executor.calls
    assert call.large is (size > 100)


async def test_an_execution_takes_no_query(client: Client, runtime: FakeRuntime) -> None:
    answered = await client.call("POST", "/actions/execute?x=1", {"actionId": ACTION})
    assert answered.status == 400
    assert runtime.executor.calls == []
