"""Find optional blocks, ``[[ AND name = {{name}} ]]``, and say which of them may stand where they stand.

A block drops out of the statement when none of its bindings is given and stays when all are. Its brackets become blanks,
so that every offset of the text stays the author's; leaving a block out is leaving out what is between two offsets.
``[[`` in quotes or a comment, behind ARRAY, inside other square brackets, or without a binding is plain text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from appsmith_proxy.model.plan import Source
from appsmith_proxy.sdk import Dialect
from appsmith_proxy.template.clauses import Site
from appsmith_proxy.template.lexer import Kind, Lexeme, lex, significant
from appsmith_proxy.template.names import source_of
from appsmith_proxy.template.statements import Nature, Refusal
from appsmith_proxy.template.tokenizer import find_holes

MAX_BLOCKS: Final = 12
"""Each doubles the statements, of which a plan has at most 4,096."""
MAX_OPENINGS: Final = 64
"""``[[`` outside quotes in one text, blocks or not: each is read for by itself."""
MAX_READ: Final = 1_500_000
"""Characters that are read for them: a long text may have fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of a statement that is there or not."""

    start: int
    """Of the opening brackets."""
    end: int
    """Behind the closing brackets."""
    opener: str
    """The keyword it begins with, upper case, or ``,``."""
    at: int
    """Offset of the opener."""
    names: tuple[str, ...]
    """Its bindings, once each, in order."""

    def holds(self, offset: int) -> bool:
        """Return whether an offset of the text is inside."""
        return self.start <= offset < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A text read for blocks."""

    text: str
    """The author's, with the brackets of blocks as blanks."""
    blocks: tuple[Block, ...]
    refusals: tuple[Refusal, ...]


def find_blocks(text: str, dialect: Dialect, *, in_steps: bool = False) -> Blocked:
    """Read a text for blocks. Blocks that break a rule of their own are refused; where they stand is ``misplaced``'s."""
    holes = find_holes(text)
    blocks: list[Block] = []
    refusals: list[Refusal] = []
    at = openings = 0
    while (opening := _opening(lex(text, holes, dialect), at)) is not None:
        openings += 1
        most = min(MAX_OPENINGS, MAX_READ // len(text))
        if openings > most:
            refusals.append(
                Refusal(offset=opening, message=f"more than {most} double brackets in a statement of this length")
            )
            break
        blanked = _blank(text, opening)
        inside = _inside(lex(blanked, holes, dialect), opening)
        at = opening + 2
        if inside is None or not any(lexeme.holes for lexeme in inside.lexemes):
            continue  # plain text: as it was
        text = _blank(blanked, inside.closing)
        at = inside.closing + 2
        found = _block(opening, inside, in_steps=in_steps)
        if isinstance(found, Refusal):
            refusals.append(found)
        else:
            blocks.append(found)
    if len(blocks) > MAX_BLOCKS:
        refusals.append(
            Refusal(
                offset=blocks[MAX_BLOCKS].start,
                message=f"more than {MAX_BLOCKS} optional blocks in one statement",
                hint="each doubles the statements that must be prepared; make several actions",
            )
        )
    return Blocked(text=text, blocks=tuple(blocks), refusals=tuple(refusals))


def misplaced(blocks: Sequence[Block], walk: Iterable[Site], nature: Nature) -> Iterator[Refusal]:
    """Yield why blocks may not stand where they stand: in a statement that writes, only a value that is set may be optional.

    Args:
        blocks: of the text.
        walk: the significant lexemes of the text; a site's surroundings are as they are when it is reached.
        nature: of the statement with all blocks in.
    """
    if not nature.writes:
        return
    starts = {block.at: block for block in blocks}
    for site in walk:
        block = starts.get(site.lexeme.start)
        if block is None or (block.opener == "," and _sets(site)):
            continue
        yield Refusal(
            offset=block.start,
            message="a statement that writes may have an optional block only for a value that it sets: without its "
            "condition it would change more rows",
            hint="write the condition so that it holds for every value, or make one action for each case",
        )


_OPENERS: Final = frozenset({"AND", "WHERE", "HAVING", "ORDER", "LIMIT", "OFFSET"})
_OPENERS_TEXT: Final = "AND, a comma, WHERE, HAVING, ORDER BY, LIMIT or OFFSET"
_CLOSING: Final = {"(": ")", "[": "]"}
_ARRAY: Final = re.compile(r"array", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inside:
    """What stands between the brackets of a block."""

    lexemes: tuple[Lexeme, ...]
    """The significant ones."""
    closing: int
    """Offset of the closing brackets."""
    nested: int | None
    """Offset of another opening inside, if there is one."""
    unbalanced: int | None
    """Offset of a bracket inside that has no partner there."""


def _opening(lexemes: Sequence[Lexeme], at: int) -> int | None:
    """Return the offset of the next ``[[`` that may open a block: a mark, or what a dialect reads as a quoted name."""
    parsed = tuple(significant(lexemes))
    depth = 0
    for index, lexeme in enumerate(parsed):
        before = parsed[index - 1] if index else None
        array = before is not None and before.kind is Kind.WORD and _ARRAY.fullmatch(before.text) is not None
        if lexeme.kind is Kind.NAME and lexeme.text.startswith("[[") and lexeme.start >= at:
            return lexeme.start
        if lexeme.is_mark("["):
            pair = index + 1 < len(parsed) and parsed[index + 1].is_mark("[") and parsed[index + 1].start == lexeme.end
            if pair and not depth and not array and lexeme.start >= at:
                return lexeme.start
            depth += 1
        elif lexeme.is_mark("]"):
            depth = max(depth - 1, 0)
    return None


def _inside(lexemes: Sequence[Lexeme], opening: int) -> _Inside | None:
    """Return what stands behind an opening that was made blank, up to its ``]]``; None when there is none."""
    parsed = [lexeme for lexeme in significant(lexemes) if lexeme.start >= opening + 2]
    open_brackets: list[Lexeme] = []
    nested: int | None = None
    unbalanced: int | None = None
    for index, lexeme in enumerate(parsed):
        following = parsed[index + 1] if index + 1 < len(parsed) else None
        closes = (
            lexeme.is_mark("]") and following is not None and following.is_mark("]") and following.start == lexeme.end
        )
        if closes and not any(bracket.text == "[" for bracket in open_brackets):
            if open_brackets and unbalanced is None:
                unbalanced = open_brackets[-1].start
            return _Inside(lexemes=tuple(parsed[:index]), closing=lexeme.start, nested=nested, unbalanced=unbalanced)
        if nested is None and lexeme.text.startswith("[[") and lexeme.kind is Kind.NAME:
            nested = lexeme.start
        if nested is None and lexeme.is_mark("[") and following is not None and following.is_mark("["):
            nested = lexeme.start
        if lexeme.is_mark("(") or lexeme.is_mark("["):
            open_brackets.append(lexeme)
        elif lexeme.is_mark(")") or lexeme.is_mark("]"):
            if open_brackets and _CLOSING[open_brackets[-1].text] == lexeme.text:
                open_brackets.pop()
            elif unbalanced is None:
                unbalanced = lexeme.start
    return None


def _block(opening: int, inside: _Inside, *, in_steps: bool) -> Block | Refusal:
    """Return the block, or which of the rules that it can break by itself it breaks."""
    first = inside.lexemes[0]
    opener = "," if first.is_mark(",") else first.upper
    names = tuple(dict.fromkeys(hole.name for lexeme in inside.lexemes for hole in lexeme.holes))
    refuse = _Refuse(opening)
    if opener == "OR":
        return refuse(
            "an optional block cannot begin with OR: left out, the others would decide alone",
            "write the whole condition as one block, or AND ( … OR … )",
        )
    if opener not in _OPENERS and opener != ",":
        return refuse(f"an optional block begins with {_OPENERS_TEXT}", "move the keyword or the comma into the block")
    if inside.nested is not None:
        return Refusal(
            offset=inside.nested,
            message="an optional block stands inside another",
            hint="write them one behind the other",
        )
    if inside.unbalanced is not None:
        return Refusal(
            offset=inside.unbalanced,
            message="this bracket has no partner inside its optional block",
            hint="a block holds whole expressions",
        )
    trusted = [name for name in names if source_of(name, in_steps=in_steps) is not Source.CLIENT]
    if trusted:
        return refuse(
            f"{{{{{trusted[0]}}}}} is filled in by the server and may not be optional: a caller without it would lose the "
            "filter",
            "move it out of the block",
        )
    return Block(start=opening, end=inside.closing + 2, opener=opener, at=first.start, names=names)


@dataclass(frozen=True, slots=True)
class _Refuse:
    offset: int

    def __call__(self, message: str, hint: str) -> Refusal:
        return Refusal(offset=self.offset, message=message, hint=hint)


def _sets(site: Site) -> bool:
    """Return whether a comma stands between values that are set or returned."""
    clause, verb = site.frame.clause, site.frame.main_verb
    return clause in ("SET", "RETURNING") or (clause == "UPDATE" and verb in ("INSERT", "REPLACE"))


def _blank(text: str, at: int) -> str:
    return f"{text[:at]}  {text[at + 2 :]}"
