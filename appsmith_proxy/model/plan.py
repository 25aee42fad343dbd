"""A plan: an action compiled. Finite statements, each slot with its source, type and rules. No values.

::

    Plan ──1..n── Step ──payload── StatementSet | HttpTemplate | DocumentTemplate
                                     ├─ Axis: an optional block that is there or not, or a name or keyword out of a closed list
                                     └─ PlannedStatement ── Slot: where each placeholder's value comes from

Which statement of a set is sent is decided by which values are present and by equality with an allowed spelling, never
by anything else of a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.sdk import ParameterType, Place, Statement

COMPILER_VERSION: Final = 2
"""Raised with whatever changes a plan; `tests/golden/plans.py` tells when."""

MAX_STATEMENTS: Final = 4_096
"""Of one plan: what its optional blocks and choices multiply to."""

MAX_CHARACTERS: Final = 8_000_000
"""Of all statements of one text together: a long statement may have fewer of them."""


class Source(StrEnum):
    """Who fills a binding in."""

    TRUSTED = "trusted"
    CLIENT = "client"
    STEP = "step"
    """An earlier step of the same execution: ``steps.order.id``."""


class Transform(StrEnum):
    """What is done to a value before it is bound. Values never become text that is part of a statement."""

    NONE = "none"
    TEXT = "text"
    """The value's text: for a place inside a longer literal."""
    LIKE = "like"
    """The value's text with ``%``, ``_`` and the escape character escaped."""
    LIST = "list"
    """A list that fills one placeholder; a scalar is a list of one."""
    LIST_JSON = "list_json"
    """A list as one JSON text (``json_each``)."""
    ITEMS = "items"
    """A list that fills as many placeholders as it has items; see ``ListPlace``."""
    CELL = "cell"
    """One column of a row of a list of objects; see ``RowsPlace``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where one placeholder's value comes from."""

    name: str
    source: Source
    type: ParameterType | None = None
    """Declared, or ``INTEGER`` in LIMIT and OFFSET; None: what the server reports, else text."""
    transform: Transform = Transform.NONE
    escape: str = ""
    """The LIKE escape character, for ``Transform.LIKE``."""
    without_nul: bool = False
    """A text with a NUL character is refused: the place would read it only up to there."""
    empty_list_ok: bool = True
    """False in a writing statement, unless the parameter says ``allow_empty``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPlace:
    """Where a list with a placeholder for each item stands in a statement's text, which is written for one item.

    A list of another size has its own text, a pure function of this one (``template.sizes``).
    """

    slot: int
    """The index of its slot, whose transform is ``ITEMS``."""
    start: int
    end: int
    """The part of the text that is one item."""
    empty: str
    """What stands there instead for a list without items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsPlace:
    """Where the rows of ``VALUES {{rows}}`` stand in a statement's text, which is written for one row.

    More rows are sent as several statements, each for a power of two of them (``template.rows``).
    """

    first: int
    """The index of the slot of the first column; the others follow it."""
    columns: tuple[int, ...]
    """For each column the position of its field in the declaration."""
    start: int
    end: int
    """The part of the text that is one row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStatement:
    """One statement of a plan with its slots, one for each placeholder, in order."""

    statement: Statement
    slots: tuple[Slot, ...]
    lists: tuple[ListPlace, ...] = ()
    """In order. Empty where a list fills one placeholder, whatever its size."""
    rows: RowsPlace | None = None


class AxisKind(StrEnum):
    """In which way statements of a set differ."""

    BLOCK = "block"
    """An optional block is left out (0) or there (1)."""
    CHOICE = "choice"
    """A name or keyword is the first, second … of those that are allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One independent way in which the statements of a set differ."""

    kind: AxisKind
    names: tuple[str, ...]
    """The bindings that decide: all of a block, or the one that chooses."""
    options: tuple[str, ...]
    """What each position means: the spellings a caller may send; for a block ``("", opener)``."""
    within: tuple[int, ...] = ()
    """Of a choice: the axes of the blocks that it stands in, none when it stands outside of them too. Without any of them
    the statement has no such choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSet:
    """All texts an SQL step can send, one for each combination of the positions on the axes, the first axis slowest."""

    statements: tuple[PlannedStatement, ...]
    axes: tuple[Axis, ...] = ()


Piece: TypeAlias = "str | Slot"
"""A part of a template outside SQL: literal text, or a slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTemplate:
    """Literal text and slots in order, for one place (path, query value, header, text body)."""

    place: Place
    pieces: tuple[Piece, ...]


JsonPiece: TypeAlias = "str | Slot | TextTemplate"
"""A part of a JSON text: literal text, a slot for a whole value, or a string with slots inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonTemplate:
    """A JSON tree with slots at leaves: ``root`` holds JSON values, ``Slot`` for a whole value and ``TextTemplate`` for a
    text with bindings inside. Never a slot in a key. ``source`` pieces keep the author's white space for REST bodies."""

    root: Any
    pieces: tuple[JsonPiece, ...] = ()
    """The body's text cut at the JSON values that hold bindings: literal text, ``Slot`` (inserted as one JSON value) and
    ``TextTemplate`` (inserted as one JSON string)."""


FieldTemplate: TypeAlias = (
    "TextTemplate | JsonTemplate | tuple[tuple[TextTemplate, TextTemplate], ...] | str | int | bool | None"
)
"""One action field compiled: text, JSON, pairs of (name, value), or a constant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSet:
    """The compiled fields of a step that is not SQL (HTTP, document), by field name."""

    fields: Mapping[str, FieldTemplate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One statement or request of a plan."""

    payload: StatementSet | FieldSet
    name: str = ""
    """By which later steps know it; ``""`` for the only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A name that occurs in an action, once per name, in order of first occurrence."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An action compiled. The driver edge sends a plan's statements and nothing else."""

    compiler: int = COMPILER_VERSION
    kind: str
    steps: tuple[Step, ...]
    bindings: tuple[Binding, ...]
    parameters: Mapping[str, DeclaredParameter]
    writes: bool
    """True when a statement of it may change data (an HTTP method other than GET and HEAD)."""
    read_only: bool
    """Run where the datasource itself refuses to write. Default: not ``writes``."""
    warnings: tuple[str, ...] = ()
    digest: str = field(default="", compare=False)
    """SHA-256 over the plan's canonical bytes (``template.canonical``), hex. A MAC over them comes with published plans."""
    binder: object = field(default=None, compare=False, repr=False)
    """What ``template.bind`` has worked out for this plan, so that an execution need not. No part of the plan itself."""

    @property
    def in_transaction(self) -> bool:
        """Whether an execution sends several statements, all or nothing."""
        payload = self.steps[0].payload
        return len(self.steps) > 1 or (isinstance(payload, StatementSet) and payload.statements[0].rows is not None)

    @property
    def client_names(self) -> tuple[str, ...]:
        """The bindings that the caller fills in: ``jsonPathKeys``."""
        return tuple(binding.name for binding in self.bindings if binding.source is Source.CLIENT)
