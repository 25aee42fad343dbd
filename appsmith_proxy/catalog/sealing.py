"""The secrets of a datasource: sealed, opened and sealed again, always bound to where they are sent.

A secret is bound to the datasource's *destination*: the values of the fields its driver marks so. When an edit changes
one of them, the secrets that stay must be given again; only an edit that strengthens (``ordered`` choices moving to a
later one, such as TLS modes) is followed by the server itself.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from appsmith_proxy.model.records import ENVIRONMENT, Datasource, SealedSecret
from appsmith_proxy.sdk import Driver, Field, Secret, rows_in_force
from appsmith_proxy.vault import SealContext, Vault, key_id_of

Destination: TypeAlias = "tuple[tuple[str, str], ...]"


def destination_of(fields: Iterable[Field], configuration: Mapping[str, Any]) -> Destination:
    """Return (name, canonical value) of the destination fields in force, defaults filled in.

    A field without a value and without a default is left out, so that a driver may add one later without making every
    stored secret unusable.
    """
    values = (
        (row.name, configuration.get(row.name, row.default))
        for row in rows_in_force(fields, configuration)
        if row.destination
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

    def seal(self, driver: Driver, datasource: Datasource, values: Mapping[str, str]) -> dict[str, SealedSecret]:
        """Seal new values, bound to where ``datasource`` sends them now.

        Args:
            driver: of the datasource's kind.
            datasource: the record with its new configuration; its present secrets only give the generations.
            values: by field name, ``field.key`` for an entry of a secret map.

        Raises:
            VaultError: a value cannot be sealed.
        """
        sealed = {}
        for name, value in values.items():
            present = datasource.secrets.get(name)
            context = _context(self.instance_id, driver, datasource, name, present.generation + 1 if present else 1)
            sealed[name] = SealedSecret(sealed=self.vault.seal(value, context), generation=context.generation)
        return sealed

    def unseal(self, driver: Driver, datasource: Datasource) -> dict[str, Secret]:
        """Open the secrets of the rows in force, in memory, for a Client that is being opened.

        Raises:
            VaultError: one of them does not open: altered, moved, or its key is gone.
        """
        in_force = {row.name for row in rows_in_force(driver.fields, datasource.configuration) if row.secret}
        return {
            name: self.vault.unseal(
                secret.sealed, _context(self.instance_id, driver, datasource, name, secret.generation)
            )
            for name, secret in datasource.secrets.items()
            if name.partition(".")[0] in in_force
        }

    def reseal(
        self, driver: Driver, before: Datasource, after: Datasource, names: Iterable[str]
    ) -> dict[str, SealedSecret]:
        """Seal stored secrets again, under the active key and bound to where ``after`` sends them.

        The caller has made sure that they may follow: the destination is the same, or ``only_strengthens``.

        Raises:
            VaultError: one of them does not open, or was not bound to ``before``.
        """
        fresh = {}
        for name in names:
            secret = before.secrets[name]
            old = _context(self.instance_id, driver, before, name, secret.generation)
            new = _context(self.instance_id, driver, after, name, secret.generation + 1)
            fresh[name] = SealedSecret(sealed=self.vault.rewrap(secret.sealed, old, new), generation=new.generation)
        return fresh

    def behind(self, datasource: Datasource) -> tuple[str, ...]:
        """Return the names of the secrets that are not under the active key.

        Raises:
            VaultError: sealed bytes are damaged.
        """
        active = self.vault.active_key
        return tuple(name for name, secret in datasource.secrets.items() if key_id_of(secret.sealed) != active)


def _context(instance_id: str, driver: Driver, datasource: Datasource, name: str, generation: int) -> SealContext:
    return SealContext(
        instance_id=instance_id,
        kind=datasource.kind,
        datasource_id=datasource.id,
        environment=ENVIRONMENT,
        field=name,
        destination=destination_of(driver.fields, datasource.configuration),
        generation=generation,
    )


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _moves_up(ladder: Sequence[str], old: str, new: str) -> bool:
    return old in ladder and new in ladder and ladder.index(new) > ladder.index(old)
