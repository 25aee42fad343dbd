"""The places of MongoDB where values are written, and where they say what is written or removed."""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from appsmith_proxy.sdk import ParameterType
from appsmith_proxy.testing import BindingContext
from appsmith_proxy.testing.context import affected
from appsmith_proxy.testing.corpus import Seed
from tests.corpus.mongodb_contexts import bindings, is_planted, is_text, known

_WIDTH: Final = 40


def _is_one_of_some(seed: Seed) -> bool:
    """Return whether a seed is among an eighth of all classes: for places that take one value an execution."""
    return is_planted(seed) and zlib.crc32(seed.id.encode()) % 8 == 0


def _written(name: str, action: Callable[[Sequence[str]], Mapping[str, Any]], **options: Any) -> BindingContext:
    """Return the context of a write, of which the harness knows in the end what was stored, or removed."""

    def configuration(names: Sequence[str]) -> Mapping[str, Any]:
        fields = action(bindings(names))
        return {field: part if isinstance(part, str | bool) else json.dumps(part) for field, part in fields.items()}

    return BindingContext(
        name=name, action=configuration, **{"read": affected, "wanted": len, "stores": True, **options}
    )


def _inserted(documents: Callable[[Sequence[str]], Any]) -> Callable[[Sequence[str]], Mapping[str, Any]]:
    return lambda bound: {"operation": "insert", "collection": "corpus_written", "documents": documents(bound)}


def _changed(collection: str, query: Any, update: Callable[[Sequence[str]], Any], **fields: Any) -> Any:
    """Return an update of one document, which the values may choose too."""
    return lambda bound: {
        "operation": "update",
        "collection": collection,
        "filter": query(bound) if callable(query) else query,
        "update": update(bound),
        **{field: part(bound) if callable(part) else part for field, part in fields.items()},
    }


_LISTED: Final[Mapping[str, Any]] = {"takes": "leaf", "width": _WIDTH, "wanted": lambda values: 1}
_PLANTED: Final[Mapping[str, Any]] = {
    "width": _WIDTH,
    "applies": is_planted,
    "wanted": lambda values: 1,
}

_NEVER: Final[Mapping[str, Any]] = {"note": {"$in": []}}
"""Matches nothing: each update makes a document of its own."""

WRITTEN: Final = (
    _written(
        "insert",
        _inserted(lambda bound: [{"note": binding} for binding in bound]),
        takes="leaf",
        read=len,
        width=_WIDTH,
    ),
    _written(
        "insert_document",
        _inserted(lambda bound: bound[0]),
        takes="leaf",
        read=len,
        width=_WIDTH,
        joint=True,
        given=lambda value: {"note": value},
    ),
    _written(
        "insert_json",
        _inserted(lambda bound: bound[0]),
        takes="json_text",
        read=len,
        width=_WIDTH,
        joint=True,
        declared={"type": ParameterType.JSON},
        given=lambda value: {"note": value},
        applies=is_text,
    ),
    _written(
        "update",
        _changed(
            "corpus_planted",
            lambda bound: {"note": bound[0]},
            lambda bound: f'{{"$set": {{"copy": {bound[0]}}}}}',
            many=True,
        ),
        applies=_is_one_of_some,
    ),
    _written(
        "upsert",
        _changed(
            "corpus_written",
            lambda bound: {"note": bound[0]},
            lambda bound: {"$setOnInsert": {"copy": bound[0]}},
            upsert=True,
        ),
        applies=_is_one_of_some,
    ),
    _written(
        "replace",
        _changed(
            "corpus_written",
            lambda bound: {"note": bound[0]},
            lambda bound: {"note": bound[0], "copy": bound[0]},
            upsert=True,
        ),
        applies=_is_one_of_some,
    ),
    _written(
        "push_each",
        _changed("corpus_written", _NEVER, lambda bound: {"$push": {"pushed": {"$each": list(bound)}}}, upsert=True),
        **_LISTED,
    ),
    _written(
        "update_pipeline",
        _changed("corpus_written", _NEVER, lambda bound: [{"$set": {"pushed": list(bound)}}], upsert=True),
        **_LISTED,
    ),
    _written(
        "array_filters",
        _changed(
            "corpus_listed",
            {},
            lambda bound: {"$set": {"notes.$[one].copy": True}},
            arrayFilters=lambda bound: [{"one.note": {"$in": list(bound)}}],
        ),
        **_PLANTED,
    ),
    _written(
        "pull",
        _changed("corpus_listed", {}, lambda bound: {"$pull": {"texts": {"$in": list(bound)}}}),
        **_PLANTED,
    ),
    _written(
        "pull_all",
        _changed("corpus_listed", {}, lambda bound: {"$pullAll": {"texts": list(bound)}}),
        **_PLANTED,
    ),
    _written(
        "delete",
        lambda bound: {
            "operation": "delete",
            "collection": "corpus_deleted",
            "filter": {"note": {"$in": list(bound)}},
            "many": True,
        },
        width=_WIDTH,
        applies=is_planted,
        wanted=lambda values: len(known(values)),
    ),
)
