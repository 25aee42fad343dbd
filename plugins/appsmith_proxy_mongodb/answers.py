"""What comes out: BSON documents as MongoDB's relaxed extended JSON, exactly.

====================  =====================================================================================
BSON                  JSON
====================  =====================================================================================
int32, int64          number within ±(2⁵³−1), else ``{"$numberLong": "…"}``
double                number; ``{"$numberDouble": "NaN"}``, ``"Infinity"``, ``"-Infinity"``
Decimal128            ``{"$numberDecimal": "1.50"}``
ObjectId              ``{"$oid": "…"}``
Date                  ``{"$date": "2024-02-29T12:00:00.500Z"}``; outside the years 1970 to 9999 ``{"$numberLong": …}`` in it
Binary, UUID          ``{"$binary": {"base64": "…", "subType": "04"}}``
others                as the specification of extended JSON (v2, relaxed) says
====================  =====================================================================================

The numbers beyond 2⁵³ are the one place where the relaxed form would lose digits in a browser.
"""

import base64
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import bson
import orjson
from bson import Binary, Code, DatetimeMS, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion, TypeDecoder, TypeRegistry
from bson.errors import BSONError

from appsmith_proxy.sdk import BadResponse, Column, ColumnType, EncodedRows

SAFE_INTEGER: Final = 2**53 - 1
_LAST_MOMENT: Final = 253_402_300_799_999
"""The last millisecond of the year 9999."""
_FLAGS: Final = ((2, "i"), (4, "l"), (8, "m"), (16, "s"), (32, "u"), (64, "x"))


class Answer:
    """The rows of one answer as texts of JSON, cut at its limits."""

    def __init__(self, *, rows: int, size: int) -> None:
        self.rows = rows
        self.size = 0
        self.truncated = False
        self._limit = size
        self._texts: list[bytes] = []
        self._names: dict[str, None] = {}

    def add(self, document: bytes | memoryview) -> bool:
        """Take one more document; False: a limit is reached, and it was not taken.

        Raises:
            BadResponse: it is no BSON, or holds text that is no Unicode.
        """
        if len(self._texts) < self.rows:
            try:
                decoded = bson.decode(document, _OPTIONS)
                text = orjson.dumps(decoded, default=_others, option=orjson.OPT_PASSTHROUGH_DATETIME)
            except (BSONError, orjson.JSONEncodeError):
                raise BadResponse("a document of the answer cannot be read") from None
            if self.size + len(text) <= self._limit:
                self._names.update(dict.fromkeys(decoded))
                self._texts.append(text)
                self.size += len(text)
                return True
        self.truncated = True
        return False

    def columns(self) -> tuple[Column, ...]:
        """Return the documents' fields, in the order in which they occur first. A field has no type of its own."""
        return tuple(Column(name, ColumnType.JSON, "bson") for name in self._names)

    def encoded(self) -> EncodedRows:
        """Return the rows as they are."""
        return EncodedRows(self._texts)

    def cells(self) -> list[list[bytes | None]]:
        """Return the rows as cells, each the JSON text of a field; one that a document does not have is None."""
        documents = [orjson.loads(text) for text in self._texts]
        return [[orjson.dumps(one[name]) if name in one else None for name in self._names] for one in documents]


def values_of(reply: bytes | memoryview) -> Iterator[bytes]:
    """Yield the values of a reply to ``distinct``, each as a document of one field.

    Raises:
        BadResponse: there are none.
    """
    values = bson.decode(reply, _EXACT).get("values")
    if not isinstance(values, list):
        raise BadResponse("the server's answer holds no values")
    for value in values:
        yield bson.encode({"value": value})


def _long(value: Int64) -> Any:
    return int(value) if -SAFE_INTEGER <= value <= SAFE_INTEGER else {"$numberLong": str(int(value))}


def _double(value: float) -> Any:
    if math.isfinite(value):
        return value
    return {"$numberDouble": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}


def _date(value: DatetimeMS) -> Any:
    milliseconds = int(value)
    if not 0 <= milliseconds <= _LAST_MOMENT:
        return {"$date": {"$numberLong": str(milliseconds)}}
    text = value.as_datetime(_UTC).isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds")
    return {"$date": text.removesuffix("+00:00") + "Z"}


def _decimal(value: Decimal128) -> Any:
    return {"$numberDecimal": str(value)}


def _binary(value: bytes) -> Any:
    subtype = value.subtype if isinstance(value, Binary) else 0
    return {"$binary": {"base64": base64.b64encode(value).decode(), "subType": f"{subtype:02x}"}}


def _regex(value: Regex[str]) -> Any:
    options = "".join(letter for flag, letter in _FLAGS if value.flags & flag)
    return {"$regularExpression": {"pattern": value.pattern, "options": options}}


def _timestamp(value: Timestamp) -> Any:
    return {"$timestamp": {"t": value.time, "i": value.inc}}


def _code(value: Code) -> Any:
    return {"$code": str(value)} | ({} if value.scope is None else {"$scope": value.scope})


def _reference(value: DBRef) -> Any:
    return dict(value.as_doc())


_OTHERS: Final[Mapping[type, Callable[[Any], Any]]] = {
    ObjectId: lambda value: {"$oid": str(value)},
    Decimal128: _decimal,
    DatetimeMS: _date,
    Binary: _binary,
    bytes: _binary,
    Regex: _regex,
    Timestamp: _timestamp,
    MinKey: lambda value: {"$minKey": 1},
    MaxKey: lambda value: {"$maxKey": 1},
    DBRef: _reference,
}


def _others(value: Any) -> Any:
    return _OTHERS[type(value)](value)


def _decoder(kind: type, transform: Callable[[Any], Any]) -> TypeDecoder:
    """Return what pymongo calls for each value of a type that orjson would write in another way."""

    class Decoder(TypeDecoder):
        bson_type = kind

        def transform_bson(self, value: Any) -> Any:
            return transform(value)

    return Decoder()


_OPTIONS: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_MS,
    type_registry=TypeRegistry([_decoder(Int64, _long), _decoder(float, _double), _decoder(Code, _code)]),
)
_EXACT: Final[CodecOptions[dict[str, Any]]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
_UTC: Final = CodecOptions[dict[str, Any]](tz_aware=True)
