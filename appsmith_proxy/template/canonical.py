"""Write a plan as canonical bytes: equal plans, equal bytes. Its digest is taken over them, and later its MAC."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from appsmith_proxy.model.plan import Plan, StatementSet

_NO_PART: Final = frozenset({"digest", "binder", "root"})
"""Fields that follow from the others: digests, what was worked out, and the tree that repeats a JSON text's pieces."""


def canonical_bytes(plan: Plan) -> bytes:
    """Return the plan as compact JSON with sorted keys, every noun tagged with its class."""
    return json.dumps(_plain(plan), sort_keys=True, separators=(",", ":")).encode()


def with_digest(plan: Plan) -> Plan:
    """Return the plan with its digest filled in."""
    return dataclasses.replace(plan, digest=hashlib.sha256(canonical_bytes(plan)).hexdigest())


def _plain(value: Any) -> Any:
    if isinstance(value, StatementSet):
        return _plain_set(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (field.name for field in dataclasses.fields(value) if field.name not in _NO_PART)
        return {"": type(value).__name__} | {name: _plain(getattr(value, name)) for name in fields}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return {"": "decimal", "digits": str(value)} if isinstance(value, Decimal) else value


def _plain_set(payload: StatementSet) -> dict[str, Any]:
    """Return a set with each slot and parameter written once, and named by its number where it occurs: there may be
    thousands of statements that differ in little."""
    parts: dict[Any, int] = {}

    def number(part: Any) -> int:
        return parts.setdefault(part, len(parts))

    statements = [
        {
            "text": planned.statement.text,
            "returns_rows": planned.statement.returns_rows,
            "writes": planned.statement.writes,
            "parameters": [number(parameter) for parameter in planned.statement.parameters],
            "slots": [number(slot) for slot in planned.slots],
            "lists": [_plain(place) for place in planned.lists],
            "rows": _plain(planned.rows),
        }
        for planned in payload.statements
    ]
    return {"": "StatementSet", "axes": _plain(payload.axes), "parts": _plain(tuple(parts)), "statements": statements}
