"""The golden matrix of MySQL's values: what a column holds → the cell, for each type with its ends and oddities."""

from typing import Any, Final

from appsmith_proxy.sdk import ColumnType as C
from appsmith_proxy.sdk import ParameterType as P
from appsmith_proxy.sdk import Value

STORED: Final[tuple[tuple[str, str, C, Any], ...]] = (
    # how the column is declared, what is written into it, the column's type, the cell
    # integers
    ("TINYINT", "-128", C.INTEGER, -128),
    ("TINYINT UNSIGNED", "255", C.INTEGER, 255),
    ("TINYINT(1)", "1", C.INTEGER, 1),
    ("BOOLEAN", "FALSE", C.INTEGER, 0),
    ("SMALLINT", "-32768", C.INTEGER, -32768),
    ("SMALLINT UNSIGNED", "65535", C.INTEGER, 65535),
    ("MEDIUMINT", "-8388608", C.INTEGER, -(2**23)),
    ("MEDIUMINT UNSIGNED", "16777215", C.INTEGER, 2**24 - 1),
    ("INT", "-2147483648", C.INTEGER, -(2**31)),
    ("INT UNSIGNED", "4294967295", C.INTEGER, 2**32 - 1),
    ("INT(5) ZEROFILL", "42", C.INTEGER, 42),
    ("BIGINT", "-9223372036854775808", C.INTEGER, -(2**63)),
    ("BIGINT", "9223372036854775807", C.INTEGER, 2**63 - 1),
    ("BIGINT UNSIGNED", "18446744073709551615", C.INTEGER, 2**64 - 1),
    ("BIGINT", "NULL", C.INTEGER, None),
    ("YEAR", "1901", C.INTEGER, 1901),
    ("YEAR", "0", C.INTEGER, 0),
    ("BIT(1)", "b'1'", C.INTEGER, 1),
    ("BIT(64)", "b'1111111111111111111111111111111111111111111111111111111111111111'", C.INTEGER, 2**64 - 1),
    ("BIT(9)", "NULL", C.INTEGER, None),
    # decimals keep their digits
    ("DECIMAL(12,2)", "1.5", C.DECIMAL, "1.50"),
    ("DECIMAL(12,2)", "0", C.DECIMAL, "0.00"),
    ("DECIMAL(12,2)", "-0.01", C.DECIMAL, "-0.01"),
    (
        "DECIMAL(65,30)",
        "12345678901234567890123456789012345.123456789012345678901234567891",
        C.DECIMAL,
        "12345678901234567890123456789012345.123456789012345678901234567891",
    ),
    ("DECIMAL(20,0) UNSIGNED", "18446744073709551616", C.DECIMAL, "18446744073709551616"),
    ("DECIMAL(5,2)", "NULL", C.DECIMAL, None),
    # floats: the shortest digits that round-trip
    ("DOUBLE", "0.1", C.FLOAT, 0.1),
    ("FLOAT", "0.1", C.FLOAT, 0.1),
    ("FLOAT", "16777217", C.FLOAT, 16777216.0),
    ("DOUBLE", "1.7976931348623157e308", C.FLOAT, 1.7976931348623157e308),
    ("DOUBLE", "2.2250738585072014e-308", C.FLOAT, 2.2250738585072014e-308),
    ("DOUBLE", "NULL", C.FLOAT, None),
    # texts
    ("VARCHAR(20) CHARACTER SET utf8mb4", "''", C.TEXT, ""),
    ("TEXT CHARACTER SET utf8mb4", r"'a\nb\t\\\0c'", C.TEXT, "a\nb\t\\\0c"),
    ("VARCHAR(20) CHARACTER SET utf8mb4", "'žluťoučký 🐎'", C.TEXT, "žluťoučký 🐎"),
    ("VARCHAR(20) CHARACTER SET latin1", "'café'", C.TEXT, "café"),
    ("CHAR(4)", "'ab'", C.TEXT, "ab"),
    ("LONGTEXT", "REPEAT('x', 70000)", C.TEXT, "x" * 70_000),
    ("ENUM('sad','so so')", "'so so'", C.TEXT, "so so"),
    ("SET('a','b','c')", "'c,a'", C.TEXT, "a,c"),
    ("SET('a','b')", "''", C.TEXT, ""),
    ("TINYTEXT", "NULL", C.TEXT, None),
    # bytes
    ("BLOB", "X'00FF10'", C.BYTES, b"\x00\xff\x10"),
    ("VARBINARY(8)", "''", C.BYTES, b""),
    ("BINARY(4)", "'ab'", C.BYTES, b"ab\x00\x00"),
    ("LONGBLOB", "NULL", C.BYTES, None),
    # dates and times
    ("DATE", "'2024-02-29'", C.DATE, "2024-02-29"),
    ("DATE", "'9999-12-31'", C.DATE, "9999-12-31"),
    ("DATE", "'0000-00-00'", C.DATE, None),
    ("DATE", "'2020-00-00'", C.DATE, "2020-00-00"),
    ("TIME", "'23:59:59'", C.TIME, "23:59:59"),
    ("TIME", "'-838:59:59'", C.TIME, "-838:59:59"),
    ("TIME(6)", "'34:00:00.000001'", C.TIME, "34:00:00.000001"),
    ("TIME", "'00:00:00'", C.TIME, "00:00:00"),
    ("DATETIME", "'2024-02-29 12:00:00'", C.TIMESTAMP, "2024-02-29T12:00:00"),
    ("DATETIME(6)", "'2024-02-29 12:00:00.000001'", C.TIMESTAMP, "2024-02-29T12:00:00.000001"),
    ("DATETIME(3)", "'2024-02-29 12:00:00'", C.TIMESTAMP, "2024-02-29T12:00:00.000"),
    ("DATETIME", "'2024-02-29'", C.TIMESTAMP, "2024-02-29T00:00:00"),
    ("DATETIME", "'0000-00-00 00:00:00'", C.TIMESTAMP, None),
    ("TIMESTAMP(1) NULL", "'2024-02-29 12:00:00.5'", C.TIMESTAMPTZ, "2024-02-29T12:00:00.5Z"),
    ("TIMESTAMP NULL", "'2038-01-19 03:14:07'", C.TIMESTAMPTZ, "2038-01-19T03:14:07Z"),
    ("TIMESTAMP NULL", "NULL", C.TIMESTAMPTZ, None),
    # JSON passes through untouched
    (
        "JSON",
        """'{"b": 1.50, "a":  1e2, "a": [9007199254740993]}'""",
        C.JSON,
        b'{"b": 1.50, "a":  1e2, "a": [9007199254740993]}',
    ),
    ("JSON", "'null'", C.JSON, b"null"),
    ("JSON", "NULL", C.JSON, None),
    # all else in the database's own text form
    ("UUID", "'00000000-0000-0000-0000-0000000000ff'", C.UUID, "00000000-0000-0000-0000-0000000000ff"),
    ("INET6", "'::1'", C.TEXT, "::1"),
    ("POINT", "POINT(1, 2.5)", C.TEXT, "POINT(1 2.5)"),
    (
        "GEOMETRY",
        "ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 0))')",
        C.TEXT,
        "POLYGON((0 0,4 0,4 4,0 0))",
    ),
)

SETUP: Final = (
    "CREATE TABLE kit_values ("
    + ", ".join(f"c{number} {declared}" for number, (declared, *_) in enumerate(STORED))
    + ") CHARACTER SET latin1;\n"
    + f"INSERT INTO kit_values VALUES ({', '.join(written for _, written, *_ in STORED)});\n"
)
"""One row, a column for each case."""

BOUND: Final[tuple[tuple[str, P | None, Value, C, Any], ...]] = (
    # what is written, how the parameter is declared, the JSON value, the column, the cell
    ("?", P.BIGINT, 12, C.INTEGER, 12),
    ("?", P.BIGINT, "12", C.INTEGER, 12),
    ("?", P.BIGINT, " 12 ", C.INTEGER, 12),
    ("?", P.BIGINT, 2**63 - 1, C.INTEGER, 2**63 - 1),
    ("? + 0", P.BIGINT, 12.0, C.INTEGER, 12),
    ("?", P.INTEGER, -1, C.INTEGER, -1),
    ("? IS NULL", P.BIGINT, None, C.INTEGER, 1),
    ("?", P.DECIMAL, "1.50", C.DECIMAL, "1.50"),
    ("?", P.DECIMAL, 0.1, C.DECIMAL, "0.1"),
    ("?", P.DECIMAL, "12345678901234567890.10", C.DECIMAL, "12345678901234567890.10"),
    ("?", P.FLOAT, "1e308", C.FLOAT, 1e308),
    ("?", P.FLOAT, 0.1, C.FLOAT, 0.1),
    ("?", P.BOOLEAN, True, C.INTEGER, 1),
    ("?", P.BOOLEAN, "false", C.INTEGER, 0),
    ("?", P.TEXT, 12, C.TEXT, "12"),
    ("?", P.TEXT, True, C.TEXT, "true"),
    ("?", P.TEXT, "", C.TEXT, ""),
    ("?", P.TEXT, "a\0b'\"\\", C.TEXT, "a\0b'\"\\"),
    ("?", None, "undeclared is text", C.TEXT, "undeclared is text"),
    ("?", None, 12, C.TEXT, "12"),
    ("?", None, True, C.TEXT, "1"),
    ("'abc' = ?", P.INTEGER, 0, C.INTEGER, 1),
    ("'abc' = ?", None, 0, C.INTEGER, 0),
    ("?", P.DATE, "2020-01-31", C.DATE, "2020-01-31"),
    ("?", P.TIME, "-123:45:06.5", C.TIME, "-123:45:06.500000"),
    ("?", P.TIMESTAMPTZ, "2020-01-31T12:00:00.25+02:00", C.TIMESTAMP, "2020-01-31T10:00:00.250000"),
    ("?", P.TIMESTAMP, "2020-01-31T12:00:00", C.TIMESTAMP, "2020-01-31T12:00:00"),
    ("?", P.UUID, "00000000-0000-0000-0000-000000000001", C.TEXT, "00000000-0000-0000-0000-000000000001"),
    ("JSON_EXTRACT(?, '$.a')", P.JSON, {"a": [1, None, 'x"y']}, C.JSON, b'[1, null, "x\\"y"]'),
    ("JSON_TYPE(?)", P.JSON, "[1, 2]", C.TEXT, "ARRAY"),
    ("?", P.BYTES, b"\x00\xff'\\", C.BYTES, b"\x00\xff'\\"),
)
