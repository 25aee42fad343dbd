"""The places of SQL where a value can stand, ready for any driver that takes statements.

==============  ==================================================================================================
context         the action
==============  ==================================================================================================
operand         ``SELECT {{v}}``
quoted          ``SELECT '{{v}}'``
inside          ``SELECT 'a{{v}}z'``: part of a longer literal
declared        ``SELECT {{v}}``, declared as text
comparison      ``… WHERE note = {{v}}``: finds the one planted row that equals it
like            ``… WHERE note LIKE {{v}}``: its wildcards match themselves
like_inside     ``… WHERE note LIKE '%{{v}}%'``: finds the rows that contain it
like_wildcards  the same as ``like``, declared with ``wildcards``
in_list         ``… WHERE note IN ({{v}})``, with a list of many
insert          ``INSERT … VALUES ({{v}})``: stored unchanged
update          ``UPDATE … SET copy = CASE note WHEN {{v}} THEN '{{v}}' … WHERE note = {{v}}``: changes what equals it
json            a text inside a JSON document, declared as json
limit           ``… LIMIT {{v}}``
integer …       ``SELECT {{v}}``, declared as each type
==============  ==================================================================================================

Those of dynamic SQL are in ``injection_dynamic``.
"""

import zlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from appsmith_proxy.sdk import Capability, ParameterType
from appsmith_proxy.testing.context import BindingContext, affected, body
from appsmith_proxy.testing.corpus import VALUES, Seed, Verdict
from appsmith_proxy.testing.injection import InjectionHarness
from appsmith_proxy.testing.injection_dynamic import EVERY_SIZE, dynamic
from appsmith_proxy.testing.planted import FEW, LONGEST, Planted

TYPES: Final = (
    ParameterType.INTEGER,
    ParameterType.BIGINT,
    ParameterType.DECIMAL,
    ParameterType.FLOAT,
    ParameterType.BOOLEAN,
    ParameterType.DATE,
    ParameterType.TIME,
    ParameterType.TIMESTAMP,
    ParameterType.TIMESTAMPTZ,
    ParameterType.UUID,
    ParameterType.BYTES,
)
"""The types that a driver is tried with; a dialect that has not all of them overrides ``types``."""

CANARY: Final = (
    "CREATE TABLE corpus_canary (id INTEGER PRIMARY KEY, note VARCHAR(100) NOT NULL)",
    "INSERT INTO corpus_canary VALUES (1, 'nobody reads this'), (2, 'nobody writes this'), (3, 'nobody drops this')",
    "CREATE TABLE corpus_numbers (n INTEGER PRIMARY KEY)",
    "INSERT INTO corpus_numbers VALUES (1), (2), (3), (4), (5)",
)
"""What no value may read, change or count wrongly."""

_WIDTH: Final = 40
_SOME: Final = f"id <= {FEW}"
"""Where a pattern must be tried against every row, these are enough: a corpus against itself is millions of times."""
_PLAIN: Final[Mapping[ParameterType, Any]] = {
    ParameterType.BOOLEAN: True,
    ParameterType.DATE: "2024-02-29",
    ParameterType.TIME: "12:00:00",
    ParameterType.TIMESTAMP: "2024-02-29T12:00:00",
    ParameterType.TIMESTAMPTZ: "2024-02-29T12:00:00Z",
    ParameterType.UUID: "00000000-0000-0000-0000-000000000000",
    ParameterType.BYTES: "AA==",
}


class SqlInjection(InjectionHarness):
    """A SQL server with the tables ``corpus_planted``, ``corpus_written`` and those of ``CANARY``.

    ``corpus_planted (id, note, copy)`` holds every text of ``planted()``, ``corpus_written (note, copy)`` is empty. Both
    hold any text of any length, and compare by what is stored and nothing else.
    """

    family = "sql"
    types: ClassVar[Sequence[ParameterType]] = TYPES
    tables: ClassVar[str]
    """A query for the names of everything that exists in the database."""
    json_text: ClassVar[str]
    """An expression for the text under ``text`` of a JSON document: ``%s`` stands for the binding."""
    default_escape: ClassVar[str] = ""
    """What LIKE reads as its escape character where no ESCAPE stands."""

    @abstractmethod
    async def rows(self, text: str) -> list[list[Any]]:
        """Run one of the harness's own statements, not through the driver, and return its rows."""

    @staticmethod
    def folded(text: str) -> str:
        """Return what LIKE compares by."""
        return text

    @classmethod
    def planted(cls) -> Mapping[str, int]:
        """Return the texts that must stand in ``corpus_planted`` with their ids: all that the server can hold."""
        kind = cls.driver_type.kind
        labels = (f"{kind}.comparison", "sql.comparison", f"{kind}.text", "sql.text", "text", kind, "sql")
        held = [seed for seed in VALUES if seed.is_text and seed.expected(labels) in (None, Verdict.SAME)]
        short = {seed.value for seed in held if len(seed.value) <= LONGEST}
        mixed = sorted(short, key=lambda text: zlib.crc32(text.encode()))  # each class among the first
        return {text: number for number, text in enumerate(mixed, start=1)}

    @classmethod
    def contexts(cls) -> Sequence[BindingContext]:
        """Return the contexts of the table above, and those of dynamic SQL."""
        found = Planted(cls.planted(), cls.folded)
        return (
            _selected("operand", "{{%s}}"),
            _selected("quoted", "'{{%s}}'"),
            _selected("inside", "'a{{%s}}z'", wanted=lambda value: None if value is None else f"a{value}z"),
            _selected("declared", "{{%s}}", declared={"type": ParameterType.TEXT}),
            _counted("comparison", "note = {{%s}}", found.equal),
            _counted("like", "note LIKE {{%s}}", found.like),
            _counted("like_inside", f"{_SOME} AND note LIKE '%%{{{{%s}}}}%%'", found.containing),
            _counted(
                "like_wildcards",
                f"{_SOME} AND note LIKE {{{{%s}}}}",
                found.matching,
                declared={"wildcards": True},
                applies=cls.is_plain_pattern,
            ),
            _in_list(found),
            _insert(),
            _update(),
            _selected(
                "json",
                cls.json_text,
                takes="json_text",
                declared={"type": ParameterType.JSON},
                applies=cls.is_json_text,
                given=lambda value: {"text": value},
            ),
            BindingContext(
                name="limit",
                takes="limit",
                action=lambda names: body(f"SELECT n FROM corpus_numbers ORDER BY n LIMIT {{{{{names[0]}}}}}"),
                wanted=lambda values: [[number] for number in range(1, min(values[0], 5) + 1)],
                plain=1,
            ),
            *(
                _selected(
                    kind.value, "{{%s}}", takes=kind.value, declared={"type": kind}, plain=_PLAIN.get(kind, 1), width=1
                )
                for kind in cls.types
            ),
            *(dynamic(found) if Capability.TRANSACTIONS in cls.driver_type.capabilities else ()),
        )

    @classmethod
    def is_json_text(cls, seed: Seed) -> bool:
        """Return whether the database's own JSON functions can hand a seed's text back."""
        return seed.is_text

    async def clear(self) -> None:
        """Empty what the contexts write to."""
        await self.rows("DELETE FROM corpus_written")
        await self.rows("UPDATE corpus_planted SET copy = NULL WHERE copy IS NOT NULL")

    async def fixture(self) -> Any:
        """Return the canary, what else exists, and what can be seen of the planted rows at a glance."""
        texts = (
            "SELECT id, note FROM corpus_canary ORDER BY id",
            "SELECT n FROM corpus_numbers ORDER BY n",
            "SELECT count(*), sum(id), sum(length(note)) FROM corpus_planted",
            self.tables,
        )
        return [str(await self.rows(text)) for text in texts]

    async def stored(self) -> Sequence[Any]:
        """Return what was inserted, once where it was inserted twice, and what was copied to the row that it equals."""
        text = (
            "SELECT note FROM corpus_written WHERE copy IS NULL OR copy = note UNION ALL "
            "SELECT copy FROM corpus_planted WHERE copy = note"
        )
        return [row[0] for row in await self.rows(text)]

    @classmethod
    def is_plain_pattern(cls, seed: Seed) -> bool:
        """Return whether a seed is a pattern without the escape character, whose meaning differs at the end."""
        return seed.is_text and not (cls.default_escape and cls.default_escape in seed.value)


def _selected(
    name: str,
    form: str,
    *,
    wanted: Any = None,
    **options: Any,
) -> BindingContext:
    """Return the context of an expression whose value comes back, many in one row."""

    def action(names: Sequence[str]) -> Mapping[str, Any]:
        return body("SELECT " + ", ".join(f"{form % binding} AS c{n}" for n, binding in enumerate(names)))

    return BindingContext(
        name=name,
        action=action,
        wanted=lambda values: [[wanted(value) if wanted else value for value in values]],
        **{"width": _WIDTH, **options},
    )


def _counted(name: str, condition: str, wanted: Any, **options: Any) -> BindingContext:
    """Return the context of a condition, which is told by the rows that it finds."""

    def one(place: int, binding: str) -> str:
        where = condition % binding
        return f"SELECT {place} AS place, count(*) AS n, min(id) AS a, max(id) AS z FROM corpus_planted WHERE {where}"

    def action(names: Sequence[str]) -> Mapping[str, Any]:
        return body(" UNION ALL ".join(one(place, binding) for place, binding in enumerate(names)) + " ORDER BY place")

    return BindingContext(
        name=name,
        action=action,
        wanted=lambda values: [[place, *wanted(value)] for place, value in enumerate(values)],
        width=_WIDTH,
        **options,
    )


def _in_list(found: Planted) -> BindingContext:
    return BindingContext(
        name="in_list",
        action=lambda names: body("SELECT id FROM corpus_planted WHERE note IN ({{v0}}) ORDER BY id"),
        declared={"type": ParameterType.TEXT, "is_list": True},
        wanted=lambda values: [
            [number] for number in sorted(number for value in values for number in found.ids(value))
        ],
        joint=True,
        sizes=EVERY_SIZE,
    )


def _insert() -> BindingContext:
    def action(names: Sequence[str]) -> Mapping[str, Any]:
        return body("INSERT INTO corpus_written (note) VALUES " + ", ".join(f"({{{{{name}}}}})" for name in names))

    return BindingContext(
        name="insert",
        action=action,
        read=affected,
        wanted=len,
        width=_WIDTH,
        stores=True,
    )


def _update() -> BindingContext:
    def action(names: Sequence[str]) -> Mapping[str, Any]:
        copies = " ".join(f"WHEN {{{{{name}}}}} THEN '{{{{{name}}}}}'" for name in names)
        where = " OR ".join(f"note = {{{{{name}}}}}" for name in names)
        return body(f"UPDATE corpus_planted SET copy = CASE note {copies} END WHERE {where}")

    return BindingContext(
        name="update",
        action=action,
        read=affected,
        wanted=len,
        width=_WIDTH,
        applies=lambda seed: seed.is_text and len(seed.value) <= LONGEST,
        stores=True,
    )
