"""MongoDB's language as data: which operators and stages an action may use, and how their arguments are read.

What is not on a list is refused when the action is saved. A list tells for each name the kind of its argument::

    DATA        values: a binding is a value
    OPTIONS     values, beside names with ``$`` of their own (``$text``, geometry)
    QUERY       a filter
    QUERIES     a list of filters
    CONDITION   what a field is compared with: a value, or an object of operators
    ELEMENT     a filter or an object of operators
    LIST        a list of values, or a binding that is one
    REGEX       a pattern: a value in it is matched literally
    EXPRESSION  an aggregation expression: ``"$name"`` reads a field, so a binding becomes ``{"$literal": value}``
    NUMBER      a whole number
    SORT        fields and directions
    CONSTANT    names and options: no binding can stand there
    PIPELINE    stages
"""

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final


class Kind(Enum):
    """How an argument is read."""

    DATA = auto()
    OPTIONS = auto()
    QUERY = auto()
    QUERIES = auto()
    CONDITION = auto()
    ELEMENT = auto()
    LIST = auto()
    REGEX = auto()
    EXPRESSION = auto()
    NUMBER = auto()
    SORT = auto()
    CONSTANT = auto()
    PIPELINE = auto()
    PIPELINES = auto()
    """An object of pipelines (``$facet``)."""
    FIELDS_DATA = auto()
    """An object of fields with values (``$set`` of an update)."""
    FIELDS_PUSH = auto()
    """The same, where a value may be ``{"$each": …}``."""
    FIELDS_CONDITION = auto()
    """An object of fields with conditions (``$pull``)."""
    SOURCE = auto()
    """A collection of the same database."""
    TARGET = auto()
    """A collection of the same database that is written to."""


_JAVASCRIPT: Final = "JavaScript is not run at the server"
_ELSEWHERE: Final = "it tells of the server, or of others' work"

DENIED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "$where": _JAVASCRIPT,
        "$function": _JAVASCRIPT,
        "$accumulator": _JAVASCRIPT,
        "$code": _JAVASCRIPT,
        "$scope": _JAVASCRIPT,
        "mapReduce": _JAVASCRIPT,
        "$currentOp": _ELSEWHERE,
        "$listSessions": _ELSEWHERE,
        "$listLocalSessions": _ELSEWHERE,
        "$collStats": _ELSEWHERE,
        "$indexStats": _ELSEWHERE,
        "$planCacheStats": _ELSEWHERE,
        "$listSampledQueries": _ELSEWHERE,
        "$shardedDataDistribution": _ELSEWHERE,
        "$changeStream": "an execution ends, and a change stream does not",
    }
)
"""Refused wherever they stand → why."""

NEVER_IN_A_VALUE: Final = frozenset({*DENIED, "$out", "$merge", "$expr", "$jsonSchema"})
"""What not even a value that is declared as ``json`` may hold."""

LOGICAL: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "$and": Kind.QUERIES,
        "$or": Kind.QUERIES,
        "$nor": Kind.QUERIES,
        "$expr": Kind.EXPRESSION,
        "$text": Kind.OPTIONS,
        "$comment": Kind.CONSTANT,
        "$jsonSchema": Kind.CONSTANT,
    }
)
"""What may stand beside field names in a filter."""

CONDITIONS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        **dict.fromkeys(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"), Kind.DATA),
        **dict.fromkeys(("$in", "$nin", "$all"), Kind.LIST),
        **dict.fromkeys(("$exists", "$type", "$size", "$mod"), Kind.DATA),
        **dict.fromkeys(("$bitsAllClear", "$bitsAllSet", "$bitsAnyClear", "$bitsAnySet"), Kind.DATA),
        **dict.fromkeys(("$geoIntersects", "$geoWithin", "$near", "$nearSphere"), Kind.OPTIONS),
        **dict.fromkeys(("$maxDistance", "$minDistance"), Kind.DATA),
        "$not": Kind.CONDITION,
        "$elemMatch": Kind.ELEMENT,
        "$regex": Kind.REGEX,
        "$options": Kind.CONSTANT,
    }
)
"""What a field can be compared with."""

IN_DATA: Final = frozenset(
    {
        *("$geometry", "$box", "$polygon", "$center", "$centerSphere", "$maxDistance", "$minDistance"),
        *("$search", "$language", "$caseSensitive", "$diacriticSensitive"),
    }
)
"""Names with a ``$`` that the arguments of ``$text`` and of the geometric operators hold."""

UPDATES: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        **dict.fromkeys(("$set", "$setOnInsert", "$inc", "$mul", "$min", "$max", "$pullAll"), Kind.FIELDS_DATA),
        **dict.fromkeys(("$unset", "$rename", "$currentDate", "$bit", "$pop"), Kind.CONSTANT),
        **dict.fromkeys(("$push", "$addToSet"), Kind.FIELDS_PUSH),
        "$pull": Kind.FIELDS_CONDITION,
    }
)
"""What an update may do."""

PUSHES: Final[Mapping[str, Kind]] = MappingProxyType(
    {"$each": Kind.LIST, "$slice": Kind.NUMBER, "$position": Kind.NUMBER, "$sort": Kind.CONSTANT}
)

STAGES: Final[Mapping[str, Kind | Mapping[str, Kind]]] = MappingProxyType(
    {
        "$match": Kind.QUERY,
        **dict.fromkeys(("$project", "$addFields", "$set", "$replaceRoot", "$replaceWith"), Kind.EXPRESSION),
        **dict.fromkeys(("$group", "$sortByCount", "$redact", "$bucket", "$bucketAuto"), Kind.EXPRESSION),
        "$setWindowFields": Kind.EXPRESSION,
        **dict.fromkeys(("$limit", "$skip"), Kind.NUMBER),
        "$sample": MappingProxyType({"size": Kind.NUMBER}),
        "$sort": Kind.SORT,
        **dict.fromkeys(("$unwind", "$count", "$unset", "$densify", "$fill"), Kind.CONSTANT),
        "$lookup": MappingProxyType(
            {
                "from": Kind.SOURCE,
                **dict.fromkeys(("localField", "foreignField", "as"), Kind.CONSTANT),
                "let": Kind.EXPRESSION,
                "pipeline": Kind.PIPELINE,
            }
        ),
        "$graphLookup": MappingProxyType(
            {
                "from": Kind.SOURCE,
                "startWith": Kind.EXPRESSION,
                **dict.fromkeys(("connectFromField", "connectToField", "as", "depthField"), Kind.CONSTANT),
                "maxDepth": Kind.NUMBER,
                "restrictSearchWithMatch": Kind.QUERY,
            }
        ),
        "$unionWith": MappingProxyType({"coll": Kind.SOURCE, "pipeline": Kind.PIPELINE}),
        "$facet": Kind.PIPELINES,
        "$geoNear": MappingProxyType(
            {
                "near": Kind.DATA,
                **dict.fromkeys(("distanceField", "includeLocs", "key", "spherical"), Kind.CONSTANT),
                **dict.fromkeys(("maxDistance", "minDistance", "distanceMultiplier"), Kind.DATA),
                "query": Kind.QUERY,
            }
        ),
        "$out": Kind.TARGET,
        "$merge": Kind.TARGET,
    }
)
"""The stages of a pipeline; an object tells the kind of each of its members."""

OF_FIELDS: Final = frozenset(
    {"$project", "$addFields", "$set", "$replaceRoot", "$group", "$bucket", "$bucketAuto", "$setWindowFields"}
)
"""Stages of expressions whose argument is an object of fields, and no expression itself."""
WRITING_STAGES: Final = frozenset({"$out", "$merge"})
UPDATE_STAGES: Final = frozenset({"$addFields", "$set", "$project", "$unset", "$replaceRoot", "$replaceWith"})
"""What an update that is a pipeline may hold."""

NAMING: Final[Mapping[str, str]] = MappingProxyType(
    {"$getField": "field", "$setField": "field", "$unsetField": "field", "$meta": ""}
)
"""Expressions of which an argument is a field's name or an option, never a value → that argument, ``""``: the whole."""
