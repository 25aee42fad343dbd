"""A datasource's configuration as it comes in: plain fields and secrets in one object, taken apart by the field table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from appsmith_proxy.errors import Problem
from appsmith_proxy.sdk import Field, FieldType, rows_in_force
from appsmith_proxy.sdk.field_checks import check_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A configuration, or a patch of one, taken apart."""

    plain: Mapping[str, Any]
    given: Mapping[str, str]
    """Secrets that came, by ``field`` or ``field.key``."""
    removed: frozenset[str]
    """Secrets that are to be deleted: null was given. A whole secret map is named by its field."""
    problems: tuple[Problem, ...]


def take_apart(fields: Iterable[Field], configuration: Mapping[str, Any]) -> Incoming:
    """Split what came into plain values and secrets. Secrets are checked here; plain values by the driver."""
    rows = {row.name: row for row in fields if row.secret}
    plain: dict[str, Any] = {}
    given: dict[str, str] = {}
    removed: set[str] = set()
    problems: list[Problem] = []
    for name, value in configuration.items():
        row = rows.get(name)
        if row is None:
            plain[name] = value
        elif value is None:
            removed.add(name)
        elif row.type is FieldType.MAP:
            _take_map(row, value, given, removed, problems)
        else:
            found = [*check_value(row, value, f"configuration.{name}")]
            problems.extend(found)
            if not found and value == "":
                problems.append(
                    Problem(
                        f"configuration.{name}",
                        "must not be empty",
                        hint="null deletes a secret; leaving it out keeps it",
                    )
                )
            elif not found:
                given[name] = value
    return Incoming(plain=plain, given=given, removed=frozenset(removed), problems=tuple(problems))


def kept_secrets(stored: Iterable[str], incoming: Incoming) -> frozenset[str]:
    """Return the names of stored secrets that neither came anew nor were deleted."""
    return frozenset(
        name
        for name in stored
        if name not in incoming.given
        and name not in incoming.removed
        and name.partition(".")[0] not in incoming.removed
    )


def applicable(fields: Iterable[Field], configuration: Mapping[str, Any], names: Iterable[str]) -> frozenset[str]:
    """Return those of the secrets whose field is in force under a configuration."""
    in_force = {row.name for row in rows_in_force(fields, configuration) if row.secret}
    return frozenset(name for name in names if name.partition(".")[0] in in_force)


def _take_map(row: Field, value: Any, given: dict[str, str], removed: set[str], problems: list[Problem]) -> None:
    if isinstance(value, Mapping):
        removed.update(f"{row.name}.{key}" for key, item in value.items() if item is None)
        value = {key: item for key, item in value.items() if item is not None}
    found = [*check_value(row, value, f"configuration.{row.name}")]
    problems.extend(found)
    if not found:
        given.update({f"{row.name}.{key}": item for key, item in value.items()})
