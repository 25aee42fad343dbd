"""Nouns that are made for every execution are as frozen as the others, and ``replace`` knows both kinds."""

from typing import Any

import pytest

from appsmith_proxy.sdk import (
    Body,
    BodyKind,
    EncodedRows,
    ExecuteRequest,
    HttpRequest,
    Limits,
    Result,
    Statement,
    replace,
)


@pytest.mark.parametrize(
    ("noun", "field"),
    [
        (ExecuteRequest(payload=Statement(text="SELECT 1"), deadline=1.0), "payload"),
        (HttpRequest(method="GET"), "path"),
        (Result(), "rows"),
        (EncodedRows([]), "texts"),
        (Body(kind=BodyKind.TEXT, value=b"", status=200), "value"),
        (Limits(), "rows"),
    ],
)
def test_a_noun_does_not_change_and_another_is_made_of_it(noun: Any, field: str) -> None:
    before = getattr(noun, field)
    with pytest.raises(AttributeError):
        setattr(noun, field, "other")
    with pytest.raises((AttributeError, TypeError)):  # of a dataclass with slots, CPython's own slip
        noun.unknown = 1
    assert getattr(replace(noun, **{field: "other"}), field) == "other"
    assert getattr(noun, field) == before
    assert replace(noun) == noun
    with pytest.raises(TypeError):
        replace(noun, unknown=1)
