"""The contract of a configuration store: records by id, optimistic revisions, all-or-nothing commits, a change feed.

::

    ConfigStore ── MemoryStore (tests)
                ├─ SqliteStore (embedded default)
                └─ MongodbStore (shared by replicas)

Every version passes the same suite (``tests/unit/store/suite.py``). The rules that a version must keep:

- A commit is all or nothing and, once acknowledged, survives a crash of the process.
- A read sees every commit that was acknowledged before it began, and is never older than the last ``changes`` answer.
- The epoch only grows. A commit that changes a record moves it by one; one that only requires does not.
- Sealed secrets are opaque bytes; no version looks into a record beyond its indexed fields (``collections.COLLECTIONS``).
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeAlias, TypeVar

from appsmith_proxy.model.keyed_runs import KeyedRun
from appsmith_proxy.model.records import Action, Application, Datasource, Token, Workspace

Record: TypeAlias = Workspace | Application | Datasource | Action | Token | KeyedRun
"""Whatever the store keeps."""

R = TypeVar("R", bound=Record)

Kind: TypeAlias = type[Any]
"""The class of a record: ``type[Record]``, spelled so that generic callers may pass their ``type[R]``."""

PAGE: Final = 100
"""How many records ``find`` answers unless told otherwise."""

FEED_KEPT: Final = 1_000
"""How many epochs back the feed can tell; a reader that is further behind drops everything it has."""

DEMO_MARK: Final = "demo"
"""The meta key that marks a store made by the demo; ``serve`` refuses such a store."""

COPY_MARK: Final = "copy"
"""The meta key that a copy into this store leaves: ``COPY_BEGUN`` and more until it is done, ``COPY_DONE`` afterwards."""

COPY_BEGUN: Final = b"begun "
COPY_DONE: Final = b"done"


@dataclass(frozen=True, slots=True)
class Ref:
    """Names one record, or, without an id, every record of a kind (the feed was lost: trust nothing that is cached)."""

    kind: Kind
    id: str = ""


@dataclass(frozen=True, slots=True)
class Put:
    """Create (``expected`` 0) or replace a record; its stored revision becomes ``expected + 1``.

    Refused with ``StaleRevision`` when the stored revision is another, ``NotFound`` when a replaced record is gone, and
    ``NameTaken`` when a unique field is taken. ``record.revision`` is ignored.
    """

    record: Record
    expected: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a record. Refused with ``StaleRevision`` or ``NotFound``."""

    kind: Kind
    id: str
    expected: int


@dataclass(frozen=True, slots=True)
class Require:
    """Go on only if this record exists and its indexed fields have these values; else ``NotFound``."""

    kind: Kind
    id: str
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequireNone:
    """Go on only if no record matches; else ``InUse``, with one problem per record (path ``actions/<id>``, its name)."""

    kind: Kind
    where: Mapping[str, str]


Change: TypeAlias = Put | Delete | Require | RequireNone


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened after an epoch. ``complete`` False: too much to tell, or too long ago; drop everything cached."""

    epoch: int
    refs: tuple[Ref, ...]
    complete: bool


class ConfigStore(ABC):
    """Keeps the records. Safe for concurrent use from one event loop; other processes may write at the same time.

    ``async with store:`` opens and closes it. A store that is not closed may keep its process from ending.
    """

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @abstractmethod
    async def open(self) -> None:
        """Open, creating or migrating under a lock. Raises ``StoreError`` with what to do when it cannot."""

    @abstractmethod
    async def close(self) -> None:
        """Close. May be called twice, and without ``open``."""

    @abstractmethod
    async def get(self, kind: type[R], record_id: str) -> R | None:
        """Return a record, or None."""

    @abstractmethod
    async def find(
        self, kind: type[R], *, where: Mapping[str, str] | None = None, after: str = "", limit: int = PAGE
    ) -> tuple[R, ...]:
        """Return records in id order, those with an id greater than ``after``.

        ``where`` names indexed fields as ``collections.COLLECTIONS`` does; all must match. An unknown field is a ``ValueError``.
        """

    @abstractmethod
    async def commit(self, *changes: Change) -> int:
        """Do all changes in order, or none of them; return the new epoch. Raises as each change says."""

    @abstractmethod
    async def changes(self, after: int) -> Changes:
        """Return what changed after an epoch, each record once."""

    @abstractmethod
    async def get_meta(self, key: str) -> bytes | None:
        """Return the bytes stored under a key: the vault's key ring, the instance's id, marks."""

    @abstractmethod
    async def put_meta(self, key: str, value: bytes, *, expected: bytes | None) -> None:
        """Store bytes if the present ones are ``expected`` (None: there are none); else ``StaleRevision``."""

    @abstractmethod
    async def meta_keys(self) -> tuple[str, ...]:
        """Return the keys that have bytes, in order."""

    async def wait(self, after: int, seconds: float) -> None:
        """Return as soon as another process may have committed after an epoch, at the latest when the time is over.

        It only spares waiting: it may return early or late, and never raises. A store that is not told sleeps.
        """
        await asyncio.sleep(seconds)

    @property
    def endpoints(self) -> tuple[tuple[str, int], ...]:
        """The (host, port)s of the store's servers as they are known now: no datasource may be there."""
        return ()

    async def scan(self, kind: type[R], *, where: Mapping[str, str] | None = None) -> AsyncIterator[R]:
        """Yield all matching records in id order, page by page: not one snapshot."""
        after = ""
        while page := await self.find(kind, where=where, after=after):
            for record in page:
                yield record
            after = page[-1].id
