"""The places of MongoDB that take numbers, directions and forms of extended JSON: nearly everything is refused there."""

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from appsmith_proxy.testing import BindingContext
from appsmith_proxy.testing.context import always
from appsmith_proxy.testing.corpus import Seed
from tests.corpus.mongodb_contexts import known, planted, projected

_CLOSE: Final = frozenset({"dates", "halves", "identities", "json_texts", "juggling", "lengths", "numbers", "zeros"})
"""The classes that hold what is nearly a number."""


def _is_close(seed: Seed) -> bool:
    """Return whether a seed is one of those that a place of numbers may mistake, or among an eighth of all others."""
    return seed.group in _CLOSE or zlib.crc32(seed.id.encode()) % 8 == 0


def _numbered(
    name: str, fields: Mapping[str, Any], wanted: Callable[[int], Sequence[Any]], **options: Any
) -> BindingContext:
    """Return the context of a number that says which of five documents are found."""

    def action(names: Sequence[str]) -> Mapping[str, Any]:
        return {"operation": "find", "collection": "corpus_planted", "filter": '{"_id": {"$lte": 5}}', **fields}

    return BindingContext(
        name=name,
        action=action,
        **{
            "takes": "limit",
            "plain": 1,
            "wanted": lambda values: [[number] for number in wanted(values[0])],
            "applies": _is_close,
            **options,
        },
    )


def _stage(name: str) -> Mapping[str, Any]:
    pipeline = f'[{{"$match": {{"_id": {{"$lte": 5}}}}}}, {{"$sort": {{"_id": 1}}}}, {{"{name}": {{{{v0}}}}}}, {{"$project": {{"_id": 1}}}}]'
    return {"operation": "aggregate", "collection": "corpus_planted", "pipeline": pipeline}


_SORTED: Final = {"sort": '{"_id": 1}', "projection": '{"_id": 1}'}
_FIRST: Final = range(1, 6)

NUMBERED: Final = (
    _numbered("limit", {**_SORTED, "limit": "{{v0}}"}, lambda most: _FIRST[:most], applies=always),
    _numbered("skip", {**_SORTED, "skip": "{{v0}}"}, lambda out: _FIRST[out:]),
    _numbered(
        "count_limit",
        {"operation": "count", "limit": "{{v0}}"},
        lambda most: [min(most, 5)],
    ),
    BindingContext(
        name="stage_limit",
        takes="limit",
        action=lambda names: _stage("$limit"),
        wanted=lambda values: [[number] for number in _FIRST[: values[0]]],
        plain=1,
        applies=_is_close,
    ),
    _numbered(
        "sort",
        {"sort": '{"_id": "{{v0}}"}', "projection": '{"_id": 1}'},
        lambda direction: _FIRST[::direction],
        takes="direction",
        choices=(1, -1),
    ),
    BindingContext(
        name="slice",
        takes="limit",
        action=lambda names: {
            "operation": "find",
            "collection": "corpus_numbers",
            "projection": '{"_id": 0, "numbers": {"$slice": {{v0}}}}',
        },
        wanted=lambda values: [[list(_FIRST[: values[0]] if values[0] >= 0 else _FIRST[values[0] :])]],
        plain=1,
        applies=_is_close,
    ),
)


def _long(cell: Any) -> Any:
    """Return an integer as the corpus has it: as text where not every JSON reader keeps it."""
    return cell["$numberLong"] if isinstance(cell, dict) else cell


def _exact(number: Any) -> str:
    return format(Decimal(str(number)), "f")


def _wrapper(name: str, form: str, wanted: Callable[[Any], Any], read: Callable[[Any], Any], **options: Any) -> Any:
    """Return the context of a binding inside of extended JSON, whose value comes back; of a list of them as a list."""
    return projected(
        name, form, _each(wanted), _each(read), **{"takes": name, "width": 1, "applies": _is_close, **options}
    )


def _each(form: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: [form(one) for one in value] if isinstance(value, list) else form(value)


def _same(value: Any) -> Any:
    return value


WRAPPED: Final = (
    _wrapper(
        "oid",
        '{"$oid": "{{%s}}"}',
        lambda value: value.lower(),
        lambda cell: cell["$oid"],
        plain="507f1f77bcf86cd799439011",
    ),
    _wrapper("wrapped_date", '{"$date": "{{%s}}"}', _same, lambda cell: cell["$date"], plain="2024-02-29T12:00:00Z"),
    _wrapper("number_int", '{"$numberInt": "{{%s}}"}', _same, _same, takes="integer", plain="1", applies=_is_close),
    _wrapper("number_long", '{"$numberLong": "{{%s}}"}', _same, _long, takes="bigint", plain="1", applies=_is_close),
    _wrapper("number_double", '{"$numberDouble": "{{%s}}"}', _same, _same, takes="float", plain="1", applies=_is_close),
    _wrapper(
        "number_decimal",
        '{"$numberDecimal": "{{%s}}"}',
        _exact,
        lambda cell: _exact(cell["$numberDecimal"]),
        takes="decimal",
        plain="1",
        applies=_is_close,
    ),
    _wrapper(
        "binary",
        '{"$binary": {"base64": "{{%s}}", "subType": "00"}}',
        _same,
        lambda cell: cell["$binary"]["base64"],
        takes="bytes",
        plain="AA==",
    ),
    _wrapper(
        "binary_subtype",
        '{"$binary": {"base64": "AA==", "subType": "{{%s}}"}}',
        _same,
        lambda cell: cell["$binary"]["subType"],
        plain="00",
        applies=_is_close,
    ),
    _wrapper(
        "wrapped_uuid",
        '{"$uuid": "{{%s}}"}',
        lambda value: str(UUID(value)),
        lambda cell: str(UUID(bytes=base64.b64decode(cell["$binary"]["base64"]))),
        takes="uuid",
        plain="00000000-0000-0000-0000-000000000000",
    ),
    _wrapper(
        "timestamp_part",
        '{"$timestamp": {"t": {{%s}}, "i": 1}}',
        _same,
        lambda cell: cell["$timestamp"]["t"],
        plain=1,
        applies=_is_close,
    ),
    _wrapper("min_key", '{"$minKey": {{%s}}}', _same, lambda cell: cell["$minKey"], plain=1, applies=_is_close),
    BindingContext(
        name="oid_list",
        takes="oid",
        action=lambda names: {
            "operation": "count",
            "collection": "corpus_planted",
            "filter": '{"_id": {"$nin": {"$oid": "{{v0}}"}}, "note": {"$exists": true}}',
        },
        wanted=lambda values: [[len(known(list(planted())))]],
        joint=True,
        sizes=(1, 2),
        plain="507f1f77bcf86cd799439011",
        applies=_is_close,
    ),
)
