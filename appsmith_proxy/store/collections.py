"""What is stored: the one table of collections. Name, shape, indexed fields, unique fields, label of each kind of record.

A store looks at a record's indexed fields and at nothing else of it; ``codec`` makes documents by the shapes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from appsmith_proxy.errors import Outcome
from appsmith_proxy.model.keyed_runs import KeyedRun, RunEnd
from appsmith_proxy.model.parameters import DeclaredParameter
from appsmith_proxy.model.principal import Role, User
from appsmith_proxy.model.records import (
    Action,
    ActionCopy,
    Application,
    Datasource,
    PlanSeal,
    SealedSecret,
    Token,
    Workspace,
)
from appsmith_proxy.sdk import ParameterType, Reported
from appsmith_proxy.store.contract import Kind
from appsmith_proxy.store.shapes import (
    BOOLEAN,
    BYTES,
    INTEGER,
    JSON,
    MOMENT,
    OBJECT,
    SCALAR,
    TEXT,
    Part,
    mapping,
    member,
    optional,
    pair,
    sequence,
    shape,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """How one kind of record is stored."""

    name: str
    shape: Part
    indexed: Mapping[str, Callable[[Any], tuple[str, ...]]]
    """Field → its values in a record (several where a record refers to several others). ``find`` and ``Require`` use them."""
    unique: tuple[str, ...]
    """Indexed fields that together are taken once; the last one is the one to blame."""
    label: Callable[[Any], str]
    """How a person is told which record it is."""


def check_where(kind: Kind, where: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return ``where``, or an empty mapping; a field that is not indexed is a ``ValueError``."""
    if not where:
        return {}
    if unknown := where.keys() - COLLECTIONS[kind].indexed.keys():
        raise ValueError(f"{COLLECTIONS[kind].name} cannot be found by {', '.join(sorted(unknown))}")
    return where


def _one(read: Callable[[Any], str | None]) -> Callable[[Any], tuple[str, ...]]:
    def values(record: Any) -> tuple[str, ...]:
        value = read(record)
        return () if value is None else (value,)

    return values


def _datasources(action: Action) -> tuple[str, ...]:
    copies = (action.draft, action.published)
    return tuple(copy.datasource_id for copy in copies if copy is not None)


_USER: Final = shape(
    User,
    id=optional(TEXT),
    email=optional(TEXT),
    name=optional(TEXT),
    groups=optional(sequence(TEXT)),
    roles=optional(sequence(TEXT)),
)

_RULES: Final[Mapping[str, Part]] = {
    "name": TEXT,
    "type": optional(member(ParameterType)),
    "is_list": BOOLEAN,
    "required": BOOLEAN,
    "nullable": BOOLEAN,
    "default": JSON,
    "has_default": BOOLEAN,
    "choices": sequence(JSON),
    "min": optional(SCALAR),
    "max": optional(SCALAR),
    "min_length": optional(INTEGER),
    "max_length": optional(INTEGER),
    "pattern": optional(TEXT),
    "max_items": INTEGER,
    "allow_empty": BOOLEAN,
    "wildcards": BOOLEAN,
    "empty_is_absent": optional(BOOLEAN),
    "trusted_only": BOOLEAN,
}

_COLUMN: Final = shape(DeclaredParameter, without=["fields"], **_RULES)
_PARAMETER: Final = shape(DeclaredParameter, fields=sequence(_COLUMN), **_RULES)  # type: ignore[arg-type]  # reason: no rule is named "without"


_SEAL: Final = shape(
    PlanSeal,
    version=INTEGER,
    compiler=INTEGER,
    digest=TEXT,
    reported=sequence(
        shape(
            Reported,
            statement=TEXT,
            parameter_types=sequence(optional(TEXT)),
            columns=sequence(pair(TEXT, TEXT)),
        )
    ),
    mac=BYTES,
)

_ACTION_COPY: Final = shape(
    ActionCopy,
    datasource_id=TEXT,
    name=TEXT,
    configuration=OBJECT,
    parameters=sequence(_PARAMETER),
    timeout_ms=INTEGER,
    read_only=optional(BOOLEAN),
    allow_ddl=BOOLEAN,
    max_affected_rows=optional(INTEGER),
    numbers=TEXT,
    confirm_before_execute=BOOLEAN,
    cancel_on_disconnect=BOOLEAN,
    user_messages=mapping(TEXT),
    checked=BOOLEAN,
    seal=optional(_SEAL),
)

_RUN_END: Final = shape(
    RunEnd,
    affected=optional(INTEGER),
    status=optional(INTEGER),
    error_code=TEXT,
    outcome=optional(member(Outcome)),
    constraint=TEXT,
)

COLLECTIONS: Final[Mapping[Kind, Collection]] = {
    Workspace: Collection(
        name="workspaces",
        shape=shape(Workspace, without=["revision"], id=TEXT, name=TEXT),
        indexed={"name": _one(lambda it: it.name)},
        unique=("name",),
        label=lambda it: it.name,
    ),
    Application: Collection(
        name="applications",
        shape=shape(
            Application,
            without=["revision"],
            id=TEXT,
            workspace_id=TEXT,
            name=TEXT,
            published_at=optional(MOMENT),
        ),
        indexed={"workspace_id": _one(lambda it: it.workspace_id), "name": _one(lambda it: it.name)},
        unique=("workspace_id", "name"),
        label=lambda it: it.name,
    ),
    Datasource: Collection(
        name="datasources",
        shape=shape(
            Datasource,
            without=["revision"],
            id=TEXT,
            workspace_id=TEXT,
            name=TEXT,
            kind=TEXT,
            configuration=OBJECT,
            secrets=mapping(shape(SealedSecret, sealed=BYTES, generation=INTEGER)),
        ),
        indexed={
            "workspace_id": _one(lambda it: it.workspace_id),
            "name": _one(lambda it: it.name),
            "kind": _one(lambda it: it.kind),
        },
        unique=("workspace_id", "name"),
        label=lambda it: it.name,
    ),
    Action: Collection(
        name="actions",
        shape=shape(
            Action,
            without=["revision"],
            id=TEXT,
            workspace_id=TEXT,
            application_id=TEXT,
            draft=_ACTION_COPY,
            published=optional(_ACTION_COPY),
        ),
        indexed={
            "workspace_id": _one(lambda it: it.workspace_id),
            "application_id": _one(lambda it: it.application_id),
            "datasource_id": _datasources,
            "name": _one(lambda it: it.draft.name),
        },
        unique=("application_id", "name"),
        label=lambda it: it.draft.name,
    ),
    Token: Collection(
        name="tokens",
        shape=shape(
            Token,
            without=["revision"],
            id=TEXT,
            sha256=TEXT,
            role=member(Role),
            workspace_id=optional(TEXT),
            user=_USER,
            created_at=MOMENT,
            expires_at=MOMENT,
        ),
        indexed={"sha256": _one(lambda it: it.sha256), "workspace_id": _one(lambda it: it.workspace_id)},
        unique=("sha256",),
        label=lambda it: it.id,
    ),
    KeyedRun: Collection(
        name="keyed_runs",
        shape=shape(
            KeyedRun,
            without=["revision"],
            id=TEXT,
            execution_id=TEXT,
            overdue_at=MOMENT,
            expires_at=MOMENT,
            end=optional(_RUN_END),
        ),
        indexed={"id": _one(lambda it: it.id)},
        unique=("id",),
        label=lambda it: it.id,
    ),
}

KINDS: Final[Mapping[str, Kind]] = {collection.name: kind for kind, collection in COLLECTIONS.items()}
"""Collection name → kind of record."""
