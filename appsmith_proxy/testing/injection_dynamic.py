"""The places of dynamic SQL where a value can stand: what chooses a statement, blocks, rows, and steps.

==============  ==================================================================================================
context         the action
==============  ==================================================================================================
identifier      ``… ORDER BY {{v}}``, out of three names: everything else is refused
table           ``SELECT count(*) FROM {{v}}``, out of two names
keyword         ``… ORDER BY n {{v}}``, ``ASC`` or ``DESC``
choice_block    ``… [[ORDER BY n {{v}}]]``: the same in a block, which ``""`` leaves out
block           ``… [[AND (note = {{v}} OR note = '{{v}}' …)]]``: finds the rows that equal one of them
block_empty     the same, declared with ``"emptyIsAbsent": false``, so that ``""`` is a value
blocks          three blocks, each there in some calls and left out in others
block_choice    a block, two names and a keyword in one statement, each chosen in turn
block_list      a list of any size in a block, beside another block
block_limit     ``… [[LIMIT {{v}}]]``
block_offset    ``… [[OFFSET {{v}}]]``
rows            ``INSERT … VALUES {{v}}``: objects of two fields, stored unchanged, in statements of 128, 64 … 1 rows
steps           the value in two steps: stored by the first, answered by the second
step_result     the second step stores what the first has read from the database: ``{{ steps.one.c0 }}``
==============  ==================================================================================================
"""

import itertools
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.sdk import ParameterType
from appsmith_proxy.testing.context import BindingContext, affected, body, cells
from appsmith_proxy.testing.corpus import Seed
from appsmith_proxy.testing.planted import FEW, LONGEST, Planted

_WIDTH: Final = 40
_BLOCKS: Final = ("a", "b", "c")
_EVERY_BATCH: Final = 255
"""Rows: 128 + 64 + 32 + 16 + 8 + 4 + 2 + 1."""
EVERY_SIZE: Final = (1, 2, 3, 5, 9, 17, 33, 65, 129, 255)
"""Of lists: each has a text of its own where a list is a placeholder for each item."""

_BY_NAME: Final[Mapping[str, list[int]]] = {"note": [3, 1, 2], "id": [1, 2, 3], "corpus_canary.note": [3, 1, 2]}
_BY_TABLE: Final[Mapping[str, int]] = {"corpus_canary": 3, "corpus_numbers": 5}
_BY_DIRECTION: Final[Mapping[str, list[int]]] = {"ASC": [1, 2, 3, 4, 5], "DESC": [5, 4, 3, 2, 1]}


def dynamic(found: Planted) -> Iterator[BindingContext]:
    """Yield the contexts of the table above."""
    yield _chooser(
        "identifier",
        "SELECT id FROM corpus_canary ORDER BY {{v0}}, id",
        ParameterType.IDENTIFIER,
        {name: [[number] for number in order] for name, order in _BY_NAME.items()},
    )
    yield _chooser(
        "table",
        "SELECT count(*) AS n FROM {{v0}}",
        ParameterType.IDENTIFIER,
        {name: [[count]] for name, count in _BY_TABLE.items()},
    )
    directions = {word: [[number] for number in order] for word, order in _BY_DIRECTION.items()}
    yield _chooser("keyword", "SELECT n FROM corpus_numbers ORDER BY n {{v0}}", ParameterType.KEYWORD, directions)
    yield _chooser(
        "choice_block",
        "SELECT n FROM corpus_numbers [[ORDER BY n {{v0}}]]",
        ParameterType.KEYWORD,
        directions,
        applies=_is_sent,
    )
    yield _block("block", found, applies=_is_sent)
    yield _block(
        "block_empty",
        found,
        declared={"type": ParameterType.TEXT, "empty_is_absent": False},
        as_in="declared",
        applies=_is_short,
    )
    yield _blocks(found)
    yield _block_choice(found)
    yield _block_list(found)
    for name, clause, wanted in (
        ("block_limit", "[[LIMIT {{v0}}]]", lambda values: [[n] for n in range(1, min(values[0], 5) + 1)]),
        ("block_offset", "LIMIT 9 [[OFFSET {{v0}}]]", lambda values: [[n] for n in range(min(values[0], 5) + 1, 6)]),
    ):
        text = f"SELECT n FROM corpus_numbers ORDER BY n {clause}"
        yield BindingContext(name=name, takes="limit", action=_always(text), wanted=wanted, plain=1, applies=_is_sent)
    yield _rows()
    yield _steps()
    yield _step_result()


def _is_sent(seed: Seed) -> bool:
    """Return whether a value brings its block in: ``""`` counts as not sent."""
    return bool(seed.value != "")


def _is_short(seed: Seed) -> bool:
    """Return whether a value is one that may be planted: longer ones match nothing, and other contexts have them."""
    return not seed.is_text or len(seed.value) <= LONGEST


def _is_every_other(seed: Seed) -> bool:
    """Return whether a seed is of the half that suffices where ``block`` has tried all in the same place."""
    return zlib.crc32(seed.id.encode()) % 2 == 0


def _always(text: str) -> Callable[[Sequence[str]], Mapping[str, Any]]:
    return lambda names: body(text)


def _chooser(name: str, text: str, kind: ParameterType, answers: Mapping[str, Any], **options: Any) -> BindingContext:
    """Return the context of a parameter that chooses a statement. ``answers`` tells what each choice finds."""
    return BindingContext(
        name=name,
        takes="choice",
        action=_always(text),
        declared={"type": kind, "choices": tuple(answers)},
        wanted=lambda values: answers[values[0]],
        choices=tuple(answers),
        **options,
    )


def _alternatives(column: str, names: Sequence[str]) -> str:
    """Return a condition that holds for what equals one of the values, every other one in quotes."""
    forms = itertools.cycle(("{} = {{{{{}}}}}", "{} = '{{{{{}}}}}'"))
    return " OR ".join(form.format(column, name) for form, name in zip(forms, names, strict=False))


def _ids(found: Planted) -> Callable[[Sequence[Any]], Any]:
    return lambda values: [[number] for number in sorted({number for value in values for number in found.ids(value)})]


def _block(name: str, found: Planted, **options: Any) -> BindingContext:
    def action(names: Sequence[str]) -> Mapping[str, Any]:
        return body(f"SELECT id FROM corpus_planted WHERE id > 0 [[AND ({_alternatives('note', names)})]] ORDER BY id")

    return BindingContext(
        name=name, action=action, wanted=_ids(found), width=_WIDTH, **{"as_in": "comparison", **options}
    )


def _blocks(found: Planted) -> BindingContext:
    """Return the context of blocks that each rule the same values out: any of them alone, and all together."""

    def action(names: Sequence[str]) -> Mapping[str, Any]:
        blocks = " ".join(
            f"[[AND {' AND '.join(f'note <> {{{{{block}{place}}}}}' for place in range(len(names)))}]]"
            for block in _BLOCKS
        )
        return body(f"SELECT count(*) AS n, min(id) AS a, max(id) AS z FROM corpus_planted WHERE id <= {FEW} {blocks}")

    def sends(blocks: Sequence[str]) -> Callable[[Sequence[Any]], Mapping[str, Any]]:
        return lambda given: {f"{block}{place}": value for block in blocks for place, value in enumerate(given)}

    combinations = (some for count in (1, 2, 3) for some in itertools.combinations(_BLOCKS, count))
    return BindingContext(
        name="blocks",
        action=action,
        sends=tuple(sends(some) for some in combinations),
        wanted=lambda values: [found.without(values)],
        width=16,
        applies=lambda seed: seed.is_text and _is_sent(seed) and _is_short(seed) and _is_every_other(seed),
    )


def _block_choice(found: Planted) -> BindingContext:
    choices = {
        "column": ("note", "corpus_planted.note"),
        "order": ("id", "corpus_planted.id"),
        "direction": ("ASC", "desc"),
    }

    def action(names: Sequence[str]) -> Mapping[str, Any]:
        condition = _alternatives("{{column}}", names)
        return body(
            f"SELECT id FROM corpus_planted WHERE id > 0 [[AND ({condition})]] ORDER BY {{{{order}}}} {{{{direction}}}}"
        )

    def sends(chosen: Mapping[str, str]) -> Callable[[Sequence[Any]], Mapping[str, Any]]:
        return lambda given: {**chosen, **{f"v{place}": value for place, value in enumerate(given)}}

    return BindingContext(
        name="block_choice",
        as_in="comparison",
        action=action,
        beside=tuple(
            DeclaredParameter(
                name=name,
                type=ParameterType.KEYWORD if name == "direction" else ParameterType.IDENTIFIER,
                choices=spellings,
            )
            for name, spellings in choices.items()
        ),
        sends=tuple(sends(dict(zip(choices, some, strict=True))) for some in itertools.product(*choices.values())),
        read=lambda answer: sorted(cells(answer)),
        wanted=_ids(found),
        width=_WIDTH,
        applies=lambda seed: _is_sent(seed) and _is_short(seed) and _is_every_other(seed),
    )


def _block_list(found: Planted) -> BindingContext:
    text = f"SELECT id FROM corpus_planted WHERE id <= {FEW} [[AND note IN ({{{{v0}}}})]] [[AND id < {{{{most}}}}]] ORDER BY id"
    return BindingContext(
        name="block_list",
        as_in="in_list",
        action=_always(text),
        declared={"type": ParameterType.TEXT, "is_list": True},
        beside=(DeclaredParameter(name="most", type=ParameterType.INTEGER),),
        sends=(lambda given: {"v0": list(given)}, lambda given: {"v0": list(given), "most": 1_000_000}),
        wanted=lambda values: [[number] for [number] in _ids(found)(values) if number <= FEW],
        joint=True,
        sizes=EVERY_SIZE,
        applies=lambda seed: _is_short(seed) and _is_every_other(seed),
    )


def _rows() -> BindingContext:
    fields = tuple(DeclaredParameter(name=name, type=ParameterType.TEXT) for name in ("note", "copy"))
    return BindingContext(
        name="rows",
        as_in="declared",
        action=_always("INSERT INTO corpus_written (note, copy) VALUES {{v0}}"),
        declared={"type": ParameterType.OBJECT, "is_list": True, "fields": fields},
        given=lambda value: {"note": value, "copy": value},
        read=affected,
        wanted=len,
        width=_EVERY_BATCH,
        joint=True,
        stores=True,
    )


def _steps() -> BindingContext:
    def action(names: Sequence[str]) -> Mapping[str, Any]:
        rows = ", ".join(f"({{{{{name}}}}})" for name in names)
        back = ", ".join(f"'{{{{{name}}}}}' AS c{place}" for place, name in enumerate(names))
        return _stepwise(f"INSERT INTO corpus_written (note) VALUES {rows}", f"SELECT {back}")

    return BindingContext(
        name="steps",
        as_in="insert",
        action=action,
        wanted=lambda values: [list(values)],
        width=_WIDTH,
        stores=True,
    )


def _step_result() -> BindingContext:
    """Return the context of what comes back from the database and goes into the next statement."""

    def action(names: Sequence[str]) -> Mapping[str, Any]:
        read = ", ".join(
            f"(SELECT note FROM corpus_planted WHERE note = {{{{{name}}}}}) AS c{place}"
            for place, name in enumerate(names)
        )
        results = [f"{{{{ steps.one.c{place} }}}}" for place in range(len(names))]
        copies = " ".join(f"WHEN {result} THEN '{result}'" for result in results)
        where = " OR ".join(f"note = {result}" for result in results)
        return _stepwise(f"SELECT {read}", f"UPDATE corpus_planted SET copy = CASE note {copies} END WHERE {where}")

    return BindingContext(
        name="step_result",
        action=action,
        sends=(lambda given: {f"v{n}": value for n, value in enumerate(given)} | {"steps.one.c0": "forged"},),
        read=affected,
        wanted=len,
        width=_WIDTH,
        applies=lambda seed: seed.is_text and len(seed.value) <= LONGEST,
        stores=True,
    )


def _stepwise(one: str, two: str) -> Mapping[str, Any]:
    return {"steps": [{"name": "one", "body": one}, {"name": "two", "body": two}]}
