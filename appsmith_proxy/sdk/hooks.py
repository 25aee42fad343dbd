"""The hooks: how a plugin registers and observes. No request, statement or row passes through a hook.

A plugin is a module (or object) named by an entry point of the group ``appsmith_proxy.drivers``; it marks its
implementations with ``hookimpl``.
"""

from collections.abc import Iterable
from typing import Any, Final

import pluggy

from appsmith_proxy.sdk.driver import Driver

PROJECT: Final = "appsmith_proxy"
ENTRY_POINT_GROUP: Final = "appsmith_proxy.drivers"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecs:
    """Every hook there is. Each docstring says when it fires."""

    @hookspec
    def register_drivers(self) -> Iterable[Driver]:  # type: ignore[empty-body]  # reason: a specification has no body
        """Return the drivers of this plugin.

        Fires once for each plugin while the registry is built, before the server listens.

        Returns:
            Instances of ``Driver``. A kind that is already taken, or a driver of another ``api_version``, is not
            registered; the registry's report says why.

        Raises:
            Anything: the plugin is then quarantined with the exception's class name, and the others go on.
        """

    @hookspec
    def on_startup(self, context: dict[str, Any]) -> None:
        """Observe that the server is about to listen.

        Args:
            context: ``{"version": str}``; a copy, changing it has no effect.

        Raises:
            Anything: it is logged, and the start goes on.
        """

    @hookspec
    def on_shutdown(self) -> None:
        """Observe that the server has drained and every Client is closed. Exceptions are logged."""
