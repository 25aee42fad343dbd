"""The reference page of the driver contract, made from the contract itself and from the suites that prove it."""

import ast
import inspect
from collections.abc import Iterable, Sequence
from enum import StrEnum

from appsmith_proxy.sdk import (
    API_VERSION,
    ENTRY_POINT_GROUP,
    PROTOCOLS,
    Capability,
    DatasourceError,
    FieldType,
    HookSpecs,
    Outcome,
    Payload,
    Place,
)
from appsmith_proxy.testing.conformance import Conformance
from appsmith_proxy.testing.harness import PARTS, PROOF, Part
from appsmith_proxy.testing.suite import Suite


def driver_contract_page() -> str:
    """Return ``docs/reference/driver-contract.md``."""
    return f"""# The driver contract

Version {API_VERSION}. Everything that a driver may import is in `appsmith_proxy.sdk`, whose docstrings are the full text; these are its
tables. The guide is [Write a driver](../how-to/write-a-driver.md).

## Payloads

What a driver's actions compile to, and so what its `execute` receives.

{_table(("payload", "meaning"), _members(Payload))}

## Capabilities

A capability is declared and proven, or neither is there: declared and failing fails the kit, and so does an optional
protocol that is there and not declared.

{_table(("capability", "meaning", "protocol of the Client", "parts that prove it"), map(_capability_row, _members(Capability)))}

## Hooks

A plugin is a module named by an entry point of the group `{ENTRY_POINT_GROUP}`. It marks its functions with `hookimpl`.
No request, statement or row passes through a hook.

{_table(("hook", "what it does, and when"), map(_hook_row, _hooks()))}

## Fields

A datasource's configuration, an action's, and the operator's options are tables of `Field`. Their types:

{_table(("type", "meaning"), _members(FieldType))}

An action's field has a place, which decides how a binding in it is treated: {_listed(Place)}.

## Errors

Only these leave a driver. `outcome` says what became of the work: {_listed(Outcome)}.

{_table(("error", "meaning"), map(_error_row, _errors()))}

## What a harness offers

Each part is made of methods of `appsmith_proxy.testing.Harness`. A part that the datasource does not have is declared in
`absent`, with the reason.

{_table(("part", "meaning", "methods"), map(_part_row, _members(Part)))}

## Suites

{_suites()}

This page is made from `appsmith_proxy/sdk` and `appsmith_proxy/testing` by `python -m docs.build`; a test compares.
"""


def _members(enum: type[StrEnum]) -> list[tuple[str, str]]:
    """Return the members of an enumeration with the docstrings that stand below them."""
    body = ast.parse(inspect.getsource(enum)).body[0]
    assert isinstance(body, ast.ClassDef)  # reason: the source of a class
    told: dict[str, str] = {}
    name = ""
    for node in body.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = enum[node.targets[0].id].value
            told[name] = ""
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            told[name] = _plain(str(node.value.value))
    return [(f"`{name}`", text) for name, text in told.items()]


def _capability_row(row: tuple[str, str]) -> tuple[str, ...]:
    capability = Capability(row[0].strip("`"))
    protocol = PROTOCOLS.get(capability)
    parts = ", ".join(f"`{part}`" for part in sorted(PROOF.get(capability, ())))
    return *row, f"`{protocol.__name__}`" if protocol else "", parts


def _hooks() -> Sequence[str]:
    return [name for name in vars(HookSpecs) if not name.startswith("_")]


def _hook_row(name: str) -> tuple[str, ...]:
    summary, *details = inspect.cleandoc(getattr(HookSpecs, name).__doc__ or "").split("\n\n")
    return f"`{name}`", _plain(" ".join([summary, *(text for text in details if text.startswith("Fires"))]))


def _errors() -> Iterable[type[DatasourceError]]:
    for error in DatasourceError.__subclasses__():
        yield error
        yield from error.__subclasses__()


def _error_row(error: type[DatasourceError]) -> tuple[str, ...]:
    return f"`{error.__name__}`", _plain((error.__doc__ or "").strip())


def _part_row(row: tuple[str, str]) -> tuple[str, ...]:
    return *row, ", ".join(f"`{method}`" for method in PARTS[Part(row[0].strip("`"))])


def _suites() -> str:
    bases = [base for base in Conformance.__bases__ if issubclass(base, Suite)]
    return "\n\n".join(_suite(base) for base in bases)


def _suite(suite: type[Suite]) -> str:
    tests = [name for name in vars(suite) if name.startswith("test_")]
    head = f"### {suite.__name__.removesuffix('Suite')}\n\n{_plain(suite.__doc__ or '')}\n\n"
    return head + "\n".join(f"- {_test(getattr(suite, name), name)}" for name in tests)


def _test(test: object, name: str) -> str:
    needs = ", ".join(f"`{need}`" for need in sorted(getattr(test, "kit_needs", ())))
    told = f": {_plain(inspect.getdoc(test) or '')}" if getattr(test, "__doc__", None) else ""
    return f"`{name}`{f' (needs {needs})' if needs else ''}{told}"


def _listed(enum: type[StrEnum]) -> str:
    return ", ".join(f"{name} ({text.rstrip('.')})" if text else name for name, text in _members(enum))


def _plain(text: str) -> str:
    """Return a docstring as one line of Markdown."""
    return " ".join(text.replace("``", "`").split())


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
