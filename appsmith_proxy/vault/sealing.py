"""The secrets of a datasource: sealed, opened and sealed again, always bound to where they are sent.

A secret is bound to the datasource's *destination*: the values of the fields its driver marks so. When an edit changes
one of them, the secrets that stay must be given again; only an edit that strengthens (``ordered`` choices moving to a
later one, such as TLS modes) is followed by the server itself.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from appsmith_proxy.errors import Problem, SecretRequired
from appsmith_proxy.model.records import ENVIRONMENT, Datasource, SealedSecret
from appsmith_proxy.sdk import Field, Secret, rows_in_force
from appsmith_proxy.vault.sealed import SealContext, key_id_of
from appsmith_proxy.vault.vault import Vault

Destination = tuple[tuple[str, str], ...]


def destination_of(fields: Iterable[Field], configuration: Mapping[str, Any]) -> Destination:
    """Return (name, canonical value) of the destination fields in force, defaults filled in.

    A field without a value and without a default is left out, so that a driver may add one later without making every
    stored secret unusable.
    """
    values = (
        (row.name, configuration.get(row.name, row.default))
        for row in rows_in_force(fields, configuration)
        if row.destination and not row.secret
    )
    return tuple((name, _canonical(value)) for name, value in values if value is not None)


def only_strengthens(fields: Sequence[Field], old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Return whether the destinations of two configurations are equal but for ``ordered`` choices that move up."""
    before, after = dict(destination_of(fields, old)), dict(destination_of(fields, new))
    if before.keys() != after.keys():
        return False
    ladders = {row.name: [_canonical(choice) for choice in row.choices] for row in fields if row.ordered}
    changed = [name for name in before if before[name] != after[name]]
    return all(_moves_up(ladders.get(name, []), before[name], after[name]) for name in changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """Seals and unseals the secrets of whole datasources of one instance."""

    vault: Vault
    instance_id: str

    def change(
        self,
        fields: Sequence[Field],
        datasource: Datasource,
        *,
        configuration: Mapping[str, Any],
        given: Mapping[str, str] | None = None,
        removed: Collection[str] = (),
    ) -> Datasource:
        """Return the datasource with a new configuration and the secrets that belong to it.

        A new datasource is changed from a record without secrets. Secrets that are neither given nor removed stay;
        those of rows that no longer apply are dropped.

        Args:
            fields: the driver's field table.
            datasource: the record before the change.
            configuration: its plain fields after the change, validated.
            given: new values by field name, ``field.key`` for an entry of a secret map.
            removed: names of secrets to forget.

        Raises:
            SecretRequired: the destination changes and secrets that stay were not given; ``details`` lists them.
            VaultError: a secret cannot be sealed or unsealed.
        """
        given = given or {}
        after = replace(datasource, configuration=configuration)
        applicable = _secret_rows(fields, configuration)
        kept = {
            name: secret
            for name, secret in datasource.secrets.items()
            if name not in given and name not in removed and _row_name(name) in applicable
        }
        if kept and _moved(fields, datasource.configuration, configuration):
            if not only_strengthens(fields, datasource.configuration, configuration):
                raise _secret_required(kept)
            kept = {name: self._reseal(fields, datasource, after, name) for name in kept}
        sealed = {name: self._seal(fields, after, name, value) for name, value in given.items()}
        return replace(after, secrets=kept | sealed)

    def unseal(self, fields: Sequence[Field], datasource: Datasource) -> dict[str, Secret]:
        """Open the secrets that apply, in memory, for a Client that is being opened.

        Raises:
            VaultError: one of them does not open: altered, moved, or its key is gone.
        """
        applicable = _secret_rows(fields, datasource.configuration)
        return {
            name: self.vault.unseal(secret.sealed, self._context(fields, datasource, name, secret.generation))
            for name, secret in datasource.secrets.items()
            if _row_name(name) in applicable
        }

    def reseal(self, fields: Sequence[Field], datasource: Datasource) -> Datasource:
        """Return the datasource with every secret under the active key; the same object when all of them are.

        Raises:
            VaultError: one of them does not open.
        """
        behind = [
            name for name, secret in datasource.secrets.items() if key_id_of(secret.sealed) != self.vault.active_key
        ]
        if not behind:
            return datasource
        fresh = {name: self._reseal(fields, datasource, datasource, name) for name in behind}
        return replace(datasource, secrets={**datasource.secrets, **fresh})

    def _seal(self, fields: Sequence[Field], datasource: Datasource, name: str, value: str) -> SealedSecret:
        before = datasource.secrets.get(name)
        generation = before.generation + 1 if before else 1
        context = self._context(fields, datasource, name, generation)
        return SealedSecret(sealed=self.vault.seal(value, context), generation=generation)

    def _reseal(self, fields: Sequence[Field], before: Datasource, after: Datasource, name: str) -> SealedSecret:
        secret = before.secrets[name]
        old = self._context(fields, before, name, secret.generation)
        new = self._context(fields, after, name, secret.generation + 1)
        return SealedSecret(sealed=self.vault.rewrap(secret.sealed, old, new), generation=new.generation)

    def _context(self, fields: Sequence[Field], datasource: Datasource, name: str, generation: int) -> SealContext:
        return SealContext(
            instance_id=self.instance_id,
            kind=datasource.kind,
            datasource_id=datasource.id,
            environment=ENVIRONMENT,
            field=name,
            destination=destination_of(fields, datasource.configuration),
            generation=generation,
        )


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _moved(fields: Sequence[Field], old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return dict(destination_of(fields, old)) != dict(destination_of(fields, new))


def _moves_up(ladder: Sequence[str], old: str, new: str) -> bool:
    return old in ladder and new in ladder and ladder.index(new) > ladder.index(old)


def _secret_rows(fields: Sequence[Field], configuration: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(row.name for row in rows_in_force(fields, configuration) if row.secret)


def _row_name(secret_name: str) -> str:
    """Return the row of a secret: ``headers`` for ``headers.X-Key``."""
    return secret_name.partition(".")[0]


def _secret_required(names: Iterable[str]) -> SecretRequired:
    return SecretRequired(
        "The change would send stored secrets somewhere else, so they must be given again.",
        hint="Send the listed secrets with the change, or null to remove them.",
        details=tuple(
            Problem(f"configuration.{name}", "must be given again: the destination changes") for name in sorted(names)
        ),
    )
