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

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import ListPlace, PlannedStatement, RowsPlace, Slot, Transform
from appsmith_proxy.model.trusted import TRUSTED_LISTS
from appsmith_proxy.sdk import (
    Concatenation,
    Dialect,
    ListForm,
    Parameter,
    ParameterType,
    Placeholder,
    Statement,
    StatementClass,
)
from appsmith_proxy.template.blocks import Block
from appsmith_proxy.template.clauses import Site
from appsmith_proxy.template.lexer import MASK, Kind, Lexeme
from appsmith_proxy.template.like import LikePattern, like_patterns, swallows
from appsmith_proxy.template.lists import ListOf, list_at, row_columns
from appsmith_proxy.template.names import source_of
from appsmith_proxy.template.neighbours import type_before
from appsmith_proxy.template.places import calls_denied, refuse
from appsmith_proxy.template.splicing import Edit, Splicing
from appsmith_proxy.template.statements import Nature, Refusal
from appsmith_proxy.template.tokenizer import Hole, position


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Rows of VALUES: where they replace the text, what is written for one, and where its columns come from."""

    start: int
    text: str
    first: int
    """The slot of the first column."""
    columns: tuple[int, ...]
    """Which field each takes."""


@dataclass(slots=True, kw_only=True)
class Placer:
    """Collects the edits of one text: what replaces which offsets."""

    text: str
    dialect: Dialect
    parameters: Mapping[str, DeclaredParameter]
    parsed: tuple[Lexeme, ...]
    nature: Nature
    in_steps: bool
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lists: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Where an item of a list replaces the text → its slot, and what is written for one item."""
    rows: "_Rows | None" = None
    slots: list[Slot] = field(default_factory=list)
    bound: list[Parameter] = field(default_factory=list)
    patterns: Mapping[int, LikePattern] = field(default_factory=dict)
    escaped: set[LikePattern] = field(default_factory=set)
    splicing: Splicing = field(init=False)

    def __post_init__(self) -> None:
        self.splicing = Splicing(self.text)
        self.patterns = like_patterns(self.parsed, self.dialect)

    def place(self, site: Site) -> None:
        """Place the bindings of one lexeme, or note why they cannot stand there."""
        lexeme = site.lexeme
        if self.nature.statement_class is StatementClass.DDL:
            self._refuse(lexeme.holes[0], "a statement that changes the schema takes no values", "write constants")
            return
        if any(self._is_rows(hole.name) for hole in lexeme.holes):
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
            self.splicing.replace(lexeme.start, lexeme.end, self._value(site, lexeme.holes[0]))
        else:
            self._text(site, types)

    def end_of_places(self, lexemes: Sequence[Lexeme]) -> None:
        """Add what depends on all places. A binding in a comment becomes a blank."""
        for lexeme in lexemes:
            if lexeme.kind is Kind.COMMENT:
                self.splicing.edits += [(hole.start, hole.end, " ") for hole in lexeme.holes]
        for pattern in self.escaped:
            if not pattern.written:
                after = self.parsed[pattern.end - 1].end
                self.splicing.edits.append((after, after, f" ESCAPE '{pattern.escape}'"))

    def statement(self, *, without: Iterable[Block] = (), chosen: Iterable[Edit] = ()) -> PlannedStatement:
        """Return the statement with every edit made, some blocks left out, and the chosen names and keywords in.

        Placeholders are numbered as they stand in the finished text.
        """
        end = max(lexeme.end for lexeme in self.parsed if not lexeme.is_mark(";"))
        also = (*((block.start, min(block.end, end), "") for block in without), *chosen)
        marked, _ = self.splicing.spliced(end, also=also)
        numbers = self._in_order([int(slot) for slot in _MARK.findall(marked)])
        places = {slot: _written(self.dialect.placeholder, at) for at, slot in enumerate(numbers, 1)}

        def write(replacement: str) -> str:
            return _MARK.sub(lambda mark: places[int(mark[1])], replacement)

        text, begins = self.splicing.spliced(end, also=also, write=write)
        return PlannedStatement(
            statement=Statement(
                text=text,
                parameters=tuple(self.bound[index] for index in numbers),
                returns_rows=self.nature.returns_rows,
                writes=self.nature.writes,
            ),
            slots=tuple(self.slots[index] for index in numbers),
            lists=tuple(
                ListPlace(
                    slot=numbers.index(slot),
                    start=begins[start],
                    end=begins[start] + len(_MARK.sub("?", item)),
                    empty=self.dialect.empty_list,
                )
                for start, (slot, item) in self.lists.items()
                if start in begins and slot in numbers
            ),
            rows=None
            if self.rows is None
            else RowsPlace(
                first=numbers.index(self.rows.first),
                columns=self.rows.columns,
                start=begins[self.rows.start],
                end=begins[self.rows.start] + len(write(self.rows.text)),
            ),
        )

    def _in_order(self, slots: list[int]) -> list[int]:
        """Return the slots in the order of their placeholders: that of the text; where they are numbered, rows come last."""
        if self.rows is None or self.dialect.placeholder is Placeholder.QUESTION:
            return slots
        of_rows = range(self.rows.first, self.rows.first + len(self.rows.columns))
        return [*(slot for slot in slots if slot not in of_rows), *of_rows]

    # How each place is written

    def _value(self, site: Site, hole: Hole) -> str:
        """Return a placeholder for a whole operand, with the declared type's cast."""
        declared = self.parameters.get(hole.name)
        kind = declared.type if declared else None
        if site.frame.counts_rows() and not self._is_list(hole.name):
            return self._counting(site, hole, kind)
        if self._is_list(hole.name):
            return self._list_value(hole, kind)
        return self._cast(self._placeholder(hole, type=kind), kind)

    def _counting(self, site: Site, hole: Hole, kind: ParameterType | None) -> str:
        """Return a placeholder in LIMIT or OFFSET: an integer when nothing else is declared."""
        direct = self.parsed[site.index - 1].upper in ("LIMIT", "OFFSET")
        if direct and kind not in (None, ParameterType.INTEGER, ParameterType.BIGINT):
            self._refuse(hole, "LIMIT and OFFSET take an integer", "declare the parameter's type as integer")
        if kind is not None:
            return self._cast(self._placeholder(hole, type=kind), kind)
        placeholder = self._placeholder(hole, type=ParameterType.INTEGER)
        return f"CAST({placeholder} AS {self.dialect.integer_type})" if self.dialect.integer_type else placeholder

    def _list(self, site: Site, found: ListOf) -> None:
        """Write ``x IN ({{list}})`` in the dialect's form."""
        hole = site.lexeme.holes[0]
        if found.compares_rows:
            self._refuse(hole, "a list of rows cannot be bound", "compare each column with its own list")
            return
        declared = self.parameters.get(hole.name)
        kind = declared.type if declared else None
        if self.dialect.list_form is ListForm.PADDED:
            self._items(site, hole, kind)
            return
        value = self._list_value(hole, kind)
        if self.dialect.list_form is ListForm.JSON_EACH:
            value = _EACH.format(value)
        elif found.negation is None:
            self.splicing.replace(found.keyword.start, found.keyword.end, "= ANY")
        else:
            self.splicing.replace(found.negation.start, found.negation.end, "<>")
            self.splicing.replace(found.keyword.start, found.keyword.end, "ALL")
        self.splicing.replace(site.lexeme.start, site.lexeme.end, value)

    def _rows(self, site: Site) -> None:
        """Write the first row of ``VALUES {{rows}}``; each column takes the field of its name."""
        hole = site.lexeme.holes[0]
        declared = self.parameters[hole.name]
        found = row_columns(site, self.parsed)
        if isinstance(found, str) or self.rows is not None or self.nature.returns_rows:
            why = found if isinstance(found, str) else "rows stand in one place, of a statement that returns none"
            self._refuse(hole, why, "write INSERT INTO t (a, b) VALUES {{rows}}")
            return
        names = [field.name for field in declared.fields]
        missing = [name for name in found if name not in names]
        unused = [name for name in names if name not in found]
        for name in missing:
            self._refuse(hole, f"the rows have no field {name}", f"declared fields: {', '.join(names)}")
        for name in unused:
            self._refuse(hole, f"the statement has no column {name}", f"its columns: {', '.join(found)}")
        if missing or unused:
            return
        first = len(self.slots)
        cells = []
        for name in found:
            kind = declared.fields[names.index(name)].type
            cells.append(self._cast(self._placeholder(hole, type=kind, transform=Transform.CELL), kind))
        row = f"({', '.join(cells)})"
        self.rows = _Rows(
            start=site.lexeme.start, text=row, first=first, columns=tuple(names.index(name) for name in found)
        )
        self.splicing.replace(site.lexeme.start, site.lexeme.end, row)

    def _items(self, site: Site, hole: Hole, kind: ParameterType | None) -> None:
        """Write one item of a list, which is repeated when the list's size is known."""
        if len(self.lists) == MAX_LISTS:
            self._refuse(hole, f"more than {MAX_LISTS} lists in one statement", "join with a table of the values")
        slot = len(self.slots)
        item = self._cast(self._placeholder(hole, type=kind, transform=Transform.ITEMS), kind)
        self.lists[site.lexeme.start] = slot, item
        self.splicing.replace(site.lexeme.start, site.lexeme.end, item)

    def _list_value(self, hole: Hole, kind: ParameterType | None) -> str:
        if self.dialect.list_form is ListForm.PADDED:
            self._refuse(hole, "a list stands in the brackets of IN and nowhere else", "write x IN ({{list}})")
        if self.dialect.list_form is ListForm.JSON_EACH:
            if kind is ParameterType.BYTES:
                self._refuse(hole, "a list of bytes cannot be bound here", "compare hex(x) with a list of hex texts")
            return self._placeholder(hole, type=kind, transform=Transform.LIST_JSON, sent_as=ParameterType.TEXT)
        placeholder = self._placeholder(hole, type=kind, transform=Transform.LIST)
        native = self.dialect.casts.get(kind) if kind else None
        return f"CAST({placeholder} AS {native}{self.dialect.array_suffix})" if native else placeholder

    def _text(self, site: Site, types: int) -> None:
        """Write a literal with bindings inside as a concatenation, behind a type's name as a cast."""
        lexeme = site.lexeme
        parts = [part for part in self._parts(site, as_value=bool(types) and lexeme.is_one_binding) if part]
        joined = self._join(parts)
        if not types:
            self.splicing.replace(lexeme.start, lexeme.end, joined)
            return
        words = self.parsed[site.index - types : site.index]
        for index, word in enumerate(words):
            self.splicing.replace(word.start, word.end, "CAST(" if index == 0 else "")
        name = " ".join(word.text for word in words)
        self.splicing.replace(
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
        declared = self.parameters.get(hole.name)
        kind = declared.type if declared else None
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
        return f"CAST({placeholder} AS {self.dialect.text_type})" if self.dialect.text_type else placeholder

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
        self.slots.append(
            Slot(
                name=hole.name,
                source=source_of(hole.name, in_steps=self.in_steps),
                type=type,
                transform=transform,
                escape=escape,
                without_nul=transform is Transform.LIST_JSON
                or (transform is Transform.LIKE and self.dialect.like_ends_at_nul),
                empty_list_ok=not is_list or not self.nature.writes or bool(declared and declared.allow_empty),
            )
        )
        one_value = not is_list or transform in (Transform.ITEMS, Transform.CELL)
        self.bound.append(Parameter(name=hole.name, type=sent_as or type, is_list=not one_value))
        return f"{MASK}{len(self.slots) - 1}{MASK}"

    def _cast(self, placeholder: str, kind: ParameterType | None) -> str:
        native = self.dialect.casts.get(kind) if kind else None
        return f"CAST({placeholder} AS {native})" if native else placeholder

    def _join(self, parts: Sequence[str]) -> str:
        if len(parts) == 1:
            return parts[0]
        if self.dialect.concatenation is Concatenation.PIPES:
            return f"({' || '.join(parts)})"
        return f"CONCAT({', '.join(parts)})"

    # What the places need to know

    def _is_rows(self, name: str) -> bool:
        declared = self.parameters.get(name)
        return declared is not None and declared.type is ParameterType.OBJECT

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

_MARK: Final = re.compile(f"{MASK}([0-9]+){MASK}")
"""A placeholder before it is numbered: the index of its slot. No author's text holds the character."""
_LISTS: Final = frozenset({Transform.LIST, Transform.LIST_JSON, Transform.ITEMS, Transform.CELL})
_EACH: Final = "SELECT value FROM json_each({})"


def _written(placeholder: Placeholder, number: int) -> str:
    match placeholder:
        case Placeholder.DOLLAR:
            return f"${number}"
        case Placeholder.NUMBERED:
            return f"?{number}"
        case _:
            return "?"
