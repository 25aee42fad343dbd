"""Write each binding of a SQL text in the form of its place: a placeholder, a concatenation, a list, a cast.

==========================  =====================================  ================================  =======================
place                       PostgreSQL                             SQLite                            MySQL
==========================  =====================================  ================================  =======================
``{{x}}``, ``'{{x}}'``      ``$1``                                 ``?1``                            ``?``
declared type               ``CAST($1 AS integer)``                ``?1``                            ``?``
``'%{{q}}%'``               ``('%' || CAST($1 AS text) || '%')``   ``('%' || ?1 || '%')``            ``CONCAT('%', ?, '%')``
``IN ({{ids}})``            ``= ANY ($1)``                         ``IN (SELECT … json_each(?1))``   ``IN (?, ?)``, by size
``LIMIT {{n}}``             ``LIMIT CAST($1 AS bigint)``           ``LIMIT ?1``                      ``LIMIT ?``
``interval '{{n}} days'``   ``CAST((… || ' days') AS interval)``
``INTERVAL {{n}} DAY``                                                                               ``INTERVAL ? DAY``
==========================  =====================================  ================================  =======================
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import Slot, Transform
from appsmith_proxy.model.trusted import TRUSTED_LISTS
from appsmith_proxy.sdk import Dialect, ListForm, Parameter, ParameterType, StatementClass
from appsmith_proxy.template.clauses import Site
from appsmith_proxy.template.lexer import Kind, Lexeme
from appsmith_proxy.template.like import LikePattern, like_patterns, swallows
from appsmith_proxy.template.lists import ListOf, list_at, names_apart, row_columns
from appsmith_proxy.template.names import source_of
from appsmith_proxy.template.neighbours import type_before
from appsmith_proxy.template.operands import cast, concatenated, native_type
from appsmith_proxy.template.placed import Placed, PlacedRows
from appsmith_proxy.template.places import calls_denied, refuse
from appsmith_proxy.template.splicing import Splicing
from appsmith_proxy.template.statements import Nature, Refusal
from appsmith_proxy.template.tokenizer import Hole, position


@dataclass(slots=True, kw_only=True)
class Placer:
    """Places the bindings of one text, each as its place wants it, and notes which cannot stand where they do."""

    text: str
    dialect: Dialect
    parameters: Mapping[str, DeclaredParameter]
    parsed: tuple[Lexeme, ...]
    nature: Nature
    in_steps: bool
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    patterns: Mapping[int, LikePattern] = field(init=False)
    escaped: set[LikePattern] = field(default_factory=set)
    placed: Placed = field(init=False)

    def __post_init__(self) -> None:
        end = max((lexeme.end for lexeme in self.parsed if not lexeme.is_mark(";")), default=0)
        self.placed = Placed(splicing=Splicing(self.text), end=end, dialect=self.dialect, nature=self.nature)
        self.patterns = like_patterns(self.parsed, self.dialect)

    def place(self, site: Site) -> None:
        """Place the bindings of one lexeme, or note why they cannot stand there."""
        lexeme = site.lexeme
        if self.nature.statement_class is StatementClass.DDL:
            self._refuse(lexeme.holes[0], "a statement that changes the schema takes no values", "write constants")
            return
        if any(self._kind(hole) is ParameterType.OBJECT for hole in lexeme.holes):
            self._rows(site)
            return
        refusal = refuse(site, self.parsed, self.dialect) or calls_denied(site, self.dialect)
        if refusal is not None:
            self.refusals.append(refusal)
            return
        types = type_before(site, self.parsed, self.dialect)
        found = list_at(site, self.parsed)
        if found is not None:
            self._list(site, found)
        elif lexeme.is_one_binding and not types and not self._pattern(site, lexeme.holes[0]):
            self.placed.splicing.replace(lexeme.start, lexeme.end, self._value(site, lexeme.holes[0]))
        else:
            self._text(site, types)

    def end_of_places(self, lexemes: Sequence[Lexeme]) -> None:
        """Add what depends on all places. A binding in a comment becomes a blank."""
        for lexeme in lexemes:
            if lexeme.kind is Kind.COMMENT:
                self.placed.splicing.edits += [(hole.start, hole.end, " ") for hole in lexeme.holes]
        for pattern in self.escaped:
            if not pattern.written:
                after = self.parsed[pattern.end - 1].end
                self.placed.splicing.edits.append((after, after, f" ESCAPE '{pattern.escape}'"))

    # How each place is written

    def _value(self, site: Site, hole: Hole) -> str:
        """Return a placeholder for a whole operand, with the declared type's cast."""
        kind = self._kind(hole)
        if site.frame.counts_rows() and not self._is_list(hole.name):
            return self._counting(site, hole, kind)
        if self._is_list(hole.name):
            return self._list_value(hole, kind)
        return self._operand(hole, kind)

    def _counting(self, site: Site, hole: Hole, kind: ParameterType | None) -> str:
        """Return a placeholder in LIMIT or OFFSET: an integer when nothing else is declared."""
        direct = self.parsed[site.index - 1].upper in ("LIMIT", "OFFSET")
        if direct and kind not in (None, ParameterType.INTEGER, ParameterType.BIGINT):
            self._refuse(hole, "LIMIT and OFFSET take an integer", "declare the parameter's type as integer")
        if kind is not None:
            return self._operand(hole, kind)
        return cast(self._placeholder(hole, type=ParameterType.INTEGER), self.dialect.integer_type)

    def _list(self, site: Site, found: ListOf) -> None:
        """Write ``x IN ({{list}})`` in the dialect's form."""
        hole = site.lexeme.holes[0]
        if found.compares_rows:
            self._refuse(hole, "a list of rows cannot be bound", "compare each column with its own list")
            return
        kind = self._kind(hole)
        if self.dialect.list_form is ListForm.PADDED:
            self._items(site, hole, kind)
            return
        value = self._list_value(hole, kind)
        if self.dialect.list_form is ListForm.JSON_EACH:
            value = _EACH.format(value)
        elif found.negation is None:
            self.placed.splicing.replace(found.keyword.start, found.keyword.end, "= ANY")
        else:
            self.placed.splicing.replace(found.negation.start, found.negation.end, "<>")
            self.placed.splicing.replace(found.keyword.start, found.keyword.end, "ALL")
        self.placed.splicing.replace(site.lexeme.start, site.lexeme.end, value)

    def _rows(self, site: Site) -> None:
        """Write the first row of ``VALUES {{rows}}``; each column takes the field of its name."""
        hole = site.lexeme.holes[0]
        declared = self.parameters[hole.name]
        found = row_columns(site, self.parsed)
        if isinstance(found, str) or self.placed.rows is not None or self.nature.returns_rows:
            why = found if isinstance(found, str) else "rows stand in one place, of a statement that returns none"
            self._refuse(hole, why, "write INSERT INTO t (a, b) VALUES {{rows}}")
            return
        names = [field.name for field in declared.fields]
        wrong = list(names_apart(found, names))
        for message, hint in wrong:
            self._refuse(hole, message, hint)
        if wrong:
            return
        first = len(self.placed.slots)
        columns = tuple(names.index(name) for name in found)
        cells = [self._operand(hole, declared.fields[column].type, Transform.CELL) for column in columns]
        row = f"({', '.join(cells)})"
        self.placed.rows = PlacedRows(start=site.lexeme.start, text=row, first=first, columns=columns)
        self.placed.splicing.replace(site.lexeme.start, site.lexeme.end, row)

    def _items(self, site: Site, hole: Hole, kind: ParameterType | None) -> None:
        """Write one item of a list, which is repeated when the list's size is known."""
        if len(self.placed.lists) == MAX_LISTS:
            self._refuse(hole, f"more than {MAX_LISTS} lists in one statement", "join with a table of the values")
        slot = len(self.placed.slots)
        item = self._operand(hole, kind, Transform.ITEMS)
        self.placed.lists[site.lexeme.start] = slot, item
        self.placed.splicing.replace(site.lexeme.start, site.lexeme.end, item)

    def _list_value(self, hole: Hole, kind: ParameterType | None) -> str:
        if self.dialect.list_form is ListForm.PADDED:
            self._refuse(hole, "a list stands in the brackets of IN and nowhere else", "write x IN ({{list}})")
        if self.dialect.list_form is ListForm.JSON_EACH:
            if kind is ParameterType.BYTES:
                self._refuse(hole, "a list of bytes cannot be bound here", "compare hex(x) with a list of hex texts")
            return self._placeholder(hole, type=kind, transform=Transform.LIST_JSON, sent_as=ParameterType.TEXT)
        placeholder = self._placeholder(hole, type=kind, transform=Transform.LIST)
        return cast(placeholder, native_type(self.dialect, kind, of_lists=True))

    def _text(self, site: Site, types: int) -> None:
        """Write a literal with bindings inside as a concatenation, behind a type's name as a cast."""
        lexeme = site.lexeme
        parts = [part for part in self._parts(site, as_value=bool(types) and lexeme.is_one_binding) if part]
        joined = concatenated(self.dialect, parts)
        if not types:
            self.placed.splicing.replace(lexeme.start, lexeme.end, joined)
            return
        words = self.parsed[site.index - types : site.index]
        for index, word in enumerate(words):
            self.placed.splicing.replace(word.start, word.end, "CAST(" if index == 0 else "")
        name = " ".join(word.text for word in words)
        self.placed.splicing.replace(
            lexeme.start, lexeme.end, f"{joined} AS {self.dialect.string_type_casts.get(name.lower(), name)})"
        )

    def _parts(self, site: Site, *, as_value: bool) -> Iterator[str]:
        """Yield literals and placeholders of one lexeme in order."""
        lexeme = site.lexeme
        if as_value:
            yield self._value(site, lexeme.holes[0])
            return
        if not lexeme.is_one_binding and lexeme.text.lstrip("'\"EeNn").startswith(("{", "[", '"')):
            self._warn(lexeme, "quotes in a value can change the JSON or array text around it; build it with functions")
        quote = lexeme.form.quote if lexeme.form else ""
        start, stop = lexeme.content
        opening = self.text[lexeme.start : start]
        for hole in (*lexeme.holes, Hole("", stop, stop)):
            literal = self.text[start : hole.start]
            if literal:
                self._check_split(lexeme, literal, hole, self._pattern(site, hole) if hole.name else None)
                yield f"{opening}{literal}{quote}"
            if hole.start < stop:
                yield self._piece(site, hole)
            start = hole.end

    def _piece(self, site: Site, hole: Hole) -> str:
        """Return a placeholder for a value that becomes part of a text."""
        kind = self._kind(hole)
        if self._is_list(hole.name):
            self._refuse(hole, "a list cannot be part of a text", "use it as x IN ({{list}})")
        pattern = self._pattern(site, hole)
        if pattern is None:
            placeholder = self._placeholder(hole, type=kind, transform=Transform.TEXT, sent_as=ParameterType.TEXT)
        else:
            if pattern.refusal is not None:
                self.refusals.append(pattern.refusal)
            if pattern.end == pattern.start + 1 and site.lexeme.is_one_binding:
                self._warn(
                    site.lexeme,
                    "the whole LIKE pattern is a value, so its % and _ are matched as they are; "
                    "declare the parameter with wildcards to let them match anything",
                )
            self.escaped.add(pattern)
            placeholder = self._placeholder(
                hole, type=kind, transform=Transform.LIKE, sent_as=ParameterType.TEXT, escape=pattern.escape
            )
        return cast(placeholder, self.dialect.text_type)

    def _operand(self, hole: Hole, kind: ParameterType | None, transform: Transform = Transform.NONE) -> str:
        """Add a slot and return its placeholder with the cast of its type."""
        return cast(self._placeholder(hole, type=kind, transform=transform), native_type(self.dialect, kind))

    def _placeholder(
        self,
        hole: Hole,
        *,
        type: ParameterType | None,  # noqa: A002  # reason: the slot's own word
        transform: Transform = Transform.NONE,
        sent_as: ParameterType | None = None,
        escape: str = "",
    ) -> str:
        """Add a slot and return its placeholder."""
        declared = self.parameters.get(hole.name)
        is_list = transform in _LISTS
        one_value = not is_list or transform in (Transform.ITEMS, Transform.CELL)
        return self.placed.add(
            Slot(
                name=hole.name,
                source=source_of(hole.name, in_steps=self.in_steps),
                type=type,
                transform=transform,
                escape=escape,
                without_nul=transform is Transform.LIST_JSON
                or (transform is Transform.LIKE and self.dialect.like_ends_at_nul),
                empty_list_ok=not is_list or not self.nature.writes or bool(declared and declared.allow_empty),
            ),
            Parameter(name=hole.name, type=sent_as or type, is_list=not one_value),
        )

    # What the places need to know

    def _kind(self, hole: Hole) -> ParameterType | None:
        """Return the declared type."""
        declared = self.parameters.get(hole.name)
        return declared.type if declared else None

    def _is_list(self, name: str) -> bool:
        declared = self.parameters.get(name)
        return name in TRUSTED_LISTS or bool(declared and declared.is_list)

    def _pattern(self, site: Site, hole: Hole) -> LikePattern | None:
        """Return the LIKE pattern that the value must be escaped for."""
        declared = self.parameters.get(hole.name)
        if declared is not None and declared.wildcards:
            return None
        return self.patterns.get(site.index)

    def _check_split(self, lexeme: Lexeme, literal: str, hole: Hole, pattern: LikePattern | None) -> None:
        """Refuse an escape character directly before a binding."""
        escape = pattern.escape if pattern is not None else ""
        backslash = bool(lexeme.form and lexeme.form.backslash_escapes)
        found = swallows(literal, escape, backslash_escapes=backslash) if hole.name else None
        if found is not None:
            self._refuse(hole, found.message, found.hint)

    def _refuse(self, hole: Hole, message: str, hint: str) -> None:
        self.refusals.append(Refusal(offset=hole.start, message=message, hint=hint))

    def _warn(self, lexeme: Lexeme, message: str) -> None:
        line, column = position(self.text, lexeme.start)
        self.warnings.append(f"line {line}, column {column}: {message}")


MAX_LISTS: Final = 32
"""With a placeholder for each item: the protocol counts a statement's placeholders in 16 bits."""

_LISTS: Final = frozenset({Transform.LIST, Transform.LIST_JSON, Transform.ITEMS, Transform.CELL})
_EACH: Final = "SELECT value FROM json_each({})"
