"""Find ``{{ bindings }}`` in a text.

The text between the braces is JavaScript that a front end evaluates; here it is an opaque name. Finding its end needs
no more of the language than its strings and nested braces: ``{{ {a: "}}"}.a }}`` is one binding.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_QUOTES: Final = frozenset("'\"`")


@dataclass(frozen=True, slots=True)
class Hole:
    """One binding in a text: its trimmed name and where it stands, braces included."""

    name: str
    start: int
    end: int


def find_holes(text: str) -> tuple[Hole, ...]:
    """Return every binding in order, duplicates and empty names kept. An unclosed ``{{`` is plain text."""
    return tuple(_holes(text))


def unclosed(text: str) -> int | None:
    """Return the offset of a ``{{`` that is never closed, or None."""
    holes = find_holes(text)
    offset = text.find("{{", holes[-1].end if holes else 0)
    return None if offset < 0 else offset


def pieces(text: str) -> Iterator[str | Hole]:
    """Yield literal parts and bindings alternately, empty literals left out. Together they are the whole text."""
    at = 0
    for hole in _holes(text):
        if hole.start > at:
            yield text[at : hole.start]
        yield hole
        at = hole.end
    if at < len(text):
        yield text[at:]


def texts_of(configuration: Any) -> Iterator[str]:
    """Yield every text in a configuration, depth first, in order: where bindings can be."""
    if isinstance(configuration, str):
        yield configuration
    elif isinstance(configuration, Mapping):
        for value in configuration.values():
            yield from texts_of(value)
    elif isinstance(configuration, list | tuple):
        for value in configuration:
            yield from texts_of(value)


def position(text: str, offset: int) -> tuple[int, int]:
    """Return the one-based line and column of an offset."""
    line = text.count("\n", 0, offset) + 1
    return line, offset - (text.rfind("\n", 0, offset) + 1) + 1


def _holes(text: str) -> Iterator[Hole]:
    start = text.find("{{")
    while start >= 0:
        end = _end(text, start + 2)
        if end is None:
            return
        yield Hole(text[start + 2 : end - 2].strip(), start, end)
        start = text.find("{{", end)


def _end(text: str, at: int) -> int | None:
    """Return the offset behind the ``}}`` that closes the binding whose content begins at ``at``."""
    depth, quote, length = 0, "", len(text)
    while at < length:
        character = text[at]
        if quote:
            if character == "\\":
                at += 1
            elif character == quote:
                quote = ""
        elif character in _QUOTES:
            quote = character
        elif character == "{":
            depth += 1
        elif character == "}":
            if depth:
                depth -= 1
            elif text.startswith("}}", at):
                return at + 2
        at += 1
    return None
