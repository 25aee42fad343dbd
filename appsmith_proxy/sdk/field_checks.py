"""Check values against a table of fields: every problem at once, and no value quoted."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from appsmith_proxy.errors import Problem
from appsmith_proxy.sdk.fields import (
    ENTRY_NAME,
    HOST,
    MAX_ENTRIES,
    MAX_STEPS,
    STEP_NAME,
    URL,
    Field,
    FieldType,
    rows_in_force,
)


def check_configuration(
    fields: Iterable[Field],
    configuration: Mapping[str, Any],
    *,
    secrets_set: frozenset[str] = frozenset(),
    path: str = "configuration",
) -> tuple[dict[str, Any], list[Problem]]:
    """Check plain values against the table and fill in defaults.

    Args:
        fields: the table.
        configuration: plain values by name; secret fields do not belong in it.
        secrets_set: which secret fields have a value (``field`` or ``field.key``), for ``required``.
        path: prefix of the problems' paths.

    Returns:
        The normalised values of the rows in force, and every problem there is. Problems never quote a value.
    """
    table = list(fields)
    active = {row.name: row for row in rows_in_force(table, configuration)}
    known = {row.name for row in table}
    problems: list[Problem] = []
    normal: dict[str, Any] = {}
    for name in configuration:
        if name not in known:
            problems.append(Problem(f"{path}.{name}", "no such field", hint=f"fields are: {', '.join(sorted(known))}"))
        elif name not in active:
            row = next(row for row in table if row.name == name)
            problems.append(Problem(f"{path}.{name}", f"does not apply unless {_condition(row)}"))
    for row in active.values():
        where = f"{path}.{row.name}"
        if row.secret:
            given = any(name == row.name or name.startswith(f"{row.name}.") for name in secrets_set)
            if row.required and not given:
                problems.append(Problem(where, "is required"))
            continue
        value = configuration.get(row.name)
        if value is None:
            if row.required and row.default is None:
                problems.append(Problem(where, "is required"))
            elif row.default is not None:
                normal[row.name] = row.default
            continue
        found = list(check_value(row, value, where))
        problems.extend(found)
        if not found:
            normal[row.name] = value
    return normal, problems


def check_value(row: Field, value: Any, path: str) -> Iterator[Problem]:
    """Yield what is wrong with one value, the value itself never quoted."""
    match row.type:
        case FieldType.INTEGER | FieldType.PORT:
            yield from _check_integer(row, value, path)
        case FieldType.BOOLEAN:
            if not isinstance(value, bool):
                yield Problem(path, "must be true or false")
        case FieldType.MAP:
            yield from _check_map(row, value, path)
        case FieldType.PAIRS:
            yield from _check_pairs(row, value, path)
        case FieldType.STEPS:
            yield from _check_steps(row, value, path)
        case _:
            yield from _check_text(row, value, path)


def _condition(row: Field) -> str:
    assert row.shown_when is not None  # noqa: S101  # reason: only rows with a condition can be out of force
    other, values = row.shown_when
    return f"{other} is {' or '.join(values)}"


def _check_integer(row: Field, value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield Problem(path, "must be an integer")
        return
    low = row.minimum if row.minimum is not None else (1 if row.type is FieldType.PORT else None)
    high = row.maximum if row.maximum is not None else (65535 if row.type is FieldType.PORT else None)
    if low is not None and value < low:
        yield Problem(path, f"must be at least {low}")
    if high is not None and value > high:
        yield Problem(path, f"must be at most {high}")


def _check_text(row: Field, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield Problem(path, "must be text")
        return
    if len(value) > row.max_length:
        yield Problem(path, f"must have at most {row.max_length} characters")
        return
    if row.required and not value:
        yield Problem(path, "must not be empty")
    elif "\0" in value:
        yield Problem(path, "must not contain NUL characters")
    elif row.type is FieldType.CHOICE and value not in row.choices:
        yield Problem(path, f"must be one of: {', '.join(row.choices)}")
    elif row.type is FieldType.HOST and value and not HOST.fullmatch(value):
        yield Problem(path, "must be a host name or an IP address, without scheme, port, path or user")
    elif row.type is FieldType.URL and value and not URL.fullmatch(value):
        yield Problem(path, "must be an http or https URL without user, query and fragment")


def _check_map(row: Field, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, "must be an object of texts")
        return
    if len(value) > MAX_ENTRIES:
        yield Problem(path, f"must have at most {MAX_ENTRIES} entries")
        return
    for name, item in value.items():
        if not ENTRY_NAME.fullmatch(name):
            yield Problem(path, "has a name with characters that are not allowed")
        elif not isinstance(item, str):
            yield Problem(f"{path}.{name}", "must be text")
        elif len(item) > row.max_length:
            yield Problem(f"{path}.{name}", f"must have at most {row.max_length} characters")


def _check_pairs(row: Field, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(path, "must be a list of {name, value}")
        return
    if len(value) > MAX_ENTRIES:
        yield Problem(path, f"must have at most {MAX_ENTRIES} entries")
        return
    for index, item in enumerate(value):
        where = f"{path}[{index}]"
        if not isinstance(item, Mapping) or set(item) != {"name", "value"}:
            yield Problem(where, "must be an object with name and value, and nothing else")
        elif not isinstance(item["name"], str) or not isinstance(item["value"], str):
            yield Problem(where, "name and value must be texts")
        elif not item["name"]:
            yield Problem(f"{where}.name", "must not be empty")
        elif len(item["value"]) > row.max_length:
            yield Problem(f"{where}.value", f"must have at most {row.max_length} characters")


def _check_steps(row: Field, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_STEPS:
        yield Problem(path, f"must be a list of 1 to {MAX_STEPS} steps {{name, body}}")
        return
    names: set[str] = set()
    for index, item in enumerate(value):
        where = f"{path}[{index}]"
        if not isinstance(item, Mapping) or set(item) != {"name", "body"}:
            yield Problem(where, "must be an object with name and body, and nothing else")
            continue
        name, body = item["name"], item["body"]
        if not isinstance(name, str) or not STEP_NAME.fullmatch(name):
            yield Problem(f"{where}.name", "must be a word of letters, digits and _, at most 64 characters")
        elif name in names:
            yield Problem(f"{where}.name", "another step has this name")
        else:
            names.add(name)
        if not isinstance(body, str) or not body:
            yield Problem(f"{where}.body", "must be a statement")
        elif len(body) > row.max_length:
            yield Problem(f"{where}.body", f"must have at most {row.max_length} characters")
        elif "\0" in body:
            yield Problem(f"{where}.body", "must not contain NUL characters")
