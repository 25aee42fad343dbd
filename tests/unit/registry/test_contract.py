"""What can be read off a driver's class: each rule is broken once."""

from collections.abc import Mapping
from typing import Any

import pytest

from appsmith_proxy.registry import contract_problems
from appsmith_proxy.sdk import (
    ActionField,
    Client,
    Concatenation,
    Dialect,
    Driver,
    Field,
    FieldType,
    ListForm,
    OpenContext,
    Payload,
    Place,
    Placeholder,
    Secret,
)

DIALECT = Dialect(
    name="sample",
    placeholder=Placeholder.QUESTION,
    concatenation=Concatenation.PIPES,
    list_form=ListForm.PADDED,
    literals=(),
    identifier_quotes=(),
)
TEXT = Field(name="host", type=FieldType.HOST, label="Host")
MODE = Field(name="mode", type=FieldType.CHOICE, label="Mode", choices=("a", "b"), default="a")
BODY = ActionField(name="body", type=FieldType.MULTILINE, label="Statement", place=Place.SQL)


class Sample(Driver):
    kind = "sample"
    title = "Sample"
    payload = Payload.STATEMENT
    dialect = DIALECT
    fields = (
        MODE,
        Field(name="host", type=FieldType.HOST, label="Host", shown_when=("mode", ("a",))),
        Field(name="host", type=FieldType.TEXT, label="Host", shown_when=("mode", ("b",))),
    )
    actions = (BODY,)

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> Client:
        raise NotImplementedError


def test_a_sound_driver_has_no_problems() -> None:
    assert contract_problems(Sample()) == []


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"kind": "Sample"}, "kind must be"),
        ({"kind": None}, "kind must be"),
        ({"title": " "}, "title must be"),
        ({"payload": "statement!"}, "payload must be a Payload"),
        ({"capabilities": frozenset({"flying"})}, "capabilities must be"),
        ({"capabilities": []}, "capabilities must be"),
        ({"dialect": "sql"}, "dialect must be"),
        ({"dialect": None}, "needs a dialect"),
        ({"actions": ()}, "needs an action field"),
        ({"payload": Payload.HTTP}, "only a driver of statements has a dialect"),
        ({"payload": Payload.HTTP, "dialect": None}, "only a driver of statements has action fields"),
        ({"fields": [TEXT]}, "fields must be a tuple of Field"),
        ({"actions": (BODY, TEXT)}, "actions must be a tuple of ActionField"),
        ({"open": lambda *_: None}, "open must be a coroutine function"),
        ({"fields": (TEXT, TEXT)}, "host stands twice"),
        ({"options": (Field(name="key", type=FieldType.TEXT, label="Key", secret=True),)}, "key must not be secret"),
        ({"fields": (Field(name="Key", type=FieldType.TEXT, label="Key"),)}, "a name in lowerCamelCase"),
        ({"fields": (Field(name="key", type="string", label="Key"),)}, "must have a FieldType"),  # type: ignore[arg-type]  # reason: the mistake under test
        ({"fields": (Field(name="key", type=FieldType.CHOICE, label="Key"),)}, "must have choices exactly when"),
        ({"fields": (Field(name="key", type=FieldType.TEXT, label="Key", ordered=True),)}, "ordered without choices"),
        (
            {"fields": (Field(name="key", type=FieldType.TEXT, label="", secret=True, default=""),)},
            "not have a default",
        ),
        ({"fields": (Field(name="k", type=FieldType.TEXT, label="", secret=True, destination=True),)}, "cannot be bot"),
        ({"fields": (Field(name="k", type=FieldType.TEXT, label="", shown_when=("no", ("a",))),)}, "does not exist"),
        ({"fields": (Field(name="k", type=FieldType.PORT, label="", default=0),)}, "a default that it would refuse"),
    ],
)
def test_each_broken_rule_is_named(attributes: dict[str, Any], problem: str) -> None:
    broken = type("Broken", (Sample,), attributes)()
    assert any(problem in found for found in contract_problems(broken)), contract_problems(broken)
