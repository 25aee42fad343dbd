"""What the injection suite judges, one verdict at a time: a client that answers as told, and seeds made for it."""

from collections.abc import Callable
from typing import Any

import pytest

from appsmith_proxy.errors import InternalError
from appsmith_proxy.sdk import (
    Client,
    Column,
    ColumnType,
    DatasourceError,
    ExecuteRequest,
    Health,
    Outcome,
    ParameterInvalid,
    Result,
    Statement,
    StatementInvalid,
)
from appsmith_proxy.template import Bound
from appsmith_proxy.testing import BindingContext
from appsmith_proxy.testing.context import cells
from appsmith_proxy.testing.corpus import Seed
from appsmith_proxy.testing.trial import Trial
from appsmith_proxy_sqlite.driver import SqliteDriver

Answer = Callable[[tuple[Any, ...]], Result | Exception]


class ScriptedClient(Client):
    """Answers what it is told; an exception is raised."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.values: list[tuple[Any, ...]] = []

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
    return BindingContext(
        name="operand",
        action=lambda names: {"body": "SELECT " + ", ".join(f"{{{{{name}}}}}" for name in names)},
        wanted=lambda values: [list(values)],
        **options,
    )


def seed(value: Any, *, number: int = 1, **expected: Any) -> Seed:
    row = {"text": value} if isinstance(value, str) else {"value": value}
    labelled = {label.replace("__", "."): verdict for label, verdict in expected.items()}
    return Seed(id=f"made-{number:03}", group="made", row={**row, "expected": labelled})


async def wrong(answer: Answer, *seeds: Seed, **options: Any) -> list[tuple[str, str]]:
    trial = Trial(SqliteDriver(), ScriptedClient(answer), context(**options), "sql")
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
    ],
)
async def test_what_is_right(made: Seed, answer: Answer) -> None:
    assert await wrong(answer, made) == []


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


class PastingTrial(Trial):
    """Stands for a compiler that writes values into the text."""

    def _bind(self, *given: Any) -> Bound:
        bound = super()._bind(*given)
        assert isinstance(bound.payload, Statement)
        return Bound(Statement(text=f"{bound.payload.text} -- {given}"), bound.values)


async def test_a_text_that_depends_on_the_values_is_told() -> None:
    trial = PastingTrial(SqliteDriver(), ScriptedClient(echoed), context(), "sql")
    await trial.run([seed("plain"), seed("other", number=2)])
    assert trial.tally.violations == [("", "the statement's text depends on the values")]


def test_rows_are_read_without_the_columns_names() -> None:
    assert cells([{"a": 1, "b": 2}]) == [[1, 2]]
