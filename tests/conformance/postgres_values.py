"""The golden matrix of PostgreSQL's values: what the database holds → the cell, for each type with its ends and oddities."""

from typing import Any, Final

from appsmith_proxy.sdk import ColumnType as C
from appsmith_proxy.sdk import ParameterType as P
from appsmith_proxy.sdk import Value

NAN: Final = float("nan")
INFINITY: Final = float("inf")

SETUP: Final = """
CREATE TYPE mood AS ENUM ('sad', 'so so', 'happy');
CREATE DOMAIN cents AS integer CHECK (VALUE >= 0);
CREATE TYPE pair AS (a integer, b text, c timestamptz);
CREATE TYPE nested AS (p pair, l text[], m mood);
"""

STORED: Final[tuple[tuple[str, C, Any], ...]] = (
    # integers
    ("32767::int2", C.INTEGER, 32767),
    ("(-2147483648)::int4", C.INTEGER, -(2**31)),
    ("9223372036854775807::int8", C.INTEGER, 2**63 - 1),
    ("(-9223372036854775808)::int8", C.INTEGER, -(2**63)),
    ("4294967295::oid", C.INTEGER, 2**32 - 1),
    ("NULL::int8", C.INTEGER, None),
    ("7::cents", C.INTEGER, 7),
    # decimals keep their digits
    ("1.50::numeric(12,2)", C.DECIMAL, "1.50"),
    ("0.00::numeric(12,2)", C.DECIMAL, "0.00"),
    ("1e20::numeric", C.DECIMAL, "100000000000000000000"),
    (
        "12345678901234567890.123456789012345678901234567890::numeric",
        C.DECIMAL,
        "12345678901234567890.123456789012345678901234567890",
    ),
    ("-0.000000000000000000001::numeric", C.DECIMAL, "-0.000000000000000000001"),
    ("'NaN'::numeric", C.DECIMAL, "NaN"),
    ("'Infinity'::numeric", C.DECIMAL, "Infinity"),
    ("'-Infinity'::numeric", C.DECIMAL, "-Infinity"),
    # floats: the shortest digits that round-trip
    ("0.1::float8", C.FLOAT, 0.1),
    ("0.1::float4", C.FLOAT, 0.1),
    ("16777217::float4", C.FLOAT, 16777216.0),
    ("5e-324::float8", C.FLOAT, 5e-324),
    ("1.7976931348623157e308::float8", C.FLOAT, 1.7976931348623157e308),
    ("'-0'::float8", C.FLOAT, -0.0),
    ("'-0'::float4", C.FLOAT, -0.0),
    ("'NaN'::float8", C.FLOAT, NAN),
    ("'NaN'::float4", C.FLOAT, NAN),
    ("'-Infinity'::float8", C.FLOAT, -INFINITY),
    ("'Infinity'::float4", C.FLOAT, INFINITY),
    # booleans
    ("true", C.BOOLEAN, True),
    ("false", C.BOOLEAN, False),
    ("NULL::boolean", C.BOOLEAN, None),
    # texts
    ("''::text", C.TEXT, ""),
    ("E'a\\nb\\t\\\\'::text", C.TEXT, "a\nb\t\\"),
    ("'žluťoučký 🐎'::varchar(20)", C.TEXT, "žluťoučký 🐎"),
    ("'ab'::char(4)", C.TEXT, "ab  "),
    ("'x'::\"char\"", C.TEXT, "x"),
    ("'a name'::name", C.TEXT, "a name"),
    ("'so so'::mood", C.TEXT, "so so"),
    ("NULL::text", C.TEXT, None),
    # bytes
    ("'\\x00ff10'::bytea", C.BYTES, b"\x00\xff\x10"),
    ("''::bytea", C.BYTES, b""),
    # dates and times
    ("'2024-02-29'::date", C.DATE, "2024-02-29"),
    ("'infinity'::date", C.DATE, "infinity"),
    ("'0044-03-15 BC'::date", C.DATE, "0044-03-15 BC"),
    ("'12345-01-01'::date", C.DATE, "12345-01-01"),
    ("'23:59:59.999999'::time", C.TIME, "23:59:59.999999"),
    ("'24:00'::time", C.TIME, "24:00:00"),
    ("'12:00:00+00'::timetz", C.TIME, "12:00:00Z"),
    ("'12:00:00+05:30'::timetz", C.TIME, "12:00:00+05:30"),
    ("'2024-02-29 12:00:00'::timestamp", C.TIMESTAMP, "2024-02-29T12:00:00"),
    ("'2024-02-29 12:00:00.000001'::timestamp", C.TIMESTAMP, "2024-02-29T12:00:00.000001"),
    ("'-infinity'::timestamp", C.TIMESTAMP, "-infinity"),
    ("'0044-03-15 12:00 BC'::timestamp", C.TIMESTAMP, "0044-03-15 12:00:00 BC"),
    ("'12345-01-01 00:00'::timestamp", C.TIMESTAMP, "12345-01-01 00:00:00"),
    ("'2024-02-29 12:00:00.5+05:30'::timestamptz", C.TIMESTAMPTZ, "2024-02-29T06:30:00.5Z"),
    ("'infinity'::timestamptz", C.TIMESTAMPTZ, "infinity"),
    ("'0044-03-15 12:00+00 BC'::timestamptz", C.TIMESTAMPTZ, "0044-03-15 12:00:00+00 BC"),
    ("'12345-01-01 00:00+00'::timestamptz", C.TIMESTAMPTZ, "12345-01-01 00:00:00+00"),
    ("'1 month 1 day 00:00:00.5'::interval", C.INTERVAL, "P1M1DT0.5S"),
    ("'0'::interval", C.INTERVAL, "PT0S"),
    ("'-1 year 2 days'::interval", C.INTERVAL, "P-1Y2D"),
    # JSON passes through untouched
    (
        '\'{"b": 1.50, "a":  1e2, "a": [9007199254740993]}\'::json',
        C.JSON,
        '{"b": 1.50, "a":  1e2, "a": [9007199254740993]}',
    ),
    ('\'{"b": 1.50, "a": null}\'::jsonb', C.JSON, '{"a": null, "b": 1.50}'),
    ("'null'::jsonb", C.JSON, "null"),
    ("NULL::jsonb", C.JSON, None),
    # arrays and composites as JSON
    ("ARRAY[1, NULL, 9223372036854775807]::int8[]", C.JSON, "[1,null,9223372036854775807]"),
    ("'{}'::int4[]", C.JSON, "[]"),
    ("'[0:1]={1,2}'::int4[]", C.JSON, "[1,2]"),
    ("ARRAY[[1,2],[3,4]]", C.JSON, "[[1,2],[3,4]]"),
    ("ARRAY[1.50, 'NaN', NULL]::numeric[]", C.JSON, '[1.50,"NaN",null]'),
    ("ARRAY['Infinity', 0.1]::float8[]", C.JSON, '["Infinity",0.1]'),
    ("ARRAY[true, NULL, false]", C.JSON, "[true,null,false]"),
    (
        "ARRAY['a b', 'c\"d', 'e\\f', 'NULL', NULL, '', '{}', 'g,h', E'i\\nj']",
        C.JSON,
        '["a b","c\\"d","e\\\\f","NULL",null,"","{}","g,h","i\\nj"]',
    ),
    ("ARRAY[ARRAY['x','y z'],ARRAY['','u']]", C.JSON, '[["x","y z"],["","u"]]'),
    ("ARRAY['{\"a\": 1.50}', '[2]']::jsonb[]", C.JSON, '[{"a": 1.50},[2]]'),
    ("ARRAY['2024-02-29 12:00+00', 'infinity']::timestamptz[]", C.JSON, '["2024-02-29T12:00:00Z","infinity"]'),
    ("ARRAY['\\x00ff']::bytea[]", C.JSON, '["\\\\x00ff"]'),
    ("ARRAY['sad', 'so so']::mood[]", C.JSON, '["sad","so so"]'),
    ("ARRAY[7]::cents[]", C.JSON, "[7]"),
    ("ARRAY['(1,1),(0,0)']::box[]", C.JSON, '["(1,1),(0,0)"]'),
    (
        "ROW(1, 'a \"b\", c', '2024-02-29 12:00+00')::pair",
        C.JSON,
        '{"a":1,"b":"a \\"b\\", c","c":"2024-02-29T12:00:00Z"}',
    ),
    ("ROW(NULL, '', NULL)::pair", C.JSON, '{"a":null,"b":"","c":null}'),
    (
        "ROW(ROW(1, E'\\\\', NULL)::pair, ARRAY['x y'], 'happy')::nested",
        C.JSON,
        '{"p":{"a":1,"b":"\\\\","c":null},"l":["x y"],"m":"happy"}',
    ),
    ("ARRAY[ROW(1, 'x,y', NULL)::pair]", C.JSON, '[{"a":1,"b":"x,y","c":null}]'),
    # all else in the database's own text form
    ("'00000000-0000-0000-0000-0000000000ff'::uuid", C.UUID, "00000000-0000-0000-0000-0000000000ff"),
    ("'192.168.0.1/24'::inet", C.TEXT, "192.168.0.1/24"),
    ("'::1'::inet", C.TEXT, "::1"),
    ("'10.0.0.0/8'::cidr", C.TEXT, "10.0.0.0/8"),
    ("'08:00:2b:01:02:03'::macaddr", C.TEXT, "08:00:2b:01:02:03"),
    ("B'10101'", C.TEXT, "10101"),
    ("B'101'::varbit(8)", C.TEXT, "101"),
    ("'[1,10)'::int4range", C.TEXT, "[1,10)"),
    ("'{[1,3),[5,7)}'::int4multirange", C.TEXT, "{[1,3),[5,7)}"),
    ("'empty'::tstzrange", C.TEXT, "empty"),
    ("'(1,2)'::point", C.TEXT, "(1,2)"),
    ("'((0,0),(1,1))'::path", C.TEXT, "((0,0),(1,1))"),
    ("12.5::float8::numeric::money", C.TEXT, "$12.50"),
    ("'a:1 b:2'::tsvector", C.TEXT, "'a':1 'b':2"),
    ("'$.a'::jsonpath", C.TEXT, '$."a"'),
    ("'16/B374D848'::pg_lsn", C.TEXT, "16/B374D848"),
    ("ROW(1, 'x')", C.TEXT, "(1,x)"),
    ("pg_sleep(0)", C.TEXT, ""),
    ("'pg_class'::regclass", C.TEXT, "pg_class"),
)
"""Expression, column type, cell."""

BOUND: Final[tuple[tuple[str, P | None, Value, C, Any], ...]] = (
    # what is written, how the parameter is declared, the JSON value, the column, the cell
    ("$1::int8", P.BIGINT, 12, C.INTEGER, 12),
    ("$1::int8", P.BIGINT, "12", C.INTEGER, 12),
    ("$1::int8", P.BIGINT, " 12 ", C.INTEGER, 12),
    ("$1::int8", P.BIGINT, 2**63 - 1, C.INTEGER, 2**63 - 1),
    ("$1::int8", P.BIGINT, 12.0, C.INTEGER, 12),
    ("$1::int8", P.BIGINT, None, C.INTEGER, None),
    ("$1::numeric", P.DECIMAL, "1.50", C.DECIMAL, "1.50"),
    ("$1::numeric", P.DECIMAL, 0.1, C.DECIMAL, "0.1"),
    ("$1::numeric", P.DECIMAL, "12345678901234567890.10", C.DECIMAL, "12345678901234567890.10"),
    ("$1::float8", P.FLOAT, "1e308", C.FLOAT, 1e308),
    ("$1::float8", P.FLOAT, "NaN", C.FLOAT, NAN),
    ("$1::boolean", P.BOOLEAN, True, C.BOOLEAN, True),
    ("$1::boolean", P.BOOLEAN, "no", C.BOOLEAN, False),
    ("$1::text", P.TEXT, 12, C.TEXT, "12"),
    ("$1::text", P.TEXT, True, C.TEXT, "true"),
    ("$1::text", P.TEXT, "", C.TEXT, ""),
    ("$1", None, "undeclared is text", C.TEXT, "undeclared is text"),
    ("$1::date", P.DATE, "2020-01-31", C.DATE, "2020-01-31"),
    ("$1::timestamptz", P.TIMESTAMPTZ, "2020-01-31T12:00:00.25+02:00", C.TIMESTAMPTZ, "2020-01-31T10:00:00.25Z"),
    ("$1::timestamp", P.TIMESTAMP, "2020-01-31T12:00:00", C.TIMESTAMP, "2020-01-31T12:00:00"),
    ("$1::uuid", P.UUID, "00000000000000000000000000000001", C.UUID, "00000000-0000-0000-0000-000000000001"),
    ("$1::json", P.JSON, {"a": [1, None, 'x"y']}, C.JSON, '{"a":[1,null,"x\\"y"]}'),
    ("$1::jsonb", P.JSON, [1, 2], C.JSON, "[1, 2]"),
    ("$1::jsonb", P.JSON, '"text"', C.JSON, '"text"'),
    ("$1::bytea", P.BYTES, b"\x00\xff'\\", C.BYTES, b"\x00\xff'\\"),
    ("$1::mood", None, "so so", C.TEXT, "so so"),
    ("$1::cents", None, 7, C.INTEGER, 7),
    ("$1::int4[]", None, [1, "2", None], C.JSON, "[1,2,null]"),
    (
        "$1::text[]",
        None,
        ['a"b', "c\\d", "NULL", "", None, "e,f", "{}", 1, True],
        C.JSON,
        '["a\\"b","c\\\\d","NULL","",null,"e,f","{}","1","true"]',
    ),
    ("$1::text[]", None, [], C.JSON, "[]"),
    ("$1::int4[]", None, "{1,2}", C.JSON, "[1,2]"),
    ("$1::jsonb[]", None, [{"a": 1}, [2]], C.JSON, '[{"a": 1},[2]]'),
    ("$1::bytea[]", None, [b"\x01"], C.JSON, '["\\\\x01"]'),
    ("$1::inet", None, "10.0.0.1", C.TEXT, "10.0.0.1"),
    ("$1::interval", None, "3 days", C.INTERVAL, "P3D"),
)
