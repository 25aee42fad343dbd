"""The compiler's decisions are explained to editors before anything is saved."""

from typing import Any, Final

import pytest

from appsmith_proxy.model.principal import Role
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy, Reply

BODY: Final = """SELECT id, cents /* {{ ignored }} */
FROM orders
WHERE customer LIKE '%{{ q }}%'
  [[ AND cents > {{ least }} AND customer <> {{ appsmith.user.email }} ]]
ORDER BY {{ column }}"""
DYNAMIC: Final = BODY.replace(" AND customer <> {{ appsmith.user.email }}", "")
COLUMN: Final = {"name": "column", "type": "identifier", "choices": ["id", "cents"], "default": "id"}


async def compiled(
    proxy: Proxy, datasource_id: str, body: Any, parameters: tuple[dict[str, Any], ...] = (), **fields: Any
) -> dict[str, Any]:
    """Compile as a developer."""
    asked = {"datasourceId": datasource_id, "configuration": {"body": body}, "parameters": [*parameters], **fields}
    reply = await proxy.developer.call("POST", "/actions/compile", asked)
    assert reply.status == 200, reply.envelope
    found: dict[str, Any] = reply.data
    return found


@pytest.fixture
async def orders(proxy: Proxy, postgres: PostgresServer) -> str:
    """A datasource of a real PostgreSQL with a table of orders."""
    database = await postgres.fresh_database()
    async with postgres.session(database) as session:
        await session.execute("CREATE TABLE orders (id integer, cents bigint, customer text)")
    return await proxy.datasource("postgres", postgres.configuration(database, password=postgres.password))


async def test_every_statement_is_shown_with_when_it_is_sent(proxy: Proxy, orders: str) -> None:
    plan = await compiled(proxy, orders, DYNAMIC, (COLUMN,))
    assert (plan["compiles"], plan["checked"], plan["problems"]) == (True, True, [])
    assert (plan["writes"], plan["readOnly"]) == (False, True)
    assert [(row["name"], row["source"]) for row in plan["bindings"]] == [
        ("ignored", "client"),
        ("q", "client"),
        ("least", "client"),
        ("column", "client"),
    ]
    (step,) = plan["steps"]
    assert step["statementCount"] == 4
    assert [(row["blocks"], row["choices"]["column"]) for row in step["statements"]] == [
        ([], "id"),
        ([], "cents"),
        ([0], "id"),
        ([0], "cents"),
    ]
    first, *_, last = step["statements"]
    assert last["text"].split()[-6:] == ["AND", "cents", ">", "$2", "ORDER", "BY", '"cents"'][-6:]
    assert "cents >" not in first["text"]
    assert last["reported"] == {
        "parameterTypes": ["text", "int8"],
        "columns": [{"name": "id", "nativeType": "int4"}, {"name": "cents", "nativeType": "int8"}],
    }


async def test_slots_blocks_and_choosers_are_shown_where_the_author_wrote_them(proxy: Proxy, orders: str) -> None:
    (step,) = (await compiled(proxy, orders, DYNAMIC, (COLUMN,)))["steps"]
    path = "configuration.body"
    assert step["blocks"] == [
        {"opener": "AND", "names": ["least"], "spot": {"path": path, "line": 4, "column": 3}},
    ]
    assert step["choosers"] == [
        {"name": "column", "options": ["id", "cents"], "blocks": [], "spot": {"path": path, "line": 5, "column": 10}}
    ]
    assert step["statements"][-1]["slots"] == [
        {
            "name": "q",
            "source": "client",
            "type": None,
            "transform": "like",
            "place": "sql",
            "spot": {"path": path, "line": 3, "column": 23},
        },
        {
            "name": "least",
            "source": "client",
            "type": None,
            "transform": "none",
            "place": "sql",
            "spot": {"path": path, "line": 4, "column": 18},
        },
    ]


async def test_every_problem_comes_back_with_its_place_and_what_would_work(proxy: Proxy, orders: str) -> None:
    plan = await compiled(proxy, orders, BODY, (COLUMN,))
    assert (plan["compiles"], plan["checked"], plan["digest"], plan["steps"]) == (False, False, None, [])
    (problem,) = plan["problems"]
    assert (problem["line"], problem["column"]) == (4, 3)
    assert "appsmith.user.email" in problem["message"]
    assert problem["hint"] == "move it out of the block"


async def test_what_the_datasource_refuses_is_placed_in_the_authors_text(proxy: Proxy, orders: str) -> None:
    body = (
        "SELECT id\nFROM orders\nWHERE customer LIKE '%{{ q }}%'\n  [[ AND missing = {{ x }} ]]\nORDER BY {{ column }}"
    )
    plan = await compiled(proxy, orders, body, (COLUMN,))
    assert (plan["compiles"], plan["checked"]) == (True, False)
    assert len(plan["problems"]) == 2, "once for each order, with the block in"
    for problem, order in zip(plan["problems"], ("id", "cents"), strict=True):
        assert (problem["line"], problem["column"]) == (4, 10), problem
        assert problem["message"].startswith(
            f"the datasource refuses the statement with {{{{x}}}}; {{{{column}}}} = {order}: "
        )
        assert "missing" in problem["message"]
    shown = plan["steps"][0]["statements"]
    assert [row["reported"] is None for row in shown] == [False, False, True, True]


async def test_publishing_tells_which_form_would_fail_and_where(proxy: Proxy, orders: str) -> None:
    body = "SELECT id FROM orders\nWHERE id > {{ id }}\n[[ AND missing = {{ x }} ]]"
    reply = await proxy.developer.call(
        "POST",
        "/actions",
        {
            "applicationId": proxy.application_id,
            "datasourceId": orders,
            "name": "broken",
            "configuration": {"body": body},
        },
    )
    assert reply.status == 400
    (problem,) = reply.error["details"]
    assert (problem["line"], problem["column"]) == (3, 8)
    assert "with {{x}}" in problem["message"]


async def test_a_datasource_that_is_down_is_a_warning(proxy: Proxy) -> None:
    down = {
        "host": "127.0.0.1",
        "port": 1,
        "database": "d",
        "username": "u",
        "tlsMode": "disable",
        "password": "pw-1234",
    }
    datasource = await proxy.datasource("postgres", down)
    plan = await compiled(proxy, datasource, "SELECT {{ x }} AS one")
    assert (plan["compiles"], plan["checked"]) == (True, False)
    assert any("ConnectFailed" in warning for warning in plan["warnings"])
    assert plan["steps"][0]["statements"][0]["reported"] is None


async def test_requests_are_explained_too(proxy: Proxy) -> None:
    api = await proxy.datasource("rest", {"url": "http://127.0.0.1:1"})
    configuration = {
        "method": "POST",
        "path": "/orders/{{ id }}",
        "query": [{"name": "q", "value": "a {{ q }}"}],
        "bodyType": "json",
        "body": '{\n  "name": {{ name }}, "text": "x {{ id }}"\n}',
    }
    reply = await proxy.developer.call(
        "POST", "/actions/compile", {"datasourceId": api, "configuration": configuration}
    )
    (step,) = reply.data["steps"]
    shown = {(slot["name"], slot["place"], slot["spot"]["path"], slot["spot"]["line"]) for slot in step["slots"]}
    assert shown == {
        ("id", "url_path", "configuration.path", 1),
        ("q", "query", "configuration.query", 1),
        ("name", "json", "configuration.body", 2),
        ("id", "json", "configuration.body", 2),
    }
    assert reply.data["writes"] is True


async def test_nothing_is_saved_and_nothing_is_told_to_strangers(proxy: Proxy, shop: str) -> None:
    asked = {"datasourceId": shop, "configuration": {"body": "SELECT 1 AS one"}}

    async def tried(caller: Any) -> Reply:
        reply: Reply = await caller.call("POST", "/actions/compile", asked)
        return reply

    assert (await tried(proxy.developer)).data["checked"] is True
    assert (await proxy.developer.call("GET", "/actions")).data["items"] == []
    assert (await tried(proxy.viewer)).status == 403
    assert (await tried(proxy.anonymous)).status == 401
    other = await proxy.administrator.created("/workspaces", {"name": "Other"})
    assert (await tried(await proxy.caller(Role.DEVELOPER, other["id"]))).status == 404


async def test_of_very_many_statements_each_block_and_choice_is_shown(proxy: Proxy, shop: str) -> None:
    blocks = "".join(f"\n[[ AND id <> {{{{ x{number} }}}} ]]" for number in range(8))
    plan = await compiled(proxy, shop, f"SELECT id FROM orders WHERE id > 0{blocks}")
    (step,) = plan["steps"]
    assert step["statementCount"] == 256
    assert len(step["statements"]) <= 64
    assert {index for row in step["statements"] for index in row["blocks"]} == set(range(8))
    assert plan["checked"] is True


async def test_steps_and_rows_are_explained_each_in_its_own_text(proxy: Proxy, orders: str) -> None:
    configuration = {
        "steps": [
            {"name": "found", "body": "SELECT id, cents\nFROM orders WHERE id = {{ id }}"},
            {"name": "added", "body": "INSERT INTO orders (id, customer)\nVALUES {{ rows }}"},
            {"name": "told", "body": "SELECT id FROM orders\nWHERE cents > {{ steps.found.cents }}"},
        ]
    }
    fields = [{"name": "id", "type": "integer"}, {"name": "customer", "type": "text"}]
    parameters = [
        {"name": "id", "type": "integer"},
        {"name": "rows", "type": "object", "list": True, "fields": fields},
    ]
    reply = await proxy.developer.call(
        "POST",
        "/actions/compile",
        {"datasourceId": orders, "configuration": configuration, "parameters": parameters},
    )
    plan = reply.data
    assert (plan["compiles"], plan["checked"], plan["writes"]) == (True, True, True), plan
    assert [step["name"] for step in plan["steps"]] == ["found", "added", "told"]
    spots = [
        [(slot["name"], slot["source"], tuple(slot["spot"].values())) for slot in step["statements"][0]["slots"]]
        for step in plan["steps"]
    ]
    assert spots[0] == [("id", "client", ("configuration.steps[0].body", 2, 24))]
    assert {place for _, _, place in spots[1]} == {("configuration.steps[1].body", 2, 8)}
    assert len(spots[1]) == 2
    assert spots[2] == [("steps.found.cents", "step", ("configuration.steps[2].body", 2, 15))]
