"""Steps: which results a later one may use, what is refused when they are saved, and when a caller's values are looked at."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from appsmith_proxy.errors import InvalidRequest, ParameterInvalid
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import Source
from appsmith_proxy.sdk import SQL_STATEMENT, SQL_STEPS, Capability, Driver, ParameterType, Payload, Value
from appsmith_proxy.template import NO_RESULT, Compiled, compile_action, stepwise
from appsmith_proxy_postgres.dialect import POSTGRES
from tests.unit.template.drivers import Unopened, messages, parameter, plan_of


class Stepping(Unopened):
    kind: ClassVar = "stepping"
    title: ClassVar = "SQL"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.TRANSACTIONS})
    payload: ClassVar = Payload.STATEMENT
    dialect: ClassVar = POSTGRES
    actions: ClassVar = (SQL_STATEMENT, SQL_STEPS)


class Alone(Stepping):
    """Has no transactions."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset()


STEPPING, ALONE = Stepping(), Alone()
FIND = "SELECT id, cents FROM orders WHERE id = {{id}}"
PAY = "UPDATE orders SET cents = 0 WHERE id = {{id}}"


def compiled(
    *bodies: str, parameters: tuple[DeclaredParameter, ...] = (), driver: Driver = STEPPING, allow_ddl: bool = False
) -> Compiled:
    """Compile steps with the names s0, s1 …"""
    steps = [{"name": f"s{index}", "body": body} for index, body in enumerate(bodies)]
    return compile_action(driver, {"steps": steps}, parameters, read_only=None, allow_ddl=allow_ddl)


def test_a_later_step_takes_results_of_earlier_ones() -> None:
    plan = plan_of(compiled(FIND, PAY, "SELECT {{steps.s0.id}}, {{steps.s0.cents}}, {{steps.s1.affected}}"))
    assert [step.name for step in plan.steps] == ["s0", "s1", "s2"]
    assert plan.client_names == ("id",)
    assert {binding.source for binding in plan.bindings} == {Source.CLIENT, Source.STEP}
    assert plan.in_transaction


@pytest.mark.parametrize("bodies", [(FIND, PAY), (PAY, FIND)])
def test_a_write_in_any_step_writes(bodies: tuple[str, ...]) -> None:
    plan = plan_of(compiled(*bodies))
    assert (plan.writes, plan.read_only) == (True, False)
    assert plan_of(compiled(FIND, FIND)).read_only


@pytest.mark.parametrize(
    ("bodies", "word"),
    [
        ((FIND, "SELECT {{steps.nobody.id}}"), "no earlier step has this name"),
        ((FIND, "SELECT {{steps.s1.id}}"), "no earlier step has this name"),
        (("SELECT {{steps.s1.id}}", FIND), "no earlier step has this name"),
        ((FIND, "SELECT {{steps.s0}}"), "is a column of a step"),
        ((PAY, "SELECT {{steps.s0.id}}"), "returns no rows"),
        ((FIND, "DROP TABLE orders"), "cannot change the schema"),
        ((FIND, "EXPLAIN SELECT 1"), "cannot change the schema or explain"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_saved(bodies: tuple[str, ...], word: str) -> None:
    refused = messages(compiled(*bodies, allow_ddl=True))
    assert [message for message in refused if word in message], refused


def test_a_refusal_has_its_place() -> None:
    (problem,) = compiled(FIND, "SELECT 1,\n  {{steps.other.id}}").problems
    assert (problem.path, problem.line, problem.column) == ("configuration.steps[1].body", 2, 3)


def test_the_count_of_a_write_is_a_result_and_so_is_what_it_returns() -> None:
    assert compiled(PAY, "SELECT {{steps.s0.affected}}").problems == ()
    assert compiled(f"{PAY} RETURNING id", "SELECT {{steps.s0.id}}").problems == ()


def test_results_are_known_in_steps_alone() -> None:
    found = compile_action(STEPPING, {"body": "SELECT {{steps.s0.id}}"}, [], read_only=None, allow_ddl=False)
    assert plan_of(found).client_names == ("steps.s0.id",)


def test_a_statement_and_steps_exclude_each_other() -> None:
    both = {"body": FIND, "steps": [{"name": "s0", "body": FIND}]}
    refused = messages(compile_action(STEPPING, both, [], read_only=None, allow_ddl=False))
    assert "has both a statement and steps" in refused


def test_the_statements_of_all_steps_are_bounded_together() -> None:
    blocks = " ".join(f"[[AND a{n} = {{{{x{n}}}}}]]" for n in range(11))
    body = f"SELECT 1 AS one FROM t WHERE true {blocks}"
    assert compiled(body, body).problems == ()
    refused = messages(compiled(body, body, "SELECT 1"))
    assert refused == ["the steps have 4097 statements together or more, and an action may have 4096"]
    assert messages(compiled(body, body, body, body)) == [refused[0].replace("4097", "6144")], "no more are compiled"


ROWS = DeclaredParameter(name="rows", type=ParameterType.OBJECT, is_list=True, fields=(parameter("a", "integer"),))


def test_steps_and_rows_need_transactions() -> None:
    assert ["no transactions" in message for message in messages(compiled(FIND, PAY, driver=ALONE))] == [True]
    insert = "INSERT INTO t (a) VALUES {{rows}}"
    refused = compile_action(ALONE, {"body": insert}, [ROWS], read_only=None, allow_ddl=False)
    assert ["no transactions" in message for message in messages(refused)] == [True]
    assert compiled(FIND, driver=ALONE).problems == ()


def test_rows_stand_in_one_place() -> None:
    twice = "INSERT INTO t (a) VALUES {{rows}} ON CONFLICT (a) VALUES {{rows}}"
    refused = compile_action(STEPPING, {"body": twice}, [ROWS], read_only=None, allow_ddl=False)
    assert ["rows stand in one place" in message for message in messages(refused)] == [True]


def nobody(name: str) -> None:
    """Know no trusted name."""


class TestBinding:
    """One step after another, everything the caller sent before the first."""

    PLAN = plan_of(compiled(FIND, "SELECT {{steps.s0.cents}} + {{more}}", parameters=(parameter("more", "integer"),)))

    @pytest.mark.parametrize(
        ("values", "error", "paths"),
        [
            ({}, InvalidRequest, {"params.id", "params.more"}),
            ({"id": 1, "more": "x"}, ParameterInvalid, {"params.more"}),
        ],
    )
    def test_all_steps_are_checked_before_one_runs(
        self, values: Mapping[str, Any], error: type[InvalidRequest], paths: set[str]
    ) -> None:
        with pytest.raises(error) as caught:
            stepwise(self.PLAN).check(values, nobody, family=False)
        assert {problem.path for problem in caught.value.details} == paths

    def test_results_are_not_missing_before_they_can_be_there(self) -> None:
        typed = compiled(FIND, "SELECT {{steps.s0.cents}}", parameters=(parameter("steps.s0.cents", "integer"),))
        for plan in (self.PLAN, plan_of(typed)):
            stepwise(plan).check({"id": 1, "more": 2}, nobody, family=False)

    def test_results_come_from_the_server_whatever_is_sent(self) -> None:
        sent: dict[str, Value] = {"id": 1, "more": 2, "steps.s0.cents": "forged"}
        found = stepwise(self.PLAN).bind(1, sent, nobody, lambda *asked: {("s0", "cents"): 7}[asked], family=False)
        assert found.values == (7, 2)

    def test_a_result_that_is_not_there_is_named(self) -> None:
        with pytest.raises(ParameterInvalid) as caught:
            stepwise(self.PLAN).bind(1, {"id": 1, "more": 2}, nobody, lambda step, column: NO_RESULT, family=False)
        assert [problem.path for problem in caught.value.details] == ["params.steps.s0.cents"]
