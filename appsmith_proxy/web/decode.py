"""The one JSON decoder: strict about what a text may hold, bounded before it costs, and exact about numbers.

Python's own decoder accepts NaN, duplicate keys, lone surrogates, UTF-16 and nesting down to the interpreter's stack;
others round large integers. None of that gets in here: a text is decoded once, by a decoder that stops at the first flaw,
and only a flawed text is read a second time, to say where every flaw is.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from appsmith_proxy.errors import InvalidRequest, Problem

MAX_DEPTH: Final = 32
MAX_SAFE_INTEGER: Final = 2**53 - 1
MAX_NUMBER_CHARACTERS: Final = 128
MAX_CONTAINERS: Final = 100_000
"""Objects and lists in one text."""
MAX_MEMBERS: Final = 200_000
"""Members and items in one text."""
MAX_KEY_CHARACTERS: Final = 1_024
SHOWN_PROBLEMS: Final = 20
SHOWN_NAME_CHARACTERS: Final = 64

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_ONE_BRACKET: Final = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS: Final = bytes(sorted(set(range(256)) - set(b"[]{}")))
_EXACT_HINT: Final = "send it as a string: a browser's number cannot hold it exactly"


def decode(text: bytes, *, path: str = "", fraction: Callable[[str], Any] = Decimal) -> Any:
    """Decode one JSON text.

    Args:
        text: UTF-8, without a byte order mark.
        path: where the text stands in the request, for the problems' paths.
        fraction: what numbers with a fraction or an exponent become; ``Decimal`` keeps the caller's digits.

    Raises:
        InvalidRequest: ``details`` says where and what to do; values are never quoted.
    """
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH or text.count(b",") > MAX_MEMBERS:
        _check_structure(text, path)
    try:
        characters = text.decode()
    except UnicodeDecodeError:
        raise _invalid(Problem(path, "is not UTF-8")) from None
    decoder = _EXACT if fraction is Decimal else _decoder(_Strict(fraction))
    try:
        value = _read(decoder, characters)
    except _FlawFound:
        raise _invalid(*_flaws(characters, path)) from None
    except json.JSONDecodeError as error:
        raise _invalid(_syntax(error, path)) from None
    except (RecursionError, ValueError):
        raise _invalid(Problem(path, "is not a JSON text")) from None
    if "\\u" in characters and (problems := tuple(_surrogates(value, path))):
        raise _invalid(*problems)
    return value


def join(path: str, key: str | int) -> str:
    """Return the path of a member: ``a.b``, ``a[0]``. Long names are cut: they are the caller's own text."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    name = printable(key)
    return f"{path}.{name}" if path else name


def printable(name: str) -> str:
    """Return a caller's name fit for a message: cut, and without characters that no encoder takes."""
    shown = name[:SHOWN_NAME_CHARACTERS] + ("…" if len(name) > SHOWN_NAME_CHARACTERS else "")
    return shown.encode("utf-8", "replace").decode()


def _read(decoder: json.JSONDecoder, characters: str) -> Any:
    """Decode, without looking for white space around the text where there is none: in what programs write."""
    if characters.startswith("{") and characters.endswith("}"):
        value, end = decoder.raw_decode(characters)
        if end == len(characters):
            return value
    return decoder.decode(characters)


class _FlawFound(Exception):
    """The first reading met a flaw."""


@dataclass(frozen=True, slots=True)
class _Flaw:
    """Stands in the tree of the second reading where a flaw is."""

    message: str
    hint: str = ""


class _Strict:
    """The hooks of the first reading: they stop at a flaw."""

    def __init__(self, fraction: Callable[[str], Any]) -> None:
        self._fraction = fraction

    def flaw(self, message: str, hint: str = "") -> Any:
        raise _FlawFound

    def integer(self, digits: str) -> Any:
        if len(digits) <= 15:  # reason: fifteen digits are always exact
            return int(digits)
        if len(digits) > 17 or not -MAX_SAFE_INTEGER <= int(digits) <= MAX_SAFE_INTEGER:
            return self.flaw("is an integer outside ±(2^53-1)", _EXACT_HINT)
        return int(digits)

    def fractional(self, digits: str) -> Any:
        if len(digits) > MAX_NUMBER_CHARACTERS:
            return self.flaw(f"is a number of more than {MAX_NUMBER_CHARACTERS} characters", _EXACT_HINT)
        if not math.isfinite(float(digits)):
            return self.flaw("is a number too large for a double", _EXACT_HINT)
        return self._fraction(digits)

    def constant(self, word: str) -> Any:
        return self.flaw("is not a JSON value: NaN and Infinity are not numbers in JSON", "send it as a string")

    def members(self, pairs: list[tuple[str, Any]]) -> Any:
        members = dict(pairs)
        if len(members) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    members[key] = self.flaw("stands twice in its object")
                seen.add(key)
        for key in members:
            if len(key) > MAX_KEY_CHARACTERS:
                members[key] = self.flaw(f"is a key of more than {MAX_KEY_CHARACTERS} characters")
        return members


class _Lenient(_Strict):
    """The hooks of the second reading: they mark a flaw and go on."""

    def flaw(self, message: str, hint: str = "") -> Any:
        return _Flaw(message, hint)


def _decoder(hooks: _Strict) -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_int=hooks.integer,
        parse_float=hooks.fractional,
        parse_constant=hooks.constant,
        object_pairs_hook=hooks.members,
    )


_EXACT: Final = _decoder(_Strict(Decimal))
"""The decoder of nearly every text, built once: it has no state."""


def _check_structure(text: bytes, path: str) -> None:
    """Refuse what is too deep or has too many members, in a number of linear passes that does not depend on the text.

    With everything but brackets removed, each pass takes the innermost pairs away: what is left after ``MAX_DEPTH``
    passes was too deep, or does not pair up at all.
    """
    too_many = Problem(path, f"holds more than {MAX_MEMBERS} members and items")
    # Each member has at most two texts, each text two quotes: more of them need not be looked at one by one.
    if text.count(b'"') - text.count(b'\\"') > 4 * MAX_MEMBERS + 4:
        raise _invalid(too_many)
    bare = _STRING.sub(b"", text)
    if bare.count(b",") > MAX_MEMBERS:
        raise _invalid(too_many)
    brackets = bare.translate(_ONE_BRACKET, _NOT_BRACKETS)
    if brackets.count(b"[") > MAX_CONTAINERS:
        raise _invalid(Problem(path, f"holds more than {MAX_CONTAINERS} objects and lists"))
    for _ in range(MAX_DEPTH):
        peeled = brackets.replace(b"[]", b"")
        if not peeled:
            return
        if len(peeled) == len(brackets):
            break
        brackets = peeled
    raise _invalid(Problem(path, f"is nested deeper than {MAX_DEPTH} levels, or its brackets do not pair up"))


def _flaws(characters: str, path: str) -> tuple[Problem, ...]:
    """Read a flawed text again and return every flaw, or the first that no reading can go past."""
    try:
        tree = _decoder(_Lenient(Decimal)).decode(characters)
    except json.JSONDecodeError as error:
        return (_syntax(error, path),)
    return tuple(
        Problem(where, value.message, hint=value.hint)
        for where, value in _leaves(tree, path)
        if isinstance(value, _Flaw)
    )


def _surrogates(value: Any, path: str) -> Iterator[Problem]:
    for where, leaf in _leaves(value, path, keys=True):
        if isinstance(leaf, str) and not _encodable(leaf):
            yield Problem(where, "holds half of a surrogate pair, which is no character")


def _leaves(value: Any, path: str, *, keys: bool = False) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            where = join(path, key)
            if keys:
                yield where, key
            yield from _leaves(item, where, keys=keys)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, join(path, index), keys=keys)
    else:
        yield path, value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _syntax(error: json.JSONDecodeError, path: str) -> Problem:
    return Problem(path, f"is not a JSON text: {error.msg}", line=error.lineno, column=error.colno)


def _invalid(*problems: Problem) -> InvalidRequest:
    return InvalidRequest("the JSON cannot be accepted", details=problems[:SHOWN_PROBLEMS])
