"""From an action's text to rows: what the compiler writes, the binder binds and this driver sends fit together."""

from decimal import Decimal
from typing import Any

import pytest

from appsmith_proxy.errors import ProxyError
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.sdk import ExecuteRequest, ParameterType, Statement
from appsmith_proxy.template import bind, compile_action
from appsmith_proxy_sqlite.client import SqliteClient
from appsmith_proxy_sqlite.driver import SqliteDriver
from tests.unit.sqlite.conftest import request

T = ParameterType


async def act(
    client: SqliteClient, body: str, values: dict[str, Any], **types: ParameterType | DeclaredParameter
) -> Any:
    """Compile, bind and execute; return the rows, or the number of rows changed."""
    parameters = [
        kind if isinstance(kind, DeclaredParameter) else DeclaredParameter(name=name, type=kind)
        for name, kind in types.items()
    ]
    compiled = compile_action(SqliteDriver(), {"body": body}, parameters, read_only=None, allow_ddl=False)
    assert compiled.plan is not None, compiled.problems
    bound = bind(compiled.plan, values, lambda _: None)
    assert isinstance(bound.payload, Statement)
    result = await client.execute(
        ExecuteRequest(
            payload=bound.payload,
            values=bound.values,
            read_only=compiled.plan.read_only,
            deadline=request("").deadline,
        )
    )
    return result.affected if result.rows is None else result.rows


@pytest.mark.parametrize(
    ("body", "values", "types", "expected"),
    [
        ("SELECT name FROM authors WHERE id = {{id}}", {"id": 1}, {}, [("Ada",)]),
        ("SELECT name FROM authors WHERE id = {{id}}", {"id": "1"}, {}, [("Ada",)]),
        ("SELECT name FROM authors WHERE id = '{{id}}'", {"id": 1}, {"id": T.INTEGER}, [("Ada",)]),
        ("SELECT name FROM authors WHERE name LIKE '%{{q}}%'", {"q": "rac"}, {}, [("Grace",)]),
        ("SELECT name FROM authors WHERE name LIKE '%{{q}}%'", {"q": "%"}, {}, []),
        ("SELECT name FROM authors WHERE name LIKE {{q}}", {"q": "_da"}, {}, []),
        ("SELECT name FROM authors WHERE id IN ({{ids}}) ORDER BY id", {"ids": [1, 2]}, {}, [("Ada",), ("Grace",)]),
        ("SELECT name FROM authors WHERE id IN ({{ids}})", {"ids": ["2"]}, {}, [("Grace",)]),
        ("SELECT name FROM authors WHERE id IN ({{ids}})", {"ids": 2}, {}, [("Grace",)]),
        ("SELECT name FROM authors WHERE id IN ({{ids}})", {"ids": []}, {}, []),
        ("SELECT count(*) FROM authors WHERE id NOT IN ({{ids}})", {"ids": []}, {}, [(2,)]),
        ("SELECT name FROM authors WHERE name IN ({{names}})", {"names": ["Ada", "'"]}, {}, [("Ada",)]),
        ("SELECT name FROM authors ORDER BY id LIMIT {{n}} OFFSET {{m}}", {"n": 1, "m": "1"}, {}, [("Grace",)]),
        ("SELECT name FROM authors WHERE born + 0 < {{n}}", {"n": 1900}, {"n": T.INTEGER}, [("Ada",)]),
        ("SELECT id FROM books WHERE price * 2 = {{n}}", {"n": Decimal("25.0")}, {"n": T.DECIMAL}, [(1,)]),
        ("SELECT {{a}} IS NULL", {"a": None}, {}, [(1,)]),
        ("SELECT {{f}}", {"f": True}, {"f": T.BOOLEAN}, [(1,)]),
        ("SELECT hex({{b}})", {"b": "AP8="}, {"b": T.BYTES}, [("00FF",)]),
        ("SELECT {{d}} < date('2024-03-01')", {"d": "2024-02-29"}, {"d": T.DATE}, [(1,)]),
        ("SELECT json_extract({{j}}, '$.a[0]')", {"j": {"a": [7]}}, {"j": T.JSON}, [(7,)]),
        ("UPDATE authors SET name = {{n}} WHERE id = {{id}}", {"n": "x'; DROP TABLE books; --", "id": 1}, {}, 1),
        ("INSERT INTO authors (name) VALUES ('{{n}}') RETURNING name", {"n": "x"}, {}, [("x",)]),
        ("SELECT \"name\" FROM [authors] WHERE `id` = {{id}} -- {{ not a binding }}", {"id": 1}, {}, [("Ada",)]),
    ],
)  # fmt: skip
async def test_actions(
    client: SqliteClient, body: str, values: dict[str, Any], types: dict[str, ParameterType], expected: Any
) -> None:
    assert await act(client, body, values, **types) == expected
    assert (await client.execute(request("SELECT count(*) FROM books"))).rows == [(2,)]


@pytest.mark.parametrize("value", ["1 OR 1=1", "' OR ''='", '1"', "1; DELETE FROM books", "x') --", "\0", "%00"])
async def test_a_hostile_value_is_a_value(client: SqliteClient, value: str) -> None:
    assert await act(client, "SELECT name FROM authors WHERE id = {{id}} OR name = '{{id}}'", {"id": value}) == []
    assert await act(client, "SELECT '<{{v}}>'", {"v": value}) == [(f"<{value}>",)]


async def test_a_value_that_does_not_fit_its_declared_type_is_refused(client: SqliteClient) -> None:
    for kind, value in ((T.INTEGER, "12 apples"), (T.BIGINT, 2**63), (T.DECIMAL, "0.12345678901234567890")):
        with pytest.raises(ProxyError) as caught:
            await act(client, "SELECT {{v}}", {"v": value}, v=kind)
        assert str(value) not in str(caught.value)
