"""Read regular expressions into positions: what each takes, and which may follow which (Glushkov's construction).

An expression becomes an automaton as it is read, repeats written out as copies, without a tree between.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

MAX_POSITIONS: Final = 1_000
"""Bound of an expression's size, repeats written out."""
MAX_READ: Final = 10_000
"""Bound of the work of writing repeats out: groups count, those that hold nothing too."""

Ranges = tuple[tuple[int, int], ...]
"""What a position takes: code points from … to."""


class PatternError(ValueError):
    """The expression cannot be read, or uses what is not linear. Its text says which."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an expression: whether it matches nothing, and which positions, as bits, begin and end it."""

    nullable: bool
    first: int
    last: int


@dataclass(slots=True)
class Parser:
    """Recursive descent over the expression; every character set it meets is a position, taking ``ranges`` and followed
    by the positions of ``follow``."""

    source: str
    at: int = 0
    ranges: list[Ranges] = field(default_factory=list)
    follow: list[int] = field(default_factory=list)
    depth: int = 0
    read: int = 0

    def parse(self) -> Part:
        """Read all of it.

        Raises:
            PatternError: it cannot be read, or is too large.
        """
        self.source = self.source.removeprefix("^")
        if self.source.endswith("$") and not self.source.endswith("\\$"):
            self.source = self.source[:-1]
        part = self._alternatives()
        if self.at < len(self.source):
            raise PatternError("a bracket is closed that was never opened")
        return part

    def _alternatives(self) -> Part:
        part = self._sequence()
        while self._take("|"):
            other = self._sequence()
            part = Part(part.nullable or other.nullable, part.first | other.first, part.last | other.last)
        return part

    def _sequence(self) -> Part:
        parts: list[Part] = []
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            parts.append(self._repeated())
        return self._joined(parts)

    def _repeated(self) -> Part:
        begin = self.at
        part = self._atom()
        end = self.at
        low, high = self._quantifier()
        if (low, high) == (1, 1):
            return part
        copies: list[Part] = []
        for index in range(max(low, 1 if high is None else high)):
            if index:
                part = self._again(begin, end)
            optional = index >= low
            loops = high is None and index == max(low, 1) - 1
            if loops:
                self._link(part.last, part.first)
            copies.append(Part(part.nullable or optional, part.first, part.last))
        return self._joined(copies)

    def _again(self, begin: int, end: int) -> Part:
        """Read an atom once more: a repeat is written out as copies."""
        after, self.at = self.at, begin
        part = self._atom()
        assert self.at == end  # noqa: S101  # reason: the same text is read the same way
        self.at = after
        return part

    def _quantifier(self) -> tuple[int, int | None]:
        if self._take("*"):
            bounds: tuple[int, int | None] = (0, None)
        elif self._take("+"):
            bounds = (1, None)
        elif self._take("?"):
            bounds = (0, 1)
        elif self._take("{"):
            bounds = self._counted()
        else:
            return 1, 1
        if self.at < len(self.source) and self.source[self.at] in "*+?{":
            raise PatternError("a repeat of a repeat; use brackets")
        return bounds

    def _counted(self) -> tuple[int, int | None]:
        end = self.source.find("}", self.at)
        low, comma, high = self.source[self.at : end].partition(",") if end > 0 else ("", "", "")
        if not low.isdecimal() or not (high == "" or high.isdecimal()):
            raise PatternError("a count is written {2}, {2,} or {2,5}; a brace itself \\{")
        self.at = end + 1
        least = int(low)
        most = int(high) if high else (None if comma else least)
        if least > MAX_POSITIONS or (most is not None and not least <= most <= MAX_POSITIONS):
            raise PatternError(f"a count is too large or its bounds are swapped (at most {MAX_POSITIONS})")
        return least, most

    def _atom(self) -> Part:
        self.read += 1
        if self.read > MAX_READ:
            raise PatternError("the expression is too large, its repeats written out")
        if self._take("("):
            if self._take("?") and not self._take(":"):
                raise PatternError("only plain groups (…) and (?:…) are read; no lookaround, no flags, no names")
            self.depth += 1
            if self.depth > 50:
                raise PatternError("brackets are nested too deeply")
            part = self._alternatives()
            self.depth -= 1
            if not self._take(")"):
                raise PatternError("a bracket is never closed")
            return part
        if self._take("["):
            return self._position(self._set())
        character = self._next("the expression ends where a character is expected")
        if character == "\\":
            return self._position(self._escape())
        if character == ".":
            return self._position(complement(((10, 10),)))
        if character in "*+?{":
            raise PatternError("a repeat has nothing to repeat")
        if character in "^$":
            raise PatternError("the whole text is always matched: ^ and $ belong at the ends only")
        return self._position(((ord(character), ord(character)),))

    def _set(self) -> Ranges:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self._take("]"):
            first = False
            low = self._member()
            if self.source[self.at : self.at + 1] == "-" and self.source[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._member()
                if not _is_one(low) or not _is_one(high) or low > high:
                    raise PatternError("the bounds of a range in [ ] are swapped or no single characters")
                ranges.append((low[0][0], high[0][0]))
            else:
                ranges += low
        return complement(ranges) if negated else tuple(ranges)

    def _member(self) -> Ranges:
        character = self._next("a set [ ] is never closed")
        return self._escape() if character == "\\" else ((ord(character), ord(character)),)

    def _escape(self) -> Ranges:
        character = self._next("the expression ends with a backslash")
        if character in _CLASSES:
            return _CLASSES[character]
        if character.lower() in _CLASSES:
            return complement(_CLASSES[character.lower()])
        if character in _CONTROLS:
            return ((_CONTROLS[character], _CONTROLS[character]),)
        if character in "xu":
            width = 2 if character == "x" else 4
            digits = self.source[self.at : self.at + width]
            if len(digits) != width or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
                raise PatternError("\\x takes two and \\u four hexadecimal digits")
            self.at += width
            return ((int(digits, 16), int(digits, 16)),)
        if character.isalnum():
            raise PatternError(f"\\{character} is not read here; no references and no boundaries")
        return ((ord(character), ord(character)),)

    def _position(self, ranges: Ranges) -> Part:
        if len(self.ranges) >= MAX_POSITIONS:
            raise PatternError(f"the expression is too large: at most {MAX_POSITIONS} characters, repeats written out")
        self.ranges.append(ranges)
        self.follow.append(0)
        here = 1 << len(self.ranges) - 1
        return Part(nullable=False, first=here, last=here)

    def _joined(self, parts: Sequence[Part]) -> Part:
        """Join parts one behind the other, from the last to the first: so each is linked once, to all that may follow."""
        first = last = 0
        nullable = True
        for part in reversed(parts):
            self._link(part.last, first)
            last |= part.last if nullable else 0
            first = part.first | (first if part.nullable else 0)
            nullable = nullable and part.nullable
        return Part(nullable, first, last)

    def _link(self, last: int, first: int) -> None:
        for position in bits(last):
            self.follow[position] |= first

    def _take(self, character: str) -> bool:
        if self.source.startswith(character, self.at):
            self.at += 1
            return True
        return False

    def _next(self, otherwise: str) -> str:
        if self.at >= len(self.source):
            raise PatternError(otherwise)
        self.at += 1
        return self.source[self.at - 1]


def bits(positions: int) -> Iterator[int]:
    """Yield the positions in a set."""
    while positions:
        lowest = positions & -positions
        yield lowest.bit_length() - 1
        positions ^= lowest


def complement(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return every character that is not in the ranges: in order, and none twice."""
    result: list[tuple[int, int]] = []
    at = 0
    for low, high in sorted(ranges):
        if low > at:
            result.append((at, low - 1))
        at = max(at, high + 1)
    return (*result, (at, 0x10FFFF)) if at <= 0x10FFFF else tuple(result)


def _is_one(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


_CLASSES: Final[dict[str, Ranges]] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32)),
}
_CONTROLS: Final = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11}
