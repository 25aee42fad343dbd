"""Reading and writing records for a caller: nothing is read without a permission, and there is no default for it."""

from collections.abc import Mapping
from typing import Final, TypeVar, final

from appsmith_proxy.access.policy import Permission, allowed
from appsmith_proxy.catalog.views import Page
from appsmith_proxy.errors import NotFound, StaleRevision
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.model.records import Action, Application, Datasource, Workspace
from appsmith_proxy.store.cache import CachedStore
from appsmith_proxy.store.contract import Change, ConfigStore

R = TypeVar("R", Workspace, Application, Datasource, Action)

NAMES: Final[Mapping[type, str]] = {
    Workspace: "workspace",
    Application: "application",
    Datasource: "datasource",
    Action: "action",
}


@final
class Records:
    """The one gateway between the editors' verbs and the store."""

    def __init__(self, store: ConfigStore, cache: CachedStore) -> None:
        self._store = store
        self._cache = cache

    async def read(self, principal: Principal, kind: type[R], record_id: str, permission: Permission) -> R:
        """Return a record that the caller may use so.

        Raises:
            NotFound: it does not exist, or is not the caller's: the same for both.
        """
        record = await self._store.get(kind, record_id)
        if record is None or not allowed(principal, permission, workspace_of(record)):
            raise missing(kind)
        return record

    async def page(
        self,
        principal: Principal,
        kind: type[R],
        permission: Permission,
        *,
        where: Mapping[str, str],
        after: str,
        limit: int,
    ) -> Page[R]:
        """Return one page of the records that the caller may use so.

        A caller of one workspace is narrowed to it in the query itself, so pages are full and no others are read.
        """
        query = dict(where)
        if principal.workspace_id is not None:
            if kind is Workspace:
                own = await self._store.get(Workspace, principal.workspace_id)
                items = (own,) if own is not None and own.id > after else ()
                return Page(items=tuple(i for i in items if allowed(principal, permission, i.id)), next=None)
            if query.setdefault("workspace_id", principal.workspace_id) != principal.workspace_id:
                return Page(items=(), next=None)
        found = await self._store.find(kind, where=query, after=after, limit=limit + 1)
        visible = tuple(item for item in found[:limit] if allowed(principal, permission, workspace_of(item)))
        return Page(items=visible, next=found[limit - 1].id if len(found) > limit else None)

    async def all(self, kind: type[R], *, where: Mapping[str, str]) -> tuple[R, ...]:
        """Return every record that matches; for verbs that have checked the caller's right to the whole."""
        found: list[R] = []
        while page := await self._store.find(kind, where=where, after=found[-1].id if found else "", limit=500):
            found.extend(page)
        return tuple(found)

    async def commit(self, *changes: Change) -> None:
        """Write all or nothing, and see it at once in this process."""
        await self._store.commit(*changes)
        await self._cache.refresh()

    async def reread(self, kind: type[R], record_id: str) -> R:
        """Return a record after a commit of ours."""
        record = await self._store.get(kind, record_id)
        if record is None:
            raise missing(kind)
        return record


def workspace_of(record: Workspace | Application | Datasource | Action) -> str:
    """Return the workspace that a record belongs to."""
    return record.id if isinstance(record, Workspace) else record.workspace_id


def missing(kind: type) -> NotFound:
    """Return the error for a record that does not exist or is not the caller's."""
    return NotFound(f"no such {NAMES[kind]}")


def check_revision(record: Workspace | Application | Datasource | Action, revision: int) -> None:
    """Refuse a change to something that has changed since it was read.

    Raises:
        StaleRevision: with the present revision, so that a person can see how far behind they are.
    """
    if record.revision != revision:
        raise StaleRevision(
            f"the {NAMES[type(record)]} is at revision {record.revision}, not {revision}",
            hint="read it again, and repeat the change on what you read",
        )
