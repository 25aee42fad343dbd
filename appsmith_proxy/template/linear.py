"""Match whole texts against regular expressions, in time that grows with the text's length and nothing else.

Python's ``re`` backtracks: a pattern that an editor wrote in good faith can hang the server on a value that a stranger
chose. Here an expression becomes an automaton of positions (Glushkov), which reads each character once. What needs
backtracking (references, lookaround) does not exist in this language and is refused when it is saved.

::

    .  [a-z] [^a-z]  \\d \\w \\s \\D \\W \\S (ASCII)  \\n \\t \\xhh \\uhhhh \\.   ab  a|b  (a) (?:a)   a? a* a+ a{2} a{2,} a{2,5}
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

MAX_POSITIONS: Final = 1_000
"""Bound of an expression's size, repeats written out."""
MAX_LENGTH: Final = 10_000
"""Longer texts never match: nothing that has a pattern is that long."""

_Ranges = tuple[tuple[int, int], ...]


class PatternError(ValueError):
    """The expression cannot be read, or uses what is not linear. Its text says which."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an expression by its positions: whether it matches nothing, and which positions begin and end it."""

    nullable: bool
    first: frozenset[int]
    last: frozenset[int]


class Pattern:
    """A compiled expression. Remembers the transitions it has taken, up to a bound."""

    __slots__ = ("_final", "_follow", "_ranges", "_start", "_states")

    def __init__(self, source: str) -> None:
        parser = _Parser(source)
        whole = parser.parse()
        self._ranges = parser.ranges
        self._follow = [frozenset(follow) for follow in parser.follow]
        self._start = frozenset({-1})
        self._follow.append(whole.first)  # index -1: what may begin the text
        self._final = whole.last | self._start if whole.nullable else whole.last
        self._states: dict[frozenset[int], dict[str, frozenset[int]]] = {}

    def matches(self, text: str) -> bool:
        """Return whether the whole text matches."""
        if len(text) > MAX_LENGTH:
            return False
        state = self._start
        for character in text:
            known = self._states.get(state)
            if known is None:
                if len(self._states) > MAX_POSITIONS:
                    self._states.clear()
                known = self._states[state] = {}
            following = known.get(character)
            if following is None:
                following = self._step(state, ord(character))
                if len(known) < MAX_POSITIONS:
                    known[character] = following
            if not following:
                return False
            state = following
        return not state.isdisjoint(self._final)

    def _step(self, state: frozenset[int], code: int) -> frozenset[int]:
        reachable: set[int] = set()
        for position in state:
            reachable |= self._follow[position]
        return frozenset(
            position for position in reachable if any(low <= code <= high for low, high in self._ranges[position])
        )


@dataclass(slots=True)
class _Parser:
    """Recursive descent over the expression; every character set it meets is a position."""

    source: str
    at: int = 0
    ranges: list[_Ranges] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)
    depth: int = 0

    def parse(self) -> _Part:
        self.source = self.source.removeprefix("^")
        if self.source.endswith("$") and not self.source.endswith("\\$"):
            self.source = self.source[:-1]
        part = self._alternatives()
        if self.at < len(self.source):
            raise PatternError("a bracket is closed that was never opened")
        return part

    def _alternatives(self) -> _Part:
        part = self._sequence()
        while self._take("|"):
            other = self._sequence()
            part = _Part(part.nullable or other.nullable, part.first | other.first, part.last | other.last)
        return part

    def _sequence(self) -> _Part:
        part = _EMPTY
        while self.at < len(self.source) and self.source[self.at] not in "|)":
            part = self._join(part, self._repeated())
        return part

    def _repeated(self) -> _Part:
        begin = self.at
        part = self._atom()
        end = self.at
        low, high = self._quantifier()
        if (low, high) == (1, 1):
            return part
        copies: list[_Part] = []
        for index in range(max(low, 1 if high is None else high)):
            if index:
                part = self._again(begin, end)
            optional = index >= low
            loops = high is None and index == max(low, 1) - 1
            if loops:
                self._link(part.last, part.first)
            copies.append(_Part(part.nullable or optional, part.first, part.last))
        whole = _EMPTY
        for copy in copies:
            whole = self._join(whole, copy)
        return whole

    def _again(self, begin: int, end: int) -> _Part:
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

    def _atom(self) -> _Part:
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
            return self._position(_complement(((10, 10),)))
        if character in "*+?{":
            raise PatternError("a repeat has nothing to repeat")
        if character in "^$":
            raise PatternError("the whole text is always matched: ^ and $ belong at the ends only")
        return self._position(((ord(character), ord(character)),))

    def _set(self) -> _Ranges:
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
        return _complement(ranges) if negated else tuple(ranges)

    def _member(self) -> _Ranges:
        character = self._next("a set [ ] is never closed")
        return self._escape() if character == "\\" else ((ord(character), ord(character)),)

    def _escape(self) -> _Ranges:
        character = self._next("the expression ends with a backslash")
        if character in _CLASSES:
            return _CLASSES[character]
        if character.lower() in _CLASSES:
            return _complement(_CLASSES[character.lower()])
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

    def _position(self, ranges: _Ranges) -> _Part:
        if len(self.ranges) >= MAX_POSITIONS:
            raise PatternError(f"the expression is too large: at most {MAX_POSITIONS} characters, repeats written out")
        self.ranges.append(ranges)
        self.follow.append(set())
        here = frozenset({len(self.ranges) - 1})
        return _Part(nullable=False, first=here, last=here)

    def _join(self, left: _Part, right: _Part) -> _Part:
        self._link(left.last, right.first)
        return _Part(
            left.nullable and right.nullable,
            left.first | right.first if left.nullable else left.first,
            left.last | right.last if right.nullable else right.last,
        )

    def _link(self, last: Iterable[int], first: frozenset[int]) -> None:
        for position in last:
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


def _is_one(ranges: _Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _complement(ranges: Iterable[tuple[int, int]]) -> _Ranges:
    result: list[tuple[int, int]] = []
    at = 0
    for low, high in sorted(ranges):
        if low > at:
            result.append((at, low - 1))
        at = max(at, high + 1)
    return (*result, (at, 0x10FFFF)) if at <= 0x10FFFF else tuple(result)


_EMPTY: Final = _Part(nullable=True, first=frozenset(), last=frozenset())
_CLASSES: Final[dict[str, _Ranges]] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32)),
}
_CONTROLS: Final = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11}
