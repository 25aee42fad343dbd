"""Read a text with names and keywords in the places of the bindings that choose them, as it will be sent.

A chosen name is a quoted name to the reader and a chosen keyword is words, so every rule of the compiler sees what the
database will see. Offsets stay the binding's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.sdk import Dialect, ParameterType
from appsmith_proxy.template.choosers import is_chooser, spelling
from appsmith_proxy.template.clauses import Role, Walk
from appsmith_proxy.template.lexer import Kind, Lexeme, lex
from appsmith_proxy.template.neighbours import JOINING, lexeme_at
from appsmith_proxy.template.statements import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicePlace:
    """A binding that chooses: what it replaces, and how each of its choices is written there."""

    name: str
    start: int
    end: int
    """Quotes around a name belong to it."""
    spellings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """A text read with choices in it."""

    lexemes: tuple[Lexeme, ...]
    places: tuple[ChoicePlace, ...]
    refusals: tuple[Refusal, ...]


def choose(
    lexemes: Sequence[Lexeme],
    dialect: Dialect,
    parameters: Mapping[str, DeclaredParameter],
    positions: Mapping[str, int],
) -> Choosing:
    """Put choices in the places of their bindings.

    Args:
        lexemes: of the text with bindings.
        dialect: says how names are quoted.
        parameters: as declared, without problems.
        positions: which of its choices each chooser stands for; the first where nothing is said.
    """
    read: list[Lexeme] = []
    places: list[ChoicePlace] = []
    refusals: list[Refusal] = []
    for index, lexeme in enumerate(lexemes):
        declared = next((parameters[hole.name] for hole in lexeme.holes if is_chooser(parameters.get(hole.name))), None)
        if declared is None or lexeme.kind is Kind.COMMENT:
            read.append(lexeme)
            continue
        found = _why_not(lexeme, lexemes[index - 1] if index else None, lexeme_at(lexemes, index + 1), declared)
        if found is not None:
            refusals.append(Refusal(offset=lexeme.holes[0].start, message=found[0], hint=found[1]))
            continue
        spellings = tuple(spelling(declared, str(choice), dialect) for choice in declared.choices)
        places.append(ChoicePlace(name=declared.name, start=lexeme.start, end=lexeme.end, spellings=spellings))
        read += _stand_ins(lexeme, spellings[positions.get(declared.name, 0)], dialect)
    return Choosing(lexemes=tuple(read), places=tuple(places), refusals=tuple(refusals))


def called(walk: Walk, places: Sequence[ChoicePlace]) -> Iterator[Refusal]:
    """Yield a refusal for each name that is chosen for a function. ``walk`` has been walked."""
    ends = {place.end: place for place in places}
    for frame in walk.frames:
        if frame.role is Role.CALL and frame.opener is not None and frame.opener.end in ends:
            yield Refusal(
                offset=ends[frame.opener.end].start,
                message="a function's name cannot be chosen",
                hint="write each call in the statement: CASE {{name}} WHEN 'a' THEN a(x) … END",
            )


def _why_not(
    lexeme: Lexeme, before: Lexeme | None, after: Lexeme | None, declared: DeclaredParameter
) -> tuple[str, str] | None:
    kind = declared.type
    name = kind is ParameterType.IDENTIFIER
    if not (lexeme.kind is Kind.HOLE or (name and lexeme.kind is Kind.NAME and lexeme.is_one_binding)):
        return f"a parameter of type {kind} cannot stand inside quotes", "write the binding alone"
    if any(near is not None and near.kind in JOINING for near in (before, after)):
        return "the binding touches what stands beside it", "put white space around it"
    if not name and any(near is not None and near.is_mark(".") for near in (before, after)):
        return "a keyword cannot stand beside a dot", "declare the parameter's type as identifier"
    return None


def _stand_ins(lexeme: Lexeme, written: str, dialect: Dialect) -> Iterator[Lexeme]:
    """Yield the lexemes of a choice, all of them between the offsets of its binding."""
    parts = [part for part in lex(written, (), dialect) if part.kind is not Kind.SPACE]
    for index, part in enumerate(parts):
        yield Lexeme(
            kind=part.kind,
            start=lexeme.start + index,
            end=lexeme.end if index == len(parts) - 1 else lexeme.start + index + 1,
            text=part.text,
        )
