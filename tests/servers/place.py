"""A workspace with one application, furnished through the JSON API by whoever may."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tests.servers.proxy import Caller


@dataclass(frozen=True, slots=True)
class Place:
    """Where datasources and actions are made."""

    caller: Caller
    workspace_id: str
    application_id: str

    @classmethod
    async def made(cls, caller: Caller, name: str = "Shop") -> Self:
        """Make a workspace and an application; the caller must be an administrator of the instance."""
        workspace = await caller.created("/workspaces", {"name": name})
        application = await caller.created("/applications", {"workspaceId": workspace["id"], "name": name})
        return cls(caller, workspace["id"], application["id"])

    async def datasource(self, kind: str, configuration: Mapping[str, Any], *, name: str = "") -> str:
        """Create a datasource and return its id."""
        body = {
            "workspaceId": self.workspace_id,
            "name": name or kind,
            "kind": kind,
            "configuration": dict(configuration),
        }
        found: str = (await self.caller.created("/datasources", body))["id"]
        return found

    async def action(
        self, datasource_id: str, configuration: Mapping[str, Any] | str, *, name: str = "action", **fields: Any
    ) -> str:
        """Create an action (a text is SQL) and return its id. ``publish`` lets viewers have it."""
        body = {
            "applicationId": self.application_id,
            "datasourceId": datasource_id,
            "name": name,
            "configuration": {"body": configuration} if isinstance(configuration, str) else dict(configuration),
            **fields,
        }
        found: str = (await self.caller.created("/actions", body))["id"]
        return found

    async def publish(self) -> None:
        """Publish the application."""
        reply = await self.caller.call("POST", f"/applications/{self.application_id}/publish")
        assert reply.status == 200, reply.envelope
