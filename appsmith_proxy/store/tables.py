"""Records in plain tables, and what each change does to them: the rules of a commit, without the keeping."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from appsmith_proxy.store import refusals
from appsmith_proxy.store.codec import Encoded, decode, encode
from appsmith_proxy.store.collections import COLLECTIONS, check_where
from appsmith_proxy.store.contract import Change, Delete, Kind, Put, R, Ref, Require, RequireNone


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it is stored, at a revision."""

    encoded: Encoded
    revision: int

    def matches(self, where: Mapping[str, str]) -> bool:
        """Return whether all indexed fields have these values."""
        return all(pair in self.encoded.index for pair in where.items())

    def read(self, kind: type[R]) -> R:
        """Return the record."""
        return decode(kind, self.encoded.id, self.encoded.document, self.revision)


Tables: TypeAlias = dict[Kind, dict[str, Entry]]
"""Kind → id → entry."""


def new_tables() -> Tables:
    """Return a table for each kind, empty."""
    return {kind: {} for kind in COLLECTIONS}


def matching(tables: Tables, kind: Kind, where: Mapping[str, str] | None) -> Iterator[Entry]:
    """Yield the entries whose indexed fields have these values."""
    wanted = check_where(kind, where)
    return (entry for entry in tables[kind].values() if entry.matches(wanted))


@dataclass(frozen=True, slots=True)
class Step:
    """What one change did to one record: ``before`` None where it was made, ``after`` None where it was removed."""

    ref: Ref
    before: Entry | None
    after: Entry | None


def apply_all(tables: Tables, changes: Iterable[Change]) -> tuple[Step, ...]:
    """Do the changes in order, in these tables; raise as each change says, the tables half done."""
    return tuple(step for change in changes if (step := _apply(tables, change)))


def _apply(tables: Tables, change: Change) -> Step | None:
    match change:
        case Put():
            return _put(tables[type(change.record)], change)
        case Delete(kind, record_id, expected):
            before = tables[kind].get(record_id)
            _check_revision(kind, before, expected)
            del tables[kind][record_id]
            return Step(Ref(kind, record_id), before, None)
        case Require(kind, record_id, where):
            entry = tables[kind].get(record_id)
            if entry is None or not entry.matches(check_where(kind, where)):
                raise refusals.missing(kind)
        case RequireNone(kind, where):
            if entries := sorted(matching(tables, kind, where), key=lambda entry: entry.encoded.id):
                raise refusals.in_use(kind, (entry.read(kind) for entry in entries))
    return None


def _put(table: dict[str, Entry], put: Put) -> Step:
    kind, record = type(put.record), put.record
    before = table.get(record.id)
    if put.expected:
        _check_revision(kind, before, put.expected)
    elif before is not None:
        raise refusals.stale(kind)
    encoded = encode(record)
    if any(entry.encoded.unique == encoded.unique for key, entry in table.items() if key != record.id):
        raise refusals.taken(kind)
    after = table[record.id] = Entry(encoded, put.expected + 1)
    return Step(Ref(kind, record.id), before, after)


def _check_revision(kind: Kind, present: Entry | None, expected: int) -> None:
    if present is None:
        raise refusals.missing(kind)
    if present.revision != expected:
        raise refusals.stale(kind)
