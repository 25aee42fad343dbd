"""Geometry that lies: no depth, no count and no length is believed. What is true is in ``test_values``."""

import struct
import time

import pytest

from appsmith_proxy_mysql import geometry
from appsmith_proxy_mysql.packets import UNREADABLE

_SRID = bytes(4)
_COLLECTION = b"\x01\x07\0\0\0\x01\0\0\0"
_POINT = b"\x01\x01\0\0\0" + struct.pack("<dd", 1, 2)


def test_both_byte_orders_are_read() -> None:
    turned = b"\x00\x00\x00\x00\x01" + struct.pack(">dd", 1, 2)
    assert [geometry.text(_SRID + point) for point in (_POINT, turned)] == ["POINT(1 2)"] * 2


def test_numbers_keep_their_digits() -> None:
    point = b"\x01\x01\0\0\0" + struct.pack("<dd", 0.1, -1e300)
    assert geometry.text(_SRID + point) == "POINT(0.1 -1e+300)"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        _SRID,
        _SRID + _POINT[:-1],
        _SRID + _POINT + b"\0",
        _SRID + b"\x02" + _POINT[1:],
        _SRID + b"\x01\x63\0\0\0",
        _SRID + _COLLECTION * 2_000 + _POINT,
        _SRID + _COLLECTION * 40 + _POINT,
        _SRID + b"\x01\x02\0\0\0\xff\xff\xff\xff" + bytes(64),
        _SRID + b"\x01\x03\0\0\0\xff\xff\xff\xff" + bytes(64),
        _SRID + b"\x01\x07\0\0\0\xff\xff\xff\xff" + _POINT,
    ],
)
def test_lies_are_errors(raw: bytes) -> None:
    start = time.process_time()
    with pytest.raises(UNREADABLE):
        geometry.text(raw)
    assert time.process_time() - start < 1
