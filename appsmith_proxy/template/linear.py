"""Match whole texts against regular expressions, in time that grows with the text's length and nothing else.

Python's ``re`` backtracks: a pattern that an editor wrote in good faith can hang the server on a value that a stranger
chose. Here an expression becomes an automaton of positions (Glushkov), which reads each character once. What needs
backtracking (references, lookaround) does not exist in this language and is refused when it is saved. Sets of positions
are the bits of an integer, so that a step through a thousand of them is a few hundred small ones.

::

    .  [a-z] [^a-z]  \\d \\w \\s \\D \\W \\S (ASCII)  \\n \\t \\xhh \\uhhhh \\.   ab  a|b  (a) (?:a)   a? a* a+ a{2} a{2,} a{2,5}
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from operator import xor
from typing import Final

from appsmith_proxy.template.expressions import Parser, Ranges, bits, complement

MAX_LENGTH: Final = 10_000
"""Longer texts never match: nothing that has a pattern is that long."""
MAX_REMEMBERED: Final = 4_000
"""Bound of the transitions that one expression remembers."""


class Pattern:
    """A compiled expression. Remembers the transitions it has taken, up to a bound."""

    __slots__ = ("_final", "_follow", "_remembered", "_start", "_states", "_takers")

    def __init__(self, source: str) -> None:
        parser = Parser(source)
        whole = parser.parse()
        self._takers = _Takers(parser.ranges)
        self._follow = _Follow([*parser.follow, whole.first])
        self._start = 1 << len(parser.follow)  # one position more: before the text
        self._final = whole.last | self._start if whole.nullable else whole.last
        self._states: dict[int, dict[str, int]] = {}
        self._remembered = 0

    def matches(self, text: str) -> bool:
        """Return whether the whole text matches."""
        if len(text) > MAX_LENGTH:
            return False
        state = self._start
        for character in text:
            known = self._states.get(state)
            following = None if known is None else known.get(character)
            if following is None:
                following = self._step(state, character)
            if not following:
                return False
            state = following
        return state & self._final != 0

    def _step(self, state: int, character: str) -> int:
        if self._remembered == MAX_REMEMBERED:
            self._states.clear()
            self._remembered = 0
        following = self._follow.of(state) & self._takers.of(ord(character))
        self._states.setdefault(state, {})[character] = following
        self._remembered += 1
        return following


class _Takers:
    """Which positions take a character: for each stretch of characters that all positions treat alike."""

    __slots__ = ("_begins", "_positions")

    def __init__(self, ranges: Sequence[Ranges]) -> None:
        alike: dict[Ranges, int] = {}
        for position, taken in enumerate(ranges):
            alike[taken] = alike.get(taken, 0) | 1 << position
        changes = {0: 0}
        for taken, positions in alike.items():
            for low, high in complement(complement(taken)):  # in order, none twice
                for code in (low, high + 1):
                    changes[code] = changes.get(code, 0) ^ positions
        self._begins = sorted(changes)
        self._positions: list[int] = [*accumulate((changes[code] for code in self._begins), xor)]

    def of(self, code: int) -> int:
        """Return the positions that take a character."""
        return self._positions[bisect_right(self._begins, code) - 1]


class _Follow:
    """Which positions may come next, looked up for four positions at once."""

    __slots__ = ("_follow", "_known")

    def __init__(self, follow: Sequence[int]) -> None:
        self._follow = follow
        self._known: list[dict[str, int]] = [{"0": 0} for _ in range(len(follow) // 4 + 1)]

    def of(self, state: int) -> int:
        """Return the positions that may follow any of a state's."""
        following = 0
        for index, digit in enumerate(reversed(f"{state:x}")):
            found = self._known[index].get(digit)
            if found is None:
                found = self._known[index][digit] = self._any_of(int(digit, 16) << 4 * index)
            following |= found
        return following

    def _any_of(self, state: int) -> int:
        following = 0
        for position in bits(state):
            following |= self._follow[position]
        return following
