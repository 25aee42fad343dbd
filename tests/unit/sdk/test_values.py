"""How bound numbers are written for a server."""

from decimal import Decimal

import pytest

from appsmith_proxy.sdk import number_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (12.0, "12"),
        (-12.0, "-12"),
        (999999999999999868928.0, "999999999999999868928"),
        (1e21, "1e+21"),
        (0.1, "0.1"),
        (5e-324, "5e-324"),
        (2**63, "9223372036854775808"),
        (Decimal("1.50"), "1.50"),
        (Decimal("-0.0"), "-0.0"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E+50"), "1E+50"),
    ],
)
def test_a_number_keeps_its_own_digits(number: int | float | Decimal, text: str) -> None:
    assert number_text(number) == text
