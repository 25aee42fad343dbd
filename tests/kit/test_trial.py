"""What the injection suite judges, one verdict at a time: a client that answers as told, and seeds made for it."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from appsmith_proxy.errors import InternalError
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.sdk import (
    Client,
    Column,
    ColumnType,
    DatasourceError,
    ExecuteRequest,
    Health,
    Outcome,
    ParameterInvalid,
    ParameterType,
    Result,
    Session,
    Statement,
    StatementInvalid,
)
from appsmith_proxy.testing import BindingContext
from appsmith_proxy.testing.context import affected, body, cells
from appsmith_proxy.testing.corpus import Seed
from appsmith_proxy.testing.injection_runner import Call, Runner
from appsmith_proxy.testing.trial import Trial
from appsmith_proxy_sqlite.driver import SqliteDriver

Answer = Callable[[tuple[Any, ...]], Result | Exception]


class ScriptedClient(Client):
    """Answers what it is told; an exception is raised."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.values: list[tuple[Any, ...]] = []
        self.rolled_back = 0

    async def check(self) -> Health:
        """Be well."""
        return Health()

    async def execute(self, request: ExecuteRequest) -> Result:
        """Answer as told."""
        assert isinstance(request.payload, Statement)
        self.values.append(request.values)
        answer = self.answer(request.values)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @asynccontextmanager
    async def transaction(self, *, read_only: bool, deadline: float) -> AsyncIterator[Session]:
        """Lend itself."""
        try:
            yield self
        except DatasourceError:
            self.rolled_back += 1
            raise

    async def close(self) -> None:
        """Hold nothing."""


def echoed(values: tuple[Any, ...]) -> Result:
    """Answer the values, as a good server does."""
    return Result(
        columns=tuple(Column(f"c{number}", ColumnType.ANY, "any") for number in range(len(values))), rows=[list(values)]
    )


def failing(error: type[DatasourceError], **options: Any) -> Answer:
    return lambda values: error("no", **options)


def context(**options: Any) -> BindingContext:
    usual: dict[str, Any] = {
        "name": "operand",
        "action": lambda names: body("SELECT " + ", ".join(f"{{{{{name}}}}}" for name in names)),
        "wanted": lambda values: [list(values)],
    }
    return BindingContext(**usual | options)


def seed(value: Any, *, number: int = 1, **expected: Any) -> Seed:
    row = {"text": value} if isinstance(value, str) else {"value": value}
    labelled = {label.replace("__", "."): verdict for label, verdict in expected.items()}
    return Seed(id=f"made-{number:03}", group="made", row={**row, "expected": labelled})


def trial_of(answer: Answer, **options: Any) -> Trial:
    return Trial(SqliteDriver(), ScriptedClient(answer), context(**options), "sql")


async def wrong(answer: Answer, *seeds: Seed, **options: Any) -> list[tuple[str, str]]:
    trial = trial_of(answer, **options)
    await trial.run(seeds)
    return trial.tally.violations


@pytest.mark.parametrize(
    ("made", "answer"),
    [
        (seed("a"), echoed),
        (seed("a", sql="same"), echoed),
        (seed(12, sql={"is": "12"}), lambda values: echoed(("12",))),
        (seed(["a"]), failing(ParameterInvalid, parameter=0, outcome=Outcome.NOT_SENT)),
        (seed("\ud800", sql="refused"), failing(StatementInvalid)),  # refused before a driver sees it
        (seed("a", sql="refused"), failing(ParameterInvalid, parameter=0, outcome=Outcome.NOT_SENT)),
        (seed("a", sql="failed"), failing(StatementInvalid, outcome=Outcome.ROLLED_BACK)),
        (seed("a", sql="refused", sqlite="same"), echoed),
        (seed("a", sqlite="refused", sql__operand="same"), echoed),
        (seed("a", sqlite="refused", sql__insert="same"), echoed),
        (seed("a", sql__insert="refused", sql__operand="same"), echoed),
    ],
)
async def test_what_is_right(made: Seed, answer: Answer) -> None:
    assert await wrong(answer, made, as_in="insert") == []


@pytest.mark.parametrize(
    ("made", "answer", "why"),
    [
        (seed("a"), lambda values: echoed(("b",)), "found"),
        (seed("1"), lambda values: echoed((1,)), "found"),
        (seed("a"), lambda values: Result(columns=echoed(values).columns, rows=[]), "found"),
        (seed("a"), failing(StatementInvalid, outcome=Outcome.ROLLED_BACK), "refused"),
        (seed("a"), lambda values: KeyError("a"), "let a KeyError out"),
        (seed("a", sql="refused"), echoed, "taken"),
        (seed("a", sql="failed"), echoed, "taken"),
        (seed(["a"]), lambda values: echoed(("a",)), "taken"),
        (seed("a", sql="failed"), lambda values: InternalError("no"), "does not name it"),
        (seed("a", sql="refused"), failing(StatementInvalid, outcome=Outcome.NOT_SENT), "does not name it"),
        (seed("a", sql="refused"), failing(ParameterInvalid, outcome=Outcome.NOT_SENT), "does not name it"),
        (seed("a", sql="refused"), failing(ParameterInvalid, parameter=0, outcome=Outcome.UNKNOWN), "unknown"),
        (seed("a", sql="failed"), failing(StatementInvalid, outcome=Outcome.UNKNOWN), "unknown"),
        (seed("a", sql="refused"), lambda values: KeyError("a"), "let a KeyError out"),
    ],
)
async def test_what_is_wrong(made: Seed, answer: Answer, why: str) -> None:
    [(name, found)] = await wrong(answer, made)
    assert name == "made-001"
    assert why in found


async def test_a_batch_is_tried_again_one_by_one() -> None:
    seeds = [seed(text, number=number) for number, text in enumerate("abcde", start=1)]

    def answer(values: tuple[Any, ...]) -> Result:
        return echoed(tuple("x" if value == "b" else value for value in values))

    assert [name for name, _ in await wrong(answer, *seeds, width=2)] == ["made-002"]


async def test_what_only_a_batch_shows_is_told() -> None:
    seeds = [seed(text, number=number) for number, text in enumerate("ab", start=1)]
    [(_, found)] = await wrong(lambda values: echoed(values[::-1]), *seeds, width=2)
    assert "only together" in found


async def test_what_is_stored_is_sent_once() -> None:
    client = ScriptedClient(lambda values: echoed(("x",) * len(values)))
    trial = Trial(SqliteDriver(), client, context(width=2, stores=True), "sql")
    await trial.run([seed("a"), seed("b", number=2), seed("c", number=3)])
    assert sorted(client.values) == [("a", "b"), ("c",)]
    assert len(trial.tally.violations) == 2


async def test_a_long_value_goes_by_itself() -> None:
    client = ScriptedClient(echoed)
    await Trial(SqliteDriver(), client, context(width=2, room=10), "sql").run([seed("a" * 9), seed("b" * 9, number=2)])
    assert sorted(map(len, client.values)) == [1, 1]


async def test_the_statements_that_may_be_sent_are_those_of_harmless_values() -> None:
    trial = Trial(SqliteDriver(), ScriptedClient(echoed), context(width=2), "sql")
    await trial.warm_up()
    assert trial.neutral == {"SELECT ?1", "SELECT ?1, ?2"}
    await trial.run([seed("'; SELECT 1 --")])
    assert trial.neutral == {"SELECT ?1", "SELECT ?1, ?2"}


class PastingRunner(Runner):
    """Stands for a compiler that writes values into the text."""

    def call(self, given: Sequence[Any], turn: int) -> Call:
        call = super().call(given, turn)
        return replace(call, texts=tuple(f"{text} -- {given}" for text in call.texts))


class PastingTrial(Trial):
    runner_type = PastingRunner


async def test_a_text_that_depends_on_the_values_is_told() -> None:
    trial = PastingTrial(SqliteDriver(), ScriptedClient(echoed), context(), "sql")
    await trial.run([seed("plain"), seed("other", number=2)])
    assert trial.tally.violations == [("", "the statement's text depends on the values")]


def many(count: int) -> list[Seed]:
    return [seed(f"text {number}", number=number) for number in range(1, count + 1)]


async def test_lists_have_every_size_in_turn() -> None:
    options: dict[str, Any] = {
        "action": lambda names: body("SELECT 1 WHERE 'a' IN ({{v0}})"),
        "declared": {"type": ParameterType.TEXT, "is_list": True},
        "joint": True,
        "sizes": (1, 3, 2),
    }
    client = ScriptedClient(lambda values: echoed(tuple(json.loads(values[0]))))
    trial = Trial(SqliteDriver(), client, context(**options), "sql")
    await trial.run(many(10))
    assert trial.tally.violations == []
    assert [len(json.loads(values[0])) for values in client.values] == [1, 3, 2, 1, 3]


async def test_calls_send_every_arrangement_in_turn_and_no_text_depends_on_the_values() -> None:
    options: dict[str, Any] = {
        "action": lambda names: body("SELECT {{v0}} WHERE 1 = 1 [[AND 'a' <> {{a}}]] [[AND 'a' <> {{b}}]]"),
        "sends": [lambda given: {"v0": given[0], "a": given[0]}, lambda given: {"v0": given[0], "b": given[0]}],
    }
    trial = trial_of(lambda values: echoed(values[:1]), **options)
    await trial.warm_up()
    warm = set(trial.neutral)
    assert len(warm) == 2, "the block that is left out leaves its blanks"
    assert {text.split("1 = 1")[1].strip() for text in warm} == {"AND 'a' <> ?2"}
    await trial.run(many(3))
    assert trial.tally.violations == []
    assert trial.neutral == trial.answered == warm


async def test_a_place_that_chooses_takes_its_choices_and_nothing_else() -> None:
    options: dict[str, Any] = {
        "action": lambda names: body("SELECT 1 AS n ORDER BY n {{v0}}"),
        "declared": {"type": ParameterType.KEYWORD, "choices": ("ASC", "DESC")},
        "takes": "choice",
        "choices": ("ASC", "DESC"),
        "wanted": lambda values: [[1]],
    }
    trial = trial_of(lambda values: echoed((1,)), **options)
    await trial.run([seed("ASC", sql="same"), seed("DESC", sql="same", number=2), seed("ASC;", number=3)])
    assert trial.tally.violations == []
    assert trial.neutral == {"SELECT 1 AS n ORDER BY n ASC", "SELECT 1 AS n ORDER BY n DESC"}


async def test_a_word_that_is_taken_where_only_choices_may_be_is_told() -> None:
    [(name, found)] = await wrong(echoed, seed("a"), takes="choice")
    assert name == "made-001"
    assert "taken" in found


STEPS: Final[Mapping[str, Any]] = {
    "action": lambda names: {
        "steps": [
            {"name": "one", "body": "SELECT {{v0}} AS c0"},
            {"name": "two", "body": "SELECT {{ steps.one.c0 }}, {{v0}}"},
        ]
    },
    "wanted": lambda values: [[values[0], values[0]]],
}


async def test_steps_run_in_the_gateways_transaction_with_results_of_earlier_ones() -> None:
    client = ScriptedClient(echoed)
    trial = Trial(SqliteDriver(), client, context(**STEPS), "sql")
    await trial.run([seed("a'")])
    assert trial.tally.violations == []
    assert client.values == [("a'",), ("a'", "a'")]
    assert trial.neutral == trial.answered == {"SELECT ?1 AS c0", "SELECT ?1, ?2"}


async def test_a_transaction_is_rolled_back_once_before_it_counts() -> None:
    client = ScriptedClient(echoed)
    await Trial(SqliteDriver(), client, context(**STEPS), "sql").warm_up()
    assert client.rolled_back == 1


async def test_a_step_that_hands_on_another_value_is_told() -> None:
    [(_, found)] = await wrong(
        lambda values: echoed(("b",)) if len(values) == 1 else echoed(values), seed("a"), **STEPS
    )
    assert "found" in found


async def test_a_step_that_fails_is_told() -> None:
    failed = failing(StatementInvalid, outcome=Outcome.ROLLED_BACK)
    [(_, found)] = await wrong(
        lambda values: failed(values) if len(values) == 2 else echoed(values), seed("a"), **STEPS
    )
    assert "refused" in found


ROWS: Final[Mapping[str, Any]] = {
    "action": lambda names: body("INSERT INTO t (a) VALUES {{v0}}"),
    "declared": {
        "type": ParameterType.OBJECT,
        "is_list": True,
        "fields": (DeclaredParameter(name="a", type=ParameterType.TEXT),),
    },
    "given": lambda value: {"a": value},
    "joint": True,
    "read": affected,
    "wanted": len,
}


async def test_rows_go_in_statements_of_every_size() -> None:
    client = ScriptedClient(lambda values: Result(affected=len(values)))
    trial = Trial(SqliteDriver(), client, context(**ROWS, width=7), "sql")
    await trial.run(many(7))
    assert trial.tally.violations == []
    assert list(map(len, client.values)) == [4, 2, 1]
    assert len(trial.neutral) == 3


def test_rows_are_read_without_the_columns_names() -> None:
    assert cells([{"a": 1, "b": 2}]) == [[1, 2]]
