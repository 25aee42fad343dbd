"""The key ring: the random data keys with their ids and states, wrapped under the key that the password gives.

::

    magic 4 │ version 1 │ algorithm 1 │ memory KiB 4 │ passes 4 │ lanes 4 │ box( seed 32 │ count 2 │ count × entry )
    entry: id 4 │ state 1 │ key 32

The header is the box's associated data: a ring with a changed header does not open. The active key is the one with the
highest id, so an id is never given twice.
"""

import struct
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final, Self

from appsmith_proxy.errors import VaultError
from appsmith_proxy.vault.box import KEY_BYTES, OVERHEAD, Altered, Random, WrongKey, unwrap, wrap
from appsmith_proxy.vault.root import COST_BYTES, Cost

_MAGIC: Final = b"ASPR"
_VERSION: Final = 1
_AES_256_GCM: Final = 1
_PREFIX: Final = _MAGIC + bytes((_VERSION, _AES_256_GCM))
_HEADER: Final = len(_PREFIX) + COST_BYTES
_LABEL: Final = b"appsmith-proxy/ring/1"
_COUNT: Final = struct.Struct(">H")
_ENTRY: Final = struct.Struct(f">IB{KEY_BYTES}s")
_MAX_KEYS: Final = 1_000
_RESTORE: Final = "restore the key ring from a backup of the store"


class KeyState(IntEnum):
    """What a data key may still be used for."""

    ACTIVE = 1
    """Seals and unseals. Exactly one key is."""
    DECRYPT_ONLY = 2
    """Unseals what was sealed before the last rotation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """One key of the ring."""

    id: int
    state: KeyState
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """All data keys in id order, and the seed of other rooms' keys."""

    seed: bytes = field(repr=False)
    keys: tuple[DataKey, ...]

    @classmethod
    def create(cls, random: Random) -> Self:
        """Return a ring with one fresh key."""
        return cls(seed=random(KEY_BYTES), keys=(DataKey(id=1, state=KeyState.ACTIVE, key=random(KEY_BYTES)),))

    @property
    def active(self) -> DataKey:
        """The key that seals."""
        return self.keys[-1]

    def find(self, key_id: int) -> DataKey | None:
        """Return the key with this id, if the ring still has it."""
        return next((key for key in self.keys if key.id == key_id), None)

    def with_new_key(self, random: Random) -> Self:
        """Return a ring in which a fresh key is active and the others only decrypt."""
        if len(self.keys) >= _MAX_KEYS:
            raise VaultError(f"the key ring is full: it holds {_MAX_KEYS} keys", hint="finish the rotations first")
        fresh = DataKey(id=self.active.id + 1, state=KeyState.ACTIVE, key=random(KEY_BYTES))
        return replace(self, keys=(*(replace(key, state=KeyState.DECRYPT_ONLY) for key in self.keys), fresh))

    def without(self, key_ids: frozenset[int]) -> Self:
        """Return a ring that no longer has these keys."""
        if self.active.id in key_ids:
            raise VaultError("the active key cannot be dropped", hint="rotate first: appsmith-proxy keys rotate")
        return replace(self, keys=tuple(key for key in self.keys if key.id not in key_ids))


def read_cost(raw: bytes) -> Cost:
    """Read from a ring's header what deriving its key costs.

    Raises:
        VaultError: these are not the bytes of a ring, or of a version this release does not know.
    """
    if len(raw) < _HEADER + OVERHEAD or not raw.startswith(_MAGIC):
        raise VaultError("the key ring is damaged: it does not begin as one", hint=_RESTORE)
    if not raw.startswith(_PREFIX):
        raise VaultError(
            "the key ring has a version or an algorithm that this release does not know",
            hint="it was written by a newer release, or its header was changed",
        )
    return Cost.decode(raw[len(_PREFIX) : _HEADER])


def encode_ring(ring: Ring, kek: bytes, cost: Cost, random: Random) -> bytes:
    """Return the ring as it is stored."""
    header = _PREFIX + cost.encode()
    entries = b"".join(_ENTRY.pack(key.id, key.state, key.key) for key in ring.keys)
    return header + wrap(kek, _LABEL, ring.seed + _COUNT.pack(len(ring.keys)) + entries, header, random)


def decode_ring(raw: bytes, kek: bytes) -> Ring:
    """Open a stored ring.

    Raises:
        VaultError: it belongs to another password or salt, or is damaged.
    """
    read_cost(raw)
    try:
        payload = unwrap(kek, _LABEL, raw[_HEADER:], raw[:_HEADER])
    except WrongKey:
        raise VaultError(
            "the encryption password or salt is not the one this key ring was made with",
            hint="give the password and salt that belong to this store; without them its secrets cannot be read",
        ) from None
    except Altered:
        raise VaultError("the key ring is damaged or was changed", hint=_RESTORE) from None
    return _decode_payload(payload)


def _decode_payload(payload: bytes) -> Ring:
    start = KEY_BYTES + _COUNT.size
    if len(payload) < start:
        raise _malformed()
    (count,) = _COUNT.unpack(payload[KEY_BYTES:start])
    if not 1 <= count <= _MAX_KEYS or len(payload) != start + count * _ENTRY.size:
        raise _malformed()
    entries = list(_ENTRY.iter_unpack(payload[start:]))
    ids = [entry[0] for entry in entries]
    states = [entry[1] for entry in entries]
    if ids != sorted(set(ids)) or ids[0] < 1:
        raise _malformed()
    if states != [KeyState.DECRYPT_ONLY] * (count - 1) + [KeyState.ACTIVE]:
        raise _malformed()
    keys = tuple(DataKey(id=id_, state=KeyState(state), key=key) for id_, state, key in entries)
    return Ring(seed=payload[:KEY_BYTES], keys=keys)


def _malformed() -> VaultError:
    return VaultError("the key ring's content does not follow its format", hint=_RESTORE)
