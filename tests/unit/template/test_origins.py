"""Where in an author's text a place of a finished statement comes from, however long the text is."""

import pytest

from appsmith_proxy.template import compile_action, explain, origin_of
from tests.servers.steps import steps
from tests.unit.template.drivers import Postgres, plan_of


@pytest.mark.parametrize(
    ("source", "finished", "at", "expected"),
    [
        ("SELECT nope FROM t", "SELECT nope FROM t", "nope", (1, 8)),
        (
            "SELECT a\nFROM t WHERE a = {{x}}\nAND nope = 1",
            "SELECT a\nFROM t WHERE a = $1\nAND nope = 1",
            "nope",
            (3, 5),
        ),
        (
            "SELECT a FROM t WHERE b = {{x}} AND nope = {{y}} AND c",
            "SELECT a FROM t WHERE b = $1 AND nope = $2 AND c",
            "nope",
            (1, 37),
        ),
        (
            "SELECT a FROM t WHERE true [[ AND b = {{x}} ]] ORDER BY nope",
            "SELECT a FROM t WHERE true  ORDER BY nope",
            "nope",
            (1, 57),
        ),
        ("SELECT {{x}}, b", "SELECT CAST($1 AS text), b", "text", (1, 1)),
        ("{{x}}", "$1", "$1", None),
    ],
)
def test_places(source: str, finished: str, at: str, expected: tuple[int, int] | None) -> None:
    assert origin_of(source, finished, finished.index(at)) == expected


def test_long_texts_cost_little() -> None:
    many = ", ".join(["1"] * 5_000)
    source = f"SELECT {{{{x}}}} FROM t WHERE a IN ({many}) AND b = {{{{y}}}} AND nope"
    finished = source.replace("{{x}}", "$1").replace("{{y}}", "$2")
    # Its middle is not looked at word by word with word; both ends are.
    assert origin_of(source, finished, finished.index("IN")) is None
    assert origin_of(source, finished, finished.index("nope")) == (1, source.index("nope") + 1)
    assert steps(lambda: origin_of(source, finished, finished.index("IN"))) < 20 * len(source)


def test_of_many_long_statements_some_are_shown() -> None:
    names = ", ".join(f"{{{{p{n}}}}}" for n in range(300))
    blocks = " ".join(f"[[ AND c{n} = {{{{q{n}}}}} ]]" for n in range(4))
    configuration = {"body": f"SELECT 1 FROM t WHERE 1 IN ({names}) {blocks}"}
    plan = plan_of(compile_action(Postgres(), configuration, (), read_only=None, allow_ddl=False))
    (step,) = explain(plan, Postgres(), configuration)
    assert step.count == 16
    assert 1 < len(step.statements) < 10
