"""Proof that a published copy is what was published, in the place where it was published, by this instance.

::

    publish ──▶ make:  HMAC-SHA-256(subkey, canonical bytes) ──▶ stored with the copy
    execute ──▶ check: once when the copy enters the cache   ──▶ PlanUnverified, and nothing of it runs

Under the code are the copy as canonical JSON, the plan's digest and the compiler that made it, what the datasource
reported, and where all this belongs: instance, workspace, application, action, version, datasource, kind, environment. Who
can write to the store, but has not the encryption password, can neither change a published statement nor move it, nor put
an older publication back under a process that has verified a newer one.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import Enum
from typing import Any, Final, final

from appsmith_proxy.errors import PlanUnverified
from appsmith_proxy.model.plan import COMPILER_VERSION, Plan
from appsmith_proxy.model.records import ENVIRONMENT, Action, ActionCopy, Datasource, PlanSeal
from appsmith_proxy.sdk import Reported
from appsmith_proxy.vault import Vault, prefixed

SUBKEY: Final = "plan-mac"
"""The vault's label of the key. It comes from the ring's seed: rotations and changes of password leave it as it is."""


@final
class PlanSeals:
    """Makes and checks the seals of one instance's plans."""

    def __init__(self, vault: Vault, instance_id: str) -> None:
        self._vault = vault
        self._instance_id = instance_id
        self._newest: dict[str, int] = {}
        """Action → the highest number of its publications that this process has made or verified."""

    def seal(
        self, action: Action, copy: ActionCopy, datasource: Datasource, plan: Plan, reported: Iterable[Reported]
    ) -> ActionCopy:
        """Return the copy as it is published, sealed to its place.

        Args:
            action: whose published copy it will be; its present one gives the version.
            copy: what is published.
            datasource: the copy's.
            plan: what the copy compiles to.
            reported: what the datasource's prepare said of the statements that were checked.
        """
        present = action.published.seal if action.published is not None else None
        seal = PlanSeal(
            version=max(present.version if present is not None else 0, self._newest.get(action.id, 0)) + 1,
            compiler=plan.compiler,
            digest=plan.digest,
            reported=tuple(reported),
        )
        sealed = replace(copy, seal=seal)
        return replace(sealed, seal=replace(seal, mac=self._mac(action, sealed, seal, datasource)))

    def check(self, action: Action, copy: ActionCopy, datasource: Datasource) -> PlanSeal:
        """Return the seal of a published copy that is what was published.

        Raises:
            PlanUnverified: it has no seal, or is not what was sealed, or not where.
        """
        seal = copy.seal
        if seal is None:
            raise PlanUnverified(
                "the published action has no seal: it was published by a release that made none",
                hint="publish its application again",
            )
        if not hmac.compare_digest(seal.mac, self._mac(action, copy, seal, datasource)):
            raise PlanUnverified(
                "the published action in the store is not what was published",
                hint="find out who changed the store; then check the draft, and publish its application again",
            )
        self._newest[action.id] = max(seal.version, self._newest.get(action.id, 0))
        return seal

    def is_older(self, action: Action) -> bool:
        """Return whether an action's published copy is older than one that was verified here."""
        seal = action.published.seal if action.published is not None else None
        return seal is not None and seal.version < self._newest.get(action.id, 0)

    def _mac(self, action: Action, copy: ActionCopy, seal: PlanSeal, datasource: Datasource) -> bytes:
        message = prefixed(
            b"appsmith-proxy/published-plan/1",
            *(
                part.encode()
                for part in (
                    self._instance_id,
                    action.workspace_id,
                    action.application_id,
                    action.id,
                    datasource.id,
                    datasource.kind,
                    ENVIRONMENT,
                )
            ),
            _canonical(replace(copy, seal=None)),
            _canonical(replace(seal, mac=b"")),
        )
        return hmac.digest(self._vault.subkey(SUBKEY), message, hashlib.sha256)


def put_back() -> PlanUnverified:
    """Return the error for an older publication in the place of a newer one."""
    return PlanUnverified(
        "an older publication of the action has been put back into the store",
        hint="find out who changed the store; if it was restored from a backup, publish its application again, and restart every "
        "process that still says so",
    )


def check_plan(plan: Plan, seal: PlanSeal) -> None:
    """Refuse a plan that is not the one that was sealed.

    The copy is authentic by its seal, so what another version of the compiler makes of it may run; what this version
    makes must be what it made then.

    Raises:
        PlanUnverified: it is not: the driver reads statements in another way than when this was published.
    """
    if seal.compiler == COMPILER_VERSION and plan.digest != seal.digest:
        raise PlanUnverified(
            "the published action compiles to another plan than when it was published: its driver has changed",
            hint="publish its application again",
        )


def _canonical(noun: Any) -> bytes:
    return json.dumps(_plain(noun), sort_keys=True, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    """Return a noun as JSON values, without what is as it is by default: a field that comes later breaks no seal."""
    if is_dataclass(value) and not isinstance(value, type):
        given = ((row, getattr(value, row.name)) for row in fields(value))
        return {row.name: _plain(item) for row, item in given if item != _default(row)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def _default(row: Field[Any]) -> Any:
    return row.default_factory() if row.default_factory is not MISSING else row.default
