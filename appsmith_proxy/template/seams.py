"""Say whether an optional block can be left out without another reading of what stands on its two sides.

Only the text with all blocks in is read for what it means. What holds for it holds without them, if a block stands between
whole things, so that each side means the same with and without it::

    SELECT a [[, b + {{b}}]] FROM t                 a│FROM
    WHERE a = 1 [[AND b = {{b}}]] OR c              1│OR
    SELECT load_file [[, upper]] ({{c}}) FROM t     load_file│(   another call
    SELECT a INTO [[, {{b}}]] OUTFILE 'f'           INTO│OUTFILE  another clause
"""

from collections.abc import Iterator, Sequence
from typing import Final

from appsmith_proxy.template.blocks import Block
from appsmith_proxy.template.clauses import GROUPING_WORDS, KEYWORDS, is_name
from appsmith_proxy.template.lexer import Kind, Lexeme
from appsmith_proxy.template.statements import Refusal


def torn(blocks: Sequence[Block], parsed: Sequence[Lexeme]) -> Iterator[Refusal]:
    """Yield a refusal for each block that does not stand between whole things, or does not end with one.

    Args:
        blocks: of the text.
        parsed: the significant lexemes of the text with all blocks in. No statement begins with a block.
    """
    openers = {block.at for block in blocks}
    for block in blocks:
        inside = [index for index, lexeme in enumerate(parsed) if block.holds(lexeme.start)]
        before, last, after = inside[0] - 1, inside[-1], inside[-1] + 1
        follows = parsed[after] if after < len(parsed) else None
        at: int | None = None
        if not _is_whole(parsed, before) and not (block.opener == "ORDER" and parsed[before].is_mark("(")):
            at = block.start
        elif not _is_whole(parsed, last):
            at = parsed[last].start
        elif follows is not None and follows.start not in openers and not _begins(follows, block):
            at = follows.start
        if at is not None:
            yield Refusal(offset=at, message=_MESSAGE, hint=_HINT)


_MESSAGE: Final = "without the optional block, what stands before and behind it would be read in another way"
_HINT: Final = "a block stands between whole conditions, items or clauses"

_MARKS: Final = frozenset({")", "]", ",", ";"})
_CLAUSES: Final = frozenset({"WHERE", "HAVING", "ORDER", "LIMIT", "OFFSET"})
"""Openers of clauses. What goes on with one goes on with another when it is left out."""
_GOES_ON: Final = frozenset({"AND", "OR", "XOR", ","})
_FOLLOWING: Final = _CLAUSES | {
    *("AND", "OR", "XOR", "WHEN", "THEN", "ELSE", "END"),
    *("FROM", "JOIN", "LEFT", "RIGHT", "INNER", "FULL", "CROSS", "NATURAL", "STRAIGHT_JOIN", "ON"),
    *(
        "GROUP",
        "WINDOW",
        "FETCH",
        "FOR",
        "LOCK",
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "RETURNING",
        "ROWS",
        "RANGE",
        "GROUPS",
    ),
    *("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"),
}
"""Keywords that nothing before them can draw to itself."""
_OPEN_WORDS: Final = (
    GROUPING_WORDS
    | KEYWORDS
    | {
        *("ORDER", "PARTITION", "OVER", "LEFT", "RIGHT", "INNER", "FULL", "CROSS", "NATURAL", "OUTER", "STRAIGHT_JOIN"),
        *("XOR", "DIV", "MOD", "RLIKE", "SIMILAR", "COLLATE", "INTERVAL", "BINARY", "CAST", "LOCK", "SHARE", "WITHIN"),
        *("EXPLAIN", "OUTFILE", "DUMPFILE", "CONFLICT", "DUPLICATE", "DO", "NULLS", "ROWS", "RANGE", "GROUPS"),
    }
)
"""Keywords that need something behind them."""
_WHOLE: Final = frozenset({Kind.NAME, Kind.LITERAL, Kind.DOLLAR, Kind.NUMBER, Kind.HOLE})


def _is_whole(parsed: Sequence[Lexeme], index: int) -> bool:
    """Return whether a lexeme can be the end of something that needs nothing behind it."""
    lexeme = parsed[index]
    if lexeme.kind is Kind.WORD:
        return lexeme.upper not in _OPEN_WORDS or is_name(parsed, index)
    if lexeme.kind is Kind.OPERATOR:
        return lexeme.text == "*"  # SELECT *
    return lexeme.kind in _WHOLE or lexeme.is_mark(")") or lexeme.is_mark("]")


def _begins(follows: Lexeme, block: Block) -> bool:
    """Return whether a lexeme begins what stands for itself, whatever is before it."""
    text = follows.text if follows.kind is Kind.MARK else follows.upper
    if block.opener in _CLAUSES and text in _GOES_ON:
        return False
    return text in _MARKS or text in _FOLLOWING
