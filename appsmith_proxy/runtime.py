"""The composition root: settings in, wired services out. The only place that builds things.

::

    Settings ─▶ store ─▶ cache ─┬─▶ tokens
                  │             ├─▶ runnables ─▶ executor ◀─ leases ◀─ opening ◀─ guard, vault, registry
                  └─▶ keyring ──┴─▶ catalog
"""

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self, final

from appsmith_proxy import __version__
from appsmith_proxy.access.tokens import Tokens
from appsmith_proxy.audit.contract import AuditSink
from appsmith_proxy.audit.ring import RingSink
from appsmith_proxy.audit.trail import Trail
from appsmith_proxy.catalog.actions import Actions
from appsmith_proxy.catalog.applications import Applications
from appsmith_proxy.catalog.catalog import Catalog
from appsmith_proxy.catalog.checking import Checker
from appsmith_proxy.catalog.datasources import Datasources
from appsmith_proxy.catalog.keys import Keyring
from appsmith_proxy.catalog.plans import Plans
from appsmith_proxy.catalog.records import Records
from appsmith_proxy.catalog.workspaces import Workspaces
from appsmith_proxy.errors import ConfigurationError
from appsmith_proxy.gateway.executor import Executor
from appsmith_proxy.gateway.idempotency import Idempotency
from appsmith_proxy.gateway.leases import Leases
from appsmith_proxy.gateway.limits import AdmissionLimits
from appsmith_proxy.gateway.network import Guard
from appsmith_proxy.gateway.opening import Opening
from appsmith_proxy.gateway.plan_seals import PlanSeals
from appsmith_proxy.gateway.runnables import ExecutionLimits, Runnables
from appsmith_proxy.model.records import Action, Datasource
from appsmith_proxy.registry.registry import Registry
from appsmith_proxy.settings import Settings
from appsmith_proxy.store.cache import CachedStore
from appsmith_proxy.store.contract import COPY_MARK, DEMO_MARK, ConfigStore, Ref
from appsmith_proxy.store.copying import is_begun
from appsmith_proxy.store.places import store_at
from appsmith_proxy.vault import DEFAULT_COST, Cost

DEMO_KEY_PREFIX: Final = "demo-"
"""Marks the demo's keys."""

HOUSEKEEPING_SECONDS: Final = 1.0


@final
class Runtime:
    """Every service of one proxy. Make it with ``open``, use it as an async context manager, or ``close`` it."""

    def __init__(
        self, settings: Settings, registry: Registry, store: ConfigStore, keyring: Keyring, sinks: tuple[AuditSink, ...]
    ) -> None:
        """Wire the services; ``open`` has opened the store and the key ring."""
        self.settings = settings
        self.registry = registry
        self.store = store
        self.keyring = keyring
        self.listeners: list[tuple[str, int]] = []
        """Where the server listens now; no datasource may be there."""
        self.cache = CachedStore(store, stale_seconds=settings.store_stale_max)
        self.tokens = Tokens(self.cache, store)
        self.trail = Trail(sinks)
        self.guard = Guard(
            allow_loopback=settings.allow_loopback,
            own_listeners=lambda: tuple(self.listeners),
            store=lambda: store.endpoints,
        )
        sealing = keyring.sealing
        seals = PlanSeals(sealing.vault, sealing.instance_id)
        opening = Opening(
            registry,
            sealing.unseal,
            self.guard,
            options=settings.driver_options,
            protected_paths=settings.protected_paths,
            max_connections=settings.max_running,
            idle_seconds=settings.idle_close_seconds,
        )
        self.leases = Leases(
            opening.open, idle_seconds=settings.idle_close_seconds, drain_seconds=settings.max_timeout_ms / 1000 + 5
        )
        self._runnables = Runnables(self.cache, registry, seals, _execution_limits(settings))
        self._idempotency = Idempotency(store, seconds=settings.idempotency_seconds)
        self.executor = Executor(self.cache, self._runnables, self.leases, self.trail, self._idempotency)
        records = Records(store, self.cache)
        checker = Checker(registry, self.leases)
        self.catalog = Catalog(
            workspaces=Workspaces(records),
            applications=Applications(records, checker, seals),
            datasources=Datasources(records, registry, sealing, self.leases, opening, self.guard),
            actions=Actions(records, checker, max_timeout_ms=settings.max_timeout_ms),
            plans=Plans(records, checker, registry, seals),
        )
        self._housekeeping: tuple[asyncio.Task[None], ...] = ()

    @classmethod
    async def open(
        cls,
        settings: Settings,
        *,
        registry: Registry | None = None,
        store: ConfigStore | None = None,
        sinks: tuple[AuditSink, ...] | None = None,
        demo: bool = False,
        key_cost: Cost = DEFAULT_COST,
    ) -> Self:
        """Open the store and the key ring, and start what runs in the background. The caller closes it.

        Args:
            settings: of this process.
            registry: the drivers; discovered when None.
            store: opened here and closed with the runtime; by default the one that the settings name.
            sinks: of the audit trail; by default a ring in memory.
            demo: whether this is the demo, whose stores nothing else may use.
            key_cost: of the key derivation, when the store is new.

        Raises:
            StoreError: the store cannot be opened.
            VaultError: the key ring does not open under this password and salt.
            ConfigurationError: a demo's store outside the demo, or the target of a copy that is not done.
        """
        registry = registry or Registry.discover()
        store = store or store_at(settings.store)
        await store.open()
        async with AsyncExitStack() as undo:
            undo.push_async_callback(store.close)
            await _check_marks(store, settings, demo=demo)
            keyring = await Keyring.open(
                store, settings.encryption_password, settings.encryption_salt, registry.drivers(), cost=key_cost
            )
            runtime = cls(settings, registry, store, keyring, sinks or (RingSink(),))
            undo.push_async_callback(runtime.close)
            await runtime._start()
            undo.pop_all()
        return runtime

    @property
    def authenticator(self) -> Tokens:
        """Who is calling."""
        return self.tokens

    async def ready(self) -> None:
        """Return when executions can be served.

        Raises:
            StoreStale: the store has not answered for too long.
        """
        self.cache.peek(Action, "")

    async def close(self) -> None:
        """Finish writes, close every Client, then the store. Idempotent."""
        if self._housekeeping:
            for task in self._housekeeping:
                task.cancel()
            await asyncio.gather(*self._housekeeping, return_exceptions=True)
            self._housekeeping = ()
            self.registry.shutdown()
        await self.keyring.stop()
        await self.executor.close()
        await self.leases.close()
        await self.trail.close()
        await self.cache.stop()
        await self.store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _start(self) -> None:
        self.cache.subscribe(self._changed)
        await self.cache.start()
        self.keyring.start()
        self.registry.startup(__version__)
        self._housekeeping = (
            asyncio.create_task(self._keep_house()),
            asyncio.create_task(self._idempotency.keep_swept()),
        )

    def _changed(self, ref: Ref) -> None:
        if ref.kind is Action:
            self._runnables.forget(ref.id)
        elif ref.kind is Datasource:
            self.leases.retire(ref.id) if ref.id else self.leases.retire_all()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            await self.leases.sweep()


def _execution_limits(settings: Settings) -> ExecutionLimits:
    return ExecutionLimits(
        rows=settings.max_rows,
        bytes=settings.max_result_bytes,
        max_timeout_ms=settings.max_timeout_ms,
        admission=AdmissionLimits(
            running=settings.max_running, waiting=settings.max_waiting, wait_seconds=settings.wait_seconds
        ),
    )


async def _check_marks(store: ConfigStore, settings: Settings, *, demo: bool) -> None:
    if is_begun(await store.get_meta(COPY_MARK)):
        raise ConfigurationError(
            "this store is the target of a copy that is not done", hint="run the same appsmith-proxy store copy again"
        )
    if demo:
        return
    if await store.get_meta(DEMO_MARK) is not None:
        raise ConfigurationError(
            "this store was made by the demo, whose keys and tokens are not secret",
            hint="serve another store: set APPSMITH_DB_URL or APPSMITH_PROXY_DATA_FOLDER",
        )
    if settings.encryption_password.reveal().startswith(DEMO_KEY_PREFIX):
        raise ConfigurationError(
            "this encryption password was made by the demo", hint="make another with: appsmith-proxy keys init"
        )
