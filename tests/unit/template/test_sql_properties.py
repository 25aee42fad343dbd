"""Whatever the text, compiling answers; whatever the value, it changes nothing but itself."""

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from appsmith_proxy.sdk import Driver
from tests.unit.template.drivers import (
    POSTGRES_DRIVER,
    SQL_DRIVERS,
    SQLITE_DRIVER,
    bound,
    compile_sql_action,
    planned,
    sql_plan,
)
from tests.unit.template.values import VALUES

FRAGMENTS = [
    *(
        "SELECT",
        "FROM",
        "WHERE",
        "ORDER BY",
        "LIMIT",
        "IN (",
        "VALUES (",
        "INSERT INTO",
        "UPDATE",
        "SET",
        "DELETE",
        "WITH",
    ),
    *("LIKE", "ESCAPE", "AS", "NOT", "AND", "CASE", "interval", "date", "t", "a", "1", "=", "||", "::", ",", ".", ";"),
    *(
        "(",
        ")",
        "[",
        "]",
        "[[",
        "]]",
        "'",
        '"',
        "$$",
        "$1",
        "?",
        "--",
        "/*",
        "*/",
        "\n",
        "E'",
        "U&'",
        "\\",
        "\x00",
        "`",
    ),
    *(
        "{{a}}",
        "'{{b}}'",
        '"{{c}}"',
        "'%{{d}}%'",
        "{{",
        "}}",
        "{{appsmith.user.id}}",
        "{{appsmith.user.x}}",
        "é",
        "\ud800",
    ),
]
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map(" ".join) | st.text(max_size=40)


@settings(max_examples=400)
@given(TEXTS, st.sampled_from(sorted(SQL_DRIVERS)), st.booleans())
def test_compiling_never_raises(text: str, dialect: str, allow_ddl: bool) -> None:
    compiled = compile_sql_action(text, driver=SQL_DRIVERS[dialect], allow_ddl=allow_ddl)
    assert (compiled.plan is None) == bool(compiled.problems)
    if compiled.plan is not None:
        statement = planned(compiled.plan)
        assert len(statement.slots) == len(statement.statement.parameters)
        assert "{{" not in statement.statement.text or "{{" in text.replace("{{a}}", "")
        assert ";" not in re.sub(
            r"'[^']*'|\"[^\"]*\"|--.*|/\*.*\*/|\$\$.*\$\$|`[^`]*`|\[[^]]*\]",
            "",
            statement.statement.text,
            flags=re.DOTALL,
        )


@pytest.mark.parametrize("driver", [POSTGRES_DRIVER, SQLITE_DRIVER], ids=["postgres", "sqlite"])
@given(q=VALUES, a=VALUES, ids=st.lists(VALUES.filter(lambda item: item is not None), max_size=5))
def test_no_value_changes_the_statement(driver: Driver, q: Any, a: Any, ids: list[Any]) -> None:
    plan = sql_plan(
        "SELECT * FROM t WHERE a = {{a}} AND b LIKE '%{{q}}%' AND c IN ({{ids}}) AND d = 'x{{a}}'", driver=driver
    )
    compiled = planned(plan).statement
    if driver is SQLITE_DRIVER:  # which refuses NUL where it would read no further
        assume(not any(isinstance(value, str) and "\0" in value for value in (q, *ids)))
    result = bound(plan, q=q, a=a, ids=ids)
    assert result.payload is compiled
    assert (
        compiled.digest
        == planned(
            sql_plan(
                "SELECT * FROM t WHERE a = {{a}} AND b LIKE '%{{q}}%' AND c IN ({{ids}}) AND d = 'x{{a}}'",
                driver=driver,
            )
        ).statement.digest
    )
    assert len(result.values) == len(compiled.parameters)


@given(q=st.text(alphabet="%_\\ab"))
def test_a_like_value_matches_itself_and_nothing_else(q: str) -> None:
    plan = sql_plan("SELECT 1 WHERE a LIKE '%{{q}}%'")
    (pattern,) = bound(plan, q=q).values
    assert isinstance(pattern, str)
    assert re.sub(r"\\(.)", r"\1", pattern) == q
    assert not re.search(r"(?<!\\)(?:\\\\)*[%_]", pattern)
