"""Is this object a driver? What can be read off its class without opening anything."""

import inspect
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from appsmith_proxy.sdk import (
    ActionField,
    Capability,
    Dialect,
    Driver,
    Field,
    FieldType,
    Payload,
    Place,
    check_configuration,
)

KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FIELD_NAME: Final = re.compile(r"[a-z][A-Za-z0-9]{0,63}")
_ROW_TABLES: Final[tuple[tuple[str, type[Field]], ...]] = (
    ("fields", Field),
    ("actions", ActionField),
    ("options", Field),
)


def contract_problems(driver: Driver) -> list[str]:
    """Return what is wrong with a driver's class attributes, as sentences; empty when it may be registered.

    Raises:
        Exception: whatever an attribute of the driver raises when it is read.
    """
    shapes = list(_shape_problems(driver))
    # The tables are looked into only when they are tables: one wrong type would otherwise read as ten mistakes.
    return shapes or [*_payload_problems(driver), *_table_problems(driver)]


def _shape_problems(driver: Driver) -> Iterator[str]:
    kind: object = getattr(driver, "kind", None)
    if not isinstance(kind, str) or not KIND.fullmatch(kind):
        yield "kind must be lower-case letters, digits and underscores, a letter first"
    title: object = getattr(driver, "title", None)
    if not isinstance(title, str) or not title.strip():
        yield "title must be a text that is not empty"
    if not isinstance(getattr(driver, "payload", None), Payload):
        yield "payload must be a Payload"
    if not _is_set_of_capabilities(driver.capabilities):
        yield "capabilities must be a frozenset of Capability"
    if driver.dialect is not None and not _is(driver.dialect, Dialect):
        yield "dialect must be a Dialect or None"
    for name, row_type in _ROW_TABLES:
        table: object = getattr(driver, name)
        if not isinstance(table, tuple) or not all(isinstance(row, row_type) for row in table):
            yield f"{name} must be a tuple of {row_type.__name__}"
    if not inspect.iscoroutinefunction(driver.open):
        yield "open must be a coroutine function"


def _payload_problems(driver: Driver) -> Iterator[str]:
    if driver.payload is Payload.STATEMENT:
        if driver.dialect is None:
            yield "a driver of statements needs a dialect"
        if not any(row.place is Place.SQL for row in driver.actions):
            yield "a driver of statements needs an action field whose place is sql"
    else:
        if driver.dialect is not None:
            yield "only a driver of statements has a dialect"
        if any(row.place is Place.SQL for row in driver.actions):
            yield "only a driver of statements has action fields whose place is sql"


def _table_problems(driver: Driver) -> Iterator[str]:
    for table, _ in _ROW_TABLES:
        rows: tuple[Field, ...] = getattr(driver, table)
        names = {row.name for row in rows}
        for row in rows:
            yield from (f"{table}: {row.name} {problem}" for problem in _row_problems(row, names))
            if row.secret and table != "fields":
                yield f"{table}: {row.name} must not be secret"
        for one, other in combinations(rows, 2):
            if one.name == other.name and not _exclude_each_other(one, other):
                yield f"{table}: {one.name} stands twice, and the two can apply together"


def _row_problems(row: Field, names: set[str]) -> Iterator[str]:
    if not _FIELD_NAME.fullmatch(row.name):
        yield "must have a name in lowerCamelCase"
    if not _is(row.type, FieldType):
        yield "must have a FieldType"
        return
    if (row.type is FieldType.CHOICE) != bool(row.choices):
        yield "must have choices exactly when its type is choice"
    if row.ordered and not row.choices:
        yield "is ordered without choices"
    if row.secret and row.default is not None:
        yield "must not have a default: it is secret"
    if row.secret and row.destination:
        yield "cannot be both secret and destination"
    if row.shown_when is not None and row.shown_when[0] not in names - {row.name}:
        yield "depends on a field that does not exist"
    if row.default is not None and not row.secret and _bad_default(row):
        yield "has a default that it would refuse"


def _bad_default(row: Field) -> bool:
    alone = Field(**{name: getattr(row, name) for name in _FIELD_SLOTS} | {"shown_when": None})
    return bool(check_configuration([alone], {row.name: row.default})[1])


_FIELD_SLOTS: Final[tuple[str, ...]] = tuple(Field.__dataclass_fields__)


def _exclude_each_other(one: Field, other: Field) -> bool:
    if one.shown_when is None or other.shown_when is None or one.shown_when[0] != other.shown_when[0]:
        return False
    return not set(one.shown_when[1]) & set(other.shown_when[1])


def _is_set_of_capabilities(value: object) -> bool:
    return isinstance(value, frozenset) and all(isinstance(item, Capability) for item in value)


def _is(value: object, kind: type) -> bool:
    # The annotations say so already; a stranger's class may not have heard.
    return isinstance(value, kind)
