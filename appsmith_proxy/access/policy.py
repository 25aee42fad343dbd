"""What a caller may do: permissions, the table of roles, and one pure function that says yes or no."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from appsmith_proxy.model.principal import Principal, Role


class Permission(StrEnum):
    """What a route or a step of the ladder asks for."""

    ACTION_EXECUTE = "action:execute"
    ACTION_VIEW = "action:view"
    ACTION_READ = "action:read"
    ACTION_MANAGE = "action:manage"
    DATASOURCE_EXECUTE = "datasource:execute"
    DATASOURCE_READ = "datasource:read"
    DATASOURCE_MANAGE = "datasource:manage"
    APPLICATION_READ = "application:read"
    APPLICATION_MANAGE = "application:manage"
    APPLICATION_PUBLISH = "application:publish"
    WORKSPACE_READ = "workspace:read"
    WORKSPACE_MANAGE = "workspace:manage"
    PLUGIN_READ = "plugin:read"
    SELF_READ = "self:read"
    PUBLIC = "public"


MEANINGS: Final[Mapping[Permission, str]] = {
    Permission.ACTION_EXECUTE: "execute published actions",
    Permission.ACTION_VIEW: "list the published actions of an application, without what they do",
    Permission.ACTION_READ: "read actions as editors see them, statements included",
    Permission.ACTION_MANAGE: "create, change and delete actions; execute drafts; see a datasource's own error texts",
    Permission.DATASOURCE_EXECUTE: "have actions executed on a datasource",
    Permission.DATASOURCE_READ: "read datasources, without their secrets, and their structure",
    Permission.DATASOURCE_MANAGE: "create, change, test and delete datasources",
    Permission.APPLICATION_READ: "read applications",
    Permission.APPLICATION_MANAGE: "create, change and delete applications",
    Permission.APPLICATION_PUBLISH: "publish an application: its drafts become what viewers execute",
    Permission.WORKSPACE_READ: "read workspaces",
    Permission.WORKSPACE_MANAGE: "change and delete workspaces; create them with a token for all workspaces",
    Permission.PLUGIN_READ: "list the kinds of datasources and the state of their drivers",
    Permission.SELF_READ: "read who one is",
    Permission.PUBLIC: "what needs no caller: health, the API's description",
}

_VIEWER: Final = frozenset(
    {
        Permission.ACTION_EXECUTE,
        Permission.ACTION_VIEW,
        Permission.DATASOURCE_EXECUTE,
        Permission.SELF_READ,
        Permission.PUBLIC,
    }
)
_ADMINISTRATOR: Final = frozenset(Permission)

ROLES: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: _VIEWER,
    Role.DEVELOPER: _ADMINISTRATOR - {Permission.WORKSPACE_MANAGE},
    Role.ADMINISTRATOR: _ADMINISTRATOR,
}

EVERYWHERE: Final = frozenset({Permission.PLUGIN_READ, Permission.SELF_READ, Permission.PUBLIC})
"""Permissions that are about no workspace."""


def rights(principal: Principal, workspace_id: str | None) -> frozenset[Permission]:
    """Return everything that a caller may do in a workspace; None means in the whole instance, see ``allowed``."""
    if principal.workspace_id is None or principal.workspace_id == workspace_id:
        return ROLES[principal.role]
    return ROLES[principal.role] & EVERYWHERE


def allowed(principal: Principal, permission: Permission, workspace_id: str | None) -> bool:
    """Return whether a caller may do something in a workspace.

    ``workspace_id`` None means in the whole instance: only callers of every workspace may do anything there, apart
    from what is about no workspace at all.
    """
    return permission in rights(principal, workspace_id)


def holds(principal: Principal, permission: Permission) -> bool:
    """Return whether a caller may do something at least somewhere: the question before the object is known."""
    return permission in ROLES[principal.role]
