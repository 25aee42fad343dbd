"""The places of MongoDB's filters and expressions: what a value finds, and what comes back of it."""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from appsmith_proxy.sdk import ParameterType
from appsmith_proxy.testing import BindingContext
from appsmith_proxy.testing.context import cells
from appsmith_proxy.testing.corpus import VALUES, Seed, Verdict

_WIDTH: Final = 40
FEW: Final = 600
LONGEST: Final = 4_096
SEARCHED: Final = "qqzplanted"
"""The one word of the collection that is searched; no seed holds it."""
_ID: Final = '{"_id": 1}'
_NO_ID: Final = '{"$project": {"_id": 0}}'


@cache
def planted() -> Mapping[str, int]:
    """Return the texts that stand in ``corpus_planted``, with their ids."""
    labels = ("mongodb.text", "document.text", "text", "mongodb", "document")
    held = [seed.value for seed in VALUES if seed.is_text and seed.expected(labels) in (None, Verdict.SAME)]
    mixed = sorted({text for text in held if len(text) <= LONGEST}, key=lambda text: text[::-1])
    return {text: number for number, text in enumerate(mixed, start=1)}


def known(values: Sequence[Any]) -> list[int]:
    """Return the ids of the documents that equal one of the values."""
    return sorted({planted()[value] for value in values if isinstance(value, str) and value in planted()})


def _ids(values: Sequence[Any]) -> list[list[int]]:
    """Return what a filter finds that takes each value as one."""
    return [[number] for number in known(values)]


def _few(values: Sequence[Any]) -> list[list[int]]:
    return [[number] for number in known(values) if number <= FEW]


def is_planted(seed: Seed) -> bool:
    return seed.is_text and len(seed.value) <= LONGEST


def is_one_of_four(seed: Seed) -> bool:
    """Return whether a seed is among a quarter of all classes: for places that the driver reads as it reads another's."""
    return zlib.crc32(seed.id.encode()) % 4 == 0


def is_text(seed: Seed) -> bool:
    return seed.is_text


def bindings(names: Sequence[str]) -> list[str]:
    return [f"{{{{{name}}}}}" for name in names]


def _find(name: str, query: Callable[[Sequence[str]], Any], **options: Any) -> BindingContext:
    def action(names: Sequence[str]) -> Mapping[str, Any]:
        made = query(bindings(names))
        return {
            "operation": "find",
            "collection": "corpus_planted",
            "filter": made if isinstance(made, str) else json.dumps(made),
            "projection": _ID,
            "sort": _ID,
        }

    return BindingContext(name=name, action=action, **{"wanted": _ids, "takes": "leaf", "width": _WIDTH, **options})


def _any(condition: Callable[[str], Any]) -> Callable[[Sequence[str]], Any]:
    """Return a filter in which many conditions are alternatives."""
    return lambda bound: {"$or": [condition(binding) for binding in bound]}


def _aggregated(name: str, stages: Callable[[Sequence[str]], Sequence[Any]], **options: Any) -> BindingContext:
    """Return the context of a pipeline over the planted documents that finds ids."""

    def action(names: Sequence[str]) -> Mapping[str, Any]:
        pipeline = [*stages(bindings(names)), {"$sort": {"_id": 1}}, {"$project": {"_id": 1}}]
        return {"operation": "aggregate", "collection": "corpus_planted", "pipeline": json.dumps(pipeline)}

    return BindingContext(name=name, action=action, **{"wanted": _ids, "takes": "leaf", "width": _WIDTH, **options})


def _in_list_of_each(condition: Callable[[str], Any]) -> Callable[[Sequence[str]], Sequence[Any]]:
    """Return stages that give some documents a list, and look into it."""
    return lambda bound: (
        {"$match": {"_id": {"$lte": FEW}}},
        {"$project": {"notes": ["$note"]}},
        {"$match": _any(lambda binding: {"notes": condition(binding)})(bound)},
    )


def _patterns(name: str, condition: Callable[[str], Any]) -> BindingContext:
    """Return the context of a pattern, in which a value is matched literally, tried against some of the documents."""
    some = {text: number for text, number in planted().items() if number <= FEW}

    def wanted(values: Sequence[Any]) -> Any:
        return [[number] for text, number in some.items() if any(value in text for value in values)]

    def query(bound: Sequence[str]) -> Any:
        return {"_id": {"$lte": FEW}, **_any(lambda binding: {"note": condition(binding)})(bound)}

    return _find(name, query, takes="text", as_in="regex", wanted=wanted, applies=is_planted)


def _searched(names: Sequence[str]) -> Mapping[str, Any]:
    query = json.dumps({"$text": {"$search": bindings(names)[0]}})
    return {"operation": "find", "collection": "corpus_searched", "filter": query, "projection": _ID}


def _counted(names: Sequence[str]) -> Mapping[str, Any]:
    query = json.dumps({"note": {"$in": bindings(names)}})
    return {"operation": "count", "collection": "corpus_planted", "filter": query}


def _distinct(names: Sequence[str]) -> Mapping[str, Any]:
    query = json.dumps({"note": {"$in": bindings(names)}})
    return {"operation": "distinct", "collection": "corpus_planted", "key": "_id", "filter": query}


def _looked_up(names: Sequence[str]) -> Mapping[str, Any]:
    inner = [
        {"$match": {"_id": {"$lte": FEW}, "$expr": {"$in": ["$note", "$$wanted"]}}},
        {"$sort": {"_id": 1}},
        {"$project": {"_id": 1}},
    ]
    lookup = {"from": "corpus_planted", "let": {"wanted": bindings(names)}, "pipeline": inner, "as": "found"}
    pipeline = json.dumps([{"$lookup": lookup}, {"$project": {"_id": 0, "found": "$found._id"}}])
    return {"operation": "aggregate", "collection": "corpus_one", "pipeline": pipeline}


FOUND: Final = (
    BindingContext(
        name="text_search",
        as_in="filter",
        action=_searched,
        wanted=lambda values: [[1]] if values == [SEARCHED] else [],
        plain=SEARCHED,
        applies=lambda seed: is_text(seed) and is_one_of_four(seed),
    ),
    _find("filter", _any(lambda binding: {"note": binding})),
    _find("filter_eq", _any(lambda binding: {"note": {"$eq": binding}})),
    _find("filter_expr", _any(lambda binding: {"$expr": {"$eq": ["$note", binding]}})),
    _find("range", _any(lambda binding: {"note": {"$gte": binding, "$lte": binding}}), applies=is_one_of_four),
    _find("in", lambda bound: {"note": {"$in": list(bound)}}),
    _find(
        "in_list",
        lambda names: '{"note": {"$in": {{v0}}}}',
        takes="text",
        declared={"type": ParameterType.TEXT, "is_list": True},
        joint=True,
    ),
    _find(
        "filter_json",
        lambda bound: f'{{"$or": [{", ".join(bound)}]}}',
        takes="json_text",
        declared={"type": ParameterType.JSON},
        given=lambda value: {"note": value},
        applies=is_text,
    ),
    _find(
        "condition_json",
        _any(lambda binding: {"note": binding}),
        takes="json_text",
        declared={"type": ParameterType.JSON},
        given=lambda value: {"$eq": value},
        applies=is_text,
    ),
    _patterns("regex", lambda binding: {"$regex": binding}),
    _patterns("regular_expression", lambda binding: {"$regularExpression": {"pattern": binding, "options": ""}}),
    _aggregated("match", lambda bound: [{"$match": _any(lambda binding: {"note": binding})(bound)}]),
    _aggregated(
        "facet",
        lambda bound: [
            {"$facet": {"found": [{"$match": {"note": {"$in": list(bound)}}}]}},
            {"$unwind": "$found"},
            {"$replaceRoot": {"newRoot": "$found"}},
        ],
        applies=is_one_of_four,
    ),
    _aggregated("elem_match", _in_list_of_each(lambda binding: {"$elemMatch": {"$eq": binding}}), wanted=_few),
    _aggregated("all", _in_list_of_each(lambda binding: {"$all": [binding]}), wanted=_few, applies=is_one_of_four),
    BindingContext(
        name="count",
        action=_counted,
        applies=is_one_of_four,
        takes="leaf",
        width=_WIDTH,
        wanted=lambda values: [[len(known(values))]],
    ),
    BindingContext(
        name="distinct",
        action=_distinct,
        applies=is_one_of_four,
        takes="leaf",
        width=_WIDTH,
        wanted=_ids,
        read=lambda answer: sorted(cells(answer)),
    ),
    BindingContext(
        name="lookup_let",
        action=_looked_up,
        takes="leaf",
        width=_WIDTH,
        wanted=lambda values: [[[number for [number] in _few(values)]]],
    ),
)


def _shown(value: Any) -> Any:
    """Return how a value is shown: numbers that not every JSON reader keeps are wrapped."""
    return {"$numberLong": str(value)} if isinstance(value, int) and abs(value) >= 2**53 else value


def projected(
    name: str,
    form: str,
    wanted: Callable[[Any], Any] = lambda value: value,
    read: Callable[[Any], Any] = lambda value: value,
    stages: Sequence[str] = ('{"$project": {"_id": 0, %s}}',),
    **options: Any,
) -> BindingContext:
    """Return the context of an expression whose value comes back."""

    def action(names: Sequence[str]) -> Mapping[str, Any]:
        fields = ", ".join(f'"c{number}": {form % one}' for number, one in enumerate(names))
        pipeline = ", ".join(stage.replace("%s", fields) for stage in stages)
        return {"operation": "aggregate", "collection": "corpus_one", "pipeline": f"[{pipeline}]"}

    return BindingContext(
        name=name,
        action=action,
        read=lambda answer: [[read(cell) for cell in row] for row in cells(answer)],
        wanted=lambda values: [[wanted(value) for value in values]],
        **{"width": _WIDTH, **options},
    )


def _projection(name: str, form: str, wanted: Callable[[Any], Any], **options: Any) -> BindingContext:
    """Return the context of the same in what ``find`` shows."""

    def action(names: Sequence[str]) -> Mapping[str, Any]:
        fields = ", ".join(f'"c{number}": {form % one}' for number, one in enumerate(names))
        return {"operation": "find", "collection": "corpus_one", "projection": f'{{"_id": 0, {fields}}}'}

    return BindingContext(
        name=name,
        action=action,
        wanted=lambda values: [[wanted(value) for value in values]],
        **{"width": _WIDTH, **options},
    )


SHOWN: Final = (
    projected("projected", '"{{%s}}"', _shown, takes="leaf"),
    projected("literal", '{"$literal": "{{%s}}"}', _shown, takes="leaf", applies=is_one_of_four),
    projected("inside", '"a{{%s}}z"', lambda value: f"a{value}z"),
    projected("declared", "{{%s}}", declared={"type": ParameterType.TEXT}),
    projected(
        "json",
        "{{%s}}",
        takes="json_text",
        declared={"type": ParameterType.JSON},
        given=lambda value: {"text": value},
        wanted=lambda value: {"text": value},
        applies=is_text,
    ),
    projected(
        "group",
        '{"$first": "{{%s}}"}',
        _shown,
        takes="leaf",
        applies=is_one_of_four,
        stages=('{"$group": {"_id": null, %s}}', _NO_ID),
    ),
    _projection("projection", '"{{%s}}"', _shown, takes="leaf"),
    _projection("projection_inside", '"a{{%s}}z"', lambda value: f"a{value}z", as_in="inside", applies=is_one_of_four),
)
