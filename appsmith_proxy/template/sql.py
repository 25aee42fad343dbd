"""Compile a SQL text with bindings into one statement with placeholders, or say everything that is wrong with it.

The author's text is spliced by offset and otherwise stays as it stands::

    WHERE name LIKE '%{{q}}%' AND id IN ({{ids}})
    WHERE name LIKE ('%' || CAST($1 AS text) || '%') AND id = ANY ($2)
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from appsmith_proxy.errors import Problem
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import PlannedStatement
from appsmith_proxy.sdk import Dialect, StatementClass
from appsmith_proxy.template.clauses import Walk
from appsmith_proxy.template.lexer import MASK, Kind, Lexeme, lex, significant
from appsmith_proxy.template.placing import Placer
from appsmith_proxy.template.sizes import sized
from appsmith_proxy.template.statements import Nature, Refusal, nature_of, refusals_of_text, select_into, too_deep
from appsmith_proxy.template.tokenizer import find_holes, position


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledSql:
    """What became of one text. ``statement`` is None when there are problems, here or in the declared parameters."""

    statement: PlannedStatement | None
    writes: bool
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...] = ()


def compile_sql(
    text: str, dialect: Dialect, parameters: Mapping[str, DeclaredParameter], *, path: str, allow_ddl: bool
) -> CompiledSql:
    """Compile one text. Never raises; every problem has its line and column."""
    refusals, result = _compile(text, dialect, parameters, allow_ddl=allow_ddl)
    problems = []
    for refusal in sorted(set(refusals), key=lambda refusal: refusal.offset)[:_MAX_PROBLEMS]:
        line, column = position(text, refusal.offset)
        problems.append(Problem(path, refusal.message, line=line, column=column, hint=refusal.hint))
    if result is None or problems:
        return CompiledSql(statement=None, writes=True, problems=tuple(problems))
    statement, nature, warnings = result
    return CompiledSql(statement=statement, writes=nature.writes, problems=(), warnings=tuple(warnings))


def reads_as_planned(planned: PlannedStatement, dialect: Dialect) -> bool:
    """Read the finished text once more, with lists of no, one and two items: as many placeholders as values, nothing
    broken, one statement."""
    if not planned.lists:
        return _reads(planned.statement.text, len(planned.slots), dialect)
    others, lists = len(planned.slots) - len(planned.lists), len(planned.lists)
    return all(_reads(sized(planned, (size,) * lists).text, others + size * lists, dialect) for size in (0, 1, 2))


def _reads(text: str, placeholders: int, dialect: Dialect) -> bool:
    lexemes = lex(text, (), dialect)
    found = sum(lexeme.kind is Kind.PARAMETER for lexeme in lexemes)
    if dialect.author_parameters and found != placeholders:
        return False
    return not any(lexeme.kind is Kind.BROKEN or lexeme.is_mark(";") for lexeme in lexemes)


_MAX_PROBLEMS: Final = 100
"""Nobody reads more of one text."""

_Result = tuple[PlannedStatement, Nature, list[str]]


def _compile(
    text: str, dialect: Dialect, parameters: Mapping[str, DeclaredParameter], *, allow_ddl: bool
) -> tuple[list[Refusal], _Result | None]:
    if MASK in text:
        return [Refusal(offset=text.index(MASK), message="a NUL character stands in the statement")], None
    lexemes = lex(text, find_holes(text), dialect)
    parsed = tuple(significant(lexemes))
    blocks = tuple(_blocks(parsed))
    refusals = [Refusal(offset=block.offset, message=_BLOCK[0], hint=_BLOCK[1]) for block in blocks]
    refusals += refusals_of_text(lexemes, parsed, dialect)
    deep = too_deep(parsed)
    if deep is not None or any(lexeme.kind is Kind.BROKEN for lexeme in lexemes):
        return [*refusals, *((deep,) if deep else ())], None
    walk = Walk(parsed)
    refusals += select_into(walk)
    if walk.unbalanced is not None and not blocks:
        refusals.append(Refusal(offset=walk.unbalanced.start, message="this bracket has no partner"))
    nature = nature_of(parsed, walk, dialect)
    if isinstance(nature, Refusal):
        return [*refusals, nature], None
    refusals += _needs_flag(parsed, nature, allow_ddl=allow_ddl)
    placer = Placer(text=text, dialect=dialect, parameters=parameters, parsed=parsed, nature=nature)
    for site in walk:
        if site.lexeme.holes and not _within(blocks, site.lexeme.start):
            placer.place(site)
    refusals += placer.refusals
    if refusals or placer.skipped:
        return refusals, None
    planned = placer.finish(lexemes)
    if not reads_as_planned(planned, dialect):
        return [Refusal(offset=0, message="the statement cannot be compiled without changing its meaning")], None
    return [], (planned, nature, placer.warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Where an optional block would be. Blocks come later; until then they are refused as one thing."""

    offset: int
    end: int


_BLOCK: Final = ("optional blocks are not supported yet", "write the condition so that it holds for every value")
_BLOCK_OPENERS: Final = frozenset({"AND", "OR", "WHERE", "HAVING", "ORDER", "LIMIT", "OFFSET", "GROUP"})


def _blocks(parsed: Sequence[Lexeme]) -> Iterator[_Block]:
    """Yield what reads as ``[[ AND … {{binding}} … ]]``; subscripts, arrays and brackets without a binding do not."""
    begin: Lexeme | None = None
    holds_binding = False
    for index, lexeme in enumerate(parsed):
        if lexeme.kind is Kind.NAME and lexeme.text.startswith("[[") and lexeme.holes:
            yield _Block(offset=lexeme.start, end=lexeme.end)
        if begin is None:
            if _opens_block(parsed[index : index + 3]):
                begin, holds_binding = lexeme, False
            continue
        holds_binding = holds_binding or bool(lexeme.holes)
        if lexeme.is_mark("]") and parsed[index - 1].is_mark("]"):
            if holds_binding:
                yield _Block(offset=begin.start, end=lexeme.end)
            begin = None


def _within(blocks: Sequence[_Block], offset: int) -> bool:
    at = bisect_right(blocks, offset, key=lambda block: block.offset)
    return at > 0 and offset < blocks[at - 1].end


def _opens_block(window: Sequence[Lexeme]) -> bool:
    if len(window) < 3 or not window[0].is_mark("[") or not window[1].is_mark("["):
        return False
    opener = window[2]
    return window[0].end == window[1].start and (opener.upper in _BLOCK_OPENERS or opener.is_mark(","))


def _needs_flag(parsed: Sequence[Lexeme], nature: Nature, *, allow_ddl: bool) -> Iterator[Refusal]:
    found = nature.statement_class
    if found in (StatementClass.DDL, StatementClass.EXPLAIN) and not allow_ddl:
        yield Refusal(
            offset=parsed[0].start,
            message=f"{parsed[0].upper} needs the action's flag allowDdl",
            hint="an editor can set allowDdl on the action; it excludes readOnly",
        )
