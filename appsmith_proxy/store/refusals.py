"""What every store says when it refuses a change, so that all of them say the same."""

from collections.abc import Iterable
from typing import Final

from appsmith_proxy.errors import InUse, NameTaken, NotFound, Problem, StaleRevision, StoreError
from appsmith_proxy.store.collections import COLLECTIONS
from appsmith_proxy.store.contract import Kind, Record

BLOCKERS_NAMED: Final = 100
"""How many records that stand in the way are named."""


def stale(kind: Kind) -> StaleRevision:
    """Return the refusal for a record that is at another revision."""
    return StaleRevision(
        f"this one of the {COLLECTIONS[kind].name} has changed since it was read",
        hint="read it again and repeat the change",
    )


def missing(kind: Kind) -> NotFound:
    """Return the refusal for a record that is not there, or not where it should be."""
    return NotFound(f"no such record among the {COLLECTIONS[kind].name}")


def taken(kind: Kind) -> NameTaken:
    """Return the refusal for a record whose unique fields are another's already."""
    field = COLLECTIONS[kind].unique[-1]
    return NameTaken(
        f"another one of the {COLLECTIONS[kind].name} in the same place has this {field}",
        hint=f"choose another {field}",
        details=(Problem(field, "already taken"),),
    )


def in_use(kind: Kind, blockers: Iterable[Record]) -> InUse:
    """Return the refusal for a record that others refer to; it names them."""
    collection = COLLECTIONS[kind]
    details = tuple(Problem(f"{collection.name}/{it.id}", collection.label(it)) for it in blockers)
    return InUse(
        f"still in use by {collection.name}", hint="delete them first, or change them", details=details[:BLOCKERS_NAMED]
    )


def stale_meta(key: str) -> StaleRevision:
    """Return the refusal for a meta entry that is not what its writer believed."""
    return StaleRevision(f"the store's entry {key!r} was changed by another process", hint="repeat the command")


def not_open() -> StoreError:
    """Return the error for a store that is used before it is opened, or after it is closed."""
    return StoreError("the configuration store is not open")
