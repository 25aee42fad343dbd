"""Reading decoded JSON as a model: every problem at once, in our words, each with its path."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from appsmith_proxy.errors import InvalidRequest, Problem
from appsmith_proxy.web.decode import SHOWN_PROBLEMS, join
from appsmith_proxy.web.models import Wire

M = TypeVar("M", bound=Wire)


def parse(model: type[M], value: Any, *, path: str = "") -> M:
    """Read a decoded JSON value as a model.

    Raises:
        InvalidRequest: with every problem, each with its path; values are never quoted.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest("the request is not valid", details=_problems(error, path)) from None


def given(patch: Wire) -> dict[str, Any]:
    """Return the fields that a patch really holds, by their snake_case names."""
    return {name: getattr(patch, name) for name in sorted(patch.model_fields_set - {"revision"})}


_MESSAGES: Final[Mapping[str, str | Callable[[Mapping[str, Any]], str]]] = {
    "missing": "is required",
    "extra_forbidden": "no such field",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be a list",
    "bound_type": "must be a number or text",
    "string_pattern_mismatch": "does not have the right form",
    "string_too_short": lambda bound: f"must have at least {bound['min_length']} characters",
    "string_too_long": lambda bound: f"must have at most {bound['max_length']} characters",
    "too_long": lambda bound: f"must have at most {bound['max_length']} entries",
    "greater_than_equal": lambda bound: f"must be at least {bound['ge']}",
    "less_than_equal": lambda bound: f"must be at most {bound['le']}",
    "literal_error": lambda bound: f"must be {bound['expected']}",
    "enum": lambda bound: f"must be {bound['expected']}",
}
"""pydantic's error type → our words. A type that is not here is only called invalid: its message might quote a value."""


def _problems(error: ValidationError, path: str) -> tuple[Problem, ...]:
    found: dict[tuple[str, str], Problem] = {}
    for row in error.errors(include_url=False, include_input=False):
        problem = _problem(row, path)
        found.setdefault((problem.path, problem.message), problem)
    return tuple(found.values())[:SHOWN_PROBLEMS]


def _problem(row: ErrorDetails, path: str) -> Problem:
    where = path
    for key in row["loc"]:
        where = join(where, key)
    words = _MESSAGES.get(row["type"], "is not valid")
    return Problem(where, words if isinstance(words, str) else words(row.get("ctx", {})))
