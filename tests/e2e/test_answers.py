"""What an answer holds and to whom, and that the operator's bounds reach the door: through the whole proxy."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar, Final

import pytest

from appsmith_proxy.gateway.encode import Encoder
from appsmith_proxy.sdk import (
    Capability,
    Driver,
    EncodedRows,
    ExecuteRequest,
    OpenContext,
    Result,
    Secret,
    hookimpl,
    replace,
)
from appsmith_proxy.testing.memory import MemoryClient, MemoryDriver, MemoryServer
from tests.e2e.conftest import MemoryPlugin
from tests.servers.http import HttpUpstream
from tests.servers.proxy import Caller, Proxy, Reply, running_proxy

FIELDS: Final = {
    # the family's
    *("statusCode", "title", "errorType", "headers", "body", "readableError", "isExecutionSuccess", "messages"),
    *("request", "dataTypes", "pluginErrorDetails"),
    # ours
    *("columns", "truncated", "executionId"),
}
LOOKUP: Final = "SELECT id, cents FROM orders WHERE id = {{ id }}"
PRICE: Final = "SELECT '1.50' AS \"price [decimal]\" FROM orders WHERE id = {{ id }}"
CANARY: Final = "canary-of-an-api-key"


async def in_both_forms(caller: Caller, action: str, **params: int) -> list[Reply]:
    """Execute as JSON and in the family's form."""
    texts = {name: (str(value), "number") for name, value in params.items()}
    return [await caller.execute(action, params), await caller.execute_form(action, texts)]


async def test_an_answer_has_exactly_these_fields(proxy: Proxy, shop: str) -> None:
    fine = await proxy.action(shop, LOOKUP, name="fine")
    broken = await proxy.action(shop, "SELECT fail('StatementInvalid')", name="broken")
    for caller in (proxy.viewer, proxy.developer):
        for reply in (*await in_both_forms(caller, fine, id=1), await caller.execute(broken)):
            assert set(reply.envelope) == {"responseMeta", "data", "errorDisplay"}
            assert set(reply.data) == FIELDS


async def test_the_request_is_shown_to_editors_alone(proxy: Proxy, shop: str) -> None:
    action = await proxy.action(shop, LOOKUP)
    for view_mode in (True, False):
        answer = await proxy.developer.execute(action, {"id": 1}, viewMode=view_mode)
        shown = {"query": "SELECT id, cents FROM orders WHERE id = ?", "executionParameters": [1]}
        assert answer.data["request"] == shown
        assert (await proxy.viewer.execute(action, {"id": 1}, viewMode=view_mode)).data["request"] is None


async def test_the_request_is_shown_as_it_was_before_credentials_were_added(proxy: Proxy) -> None:
    async with HttpUpstream() as upstream:
        api = await proxy.datasource("rest", {"url": upstream.url, "secretHeaders": {"X-Key": CANARY}})
        action = await proxy.action(api, {"method": "GET", "path": "/text/{{ what }}"})
        answer = await proxy.developer.execute(action, {"what": "a b"})
        assert upstream.last.header("X-Key") == CANARY
        assert answer.data["request"]["query"] == "GET /text/a%20b"
        assert set(answer.data["request"]) == {"query", "executionParameters"}
        assert CANARY not in answer.raw.decode()


@pytest.mark.parametrize(
    ("action_says", "call_says", "price"),
    [(None, None, '"1.50"'), ("number", None, "1.50"), ("number", "string", '"1.50"'), (None, "number", "1.50")],
)
async def test_decimals_are_texts_unless_the_action_or_the_call_asks_for_numbers(
    proxy: Proxy, shop: str, action_says: str | None, call_says: str | None, price: str
) -> None:
    said: dict[str, Any] = {} if action_says is None else {"numbers": action_says}
    action = await proxy.action(shop, PRICE, **said)
    asked: dict[str, Any] = {} if call_says is None else {"numbers": call_says}
    answer = await proxy.viewer.execute(action, {"id": 1}, **asked)
    assert f'"body":[{{"price":{price}}}]' in answer.raw.decode()


class EncodingClient(MemoryClient):
    """Answers rows that it has encoded itself, decimals as strings, unless it is told not to."""

    async def execute(self, request: ExecuteRequest) -> Result:
        """Run, then encode."""
        result = await super().execute(request)
        if not request.encode:
            return result
        return replace(result, rows=EncodedRows(Encoder().encode(result, numbers="string")[1:-1].split(b"\n")))


class EncodingDriver(MemoryDriver):
    """The reference driver, in a hurry."""

    kind: ClassVar[str] = "encoding"
    capabilities: ClassVar[frozenset[Capability]] = MemoryDriver.capabilities | {Capability.ENCODED_ROWS}

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> MemoryClient:
        """Make a Client."""
        return EncodingClient(self.server, configuration["database"], secrets.get("password"))

    @hookimpl
    def register_drivers(self) -> list[Driver]:
        """Register itself."""
        return [self]


async def test_decimals_are_numbers_of_a_driver_that_encodes_rows_too(
    paths: SimpleNamespace, memory: MemoryServer
) -> None:
    """Its own encoding has decimals as strings, so it is asked for plain rows."""
    async with running_proxy(paths.own, plugins=[EncodingDriver(memory)]) as proxy:
        shop = await proxy.datasource("encoding", {"password": memory.password})
        for action_says in ("string", "number"):
            action = await proxy.action(shop, PRICE, name=action_says, numbers=action_says)
            for call_says in (None, "string", "number"):
                asked = {} if call_says is None else {"numbers": call_says}
                answer = await proxy.viewer.execute(action, {"id": 1}, **asked)
                price = "1.50" if (call_says or action_says) == "number" else '"1.50"'
                assert f'"body":[{{"price":{price}}}]' in answer.raw.decode()


async def test_the_view_holds_what_a_front_end_needs_of_the_published_copies(proxy: Proxy, shop: str) -> None:
    asking = await proxy.action(shop, LOOKUP, name="asking", confirmBeforeExecute=True, timeoutMs=700)
    plain = await proxy.action(shop, "SELECT count(*) AS n FROM orders", name="plain")
    await proxy.action(shop, LOOKUP, name="draft", publish=False)
    draft = {"revision": 2, "name": "renamed", "confirmBeforeExecute": False, "timeoutMs": None}
    assert (await proxy.developer.call("PATCH", f"/actions/{asking}", draft)).status == 409, "published twice: 3"
    changed = await proxy.developer.call("PATCH", f"/actions/{asking}", draft | {"revision": 3})
    assert changed.status == 200, changed.envelope
    for caller in (proxy.viewer, proxy.developer):
        view = await caller.call("GET", f"/actions/view?applicationId={proxy.application_id}")
        common = {"pageId": None}
        assert sorted(view.data, key=lambda row: str(row["name"])) == [
            common
            | {
                "id": asking,
                "baseId": asking,
                "name": "asking",
                "timeoutInMillisecond": 700,
                "confirmBeforeExecute": True,
                "jsonPathKeys": ["id"],
            },
            common
            | {
                "id": plain,
                "baseId": plain,
                "name": "plain",
                "timeoutInMillisecond": 10_000,
                "confirmBeforeExecute": False,
            },
        ]


async def test_the_operator_sets_the_longest_timeout(paths: SimpleNamespace, memory: MemoryServer) -> None:
    async with running_proxy(paths.own, plugins=[MemoryPlugin(memory)], max_timeout_ms=200) as proxy:
        shop = await proxy.datasource("memory", {"password": memory.password})
        body = {
            "applicationId": proxy.application_id,
            "datasourceId": shop,
            "name": "slow",
            "configuration": {"body": "SELECT sleep(30) AS s"},
        }
        refused = await proxy.developer.call("POST", "/actions", body | {"timeoutMs": 201})
        assert refused.status == 400
        assert refused.error["details"] == [{"path": "timeoutMs", "message": "must be between 1 and 200"}]
        made = await proxy.developer.created("/actions", body | {"timeoutMs": 200})
        late = await proxy.developer.execute(made["id"], viewMode=False)
        assert late.data["statusCode"] == "ExecutionTimeout"
        assert "200 milliseconds" in late.data["readableError"]


async def test_the_operator_sets_the_sizes_of_execute_calls(paths: SimpleNamespace, memory: MemoryServer) -> None:
    async with running_proxy(
        paths.own, plugins=[MemoryPlugin(memory)], max_body_bytes=4_096, max_value_bytes=1_024
    ) as proxy:
        shop = await proxy.datasource("memory", {"password": memory.password})
        action = await proxy.action(shop, "SELECT length({{ text }}) AS n")
        for sizes, status in (([1_000], 200), ([1_100], 413), ([1_000] * 3, 200), ([1_000] * 4, 413)):
            texts = {f"text{index}" if index else "text": "x" * size for index, size in enumerate(sizes)}
            for reply in (
                await proxy.viewer.execute(action, texts),
                await proxy.viewer.execute_form(action, {name: (text, "string") for name, text in texts.items()}),
            ):
                assert reply.status == status, sizes
                assert status == 200 or reply.error["code"] == "TooLarge"


async def test_the_operator_lists_the_origins_whose_pages_may_call(paths: SimpleNamespace) -> None:
    origins = frozenset({"https://app.shop.example"})
    async with running_proxy(paths.own, allowed_origins=origins, furnish=False) as proxy:
        for origin, shown in (("https://app.shop.example", "https://app.shop.example"), ("https://evil.example", None)):
            reply = await proxy.anonymous.call("GET", "/health/live", headers={"Origin": origin})
            assert reply.headers.get("Access-Control-Allow-Origin") == shown
            assert "Access-Control-Allow-Credentials" not in reply.headers
