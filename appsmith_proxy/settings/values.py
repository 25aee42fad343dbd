"""What sorts of values settings take: each turns environment text or a TOML value into the value, or says what would fit."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appsmith_proxy.sdk import Secret
from appsmith_proxy.store.urls import BadUrl, MongodbUrl, StoreUrl, parse_store_url

_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")


class BadValue(Exception):
    """A value does not fit; ``reason`` says what would, and never quotes it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ValueType:
    """What sort of value a setting takes."""

    name: str
    parse: Callable[[object], Any]
    """Environment text or a TOML value → the setting's value; raises ``BadValue``."""
    secret: bool = False
    """Every value is a secret."""
    hides: Callable[[Any], bool] = lambda _value: False
    """Whether this value holds a secret, where not every one does."""
    in_file: bool = False
    """A value may stand in a file of its own, which ``…_FILE`` names."""


def text(raw: object) -> str:
    """Return a line of text."""
    if not isinstance(raw, str) or not raw.strip() or raw != raw.strip() or not raw.isprintable():
        raise BadValue("must be text, not empty, without spaces around it")
    return raw


def integer(low: int, high: int) -> ValueType:
    """Return the type of whole numbers within bounds."""

    def parse(raw: object) -> int:
        value = int(raw) if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,15}", raw) else raw
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadValue(f"must be a whole number from {low} to {high}")
        return value

    return ValueType(f"integer, {low} to {high}", parse)


def seconds(low: float, high: float) -> ValueType:
    """Return the type of durations within bounds."""

    def parse(raw: object) -> float:
        value = float(raw) if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", raw) else raw
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadValue(f"must be a number of seconds from {low:g} to {high:g}")
        return float(value)

    return ValueType(f"seconds, {low:g} to {high:g}", parse)


def choice(*choices: str) -> ValueType:
    """Return the type of one word out of several."""

    def parse(raw: object) -> str:
        if raw not in choices:
            raise BadValue(f"must be one of: {', '.join(choices)}")
        return str(raw)

    return ValueType(" or ".join(choices), parse)


def _boolean(raw: object) -> bool:
    value = {"true": True, "false": False}.get(raw) if isinstance(raw, str) else raw
    if not isinstance(value, bool):
        raise BadValue("must be true or false")
    return value


def _store_url(raw: object) -> StoreUrl:
    try:
        return parse_store_url(text(raw))
    except BadUrl as bad:
        raise BadValue(bad.reason) from None


def _has_password(url: StoreUrl) -> bool:
    return isinstance(url, MongodbUrl) and url.has_password


def _origins(raw: object) -> frozenset[str]:
    if raw == "":
        return frozenset()
    listed = [part.strip() for part in raw.split(",")] if isinstance(raw, str) else raw
    if not isinstance(listed, list) or not all(isinstance(one, str) and _ORIGIN.fullmatch(one) for one in listed):
        raise BadValue(
            "must list origins exactly as browsers send them (https://app.example.com, lower case, no path); "
            "there is no pattern and no way to allow all"
        )
    return frozenset(listed)


TEXT: Final = ValueType("text", text)
PATH: Final = ValueType("path", lambda raw: Path(text(raw)))
BOOLEAN: Final = ValueType("true or false", _boolean)
SECRET: Final = ValueType("secret", lambda raw: Secret(str(raw)), secret=True, in_file=True)
STORE_URL: Final = ValueType(
    "sqlite:///absolute/path or mongodb://host/database", _store_url, hides=_has_password, in_file=True
)
ORIGINS: Final = ValueType("list of origins", _origins)
