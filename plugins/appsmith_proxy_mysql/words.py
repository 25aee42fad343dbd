"""What kind of statement a text is, by its first word: for what the driver itself must refuse, or cannot promise."""

import re
from typing import Final

READS: Final = frozenset({"select", "values", "table", "with"})
WRITES: Final = frozenset({"insert", "update", "delete", "replace"})
"""WITH may begin a write too; the server tells in a read-only session."""
CALL: Final = "call"

_BEGIN: Final = re.compile(
    r"(?:[\s(]|#[^\n]*\n|--(?:[^\S\n][^\n]*)?\n|/\*(?![!M+])(?:[^*]|\*(?!/))*+\*/)*+([a-z]+)", re.IGNORECASE
)
"""Comments that the server runs, and that we know it does not, are told apart: what begins with the former has no first
word."""
_WORD: Final = re.compile(r"[A-Za-z0-9_$]+")
_INTO: Final = re.compile(r"\binto\b", re.IGNORECASE)
_FILE: Final = re.compile(r"\b(?:out|dump)file\b", re.IGNORECASE)


def first_word(text: str) -> str:
    """Return the first word that is no comment, in lower case; ``""`` when there is none for certain."""
    begin = _BEGIN.match(text)
    return begin[1].lower() if begin else ""


def words(text: str) -> frozenset[str]:
    """Return every word of a text, comments and literals included, in lower case."""
    return frozenset(word.lower() for word in _WORD.findall(text))


def may_leave_read_only(text: str) -> bool:
    """Return whether the server would let a read-only session run this, though it may change something.

    A procedure may commit and begin a transaction that writes; SELECT … INTO OUTFILE writes a file. What is neither a
    read nor a write by its first word (ANALYZE TABLE, FLUSH …) is not for read-only sessions in any case.
    """
    into = _INTO.search(text)
    return first_word(text) not in READS | WRITES or (into is not None and _FILE.search(text, into.end()) is not None)
