"""What is known of MySQL's types: how each travels in the binary protocol, and what a cell of it is.

=========================  ==================================================================================
what the server has        what a cell is
=========================  ==================================================================================
``TINYINT`` … ``BIGINT``   integer; ``TINYINT(1)`` too, because MySQL has no boolean
``BIT``, ``YEAR``          integer
``DECIMAL``                decimal, the server's digits
``FLOAT``, ``DOUBLE``      float; for ``FLOAT`` the fewest digits that are the same 32-bit number
``DATE``, ``DATETIME``     date, timestamp without a zone
``TIMESTAMP``              timestamp with a zone: kept in UTC, and shown in it
``TIME``                   time, as the server writes it: may be negative, and longer than a day
``CHAR`` … ``TEXT``        text; ``ENUM`` and ``SET`` too
``BINARY`` … ``BLOB``      bytes
``JSON``                   JSON, where the server says so (MariaDB by its extended metadata)
``UUID``, ``INET6`` …      text, named by MariaDB's extended metadata
``GEOMETRY``               text: see ``geometry.py``
=========================  ==================================================================================
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import orjson

from appsmith_proxy.sdk import ColumnType
from appsmith_proxy_mysql import forms, geometry
from appsmith_proxy_mysql.forms import Decode, Encode
from appsmith_proxy_mysql.protocol import Malformed, length_at, text_at

BINARY: Final = 63
"""The character set of what has none."""
_UNSIGNED: Final = 1 << 5
_ENUM: Final = 1 << 8
_SET: Final = 1 << 11
_fixed: Final = struct.Struct("<HIBHB").unpack_from
_FIXED_SIZE: Final = 10
_TYPE_NAME: Final = 0
_FORMAT: Final = 1

YEAR: Final = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A column, as the server describes it."""

    name: str
    type: int
    charset: int
    flags: int
    decimals: int
    extended: str = ""
    """MariaDB's own name of a type that the protocol does not know."""
    json: bool = False
    """MariaDB: the text is JSON."""

    @classmethod
    def read(cls, data: bytes, at: int, end: int, *, extended: bool) -> Self:
        """Read the payload of a column's packet. ``extended``: MariaDB's metadata stands in it."""
        for _ in range(4):  # catalog, schema, table, the table's own name
            length, at = length_at(data, at)
            at += length
        name, at = text_at(data, at)
        _, at = text_at(data, at)  # the column's own name
        facts: dict[int, bytes] = {}
        if extended:
            more, at = text_at(data, at)
            inner = 0
            while inner < len(more):
                kind = more[inner]
                facts[kind], inner = text_at(more, inner + 1)
        _, at = length_at(data, at)
        if at + _FIXED_SIZE > end:
            raise Malformed("a column's description ends too early")
        charset, _, type_, flags, decimals = _fixed(data, at)
        return cls(
            name=name.decode(),
            type=type_,
            charset=charset,
            flags=flags,
            decimals=decimals,
            extended=facts.get(_TYPE_NAME, b"").decode(),
            json=facts.get(_FORMAT) == b"json",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How the values of a column travel and what they are."""

    column: ColumnType
    native: str
    form: str = ""
    """Of a value of fixed length, as ``struct`` writes it; ``""``: the value tells its length."""
    cell: Decode | None = None
    """From what was read to the cell; None: it is the cell."""
    plain: Decode | None = None
    """From the cell to what orjson writes for it; None: the cell."""
    json: Encode | None = None
    """The JSON texts of a column at once, where that is faster than one after the other."""


def kind_of(definition: Definition) -> Kind:
    """Return what a column's values are. What is of a type that is not known is shown as it comes: as text, or bytes."""
    if definition.type in _INTEGERS:
        return _integer(definition)
    return _OTHERS.get(definition.type, _textual)(definition)


def _integer(definition: Definition) -> Kind:
    native, form = _INTEGERS[definition.type]
    if definition.flags & _UNSIGNED:
        form = form.upper()
        native = native if definition.type == YEAR else f"{native} unsigned"
    return Kind(column=ColumnType.INTEGER, native=native, form=form, plain=forms.safe_integer, json=forms.integers_json)


def _textual(definition: Definition) -> Kind:
    text, binary = _TEXTS.get(definition.type, _UNKNOWN)
    if definition.json:
        return Kind(
            column=ColumnType.JSON,
            native="json",
            cell=forms.checked_json,
            plain=orjson.Fragment,
            json=forms.all_checked_json,
        )
    if definition.extended in _TOLD:
        return Kind(
            column=_TOLD[definition.extended], native=definition.extended, cell=forms.text, json=forms.texts_json
        )
    if definition.flags & _ENUM:
        text = "enum"
    elif definition.flags & _SET:
        text = "set"
    elif definition.charset == BINARY:
        return Kind(
            column=ColumnType.BYTES,
            native=definition.extended or binary,
            plain=forms.base64_text,
            json=forms.base64_json,
        )
    return Kind(column=ColumnType.TEXT, native=text, cell=forms.text, json=forms.texts_json)


def _timestamp(definition: Definition) -> Kind:
    return _stamp(definition, ColumnType.TIMESTAMPTZ, "timestamp", zone="Z")


def _datetime(definition: Definition) -> Kind:
    return _stamp(definition, ColumnType.TIMESTAMP, "datetime", zone="")


def _stamp(definition: Definition, column: ColumnType, native: str, *, zone: str) -> Kind:
    decimals = definition.decimals
    return Kind(
        column=column,
        native=native,
        cell=forms.timestamp(decimals, zone),
        json=forms.timestamps_json(decimals, zone),
    )


def _time(definition: Definition) -> Kind:
    return Kind(column=ColumnType.TIME, native="time", cell=forms.time(definition.decimals))


def _geometry(definition: Definition) -> Kind:
    return Kind(column=ColumnType.TEXT, native=definition.extended or "geometry", cell=geometry.text)


def _as_they_are(pieces: Sequence[bytes]) -> Sequence[bytes]:
    return pieces


def _always(kind: Kind) -> Callable[[Definition], Kind]:
    return lambda _: kind


_INTEGERS: Final[Mapping[int, tuple[str, str]]] = {
    1: ("tinyint", "b"),
    2: ("smallint", "h"),
    3: ("int", "i"),
    8: ("bigint", "q"),
    9: ("mediumint", "i"),
    YEAR: ("year", "h"),
}
_TEXTS: Final[Mapping[int, tuple[str, str]]] = {
    # with a character set, without
    15: ("varchar", "varbinary"),
    247: ("enum", "enum"),
    248: ("set", "set"),
    249: ("tinytext", "tinyblob"),
    250: ("mediumtext", "mediumblob"),
    251: ("longtext", "longblob"),
    252: ("text", "blob"),
    253: ("varchar", "varbinary"),
    254: ("char", "binary"),
}
_UNKNOWN: Final = ("unknown", "unknown")
_TOLD: Final[Mapping[str, ColumnType]] = {
    "uuid": ColumnType.UUID,
    "inet4": ColumnType.TEXT,
    "inet6": ColumnType.TEXT,
}
_DECIMAL: Final = Kind(column=ColumnType.DECIMAL, native="decimal", cell=forms.text, json=forms.texts_json)
_DATE: Final = Kind(column=ColumnType.DATE, native="date", cell=forms.date)
_OTHERS: Final[Mapping[int, Callable[[Definition], Kind]]] = {
    0: _always(_DECIMAL),
    4: _always(Kind(column=ColumnType.FLOAT, native="float", form="f", cell=forms.single, json=forms.singles_json)),
    5: _always(Kind(column=ColumnType.FLOAT, native="double", form="d", json=forms.numbers_json)),
    6: _always(Kind(column=ColumnType.TEXT, native="null", cell=forms.text)),
    7: _timestamp,
    10: _always(_DATE),
    11: _time,
    12: _datetime,
    14: _always(_DATE),
    16: _always(
        Kind(column=ColumnType.INTEGER, native="bit", cell=forms.bit, plain=forms.safe_integer, json=forms.bits_json)
    ),
    245: _always(Kind(column=ColumnType.JSON, native="json", plain=orjson.Fragment, json=_as_they_are)),
    246: _always(_DECIMAL),
    255: _geometry,
}
