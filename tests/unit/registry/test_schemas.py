"""What ``GET /plugins`` says of every driver's fields: valid JSON Schema, as strict as it can be, never stricter than the check."""

from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator

from appsmith_proxy.registry import Registry
from appsmith_proxy.sdk import Driver, Field, check_configuration, json_schema

TABLES: Final = [
    pytest.param(rows, id=f"{kind} {name}")
    for kind, driver in Registry.discover().drivers().items()
    for name, rows in (("fields", driver.fields), ("actions", driver.actions))
]
VALUES: Final = st.sampled_from(
    [
        *(None, True, 0, 1, 5432, 70_000, -1, 1.5, "", "a", "127.0.0.1", "https://api.example/v1", "x" * 70_000, "\0"),
        *([], {}, {"X-A": "b"}, {"X-A": 1}, {"a b": "c"}, [{"name": "a", "value": "b"}], [{"name": "a"}], ["a"]),
    ]
)


@pytest.mark.parametrize("rows", TABLES)
def test_a_table_makes_a_valid_schema(rows: Sequence[Field]) -> None:
    schema = json_schema(rows)
    OAS31Validator.check_schema(schema)
    assert set(schema["properties"]) == {row.name for row in rows}
    assert schema["additionalProperties"] is False
    for row in rows:
        shown = schema["properties"][row.name]
        assert bool(shown.get("writeOnly")) is (row.secret and "anyOf" not in shown)
        assert not (row.secret and "default" in shown)


@pytest.mark.parametrize("rows", TABLES)
@given(data=st.data())
def test_what_the_check_takes_the_schema_takes(rows: Sequence[Field], data: Any) -> None:
    """A front end that checks by the schema never refuses what the proxy would take. Null is as good as nothing."""
    by_name = {row.name: row for row in rows}
    names = data.draw(st.sets(st.sampled_from(sorted(by_name)), max_size=6))
    required = {row.name for row in rows if row.required}
    configuration = {}
    for name in sorted(names | (required if data.draw(st.booleans()) else set())):
        choices = by_name[name].choices
        configuration[name] = data.draw(st.one_of(VALUES, st.sampled_from(choices)) if choices else VALUES)
    _, problems = check_configuration(rows, configuration)
    if not problems:
        OAS31Validator(json_schema(rows)).validate(
            {name: value for name, value in configuration.items() if value is not None}
        )


def test_what_the_schema_refuses_is_refused() -> None:
    driver: Driver = Registry.discover().driver("postgres")
    good = {"host": "db.example", "database": "shop", "username": "u", "port": 5432}
    bad: tuple[dict[str, Any], ...] = ({"port": "5432"}, {"tlsMode": "maybe"}, {"hots": "x"}, {"port": 70_000})
    schema = OAS31Validator(json_schema(driver.fields))
    assert schema.is_valid(good)
    for change in bad:
        assert not schema.is_valid(good | change)
        assert check_configuration(driver.fields, good | change)[1]
