"""Compile a SQL text with bindings into statements with placeholders, or say everything that is wrong with it.

The author's text is spliced by offset and otherwise stays as it stands::

    WHERE name LIKE '%{{q}}%' AND id IN ({{ids}})
    WHERE name LIKE ('%' || CAST($1 AS text) || '%') AND id = ANY ($2)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from appsmith_proxy.errors import Problem
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import PlannedStatement, StatementSet
from appsmith_proxy.sdk import Dialect, ParameterType, StatementClass
from appsmith_proxy.template.blocks import Block, Blocked, find_blocks, misplaced
from appsmith_proxy.template.choosing import ChoicePlace, called, choose
from appsmith_proxy.template.clauses import Walk
from appsmith_proxy.template.lexer import MASK, Kind, Lexeme, lex, significant
from appsmith_proxy.template.placing import Placer
from appsmith_proxy.template.rows import for_rows
from appsmith_proxy.template.seams import torn
from appsmith_proxy.template.sizes import sized
from appsmith_proxy.template.statements import Nature, Refusal, nature_of, refusals_of_text, select_into, too_deep
from appsmith_proxy.template.tokenizer import find_holes, position
from appsmith_proxy.template.variants import Multiplier, axes_of, representatives, too_many, undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledSql:
    """What became of one text. ``statements`` is None when there are problems, here or in the declared parameters."""

    statements: StatementSet | None
    writes: bool
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    """In the order of the set's first axes."""
    statement_class: StatementClass | None = None


def compile_sql(
    text: str,
    dialect: Dialect,
    parameters: Mapping[str, DeclaredParameter],
    *,
    path: str,
    allow_ddl: bool,
    in_steps: bool = False,
) -> CompiledSql:
    """Compile one text. Never raises; every problem has its line and column."""
    refusals, result = _compile(text, dialect, parameters, allow_ddl=allow_ddl, in_steps=in_steps)
    problems = []
    for refusal in sorted(set(refusals), key=lambda refusal: refusal.offset)[:_MAX_PROBLEMS]:
        line, column = position(text, refusal.offset)
        problems.append(Problem(path, refusal.message, line=line, column=column, hint=refusal.hint))
    if result is None or problems:
        return CompiledSql(statements=None, writes=True, problems=tuple(problems))
    statements, analysis, blocks = result
    return CompiledSql(
        statements=statements,
        writes=analysis.placer.nature.writes,
        problems=(),
        warnings=tuple(analysis.placer.warnings),
        blocks=blocks,
        statement_class=analysis.placer.nature.statement_class,
    )


def reads_as_planned(planned: PlannedStatement, dialect: Dialect) -> bool:
    """Read the finished text once more, with lists of no, one and two items: as many placeholders as values, nothing
    broken, one statement, of the nature that was read in the author's text."""
    if not _has_nature(planned, dialect):
        return False
    if planned.rows is not None and not _reads(
        for_rows(planned, 2).text, len(planned.slots) + len(planned.rows.columns), dialect
    ):
        return False
    if not planned.lists:
        return _reads(planned.statement.text, len(planned.slots), dialect)
    others, lists = len(planned.slots) - len(planned.lists), len(planned.lists)
    return all(_reads(sized(planned, (size,) * lists).text, others + size * lists, dialect) for size in (0, 1, 2))


def _has_nature(planned: PlannedStatement, dialect: Dialect) -> bool:
    parsed = tuple(significant(lex(planned.statement.text, (), dialect)))
    walk = Walk(parsed)
    if any(select_into(walk)):
        return False
    nature = nature_of(parsed, walk, dialect)
    statement = planned.statement
    return isinstance(nature, Nature) and (nature.writes, nature.returns_rows) == (
        statement.writes,
        statement.returns_rows,
    )


def _reads(text: str, placeholders: int, dialect: Dialect) -> bool:
    lexemes = lex(text, (), dialect)
    found = sum(lexeme.kind is Kind.PARAMETER for lexeme in lexemes)
    if dialect.author_parameters and found != placeholders:
        return False
    return not any(lexeme.kind is Kind.BROKEN or lexeme.is_mark(";") for lexeme in lexemes)


_MAX_PROBLEMS: Final = 100
"""Nobody reads more of one text."""

_UNREADABLE: Final = "the statement cannot be compiled without changing its meaning"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Analysis:
    """A text read with one choice in each place that chooses, and every binding placed."""

    placer: Placer
    places: tuple[ChoicePlace, ...]

    def same_as(self, other: "_Analysis") -> bool:
        """Return whether the bindings are placed alike, whatever was chosen. What is bound follows from the slots."""
        mine, theirs = self.placer.placed, other.placer.placed
        return (
            mine.splicing.edits == theirs.splicing.edits and mine.slots == theirs.slots and mine.nature == theirs.nature
        )


def _compile(
    text: str,
    dialect: Dialect,
    parameters: Mapping[str, DeclaredParameter],
    *,
    allow_ddl: bool,
    in_steps: bool,
) -> tuple[list[Refusal], tuple[StatementSet, _Analysis, tuple[Block, ...]] | None]:
    if MASK in text:
        return [Refusal(offset=text.index(MASK), message="a NUL character stands in the statement")], None
    read = find_blocks(text, dialect, in_steps=in_steps)
    lexemes = lex(read.text, find_holes(read.text), dialect)

    def analyse(positions: Mapping[str, int]) -> tuple[list[Refusal], _Analysis | None]:
        return _analyse(read, lexemes, dialect, parameters, positions, allow_ddl=allow_ddl, in_steps=in_steps)

    refusals, analysis = analyse({})
    refusals += read.refusals
    if analysis is None or refusals:
        return refusals, None
    axes = axes_of(read.blocks, analysis.places, parameters)
    many = too_many(axes, text, analysis.places)
    if many is not None:
        return [many], None
    refusals += undecided(read.blocks, axes)
    refusals += _changed_by_keywords(analysis, parameters, analyse)
    if refusals:
        return refusals, None
    multiplier = Multiplier(placed=analysis.placer.placed, blocks=read.blocks, places=analysis.places, axes=axes)
    statements = multiplier.statements()
    if not all(reads_as_planned(planned, dialect) for planned in representatives(statements)):
        return [Refusal(offset=0, message=_UNREADABLE)], None
    return [], (statements, analysis, read.blocks)


def _analyse(
    read: Blocked,
    lexemes: Sequence[Lexeme],
    dialect: Dialect,
    parameters: Mapping[str, DeclaredParameter],
    positions: Mapping[str, int],
    *,
    allow_ddl: bool,
    in_steps: bool,
) -> tuple[list[Refusal], _Analysis | None]:
    """Read a text, its blocks in, with a choice in each place that chooses."""
    choosing = choose(lexemes, dialect, parameters, positions)
    parsed = tuple(significant(choosing.lexemes))
    refusals = [*choosing.refusals, *refusals_of_text(choosing.lexemes, parsed, dialect)]
    deep = too_deep(parsed)
    if deep is not None or any(lexeme.kind is Kind.BROKEN for lexeme in lexemes):
        return [*refusals, *((deep,) if deep else ())], None
    walk = Walk(parsed)
    refusals += select_into(walk)
    if walk.unbalanced is not None:
        refusals.append(Refusal(offset=walk.unbalanced.start, message="this bracket has no partner"))
    nature = nature_of(parsed, walk, dialect)
    if isinstance(nature, Refusal):
        return [*refusals, nature], None
    refusals += _needs_flag(parsed, nature, allow_ddl=allow_ddl)
    refusals += _no_choices_in_ddl(nature, choosing.places)
    refusals += called(walk, choosing.places)
    refusals += misplaced(read.blocks, walk, nature)
    refusals += torn(read.blocks, parsed)
    placer = Placer(
        text=read.text, dialect=dialect, parameters=parameters, parsed=parsed, nature=nature, in_steps=in_steps
    )
    for site in walk:
        if site.lexeme.holes:
            placer.place(site)
    placer.end_of_places(choosing.lexemes)
    return [*refusals, *placer.refusals], _Analysis(placer=placer, places=choosing.places)


def _changed_by_keywords(
    analysis: _Analysis,
    parameters: Mapping[str, DeclaredParameter],
    analyse: Callable[[Mapping[str, int]], tuple[list[Refusal], _Analysis | None]],
) -> Iterator[Refusal]:
    """Yield a refusal for each keyword with which the statement is refused, or its bindings would be placed otherwise.

    Chosen names need no such look: one quoted name reads as another.
    """
    for place in {place.name: place for place in analysis.places}.values():
        declared = parameters[place.name]
        if declared.type is not ParameterType.KEYWORD:
            continue
        for index, choice in enumerate(declared.choices):
            refusals, other = analyse({place.name: index})
            for refusal in refusals:
                yield replace(refusal, message=f"with {choice}: {refusal.message}")
            if not refusals and (other is None or not analysis.same_as(other)):
                yield Refusal(
                    offset=place.start,
                    message=f"with {choice} the statement's values would be placed in another way",
                    hint="make one action for each",
                )


def _no_choices_in_ddl(nature: Nature, places: Sequence[ChoicePlace]) -> Iterator[Refusal]:
    if nature.statement_class is StatementClass.DDL and places:
        yield Refusal(
            offset=places[0].start,
            message="in a statement that changes the schema nothing is chosen",
            hint="write the name in the statement",
        )


def _needs_flag(parsed: Sequence[Lexeme], nature: Nature, *, allow_ddl: bool) -> Iterator[Refusal]:
    found = nature.statement_class
    if found in (StatementClass.DDL, StatementClass.EXPLAIN) and not allow_ddl:
        yield Refusal(
            offset=parsed[0].start,
            message=f"{parsed[0].upper} needs the action's flag allowDdl",
            hint="an editor can set allowDdl on the action; it excludes readOnly",
        )
