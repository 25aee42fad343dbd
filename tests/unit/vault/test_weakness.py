"""Passwords and salts that protect nothing are refused."""

import secrets
import string
from importlib import resources

import pytest

from appsmith_proxy.vault import weakness

WEAK = [
    "",
    " ",
    "x",
    "admin",
    "password",
    "changeme",
    "correct horse",
    "0123456789abcdef",
    "qX7!pL2@vN9#rT4$wZ6%k",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "abababababababababababababababab",
    "abcdefgabcdefgabcdefgabcdefg",
    "11111111112222222222333333",
    " " * 40,
    "correct horse battery staple",
    "Correct-Horse-Battery-Staple",
    "CORRECTHORSEBATTERYSTAPLE",
    "your-encryption-password-here",
    "YOUR_ENCRYPTION_SALT_HERE",
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789abcdef0123456789abcdef",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "please-change-this-password!",
    "the quick brown fox jumps over the lazy dog.",
]


@pytest.mark.parametrize("secret", WEAK)
def test_weak_ones_are_refused_and_not_quoted(secret: str) -> None:
    reason = weakness(secret)
    assert reason is not None
    assert len(secret) < 5 or secret not in reason


def test_the_borders() -> None:
    alphabet = string.ascii_letters
    assert weakness(alphabet[1:22]) == "has fewer than 22 characters"
    assert weakness(alphabet[1:23]) is None
    assert weakness("abcdefg" * 5) == "has fewer than 8 different characters"
    assert weakness("abcdefgh" * 5) is None


def test_generated_ones_are_not_weak() -> None:
    assert all(weakness(secrets.token_urlsafe(32)) is None for _ in range(200))


def test_every_line_of_the_list_counts() -> None:
    text = resources.files("appsmith_proxy.vault").joinpath("well_known.txt").read_text("utf-8")
    examples = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(examples) >= 90
    assert [line for line in examples if weakness(line) is None] == []
