"""JSON Merge Patch (RFC 7396)."""

from collections.abc import Mapping
from typing import Any


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``target`` with ``patch`` applied: null deletes, objects merge, everything else replaces."""
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            present = merged.get(name)
            merged[name] = merge_patch(present if isinstance(present, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged
