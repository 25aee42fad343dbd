"""Configuration as rows: one table from which validation, JSON Schema, forms, docs and sealing are made."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from appsmith_proxy.errors import Problem

JsonSchema: TypeAlias = dict[str, Any]


class FieldType(StrEnum):
    """What a field holds."""

    TEXT = "text"
    MULTILINE = "multiline"
    """Text over several lines: a certificate, a statement."""
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    HOST = "host"
    """A host name or IP literal, no scheme, port, path or white space."""
    PORT = "port"
    URL = "url"
    """An absolute http(s) URL without user info and fragment."""
    MAP = "map"
    """An object of texts by name. With ``secret`` each value is sealed by itself, as ``field.name``."""
    PAIRS = "pairs"
    """A list of ``{"name", "value"}``, in order; names may repeat."""
    STEPS = "steps"
    """A list of ``{"name", "body"}``: statements that run one after the other in one transaction. Names are unique words."""


class Place(StrEnum):
    """Where a part of an action stands, and so how a binding in it is treated."""

    SQL = "sql"
    JSON = "json"
    URL_PATH = "url_path"
    QUERY = "query"
    HEADER = "header"
    TEXT = "text"
    NONE = "none"
    """No bindings: ``{{`` in it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One row of a datasource's configuration."""

    name: str
    """``lowerCamelCase``; the key in ``configuration``."""
    type: FieldType
    label: str
    help: str = ""
    default: Any = None
    required: bool = False
    secret: bool = False
    """Sealed, write-only. It never reaches ``validate`` and comes to ``open`` as a ``Secret``."""
    destination: bool = False
    """Part of where secrets are sent: changing it needs them again."""
    choices: tuple[str, ...] = ()
    ordered: bool = False
    """``choices`` run from weakest to strongest: a change to a later one does not count as a new destination."""
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 4096
    """Characters of a text; for maps and pairs, of each value."""
    shown_when: tuple[str, tuple[str, ...]] | None = None
    """(other field, its values) under which this row applies. ``required`` counts only then; elsewhere a value is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionField(Field):
    """One row of an action's configuration. Two rows may share a name if their ``shown_when`` exclude each other."""

    place: Place = Place.NONE


_HOST: Final = re.compile(r"[^\s/@?#\\\x00-\x20\x7f]+")
_URL: Final = re.compile(r"https?://[^\s/@?#\\\x00-\x20\x7f]+(/[^\s?#\\\x00-\x20\x7f]*)?")
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
_STEP_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MAX_ENTRIES: Final = 64
MAX_STEPS: Final = 20

_JSON_TYPES: Final[Mapping[FieldType, JsonSchema]] = {
    FieldType.TEXT: {"type": "string"},
    FieldType.MULTILINE: {"type": "string"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.CHOICE: {"type": "string"},
    FieldType.HOST: {"type": "string", "pattern": f"^{_HOST.pattern}$"},
    FieldType.PORT: {"type": "integer", "minimum": 1, "maximum": 65535},
    FieldType.URL: {"type": "string", "format": "uri"},
    FieldType.MAP: {
        "type": "object",
        "maxProperties": _MAX_ENTRIES,
        "propertyNames": {"pattern": f"^{_NAME.pattern}$"},
        "additionalProperties": {"type": "string"},
    },
    FieldType.PAIRS: {
        "type": "array",
        "maxItems": _MAX_ENTRIES,
        "items": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
            "required": ["name", "value"],
            "additionalProperties": False,
        },
    },
    FieldType.STEPS: {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_STEPS,
        "items": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": f"^{_STEP_NAME.pattern}$"},
                "body": {"type": "string"},
            },
            "required": ["name", "body"],
            "additionalProperties": False,
        },
    },
}


def rows_in_force(fields: Iterable[Field], configuration: Mapping[str, Any]) -> Iterator[Field]:
    """Yield the rows whose ``shown_when`` holds, given the other values (or their defaults)."""
    rows = list(fields)
    defaults = {row.name: row.default for row in rows}
    for row in rows:
        if row.shown_when is None:
            yield row
            continue
        other, values = row.shown_when
        if configuration.get(other, defaults.get(other)) in values:
            yield row


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


def json_schema(fields: Iterable[Field]) -> JsonSchema:
    """Return the table as JSON Schema (draft 2020-12), with ``writeOnly`` on secrets."""
    properties: dict[str, JsonSchema] = {}
    required: list[str] = []
    for row in fields:
        schema: JsonSchema = {"title": row.label, **_JSON_TYPES[row.type]}
        if row.help:
            schema["description"] = row.help
        if row.default is not None:
            schema["default"] = row.default
        if row.choices:
            schema["enum"] = list(row.choices)
        if row.minimum is not None:
            schema["minimum"] = row.minimum
        if row.maximum is not None:
            schema["maximum"] = row.maximum
        if schema.get("type") == "string":
            schema["maxLength"] = row.max_length
        if row.secret:
            schema["writeOnly"] = True
        if row.destination:
            schema["x-destination"] = True
        if row.shown_when is not None:
            schema["x-shown-when"] = {"field": row.shown_when[0], "values": list(row.shown_when[1])}
        if isinstance(row, ActionField):
            schema["x-place"] = row.place.value
        if row.name in properties:
            earlier = properties[row.name]
            schema = {"anyOf": [*earlier["anyOf"], schema] if "anyOf" in earlier else [earlier, schema]}
        properties[row.name] = schema
        if row.required and row.default is None and row.shown_when is None:
            required.append(row.name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


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
    elif row.type is FieldType.HOST and value and not _HOST.fullmatch(value):
        yield Problem(path, "must be a host name or an IP address, without scheme, port, path or user")
    elif row.type is FieldType.URL and value and not _URL.fullmatch(value):
        yield Problem(path, "must be an http or https URL without user, query and fragment")


def _check_map(row: Field, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, "must be an object of texts")
        return
    if len(value) > _MAX_ENTRIES:
        yield Problem(path, f"must have at most {_MAX_ENTRIES} entries")
        return
    for name, item in value.items():
        if not _NAME.fullmatch(name):
            yield Problem(path, "has a name with characters that are not allowed")
        elif not isinstance(item, str):
            yield Problem(f"{path}.{name}", "must be text")
        elif len(item) > row.max_length:
            yield Problem(f"{path}.{name}", f"must have at most {row.max_length} characters")


def _check_pairs(row: Field, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(path, "must be a list of {name, value}")
        return
    if len(value) > _MAX_ENTRIES:
        yield Problem(path, f"must have at most {_MAX_ENTRIES} entries")
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
        if not isinstance(name, str) or not _STEP_NAME.fullmatch(name):
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
