"""The usual execute call, read by the fast decoder. Whatever is not quite usual is left to the strict one.

::

    {"actionId": "…", "viewMode": true, "params": {"id": 17, "q": "text"}}      as ``JSON.stringify`` writes it

How a lenient decoder can be as strict as ours: what it read is written again, and only if the very same bytes come out is
it taken. So no key stood twice, no number was changed, nothing stood around it. Numbers with a fraction, lists and objects
as values, and texts of more than ``MAX_BYTES`` are not read here at all.
"""

from typing import Any, Final, TypeAlias

import orjson

from appsmith_proxy.model.ids import ID_PATTERN

MAX_BYTES: Final = 1_024
"""No key can then be too long, and no structure too large."""

_FIELDS: Final = frozenset({"actionId", "viewMode", "params"})
_PLAIN: Final = frozenset({str, int, bool, type(None)})


PlainCall: TypeAlias = tuple[str, bool, dict[str, Any]]
"""What stood in the body: ``actionId``, ``viewMode``, ``params``."""


def read_plain(body: bytes) -> PlainCall | None:
    """Return the call, or None: then the strict reader says what it is, or what is wrong with it."""
    if len(body) > MAX_BYTES:
        return None
    try:
        value = orjson.loads(body)
        if type(value) is not dict or orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER) != body:
            return None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    action_id, view_mode, params = value.get("actionId"), value.get("viewMode", False), value.get("params", {})
    if (
        type(action_id) is str
        and ID_PATTERN.fullmatch(action_id)
        and type(view_mode) is bool
        and type(params) is dict
        and _FIELDS.issuperset(value)
        and _PLAIN.issuperset(map(type, params.values()))
    ):
        return action_id, view_mode, params
    return None
