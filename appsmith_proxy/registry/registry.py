"""The registry: every driver of this process by kind, and a report of what could not be used and why.

::

    entry points, by name ──import──▶ plugin ──register_drivers──▶ drivers ──contract──▶ by kind
                             │                     │                           │
                             └──── quarantined ◀───┴────────────── blocked, incompatible
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as installed_entry_points
from types import MappingProxyType
from typing import Any, Final

import pluggy

from appsmith_proxy.errors import IncompatibleDriver
from appsmith_proxy.registry.contract import KIND, contract_problems
from appsmith_proxy.registry.reasons import after_exception, place_of
from appsmith_proxy.registry.report import ReportEntry, Status
from appsmith_proxy.sdk import API_VERSION, ENTRY_POINT_GROUP, Driver, HookSpecs
from appsmith_proxy.sdk.hooks import PROJECT

_log: Final = logging.getLogger(__name__)


class Registry:
    """Own a plugin manager of its own, the drivers it found, and the report. Two can live in one process."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(HookSpecs)
        self._drivers: dict[str, Driver] = {}
        self._owners: dict[str, str] = {}
        self._report: list[ReportEntry] = []

    @classmethod
    def discover(
        cls, *, entry_points: Iterable[EntryPoint] | None = None, plugins: Sequence[object] = ()
    ) -> "Registry":
        """Build a registry from what is installed. It never raises: what cannot be used is in the report.

        Args:
            entry_points: instead of the installed ones of the group; taken in name order.
            plugins: modules or objects with hook implementations, taken first, in the order given.
        """
        registry = cls()
        for plugin in plugins:
            registry._add(ReportEntry(name=_name_of(plugin), status=Status.ACTIVE), plugin)
        found = installed_entry_points(group=ENTRY_POINT_GROUP) if entry_points is None else entry_points
        for entry_point in sorted(found, key=lambda point: (point.name, point.value)):
            registry._load(entry_point)
        for entry in registry._report:
            if entry.status is not Status.ACTIVE:
                _log.warning("plugin %s is %s: %s", entry.name, entry.status, entry.reason)
        return registry

    def driver(self, kind: str) -> Driver:
        """Return the driver of a kind.

        Raises:
            IncompatibleDriver: there is none; the message gives the report's reason.
        """
        found = self._drivers.get(kind)
        if found is not None:
            return found
        for entry in self._report:
            if entry.status is not Status.ACTIVE and (kind in entry.kinds or kind == entry.name):
                raise IncompatibleDriver(
                    f"the driver of kind {kind} is {entry.status}: {entry.reason}",
                    hint="an operator sees all plugins with: appsmith-proxy plugins",
                )
        shown = kind if KIND.fullmatch(kind) else "of that name"
        raise IncompatibleDriver(
            f"no driver of kind {shown} is installed", hint=f"kinds that are: {', '.join(self._drivers) or 'none'}"
        )

    def drivers(self) -> Mapping[str, Driver]:
        """Return all usable drivers by kind, in the order they were found. A view: read only."""
        return MappingProxyType(self._drivers)

    def report(self) -> tuple[ReportEntry, ...]:
        """Return what became of each plugin, in the order they were taken."""
        return tuple(self._report)

    def startup(self, version: str) -> None:
        """Fire ``on_startup``, plugin by plugin; what one raises is logged and does not stop the others."""
        self._observe("on_startup", lambda: {"context": {"version": version}})

    def shutdown(self) -> None:
        """Fire ``on_shutdown``, plugin by plugin, as ``startup`` does."""
        self._observe("on_shutdown", dict)

    def _load(self, entry_point: EntryPoint) -> None:
        distribution = entry_point.dist
        entry = ReportEntry(
            name=entry_point.name,
            status=Status.ACTIVE,
            distribution=distribution.name if distribution else "",
            version=distribution.version if distribution else "",
        )
        extras = frozenset((distribution.metadata.get_all("Provides-Extra") if distribution else None) or ())
        try:
            plugin = entry_point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # reason: one bad plugin must not stop the others
            self._refuse(entry, Status.QUARANTINED, after_exception("importing it", error, entry, extras=extras))
            return
        self._add(entry, plugin, extras=extras)

    def _add(self, entry: ReportEntry, plugin: object, *, extras: frozenset[str] = frozenset()) -> None:
        if self._manager.has_plugin(entry.name) or self._manager.is_registered(plugin):
            self._refuse(entry, Status.BLOCKED, "a plugin of this name, or this very plugin, came before it")
            return
        doing = "reading its hooks"
        try:
            self._manager.register(plugin, name=entry.name)
            unknown = self._unknown_hooks(plugin)
            if unknown:
                reason = f"it implements hooks that this version does not have: {', '.join(unknown)}"
                self._refuse(entry, Status.QUARANTINED, reason)
                self._manager.unregister(plugin)
                return
            doing = "register_drivers"
            given = [driver for answer in self._alone("register_drivers", plugin)() for driver in answer]
        except (Exception, SystemExit) as error:  # noqa: BLE001  # reason: one bad plugin must not stop the others
            self._refuse(entry, Status.QUARANTINED, after_exception(doing, error, entry, extras=extras))
            if self._manager.is_registered(plugin):
                self._manager.unregister(plugin)
            return
        self._take(entry, given)

    def _take(self, entry: ReportEntry, given: Sequence[object]) -> None:
        """Register each driver of a plugin, or say why not."""
        taken: list[str] = []
        refused: list[ReportEntry] = []
        for driver in given:
            status, kind, reason = self._judge(driver)
            kinds = (kind,) if kind else ()
            if isinstance(driver, Driver) and status is Status.ACTIVE:
                self._drivers[kind] = driver
                self._owners[kind] = entry.name
                taken.append(kind)
            else:
                refused.append(replace(entry, status=status, reason=reason, kinds=kinds))
        if taken or not refused:
            self._report.append(replace(entry, kinds=tuple(taken)))
        self._report.extend(refused)

    def _judge(self, driver: object) -> tuple[Status, str, str]:
        """Return what becomes of one driver, its kind where it can be known, and the reason."""
        if not isinstance(driver, Driver):
            return Status.QUARANTINED, "", f"it registered a {type(driver).__name__}, which is not a Driver"
        named: Any = getattr(driver, "kind", None)
        kind = named if isinstance(named, str) and KIND.fullmatch(named) else ""
        try:
            if driver.api_version != API_VERSION:
                return Status.INCOMPATIBLE, kind, _version_reason(driver.api_version)
            problems = contract_problems(driver)
        except Exception as error:  # noqa: BLE001  # reason: a driver's attributes are a stranger's code
            return Status.QUARANTINED, kind, f"reading its contract raised {type(error).__name__} {place_of(error)}"
        if problems:
            return Status.QUARANTINED, kind, "; ".join(problems)
        if kind in self._drivers:
            return Status.BLOCKED, kind, f"the kind {kind} is already taken by the plugin {self._owners[kind]}"
        return Status.ACTIVE, kind, ""

    def _unknown_hooks(self, plugin: object) -> list[str]:
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            # The exception's text is made of the plugin's own; the callers' names are identifiers.
            return sorted(hook.name for hook in self._manager.get_hookcallers(plugin) or () if not hook.has_spec())
        return []

    def _observe(self, hook: str, arguments: Callable[[], dict[str, Any]]) -> None:
        for name, plugin in self._manager.list_name_plugin():
            try:
                self._alone(hook, plugin)(**arguments())
            except (Exception, SystemExit) as error:  # noqa: BLE001  # reason: an observer must not stop the server
                # A traceback would quote values: the class and the place are enough.
                _log.error("%s of plugin %s raised %s %s", hook, name, type(error).__name__, place_of(error))

    def _alone(self, hook: str, plugin: object) -> pluggy.HookCaller:
        """Return the hook's caller for one plugin: pluggy itself stops all of them when one raises."""
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        return self._manager.subset_hook_caller(hook, remove_plugins=others)

    def _refuse(self, entry: ReportEntry, status: Status, reason: str) -> None:
        self._report.append(replace(entry, status=status, reason=reason))


def _version_reason(version: object) -> str:
    written = f"version {version}" if isinstance(version, int) else "no version"
    return f"it was written for {written} of the contract; this proxy speaks version {API_VERSION}"


def _name_of(plugin: object) -> str:
    name: object = getattr(plugin, "__name__", None)
    return name if isinstance(name, str) else type(plugin).__name__
