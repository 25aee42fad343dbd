"""The root: password and salt become one key, at a price that makes guessing dear (Argon2id, RFC 9106)."""

import struct
from dataclasses import dataclass
from typing import Final, Self

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw

from appsmith_proxy.errors import VaultError
from appsmith_proxy.sdk import Secret
from appsmith_proxy.vault.box import KEY_BYTES, subkey, utf8

_COST: Final = struct.Struct(">III")
_ARGON2_VERSION: Final = 0x13
_KEK_LABEL: Final = b"appsmith-proxy/kek/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one guess of the password costs. Stands in the ring's header, so that it can be raised later."""

    memory_kib: int = 128 * 1024
    passes: int = 4
    lanes: int = 1

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read the costs from a ring's header."""
        memory_kib, passes, lanes = _COST.unpack(raw)
        return cls(memory_kib=memory_kib, passes=passes, lanes=lanes)

    def encode(self) -> bytes:
        """Return the costs as the ring's header holds them."""
        return _COST.pack(self.memory_kib, self.passes, self.lanes)


COST_BYTES: Final = _COST.size
DEFAULT_COST: Final = Cost()
"""About half a second of one core, once at the start."""
FLOOR: Final = Cost(memory_kib=46 * 1024, passes=1)
"""Less is refused, whatever a header says: a header can be changed by whoever can write the store."""
_CEILING: Final = Cost(memory_kib=2 * 1024 * 1024, passes=64, lanes=16)
"""More is refused too: a changed header must not make the start run for hours or out of memory."""


def derive_kek(password: Secret, salt: Secret, cost: Cost) -> bytes:
    """Return the key that wraps the ring.

    Raises:
        VaultError: the cost is out of bounds, or the derivation failed.
    """
    if cost.memory_kib < FLOOR.memory_kib or cost.passes < FLOOR.passes or cost.lanes < FLOOR.lanes:
        raise VaultError(
            "the key ring asks for a cheaper password derivation than is allowed",
            hint="its header was changed; restore the key ring from a backup",
        )
    if cost.memory_kib > _CEILING.memory_kib or cost.passes > _CEILING.passes or cost.lanes > _CEILING.lanes:
        raise VaultError(
            "the key ring asks for a dearer password derivation than is allowed",
            hint="its header was changed; restore the key ring from a backup",
        )
    secret = utf8(password.reveal(), "The encryption password")
    salt_bytes = utf8(salt.reveal(), "The encryption salt")
    try:
        root = hash_secret_raw(
            secret=secret,
            salt=salt_bytes,
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=cost.lanes,
            hash_len=KEY_BYTES,
            type=Type.ID,
            version=_ARGON2_VERSION,
        )
    except HashingError:
        raise VaultError(
            "the encryption key could not be derived from password and salt",
            hint=f"the salt needs at least 8 bytes, and the derivation {cost.memory_kib // 1024} MiB of memory",
        ) from None
    return subkey(root, _KEK_LABEL)
