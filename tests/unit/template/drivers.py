"""Drivers that only say how their actions are written, and short ways to compile and bind."""

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

import pytest

from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import Plan, PlannedStatement, StatementSet
from appsmith_proxy.sdk import (
    ActionField,
    Capability,
    Dialect,
    Driver,
    FieldType,
    OpenContext,
    ParameterType,
    Payload,
    Place,
    Secret,
)
from appsmith_proxy.template import Bound, Compiled, bind, compile_action
from appsmith_proxy_mysql.dialect import MYSQL
from appsmith_proxy_postgres.dialect import POSTGRES
from appsmith_proxy_sqlite.dialect import SQLITE

DIALECTS: dict[str, Dialect] = {"postgres": POSTGRES, "sqlite": SQLITE, "mysql": MYSQL}


class Unopened(Driver):
    """A driver of which only the tables are read."""

    async def open(
        self, configuration: Mapping[str, Any], secrets: Mapping[str, Secret], context: OpenContext
    ) -> NoReturn:
        raise AssertionError("the compiler opens nothing")


class Postgres(Unopened):
    kind: ClassVar = "postgres"
    capabilities: ClassVar = frozenset({Capability.TRANSACTIONS})
    title: ClassVar = "SQL"
    payload: ClassVar = Payload.STATEMENT
    dialect: ClassVar = POSTGRES
    actions: ClassVar = (
        ActionField(
            name="body", type=FieldType.MULTILINE, label="SQL", required=True, max_length=9999, place=Place.SQL
        ),
    )


class Sqlite(Postgres):
    kind: ClassVar = "sqlite"
    dialect: ClassVar = SQLITE


class Mysql(Postgres):
    kind: ClassVar = "mysql"
    dialect: ClassVar = MYSQL


class Rest(Unopened):
    kind: ClassVar = "rest"
    title: ClassVar = "HTTP"
    payload: ClassVar = Payload.HTTP
    reads_when: ClassVar = ("method", ("GET", "HEAD"))
    actions: ClassVar = (
        ActionField(name="method", type=FieldType.CHOICE, label="Method", choices=("GET", "POST"), default="GET"),
        ActionField(name="path", type=FieldType.TEXT, label="Path", default="", place=Place.URL_PATH),
        ActionField(name="query", type=FieldType.PAIRS, label="Query", place=Place.QUERY),
        ActionField(name="headers", type=FieldType.PAIRS, label="Headers", place=Place.HEADER),
        ActionField(
            name="bodyType",
            type=FieldType.CHOICE,
            label="Type",
            choices=("none", "json", "text", "form"),
            default="none",
        ),
        ActionField(
            name="body",
            type=FieldType.MULTILINE,
            label="JSON",
            max_length=200_000,
            place=Place.JSON,
            shown_when=("bodyType", ("json",)),
        ),
        ActionField(
            name="body", type=FieldType.MULTILINE, label="Text", place=Place.TEXT, shown_when=("bodyType", ("text",))
        ),
        ActionField(
            name="body", type=FieldType.PAIRS, label="Form", place=Place.TEXT, shown_when=("bodyType", ("form",))
        ),
    )


class Documents(Unopened):
    kind: ClassVar = "documents"
    title: ClassVar = "Documents"
    payload: ClassVar = Payload.DOCUMENT
    reads_when: ClassVar = ("operation", ("find",))
    actions: ClassVar = (
        ActionField(
            name="operation", type=FieldType.CHOICE, label="Operation", choices=("find", "insert"), default="find"
        ),
        ActionField(name="collection", type=FieldType.TEXT, label="Collection"),
        ActionField(name="filter", type=FieldType.MULTILINE, label="Filter", place=Place.JSON),
    )


POSTGRES_DRIVER, SQLITE_DRIVER, MYSQL_DRIVER, REST, DOCUMENTS = Postgres(), Sqlite(), Mysql(), Rest(), Documents()
SQL_DRIVERS: dict[str, Driver] = {"postgres": POSTGRES_DRIVER, "sqlite": SQLITE_DRIVER, "mysql": MYSQL_DRIVER}
EACH_SQL_DRIVER = pytest.mark.parametrize("driver", SQL_DRIVERS.values(), ids=SQL_DRIVERS)


def parameter(name: str, kind: str | None = None, **rules: Any) -> DeclaredParameter:
    """A declared parameter; a default is one that is given."""
    if "default" in rules:
        rules["has_default"] = True
    return DeclaredParameter(name=name, type=ParameterType(kind) if kind else None, **rules)


def compile_sql_action(
    text: str,
    *parameters: DeclaredParameter,
    driver: Driver = POSTGRES_DRIVER,
    read_only: bool | None = None,
    allow_ddl: bool = False,
) -> Compiled:
    return compile_action(driver, {"body": text}, parameters, read_only=read_only, allow_ddl=allow_ddl)


def plan_of(compiled: Compiled) -> Plan:
    assert compiled.problems == ()
    assert compiled.plan is not None
    return compiled.plan


def sql_plan(text: str, *parameters: DeclaredParameter, driver: Driver = POSTGRES_DRIVER) -> Plan:
    return plan_of(compile_sql_action(text, *parameters, driver=driver))


def rest_plan(*parameters: DeclaredParameter, **configuration: Any) -> Plan:
    return plan_of(compile_action(REST, configuration, parameters, read_only=None, allow_ddl=False))


def planned(plan: Plan) -> PlannedStatement:
    payload = plan.steps[0].payload
    assert isinstance(payload, StatementSet)
    return payload.statements[0]


def bound(plan: Plan, /, *, family: bool = False, trusted: Mapping[str, Any] | None = None, **values: Any) -> Bound:
    return bind(plan, values, (trusted or {}).get, family=family)


def messages(compiled: Compiled) -> list[str]:
    return [problem.message for problem in compiled.problems]
