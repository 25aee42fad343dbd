"""A table of fields as JSON Schema: what a form is made from, and what tells a program before it asks."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from appsmith_proxy.sdk.fields import ENTRY_NAME, HOST, MAX_ENTRIES, MAX_STEPS, STEP_NAME, ActionField, Field, FieldType

JsonSchema: TypeAlias = dict[str, Any]


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


_JSON_TYPES: Final[Mapping[FieldType, JsonSchema]] = {
    FieldType.TEXT: {"type": "string"},
    FieldType.MULTILINE: {"type": "string"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.CHOICE: {"type": "string"},
    FieldType.HOST: {"type": "string", "pattern": f"^{HOST.pattern}$"},
    FieldType.PORT: {"type": "integer", "minimum": 1, "maximum": 65535},
    FieldType.URL: {"type": "string", "format": "uri"},
    FieldType.MAP: {
        "type": "object",
        "maxProperties": MAX_ENTRIES,
        "propertyNames": {"pattern": f"^{ENTRY_NAME.pattern}$"},
        "additionalProperties": {"type": "string"},
    },
    FieldType.PAIRS: {
        "type": "array",
        "maxItems": MAX_ENTRIES,
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
                "name": {"type": "string", "pattern": f"^{STEP_NAME.pattern}$"},
                "body": {"type": "string"},
            },
            "required": ["name", "body"],
            "additionalProperties": False,
        },
    },
}
