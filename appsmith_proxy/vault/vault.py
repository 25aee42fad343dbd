"""The vault: the one object that other rooms hold. It seals and unseals with the ring it has open."""

import os
from typing import NoReturn, Self, final

from appsmith_proxy.errors import VaultError
from appsmith_proxy.sdk import Secret
from appsmith_proxy.vault.box import Altered, Random, WrongKey, subkey, unwrap, wrap
from appsmith_proxy.vault.ring import KeyState, Ring, decode_ring, encode_ring, read_cost
from appsmith_proxy.vault.root import DEFAULT_COST, Cost, derive_kek
from appsmith_proxy.vault.sealed import (
    LABEL,
    SealContext,
    Sealed,
    associated_data,
    decode_sealed,
    encode_sealed,
    pad,
    unpad,
)

_SUBKEY_LABEL = b"appsmith-proxy/subkey/1/"


@final
class Vault:
    """An open key ring. Its keys never leave it; ``reload`` follows a ring that another process has changed.

    Deriving the wrapping key takes about half a second and 128 MiB: ``create``, ``open`` and ``ring_under`` belong in a
    thread when an event loop runs. Everything else takes microseconds.
    """

    __slots__ = ("_cost", "_kek", "_outdated", "_random", "_ring")

    def __init__(self, *, kek: bytes, cost: Cost, ring: Ring, random: Random) -> None:
        self._kek = kek
        self._cost = cost
        self._ring = ring
        self._random = random
        self._outdated = False

    @classmethod
    def create(
        cls, password: Secret, salt: Secret, *, cost: Cost = DEFAULT_COST, random: Random = os.urandom
    ) -> tuple[Self, bytes]:
        """Make a new ring with one fresh key; return the vault and the ring's bytes, to be stored.

        Raises:
            VaultError: the cost is below the floor.
        """
        vault = cls(kek=derive_kek(password, salt, cost), cost=cost, ring=Ring.create(random), random=random)
        return vault, vault._encode(vault._ring)

    @classmethod
    def open(cls, password: Secret, salt: Secret, ring_bytes: bytes, *, random: Random = os.urandom) -> Self:
        """Open a stored ring.

        Raises:
            VaultError: wrong password or salt, a damaged ring, or a header that asks for less than the floor.
        """
        cost = read_cost(ring_bytes)
        kek = derive_kek(password, salt, cost)
        return cls(kek=kek, cost=cost, ring=decode_ring(ring_bytes, kek), random=random)

    def reload(self, ring_bytes: bytes) -> None:
        """Follow a stored ring that has changed: rotation adds keys and drops them. Cheap; call it whenever it changes.

        When the ring now belongs to another password, this vault goes on unsealing with the keys it has, and refuses
        to seal: what it would seal might be under a key that is about to be dropped.

        Raises:
            VaultError: the ring does not open under this vault's password and salt, or is damaged.
        """
        try:
            self._ring = decode_ring(ring_bytes, self._kek)
        except VaultError:
            self._outdated = True
            raise
        self._outdated = False

    @property
    def active_key(self) -> int:
        """The id of the key that seals."""
        return self._ring.active.id

    @property
    def key_states(self) -> dict[int, KeyState]:
        """Every key of the ring, by id."""
        return {key.id: key.state for key in self._ring.keys}

    def seal(self, plaintext: str, context: SealContext) -> bytes:
        """Seal a secret under the active key, bound to ``context``.

        Raises:
            VaultError: the text cannot be sealed, or the vault is outdated.
        """
        if self._outdated:
            raise VaultError(
                "secrets cannot be sealed: the stored key ring does not open under this process's password",
                hint="if the password was changed, restart with the new one",
            )
        key = self._ring.active
        box = wrap(key.key, LABEL, pad(plaintext), associated_data(context, key.id), self._random)
        return encode_sealed(Sealed(key_id=key.id, box=box))

    def unseal(self, sealed: bytes, context: SealContext) -> Secret:
        """Open a sealed secret in memory.

        Raises:
            VaultError: it was sealed for another place or destination, altered, or its key is not in the ring.
        """
        parts = decode_sealed(sealed)
        key = self._ring.find(parts.key_id)
        if key is None:
            raise VaultError(
                f"a secret was sealed with key {parts.key_id}, which is not in the key ring",
                hint="enter the secret again, or restore the key ring that belongs to this store",
            )
        try:
            return Secret(unpad(unwrap(key.key, LABEL, parts.box, associated_data(context, key.id))))
        except (WrongKey, Altered):
            raise VaultError(
                "a sealed secret was altered, or belongs to another place or destination",
                hint="enter the secret again",
            ) from None

    def rewrap(self, sealed: bytes, context: SealContext, new_context: SealContext) -> bytes:
        """Seal a sealed secret again, under the active key and bound to ``new_context``."""
        return self.seal(self.unseal(sealed, context).reveal(), new_context)

    def subkey(self, label: str) -> bytes:
        """Return a 32-byte key for one purpose of another room (a MAC). It survives rotation and a change of password."""
        return subkey(self._ring.seed, _SUBKEY_LABEL + label.encode())

    def ring_with_new_key(self) -> bytes:
        """Return the ring with a fresh active key. Takes effect here with ``reload``, after it was stored."""
        return self._encode(self._ring.with_new_key(self._random))

    def ring_without(self, key_ids: frozenset[int]) -> bytes:
        """Return the ring without these keys, which no secret may use any more."""
        return self._encode(self._ring.without(key_ids))

    def ring_under(self, password: Secret, salt: Secret, *, cost: Cost = DEFAULT_COST) -> bytes:
        """Return the same keys wrapped under another password and salt. Sealed secrets are not touched by it."""
        kek = derive_kek(password, salt, cost)
        raw = encode_ring(self._ring, kek, cost, self._random)
        if decode_ring(raw, kek) != self._ring:
            raise VaultError("the key ring could not be read back under the new password; nothing was changed")
        return raw

    def _encode(self, ring: Ring) -> bytes:
        return encode_ring(ring, self._kek, self._cost, self._random)

    def __repr__(self) -> str:
        return f"Vault(active_key={self.active_key}, keys={len(self._ring.keys)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Vault cannot be pickled or copied")
