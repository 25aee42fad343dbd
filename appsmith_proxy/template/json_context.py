"""Compile a JSON text with bindings: values enter at leaves, and the author's white space stays as written.

``"{{x}}"`` and ``{{x}}`` are the same place, a whole value. Inside a longer string a binding becomes part of that
string. As a key it is refused: no value chooses where a value goes.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from appsmith_proxy.errors import Problem
from appsmith_proxy.model.plan import JsonPiece, JsonTemplate, Piece, Slot, TextTemplate
from appsmith_proxy.sdk import Place
from appsmith_proxy.template.lexer import MASK, mask
from appsmith_proxy.template.tokenizer import Hole, find_holes, position

MAX_DEPTH: Final = 32

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_KEY_FOLLOWS: Final = re.compile(r"[ \t\r\n]*:")


def compile_json(text: str, slot: Callable[[str], Slot], *, path: str) -> tuple[JsonTemplate | None, list[Problem]]:
    """Compile one JSON text. ``slot`` makes the slot of a binding."""
    problems: list[Problem] = []

    def refuse(offset: int, message: str, hint: str = "") -> None:
        line, column = position(text, offset)
        problems.append(Problem(path, message, line=line, column=column, hint=hint))

    if MASK in text:
        refuse(text.index(MASK), "a NUL character stands in the text")
        return None, problems
    holes = find_holes(text)
    masked = mask(text, holes)
    leaves = _leaves(masked, holes)
    for leaf in leaves:
        if leaf.is_key:
            refuse(leaf.holes[0].start, "a binding cannot be a key", "write the key, and bind its value")
    pieces = tuple(_pieces(text, leaves, slot))
    try:
        json.loads(_stand_in(masked, leaves), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        refuse(error.pos, "this is no JSON: " + error.msg[:1].lower() + error.msg[1:])
    except RecursionError:
        refuse(0, "the JSON is nested too deeply")
    except ValueError as error:
        refuse(0, str(error))
    if problems:
        return None, problems
    root = _root(masked, leaves, pieces)
    if _depth(root) > MAX_DEPTH:
        refuse(0, f"the JSON is nested more than {MAX_DEPTH} levels deep")
        return None, problems
    return JsonTemplate(root=root, pieces=pieces), []


def locate(text: str, path: Sequence[str | int]) -> int | None:
    """Return the offset of what lies at a path of keys and positions in a JSON text with bindings: of its key, or itself."""
    masked = mask(text, find_holes(text))
    here: list[str | int] = []
    expects_key: list[bool] = []
    for token in _TOKEN.finditer(masked):
        match token[0]:
            case "{" | "[":
                if here == list(path):
                    return token.start()
                here.append("" if token[0] == "{" else 0)
                expects_key.append(token[0] == "{")
            case "}" | "]":
                if not here:
                    return None
                here.pop()
                expects_key.pop()
            case ",":
                if here:
                    last = here[-1]
                    here[-1] = last + 1 if isinstance(last, int) else ""
                    expects_key[-1] = isinstance(last, str)
            case ":":
                continue
            case scalar:
                is_key = bool(expects_key) and expects_key[-1]
                if is_key:
                    here[-1] = _decoded(scalar[1:-1])
                    expects_key[-1] = False
                if here == list(path):
                    return token.start()
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaf:
    """A place in the text that bindings fill: a bare binding, or a string with bindings inside."""

    start: int
    end: int
    holes: tuple[Hole, ...]
    quoted: bool
    is_key: bool

    @property
    def is_whole(self) -> bool:
        """Return whether one binding is the whole value."""
        hole = self.holes[0]
        inset = 1 if self.quoted else 0
        return len(self.holes) == 1 and (hole.start, hole.end) == (self.start + inset, self.end - inset)


def _leaves(masked: str, holes: Sequence[Hole]) -> list[_Leaf]:
    leaves: list[_Leaf] = []
    waiting = list(holes)
    at = 0
    while waiting:
        quote = masked.find('"', at)
        while waiting and (quote < 0 or waiting[0].start < quote):
            hole = waiting.pop(0)
            is_key = _KEY_FOLLOWS.match(masked, hole.end) is not None
            leaves.append(_Leaf(start=hole.start, end=hole.end, holes=(hole,), quoted=False, is_key=is_key))
        if not waiting:
            break
        string = _STRING.match(masked, quote)
        if string is None:
            break  # never closed: the JSON parser says where
        inside = tuple(hole for hole in waiting if hole.end < string.end())
        if inside:
            waiting = waiting[len(inside) :]
            is_key = _KEY_FOLLOWS.match(masked, string.end()) is not None
            leaves.append(_Leaf(start=quote, end=string.end(), holes=inside, quoted=True, is_key=is_key))
        at = string.end()
    return leaves


def _stand_in(masked: str, leaves: Sequence[_Leaf]) -> str:
    """Return JSON of the same length with a constant for each binding, so that a parser's offsets are the author's."""
    characters = masked
    for leaf in leaves:
        if not leaf.quoted:
            width = leaf.end - leaf.start
            characters = characters[: leaf.start] + "null".ljust(width)[:width] + characters[leaf.end :]
    return characters.replace(MASK, "x")


def _pieces(text: str, leaves: Sequence[_Leaf], slot: Callable[[str], Slot]) -> list[JsonPiece]:
    """Return the text cut at the places that bindings fill."""
    pieces: list[JsonPiece] = []
    at = 0
    for leaf in leaves:
        if leaf.start > at:
            pieces.append(text[at : leaf.start])
        pieces.append(slot(leaf.holes[0].name) if leaf.is_whole else _string(text, leaf, slot))
        at = leaf.end
    if at < len(text):
        pieces.append(text[at:])
    return pieces


def _string(text: str, leaf: _Leaf, slot: Callable[[str], Slot]) -> TextTemplate:
    """Return a JSON string with bindings inside as decoded text parts and slots."""
    parts: list[Piece] = []
    at = leaf.start + 1
    for hole in leaf.holes:
        parts += (_decoded(text[at : hole.start]), slot(hole.name))
        at = hole.end
    parts.append(_decoded(text[at : leaf.end - 1]))
    return TextTemplate(place=Place.JSON, pieces=tuple(part for part in parts if part != ""))


def _decoded(part: str) -> str:
    try:
        decoded = json.loads(f'"{part}"')
    except ValueError:
        return part  # an escape cut by a binding: the parser refuses the whole
    return decoded if isinstance(decoded, str) else part


def _root(masked: str, leaves: Sequence[_Leaf], pieces: Sequence[JsonPiece]) -> Any:
    """Return the parsed tree with slots at its leaves."""
    marker = "binding"
    while marker in masked:
        marker += "-"
    parts: list[str] = []
    at = 0
    for index, leaf in enumerate(leaves):
        parts += (masked[at : leaf.start], f'"{marker}{index}"')
        at = leaf.end
    parts.append(masked[at:])
    filled = [piece for piece in pieces if not isinstance(piece, str)]
    known = {f"{marker}{index}": piece for index, piece in enumerate(filled)}
    return _replace(json.loads("".join(parts), parse_float=Decimal), known)


def _replace(node: Any, known: dict[str, Slot | TextTemplate]) -> Any:
    if isinstance(node, dict):
        return {key: _replace(value, known) for key, value in node.items()}
    if isinstance(node, list):
        return [_replace(value, known) for value in node]
    return known.get(node, node) if isinstance(node, str) else node


def _depth(node: Any) -> int:
    if isinstance(node, dict):
        return 1 + max((_depth(value) for value in node.values()), default=0)
    if isinstance(node, list):
        return 1 + max((_depth(value) for value in node), default=0)
    return 0


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
