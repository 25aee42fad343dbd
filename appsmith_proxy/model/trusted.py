"""The closed table of trusted names: bindings that the server fills in from the authenticated caller."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from appsmith_proxy.model.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedContext:
    """What trusted names can be filled from."""

    principal: Principal
    workspace_id: str
    environment: str


def _list(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)


TRUSTED_NAMES: Final[Mapping[str, Callable[[TrustedContext], Any]]] = {
    "appsmith.user.id": lambda context: context.principal.user.id,
    "appsmith.user.email": lambda context: context.principal.user.email,
    "appsmith.user.name": lambda context: context.principal.user.name,
    "appsmith.user.groups": lambda context: _list(context.principal.user.groups),
    "appsmith.user.roles": lambda context: _list(context.principal.user.roles),
    "appsmith.workspace.id": lambda context: context.workspace_id,
    "appsmith.environment": lambda context: context.environment,
}
"""Name → value; None means that the caller does not have it, which fails the execution: it is never NULL."""

TRUSTED_LISTS: Final = frozenset({"appsmith.user.groups", "appsmith.user.roles"})
"""Those whose value is a list."""
