"""What the compiler makes of a fixed list of actions, as digests: whoever changes a plan raises ``COMPILER_VERSION``.

Published copies are sealed with their plan's digest and the compiler's version. A plan that changes under the same version
is refused to every viewer (``PlanUnverified``). So when ``test_plans`` says that plans have changed: raise the version in
``appsmith_proxy/model/plan.py``, then write the digests anew with ``.venv/bin/python -m tests.golden.plans``.
"""

import hashlib
import json
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import COMPILER_VERSION
from appsmith_proxy.sdk import Driver, ParameterType
from appsmith_proxy.template import canonical_bytes, compile_action
from appsmith_proxy_mongodb.driver import MongodbDriver
from appsmith_proxy_mysql.driver import MysqlDriver
from appsmith_proxy_postgres.driver import PostgresDriver
from appsmith_proxy_rest.driver import RestDriver
from appsmith_proxy_sqlite.driver import SqliteDriver

DIGESTS: Final = Path(__file__).with_name("plans.json")
PLACEMENTS: Final = Path(__file__).with_name("placements.toml")
SQL: Final[dict[str, Driver]] = {"postgres": PostgresDriver(), "sqlite": SqliteDriver(), "mysql": MysqlDriver()}
OTHERS: Final[dict[str, Driver]] = {"rest": RestDriver(), "mongodb": MongodbDriver()}


def digests() -> dict[str, str]:
    """Compile every action; name → digest of its plan's canonical bytes without the version, or what it is refused for."""
    return dict(_digests())


def changed(kept: dict[str, str], made: dict[str, str]) -> list[str]:
    """Return the names of the actions of which another plan is made. An action that comes or goes changes none."""
    return [name for name in kept if name in made and made[name] != kept[name]]


def _digests() -> Iterator[tuple[str, str]]:
    for case in tomllib.loads(PLACEMENTS.read_text())["case"]:
        parameters = [_parameter(**row) for row in case.get("parameters", ())]
        for kind, driver in SQL.items():
            if kind in case:
                configuration = {"body": case["template"]}
                yield f"{kind}: {case['name']}", _digest(driver, configuration, parameters, ddl=case.get("ddl", False))
    for kind, driver in SQL.items():
        for name, configuration, parameters in _DYNAMIC:
            yield f"{kind}: {name}", _digest(driver, configuration, parameters)
    for kind, name, configuration in _OTHER:
        yield f"{kind}: {name}", _digest(OTHERS[kind], configuration, [_parameter("n", "integer")])


def _digest(
    driver: Driver, configuration: dict[str, Any], parameters: list[DeclaredParameter], *, ddl: bool = False
) -> str:
    compiled = compile_action(driver, configuration, parameters, read_only=None, allow_ddl=ddl)
    if compiled.plan is None:
        return f"refused: {compiled.problems[0].message}"
    return hashlib.sha256(canonical_bytes(replace(compiled.plan, compiler=0))).hexdigest()[:24]


def _parameter(name: str, type: str, **rules: Any) -> DeclaredParameter:  # noqa: A002  # reason: the declaration's own word
    return DeclaredParameter(name=name, type=ParameterType(type), is_list=rules.pop("list", False), **rules)


def _steps(*bodies: str) -> dict[str, Any]:
    return {"steps": [{"name": f"s{index}", "body": body} for index, body in enumerate(bodies)]}


_COLUMN: Final = _parameter("column", "identifier", choices=("name", "t.id"), default="name", has_default=True)
_DIRECTION: Final = _parameter("direction", "keyword", choices=("ASC", "DESC NULLS LAST"))
_JOINS: Final = _parameter("op", "keyword", choices=("AND", "OR", "AND NOT"))
_IDS: Final = _parameter("ids", "integer", list=True)
_ROWS: Final = _parameter(
    "rows",
    "object",
    list=True,
    fields=(
        _parameter("a", "integer"),
        _parameter("b", "text", required=False, nullable=True, default="x", has_default=True),
    ),
)
_EVERY_TYPE: Final = [
    kind
    for kind in ParameterType
    if kind not in (ParameterType.IDENTIFIER, ParameterType.KEYWORD, ParameterType.OBJECT)
]

_DYNAMIC: Final[list[tuple[str, dict[str, Any], list[DeclaredParameter]]]] = [
    (
        "blocks and choices",
        {
            "body": "SELECT * FROM t [[WHERE a = {{a}}]] ORDER BY {{column}} {{direction}} [[LIMIT {{n}}]] [[OFFSET {{m}}]]",
        },
        [_COLUMN, _DIRECTION],
    ),
    (
        "a choice inside a block",
        {"body": "SELECT * FROM t WHERE x = {{x}} [[AND {{column}} > {{a}} {{op}} b LIKE '%{{q}}%']]"},
        [_COLUMN, _JOINS],
    ),
    (
        "more statements than are looked at one by one",
        {"body": "SELECT * FROM t WHERE true " + " ".join(f"[[AND c{n} IN ({{{{c{n}}}}})]]" for n in range(7))},
        [],
    ),
    ("blocks side by side", {"body": "SELECT a FROM t WHERE b = 1[[AND c = {{c}}]][[AND d = {{d}}]]OR e"}, []),
    ("a list in a block", {"body": "SELECT * FROM t WHERE a = 1 [[AND id NOT IN ({{ids}})]]"}, [_IDS]),
    ("two lists", {"body": "SELECT * FROM t WHERE id IN ({{ids}}) AND city IN ({{cities}}) AND x = {{x}}"}, [_IDS]),
    ("an optional value that is set", {"body": "UPDATE t SET a = {{a}} [[, b = {{b}}]] WHERE id = {{id}}"}, []),
    ("rows", {"body": "INSERT INTO t (b, a) VALUES {{rows}}"}, [_ROWS]),
    (
        "steps",
        _steps(
            "SELECT id FROM t WHERE id = {{id}}",
            "UPDATE t SET a = {{steps.s0.id}} WHERE b = {{b}}",
            "SELECT {{steps.s1.affected}} AS n [[, {{x}} AS x]]",
        ),
        [],
    ),
    (
        "every type",
        {"body": f"SELECT {', '.join(f'{{{{{kind.value}}}}}' for kind in _EVERY_TYPE)}"},
        [_parameter(kind.value, kind.value) for kind in _EVERY_TYPE],
    ),
    (
        "every rule",
        {"body": "SELECT {{n}}, {{s}}, {{l}}"},
        [
            _parameter("n", "decimal", min=1, max=5, default=2, has_default=True),
            _parameter("s", "text", min_length=1, max_length=9, pattern="[a-z]+", empty_is_absent=False),
            _parameter("l", "text", required=False, nullable=True, wildcards=True, trusted_only=False),
        ],
    ),
    (
        "trusted names",
        {"body": "SELECT * FROM t WHERE owner = {{appsmith.user.email}} AND g IN ({{appsmith.user.groups}})"},
        [],
    ),
]

_OTHER: Final[list[tuple[str, str, dict[str, Any]]]] = [
    (
        "rest",
        "path, query and headers",
        {
            "path": "/a/{{x}}/b",
            "query": [{"name": "q{{k}}", "value": "{{v}}"}],
            "headers": [{"name": "X-A", "value": "b {{v}}"}],
        },
    ),
    ("rest", "JSON", {"method": "POST", "bodyType": "json", "body": '{"a": {{n}}, "b": "c {{x}}", "d": [{{y}}]}'}),
    ("rest", "text", {"method": "PUT", "bodyType": "text", "body": "a {{x}} {{appsmith.user.email}}"}),
    (
        "mongodb",
        "find",
        {
            "operation": "find",
            "collection": "c",
            "filter": '{"a": {"$in": {{x}}}, "b": {"$gte": {{n}}}}',
            "limit": "{{n}}",
        },
    ),
    (
        "mongodb",
        "update",
        {
            "operation": "update",
            "collection": "c",
            "filter": '{"a": {{x}}}',
            "update": '{"$set": {"b": "x{{y}}"}}',
        },
    ),
    (
        "mongodb",
        "aggregate",
        {
            "operation": "aggregate",
            "collection": "c",
            "pipeline": '[{"$match": {"a": {{x}}}}, {"$limit": 5}]',
        },
    ),
]


def main() -> int:
    """Write the digests, unless a plan has changed under a version that has been written before."""
    kept: dict[str, Any] = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {"compiler": 0, "plans": {}}
    made = digests()
    others = changed(kept["plans"], made)
    if others and kept["compiler"] == COMPILER_VERSION:
        print(f"{len(others)} plans have changed: raise COMPILER_VERSION first", *others, sep="\n  ")
        return 1
    DIGESTS.write_text(json.dumps({"compiler": COMPILER_VERSION, "plans": made}, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
