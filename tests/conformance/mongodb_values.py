"""The matrix of MongoDB's values: what is stored, and what a bound value becomes, as relaxed extended JSON."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from bson import (
    Binary,
    Code,
    DatetimeMS,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)

from appsmith_proxy.sdk import ParameterType

_ID: Final = ObjectId("65e0a1b2c3d4e5f601234567")
_UUID: Final = UUID("12345678-1234-5678-1234-567812345678")

STORED: Final[tuple[tuple[str, Any, str], ...]] = (
    ("null", None, "null"),
    ("true", True, "true"),
    ("int32", 2**31 - 1, "2147483647"),
    ("least int32", -(2**31), "-2147483648"),
    ("int64", Int64(5), "5"),
    ("safe int64", Int64(2**53 - 1), "9007199254740991"),
    ("unsafe int64", Int64(2**53), '{"$numberLong":"9007199254740992"}'),
    ("most int64", Int64(2**63 - 1), '{"$numberLong":"9223372036854775807"}'),
    ("least int64", Int64(-(2**63)), '{"$numberLong":"-9223372036854775808"}'),
    ("double", 0.1, "0.1"),
    ("whole double", 3.0, "3.0"),
    ("negative zero", -0.0, "-0.0"),
    ("largest double", 1.7976931348623157e308, "1.7976931348623157e+308"),
    ("nan", float("nan"), '{"$numberDouble":"NaN"}'),
    ("infinity", float("inf"), '{"$numberDouble":"Infinity"}'),
    ("-infinity", float("-inf"), '{"$numberDouble":"-Infinity"}'),
    ("decimal", Decimal128("1.50"), '{"$numberDecimal":"1.50"}'),
    ("decimal nan", Decimal128("NaN"), '{"$numberDecimal":"NaN"}'),
    (
        "34 digits",
        Decimal128("1.234567890123456789012345678901234"),
        '{"$numberDecimal":"1.234567890123456789012345678901234"}',
    ),
    ("text", 'é"\\\0\u2028😀', '"é\\"\\\\\\u0000\u2028😀"'),
    ("empty text", "", '""'),
    ("id", _ID, '{"$oid":"65e0a1b2c3d4e5f601234567"}'),
    ("date", datetime(2024, 2, 29, 12, 30, tzinfo=UTC), '{"$date":"2024-02-29T12:30:00Z"}'),
    ("milliseconds", datetime(2024, 2, 29, 12, 30, 0, 5000, tzinfo=UTC), '{"$date":"2024-02-29T12:30:00.005Z"}'),
    ("epoch", DatetimeMS(0), '{"$date":"1970-01-01T00:00:00Z"}'),
    ("before 1970", DatetimeMS(-1), '{"$date":{"$numberLong":"-1"}}'),
    ("last of 9999", DatetimeMS(253402300799999), '{"$date":"9999-12-31T23:59:59.999Z"}'),
    ("after 9999", DatetimeMS(253402300800000), '{"$date":{"$numberLong":"253402300800000"}}'),
    ("bytes", b"\0\xff", '{"$binary":{"base64":"AP8=","subType":"00"}}'),
    ("uuid", Binary.from_uuid(_UUID), '{"$binary":{"base64":"EjRWeBI0VngSNFZ4EjRWeA==","subType":"04"}}'),
    ("own binary", Binary(b"x", 0x80), '{"$binary":{"base64":"eA==","subType":"80"}}'),
    ("regex", Regex("^a", "im"), '{"$regularExpression":{"pattern":"^a","options":"im"}}'),
    ("timestamp", Timestamp(5, 6), '{"$timestamp":{"t":5,"i":6}}'),
    ("min key", MinKey(), '{"$minKey":1}'),
    ("max key", MaxKey(), '{"$maxKey":1}'),
    ("code", Code("x"), '{"$code":"x"}'),
    ("scoped code", Code("x", {"a": 1}), '{"$code":"x","$scope":{"a":1}}'),
    ("reference", DBRef("c", _ID), '{"$ref":"c","$id":{"$oid":"65e0a1b2c3d4e5f601234567"}}'),
    ("list", [1, [None], {"a": _ID}], '[1,[null],{"a":{"$oid":"65e0a1b2c3d4e5f601234567"}}]'),
    ("object", {"b": {"c": Int64(2**60)}, "a": ""}, '{"b":{"c":{"$numberLong":"1152921504606846976"}},"a":""}'),
    ("empty", [{}, []], "[{},[]]"),
)
"""Name, what another client stored, how it is shown."""

_T: Final = ParameterType

BOUND: Final[tuple[tuple[ParameterType | None, Any, str], ...]] = (
    (None, None, "null"),
    (None, True, "true"),
    (None, 5, "5"),
    (None, 2**63 - 1, '{"$numberLong":"9223372036854775807"}'),
    (None, Decimal("0.1"), "0.1"),
    (None, "$name", '"$name"'),
    (None, {"a": [1, {"b": "$x"}]}, '{"a":[1,{"b":"$x"}]}'),
    (_T.TEXT, "5", '"5"'),
    (_T.INTEGER, -5, "-5"),
    (_T.INTEGER, 2**40, "1099511627776"),
    (_T.BIGINT, 5, "5"),
    (_T.DECIMAL, Decimal("1.50"), '{"$numberDecimal":"1.50"}'),
    (_T.DECIMAL, 10**30, '{"$numberDecimal":"1000000000000000000000000000000"}'),
    (_T.FLOAT, 3, "3.0"),
    (_T.BOOLEAN, False, "false"),
    (_T.DATE, "2024-02-29", '{"$date":"2024-02-29T00:00:00Z"}'),
    (_T.TIMESTAMP, "2024-02-29 12:30", '{"$date":"2024-02-29T12:30:00Z"}'),
    (_T.TIMESTAMPTZ, "2024-02-29T12:30:00.005+01:00", '{"$date":"2024-02-29T11:30:00.005Z"}'),
    (_T.TIME, "12:30", '"12:30"'),
    (_T.UUID, str(_UUID), '{"$binary":{"base64":"EjRWeBI0VngSNFZ4EjRWeA==","subType":"04"}}'),
    (_T.BYTES, b"\0\xff", '{"$binary":{"base64":"AP8=","subType":"00"}}'),
    (_T.JSON, {"a.b": {"$oid": str(_ID)}, "c": Decimal("1.5")}, '{"a.b":{"$oid":"65e0a1b2c3d4e5f601234567"},"c":1.5}'),
    (_T.JSON, {"$numberDecimal": "1.50"}, '{"$numberDecimal":"1.50"}'),
    (_T.INTEGER, [1, 2], "[1,2]"),
)
"""Declared type, the value as the template's binder gives it, how it is shown when it comes back."""
