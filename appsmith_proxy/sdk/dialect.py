"""A SQL dialect as data: how texts are read, how placeholders and casts are written. No methods: the compiler reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from appsmith_proxy.sdk.statements import ParameterType


class Placeholder(StrEnum):
    """How the n-th placeholder is written."""

    DOLLAR = "dollar"
    """``$1``, ``$2`` …"""
    QUESTION = "question"
    """``?`` each time."""
    NUMBERED = "numbered"
    """``?1``, ``?2`` …"""


class Concatenation(StrEnum):
    """How texts are joined."""

    PIPES = "pipes"
    """``a || b``"""
    FUNCTION = "function"
    """``CONCAT(a, b)``"""


class ListForm(StrEnum):
    """What ``x IN ({{list}})`` becomes."""

    ANY = "any"
    """``x = ANY($1)`` / ``x <> ALL($1)``: one array parameter."""
    JSON_EACH = "json_each"
    """``x IN (SELECT value FROM json_each(?1))``: one JSON text parameter."""
    PADDED = "padded"
    """``x IN (?, ?, …)``: sizes rounded up to a power of two by repeating the last value."""


class StatementClass(StrEnum):
    """What a statement is, by its first keywords. Classes not on a dialect's list are refused at save."""

    READ = "read"
    WRITE = "write"
    CALL = "call"
    DDL = "ddl"
    EXPLAIN = "explain"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralForm:
    """A kind of quoted text, by its prefix (``E''``, ``N''`` …)."""

    prefix: str
    """The letters before the quote, upper case, ``""`` for none."""
    quote: str = "'"
    backslash_escapes: bool = False
    accepts_binding: bool = True
    """False: a binding inside is refused (``B''``, ``X''``, ``U&''``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Everything the compiler must know of a SQL dialect."""

    name: str
    placeholder: Placeholder
    concatenation: Concatenation
    list_form: ListForm
    literals: tuple[LiteralForm, ...]
    """All forms of quoted text; the one with prefix ``""`` is the plain literal."""
    identifier_quotes: tuple[tuple[str, str], ...]
    """Opening and closing quote of identifiers: ``(('"', '"'),)``, ``(('`', '`'), ('[', ']'))``."""
    double_quoted_is_literal: bool = False
    """True where ``"x"`` is a string (MySQL without ANSI_QUOTES)."""
    dollar_quotes: bool = False
    nested_comments: bool = False
    author_parameters: str = ""
    """A regular expression of what the dialect itself reads as a parameter (``$1``, ``?``, ``:name``): refused in an
    author's text, because it would collide with the placeholders that bindings become."""
    operator_characters: str = "+-*/<>=~!@#%^&|`?"
    """What operators are made of. Characters that begin a parameter or a quoted name here do not belong in it."""
    line_comments: tuple[str, ...] = ("--",)
    dash_comment_needs_space: bool = False
    """True where ``--`` starts a comment only before white space (MySQL)."""
    executable_comments: bool = False
    """True where ``/*! … */`` is run and ``/*+ … */`` changes settings (MySQL): refused."""
    casts: Mapping[ParameterType, str] = field(default_factory=dict)
    """Native type written in a CAST for a declared parameter type; a type that is missing gets no cast."""
    empty_list: str = ""
    """What stands in the brackets of ``IN ({{list}})`` for a list without items (``ListForm.PADDED``): a subquery without rows."""
    text_type: str = "text"
    """The type that a binding inside a longer literal is cast to, where the dialect needs one; ``""``: none."""
    integer_type: str = ""
    """The type of a binding in LIMIT and OFFSET; ``""``: no cast."""
    array_suffix: str = "[]"
    """Appended to a cast for a list parameter (``ListForm.ANY``)."""
    first_words: Mapping[str, StatementClass] = field(default_factory=dict)
    """The allow-list: first keyword, upper case → class. ``WITH`` takes the class of its main verb, or WRITE when any
    of its parts writes."""
    denied_functions: frozenset[str] = frozenset()
    """Functions, lower case, that run their argument as SQL, set settings, read files or dial out. A statement that
    calls one with a binding inside its parentheses is refused at save."""
    denied_words: Mapping[str, str] = field(default_factory=dict)
    """Keywords or pairs of keywords, upper case (``INTO OUTFILE``), that are refused anywhere outside quotes → why."""
    denied_operators: Mapping[str, str] = field(default_factory=dict)
    """Operators that are refused wherever they stand outside quotes, also as a part of a longer one → why."""
    operand_words: frozenset[str] = frozenset()
    """Keywords, upper case, behind which a value may stand here and not elsewhere (``INTERVAL {{n}} DAY``)."""
    equal_or_both_null: str = "IS NOT DISTINCT FROM"
    """The comparison that takes NULL for a value; for advice."""
    string_type_names: frozenset[str] = frozenset()
    """Type names, lower case, that may stand directly before a literal (``interval '…'``, ``date '…'``); several words
    with one space between them (``timestamp with time zone``)."""
    string_type_casts: Mapping[str, str] = field(default_factory=dict)
    """Of ``string_type_names``: what a CAST calls them, where that is another word (MySQL's ``timestamp``)."""
    like_ends_at_nul: bool = False
    """True where LIKE reads a pattern up to its first NUL character (SQLite): a value with one would be another pattern,
    so it is refused."""
    default_like_escape: str | None = None
    """The escape character of LIKE when no ESCAPE stands, or None when there is none (SQLite)."""
    like_operators: frozenset[str] = frozenset({"LIKE"})
    """Operators whose right side is a LIKE pattern, upper case (``LIKE``, ``ILIKE``, ``~~``)."""
