"""Actions of the MongoDB driver without a server: what a configuration compiles to, and what an execution would send."""

import json
from collections.abc import Mapping
from typing import Any

from appsmith_proxy.errors import ParameterInvalid
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.plan import Plan
from appsmith_proxy.sdk import Document, ParameterType
from appsmith_proxy.template import Compiled, bind, compile_action
from appsmith_proxy_mongodb.command import Command, command
from tests.servers.mongodb_datasource import DRIVER


def compiled(parts: Mapping[str, Any], types: Mapping[str, str] | None = None, **flags: Any) -> Compiled:
    """Compile an action; parts that are no text are written as JSON. A type may end with ``*``: wildcards, or ``[]``: a list."""
    configuration = {
        name: part if isinstance(part, str | bool) else json.dumps(part)
        for name, part in ({"operation": "find", "collection": "things"} | dict(parts)).items()
    }
    parameters = [
        DeclaredParameter(
            name=name,
            type=ParameterType(kind.rstrip("*[]")) if kind.rstrip("*[]") else None,
            wildcards=kind.endswith("*"),
            is_list=kind.endswith("[]"),
            nullable=True,
        )
        for name, kind in (types or {}).items()
    ]
    return compile_action(DRIVER, configuration, parameters, read_only=flags.get("read_only"), allow_ddl=False)


def plan_of(parts: Mapping[str, Any], types: Mapping[str, str] | None = None, **flags: Any) -> Plan:
    """Return the plan of an action without problems."""
    done = compiled(parts, types, **flags)
    assert done.problems == ()
    assert done.plan is not None
    return done.plan


def refusals(parts: Mapping[str, Any], types: Mapping[str, str] | None = None) -> list[str]:
    """Return the paths of what is wrong with an action."""
    return [problem.path.removeprefix("configuration.") for problem in compiled(parts, types).problems]


def sent(parts: Mapping[str, Any], types: Mapping[str, str] | None = None, **values: Any) -> Command:
    """Return what an execution with these values sends."""
    payload = bind(plan_of(parts, types), values, lambda name: None).payload
    assert isinstance(payload, Document)
    return command(payload)


def misfit(parts: Mapping[str, Any], types: Mapping[str, str] | None = None, **values: Any) -> list[str]:
    """Return which bindings' values do not fit."""
    try:
        sent(parts, types, **values)
    except ParameterInvalid as error:
        return [problem.path for problem in error.details]
    return []
