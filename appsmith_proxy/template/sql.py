"""Compile a SQL text with bindings into one statement with placeholders, or say everything that is wrong with it.

The author's text is spliced by offset and otherwise stays as it stands::

    WHERE name LIKE '%{{q}}%' AND id IN ({{ids}})
    WHERE name LIKE ('%' || CAST($1 AS text) || '%') AND id = ANY ($2)
"""

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
from appsmith_proxy.template.statements import Nature, Refusal, nature_of, refusals_of_text, select_into
from appsmith_proxy.template.tokenizer import find_holes, position


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledSql:
    """What became of one text. ``statement`` is None exactly when there are problems."""

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
    for refusal in sorted(set(refusals), key=lambda refusal: refusal.offset):
        line, column = position(text, refusal.offset)
        problems.append(Problem(path, refusal.message, line=line, column=column, hint=refusal.hint))
    if result is None or problems:
        return CompiledSql(statement=None, writes=True, problems=tuple(problems))
    statement, nature, warnings = result
    return CompiledSql(statement=statement, writes=nature.writes, problems=(), warnings=tuple(warnings))


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
    if any(lexeme.kind is Kind.BROKEN for lexeme in lexemes):
        return refusals, None
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
        inside_block = any(block.offset <= site.lexeme.start < block.end for block in blocks)
        if site.lexeme.holes and not inside_block:
            placer.place(site)
    refusals += placer.refusals
    if refusals:
        return refusals, None
    planned = placer.finish(lexemes)
    if not _holds(planned, dialect):
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
    for index, lexeme in enumerate(parsed):
        if lexeme.kind is Kind.NAME and lexeme.text.startswith("[[") and lexeme.holes:
            yield _Block(offset=lexeme.start, end=lexeme.end)
        if not lexeme.is_mark("[") or index + 2 >= len(parsed) or not parsed[index + 1].is_mark("["):
            continue
        opens = parsed[index + 2]
        if parsed[index + 1].start != lexeme.end or not (opens.upper in _BLOCK_OPENERS or opens.is_mark(",")):
            continue
        end = next(
            (
                right.end
                for left, right in zip(parsed[index:], parsed[index + 1 :], strict=False)
                if left.is_mark("]") and right.is_mark("]")
            ),
            parsed[-1].end,
        )
        if any(part.holes for part in parsed[index:] if part.end <= end):
            yield _Block(offset=lexeme.start, end=end)


def _needs_flag(parsed: Sequence[Lexeme], nature: Nature, *, allow_ddl: bool) -> Iterator[Refusal]:
    found = nature.statement_class
    if found in (StatementClass.DDL, StatementClass.EXPLAIN) and not allow_ddl:
        yield Refusal(
            offset=parsed[0].start,
            message=f"{parsed[0].upper} needs the action's flag allowDdl",
            hint="an editor can set allowDdl on the action; it excludes readOnly",
        )


def _holds(planned: PlannedStatement, dialect: Dialect) -> bool:
    """Read the finished text once more: as many placeholders as slots, nothing broken, one statement."""
    lexemes = lex(planned.statement.text, (), dialect)
    placeholders = [lexeme for lexeme in lexemes if lexeme.kind is Kind.PARAMETER]
    counted = not dialect.author_parameters or len(placeholders) == len(planned.slots)
    return counted and not any(lexeme.kind is Kind.BROKEN or lexeme.is_mark(";") for lexeme in lexemes)
