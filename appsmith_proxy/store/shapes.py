"""Nouns as JSON, explicit and strict: each field of a dataclass with how it is written and how it is read.

All fields are written, defaults too, so that a later default never changes the meaning of what is stored. In reading, a
field that a document does not have yet takes its default; a field that we do not know, or of another type, is refused.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Unreadable(Exception):
    """A document is not what we wrote. The text says where, never what stands there."""


@dataclass(frozen=True, slots=True)
class Part:
    """How one value is written as JSON, and read back."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def shape(noun: type[Any], /, *, without: Iterable[str] = (), **parts: Part) -> Part:
    """Return how a dataclass is written: as an object of its fields, each as its part says."""
    names = {field.name for field in fields(noun)} - set(without)
    if names != set(parts):
        raise TypeError(f"the shape of {noun.__name__} and its fields differ: {sorted(names ^ set(parts))}")
    required = {field.name for field in fields(noun) if field.default is field.default_factory is MISSING} & names

    def write(value: Any) -> dict[str, Any]:
        return {name: part.write(getattr(value, name)) for name, part in parts.items()}

    def read(document: Any) -> Any:
        given = _typed(dict)(document)
        if unknown := given.keys() - names:
            raise Unreadable(f"{noun.__name__} has unknown fields: {', '.join(sorted(unknown))}")
        if missing := required - given.keys():
            raise Unreadable(f"{noun.__name__} lacks {', '.join(sorted(missing))}")
        return noun(**{name: _at(name, parts[name], value) for name, value in given.items()})

    return Part(write, read)


def optional(part: Part) -> Part:
    """Return a part that may be None."""
    return Part(
        lambda value: None if value is None else part.write(value),
        lambda value: None if value is None else part.read(value),
    )


def sequence(part: Part) -> Part:
    """Return a tuple of parts, written as a list."""
    return Part(
        lambda values: [part.write(value) for value in values],
        lambda values: tuple(part.read(value) for value in _typed(list)(values)),
    )


def pair(first: Part, second: Part) -> Part:
    """Return a tuple of two, written as a list."""

    def read(values: Any) -> tuple[Any, Any]:
        if len(_typed(list)(values)) != 2:
            raise Unreadable("not a pair")
        return first.read(values[0]), second.read(values[1])

    return Part(lambda value: [first.write(value[0]), second.write(value[1])], read)


def mapping(part: Part) -> Part:
    """Return parts by text key."""
    return Part(
        lambda values: {key: part.write(value) for key, value in values.items()},
        lambda values: {key: _at(key, part, value) for key, value in _typed(dict)(values).items()},
    )


def member(enum: type[StrEnum]) -> Part:
    """Return a member of an enumeration, written as its value."""

    def read(value: Any) -> StrEnum:
        try:
            return enum(value)
        except ValueError:
            raise Unreadable(f"no such {enum.__name__}") from None

    return Part(str, read)


def _typed(*types: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) not in types:  # exact: a bool is no integer
            raise Unreadable(f"expected {' or '.join(kind.__name__ for kind in types)}, found {type(value).__name__}")
        return value

    return read


def _at(name: str, part: Part, value: Any) -> Any:
    try:
        return part.read(value)
    except Unreadable as problem:
        raise Unreadable(f"{name}: {problem}") from None


def _same(value: Any) -> Any:
    return value


def _write_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _read_moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_typed(str)(text))
    except ValueError:
        raise Unreadable("not a date and time") from None
    if moment.tzinfo is None:
        raise Unreadable("a date and time without an offset")
    return moment


def _write_bytes(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def _read_bytes(text: Any) -> bytes:
    try:
        value = urlsafe_b64decode(_typed(str)(text) + "=" * (-len(text) % 4))
    except ValueError:
        raise Unreadable("not base64url") from None
    if _write_bytes(value) != text:  # the decoder skips what it does not know; we do not
        raise Unreadable("not base64url")
    return value


TEXT = Part(_same, _typed(str))
INTEGER = Part(_same, _typed(int))
BOOLEAN = Part(_same, _typed(bool))
SCALAR = Part(_same, _typed(int, float, str))
JSON = Part(_same, _same)
OBJECT = Part(dict, _typed(dict))
MOMENT = Part(_write_moment, _read_moment)
BYTES = Part(_write_bytes, _read_bytes)
