"""The reference page of permissions, made from the tables that decide."""

from appsmith_proxy.access.policy import EVERYWHERE, MEANINGS, ROLES, Permission


def permissions_page() -> str:
    """Return ``docs/reference/permissions.md``."""
    header = ["permission", *ROLES, "what it allows"]
    rows = [_row(permission) for permission in Permission]
    return "\n".join(
        [
            "# Permissions",
            "",
            "Every route declares one permission, and every token has one role. A token of a workspace has its role's",
            "permissions there and nothing elsewhere; a token without a workspace has them in every workspace.",
            "What is not yours is answered like what does not exist.",
            "",
            *(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)),
            "",
            f"About no workspace, so that a token of any workspace has them: {_named(EVERYWHERE)}.",
            "",
            "This page is made from `appsmith_proxy/access/policy.py`; a test compares.",
            "",
        ]
    )


def _row(permission: Permission) -> list[str]:
    marks = ["yes" if permission in permissions else "" for permissions in ROLES.values()]
    return [f"`{permission}`", *marks, MEANINGS[permission]]


def _named(permissions: frozenset[Permission]) -> str:
    return ", ".join(f"`{permission}`" for permission in Permission if permission in permissions)
