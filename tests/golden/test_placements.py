"""Every placement of a binding: the statement it becomes, and what real databases answer to it."""

import asyncio
import json
import sqlite3
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import Plan, StatementSet
from appsmith_proxy.sdk import (
    Client,
    Driver,
    EncodedRows,
    ExecuteRequest,
    OpenContext,
    ParameterType,
    Secret,
    Statement,
    check_configuration,
)
from appsmith_proxy.template import Compiled, bind, compile_action
from appsmith_proxy_mysql.driver import MysqlDriver
from appsmith_proxy_postgres.driver import PostgresDriver
from appsmith_proxy_sqlite.driver import SqliteDriver
from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer

Case = dict[str, Any]

CASES: Final[list[Case]] = tomllib.loads((Path(__file__).parent / "placements.toml").read_text())["case"]
ACCEPTED: Final = [case for case in CASES if "rows" in case]
REFUSED: Final = [case for case in CASES if "because" in case]
DRIVERS: Final[dict[str, Driver]] = {"postgres": PostgresDriver(), "sqlite": SqliteDriver(), "mysql": MysqlDriver()}

TRUSTED: Final[dict[str, Any]] = {"appsmith.user.name": "Ada", "appsmith.user.groups": ["Paris", "Rome"]}

PEOPLE: Final = """\
DROP TABLE IF EXISTS people;
CREATE TABLE people (id integer PRIMARY KEY, name text, age integer, city text, score numeric(6, 2), born date, note text);
INSERT INTO people VALUES
    (1, 'Ada', 36, 'London', 9.50, '1915-12-10', '100% sure'),
    (2, 'Bob', 25, 'Paris', 7.25, '1999-01-31', 'under_score'),
    (3, 'Cy', 25, NULL, 5.00, '2001-02-28', 'back\\slash'),
    (4, 'Dee', 41, 'Paris', 8.00, '1983-07-04', 'plain');
"""


def by_dialect(cases: list[Case]) -> list[Any]:
    """One test for each case and dialect it says something about."""
    return [
        pytest.param(case, dialect, id=f"{dialect}: {case['name']}")
        for case in cases
        for dialect in DRIVERS
        if dialect in case or dialect in case.get("dialects", ())
    ]


def compiled(case: Case, dialect: str) -> Compiled:
    parameters = [
        DeclaredParameter(
            name=row["name"],
            type=ParameterType(row["type"]),
            is_list=row.get("list", False),
            wildcards=row.get("wildcards", False),
        )
        for row in case.get("parameters", ())
    ]
    return compile_action(
        DRIVERS[dialect], {"body": case["template"]}, parameters, read_only=None, allow_ddl=case.get("ddl", False)
    )


def value(written: Any) -> Any:
    """TOML has no null, and its inline tables keep no order."""
    if isinstance(written, dict):
        return json.loads(written["json"]) if "json" in written else None
    return [value(item) for item in written] if isinstance(written, list) else written


def test_there_are_enough_placements() -> None:
    counts = Counter(placement.values[1] for placement in by_dialect(CASES))
    assert {dialect: count >= 80 for dialect, count in counts.items()} == dict.fromkeys(DRIVERS, True)
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize(("case", "dialect"), by_dialect(ACCEPTED))
def test_statement(case: Case, dialect: str) -> None:
    result = compiled(case, dialect)
    assert result.problems == ()
    assert result.plan is not None
    assert text_of(result.plan) == case[dialect]


@pytest.mark.parametrize(("case", "dialect"), by_dialect(REFUSED))
def test_refusal(case: Case, dialect: str) -> None:
    result = compiled(case, dialect)
    assert result.plan is None
    assert any(
        case["because"] in problem.message and [problem.line, problem.column] == case["at"]
        for problem in result.problems
    ), result.problems
    assert all(problem.path == "configuration.body" for problem in result.problems)


@pytest.mark.parametrize("case", [case for case in ACCEPTED if "sqlite" in case], ids=lambda case: case["name"])
async def test_sqlite_answers(case: Case, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "people.db") as connection:
        connection.executescript(PEOPLE)
    connection.close()
    context = OpenContext(network=Guard(), options={"folder": str(tmp_path)})
    client = await DRIVERS["sqlite"].open({"file": "people.db"}, {}, context)
    try:
        assert await answer(client, case, "sqlite") == case["rows"]
    finally:
        await client.close()


@pytest.fixture(scope="module")
def database() -> dict[str, str]:
    """The names of this module's databases, once they are made."""
    return {}


@pytest.fixture
async def people(postgres: PostgresServer, database: dict[str, str]) -> AsyncIterator[Client]:
    """A Client on PostgreSQL with the people as they were."""
    if "postgres" not in database:
        database["postgres"] = await postgres.fresh_database()
    async with postgres.session(database["postgres"]) as session:
        await session.execute(PEOPLE)
    secrets: Mapping[str, Secret] = {"password": Secret(postgres.password)}
    context = OpenContext(network=Guard(allow_loopback=True))
    configuration, _ = check_configuration(
        PostgresDriver.fields, postgres.configuration(database["postgres"]), secrets_set=frozenset({"password"})
    )
    client = await DRIVERS["postgres"].open(configuration, secrets, context)
    yield client
    await client.close()


@pytest.mark.parametrize("case", [case for case in ACCEPTED if "postgres" in case], ids=lambda case: case["name"])
async def test_postgres_answers(case: Case, people: Client) -> None:
    assert await answer(people, case, "postgres") == case["rows"]


PEOPLE_IN_MYSQL: Final = PEOPLE.replace("\\", "\\\\").replace(
    "note text)", "note text) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
)


@pytest.fixture
async def mysql_people(mariadb: MariadbServer, database: dict[str, str]) -> AsyncIterator[Client]:
    """A Client on MariaDB with the people as they were."""
    if "mysql" not in database:
        database["mysql"] = await mariadb.fresh_database()
    async with mariadb.session(database["mysql"]) as session:
        await session.script(PEOPLE_IN_MYSQL)
    configuration, _ = check_configuration(
        MysqlDriver.fields, mariadb.configuration(database["mysql"]), secrets_set=frozenset({"password"})
    )
    secrets: Mapping[str, Secret] = {"password": Secret(mariadb.password)}
    client = await DRIVERS["mysql"].open(configuration, secrets, OpenContext(network=Guard(allow_loopback=True)))
    yield client
    await client.close()


@pytest.mark.parametrize("case", [case for case in ACCEPTED if "mysql" in case], ids=lambda case: case["name"])
async def test_mysql_answers(
    case: Case, mysql_people: Client, mariadb: MariadbServer, database: dict[str, str]
) -> None:
    if "setup" in case:
        async with mariadb.session(database["mysql"]) as session:
            await session.script(case["setup"])
    assert await answer(mysql_people, case, "mysql") == [[value(cell) for cell in row] for row in case["rows"]]


async def answer(client: Client, case: Case, dialect: str) -> list[list[Any]]:
    """Run a case as the proxy does, and return its rows."""
    plan = compiled(case, dialect).plan
    assert plan is not None
    values = {name: value(written) for name, written in case["values"].items()}
    bound = bind(plan, values, TRUSTED.get)
    assert isinstance(bound.payload, Statement)
    if "sent" in case:
        assert bound.payload.text == case["sent"]
    request = ExecuteRequest(
        payload=bound.payload,
        values=bound.values,
        read_only=plan.read_only,
        deadline=asyncio.get_running_loop().time() + 30,
        encode=False,
    )
    rows = (await client.execute(request)).rows or ()
    assert not isinstance(rows, EncodedRows)
    return [list(row) for row in rows]


def text_of(plan: Plan) -> str:
    payload = plan.steps[0].payload
    assert isinstance(payload, StatementSet)
    return payload.statements[0].statement.text
