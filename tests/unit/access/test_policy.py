"""Who may do what: the whole table, written out once more by hand."""

from pathlib import Path

import pytest

from appsmith_proxy.access.policy import EVERYWHERE, MEANINGS, ROLES, Permission, allowed, holds
from appsmith_proxy.access.reference import permissions_page
from appsmith_proxy.model.principal import Principal, Role, User

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "permissions.md"

VIEWER = {"action:execute", "action:view", "datasource:execute", "self:read", "public"}
DEVELOPER = VIEWER | {
    "action:read",
    "action:manage",
    "datasource:read",
    "datasource:manage",
    "application:read",
    "application:manage",
    "application:publish",
    "workspace:read",
    "plugin:read",
}
ADMINISTRATOR = DEVELOPER | {"workspace:manage"}
EXPECTED = {Role.VIEWER: VIEWER, Role.DEVELOPER: DEVELOPER, Role.ADMINISTRATOR: ADMINISTRATOR}


def principal(role: Role, workspace_id: str | None) -> Principal:
    return Principal(id="t", role=role, workspace_id=workspace_id, user=User())


def test_every_role_and_permission_is_in_the_tables() -> None:
    assert set(ROLES) == set(EXPECTED) == set(Role)
    assert set(MEANINGS) == set(Permission) == set(ADMINISTRATOR)


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_a_caller_has_its_roles_permissions_in_its_workspace_alone(role: Role, permission: Permission) -> None:
    has = permission in EXPECTED[role]
    about_no_workspace = permission in {"self:read", "plugin:read", "public"}
    of_one, of_all = principal(role, "w1"), principal(role, None)
    assert holds(of_one, permission) is holds(of_all, permission) is has
    assert allowed(of_one, permission, "w1") is has
    for elsewhere in ("w2", "", None):
        assert allowed(of_one, permission, elsewhere) is (has and about_no_workspace)
    for anywhere in ("w1", "w2", None):
        assert allowed(of_all, permission, anywhere) is has


def test_nothing_that_changes_is_allowed_everywhere() -> None:
    assert not any(permission.endswith(("manage", "publish", "execute")) for permission in EVERYWHERE)


def test_the_reference_page_is_made_from_the_tables() -> None:
    hint = "write appsmith_proxy.access.reference.permissions_page() to docs/reference/permissions.md"
    assert PAGE.read_text(encoding="utf-8") == permissions_page(), hint
