"""Workspaces: create, read, rename, delete."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, final

from appsmith_proxy.access.policy import Permission, allowed
from appsmith_proxy.catalog.records import Records, check_revision
from appsmith_proxy.catalog.views import Page
from appsmith_proxy.errors import Forbidden
from appsmith_proxy.model.ids import new_id
from appsmith_proxy.model.principal import Principal
from appsmith_proxy.model.records import Application, Datasource, Token, Workspace
from appsmith_proxy.store.contract import Delete, Put, RequireNone


@final
class Workspaces:
    """The verbs of workspaces."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def create(self, principal: Principal, values: Mapping[str, Any]) -> Workspace:
        """Create a workspace; only a caller of every workspace may.

        Raises:
            Forbidden: the caller belongs to one workspace.
            NameTaken: there is one of that name.
        """
        if principal.workspace_id is not None or not allowed(principal, Permission.WORKSPACE_MANAGE, None):
            raise Forbidden("only an administrator of the whole instance creates workspaces")
        workspace = Workspace(id=new_id(), name=values["name"])
        await self._records.commit(Put(workspace, expected=0))
        return await self._records.reread(Workspace, workspace.id)

    async def list(self, principal: Principal, *, where: Mapping[str, str], after: str, limit: int) -> Page[Workspace]:
        """Return the caller's workspaces."""
        return await self._records.page(
            principal, Workspace, Permission.WORKSPACE_READ, where=where, after=after, limit=limit
        )

    async def get(self, principal: Principal, record_id: str) -> Workspace:
        """Return one workspace."""
        return await self._records.read(principal, Workspace, record_id, Permission.WORKSPACE_READ)

    async def patch(
        self, principal: Principal, record_id: str, *, revision: int, values: Mapping[str, Any]
    ) -> Workspace:
        """Rename a workspace."""
        workspace = await self._records.read(principal, Workspace, record_id, Permission.WORKSPACE_MANAGE)
        check_revision(workspace, revision)
        await self._records.commit(Put(replace(workspace, **values), expected=revision))
        return await self._records.reread(Workspace, record_id)

    async def delete(self, principal: Principal, record_id: str) -> None:
        """Delete an empty workspace.

        Raises:
            InUse: applications, datasources or tokens still belong to it.
        """
        workspace = await self._records.read(principal, Workspace, record_id, Permission.WORKSPACE_MANAGE)
        within = {"workspace_id": workspace.id}
        await self._records.commit(
            RequireNone(Application, within),
            RequireNone(Datasource, within),
            RequireNone(Token, within),
            Delete(Workspace, workspace.id, expected=workspace.revision),
        )
