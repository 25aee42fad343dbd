"""Sealing secrets: AES-256-GCM, key ring, seal / unseal / rewrap. Ciphers are imported nowhere else.

::

    password + salt ──Argon2id──▶ root ──HKDF──▶ KEK ──wraps──▶ ring ──▶ data keys 1..n, seed
                                                                          │            │
                              sealed secret ◀──AES-256-GCM◀──HKDF per record    HKDF ──▶ subkeys of other rooms

    root      Argon2id and its costs             box           one message: key of its own, commitment, GCM
    ring      the data keys and their states     sealed        a sealed secret's bytes, and what it is bound to
    vault     the one object other rooms hold    private_file  where password and salt may stand
    weakness  which passwords are refused
"""

from appsmith_proxy.vault.box import prefixed
from appsmith_proxy.vault.private_file import read_private, write_private
from appsmith_proxy.vault.ring import KeyState
from appsmith_proxy.vault.root import DEFAULT_COST, FLOOR, Cost
from appsmith_proxy.vault.sealed import MAX_SECRET_BYTES, SealContext, key_id_of
from appsmith_proxy.vault.vault import Vault
from appsmith_proxy.vault.weakness import weakness

__all__ = [
    "DEFAULT_COST",
    "FLOOR",
    "MAX_SECRET_BYTES",
    "Cost",
    "KeyState",
    "SealContext",
    "Vault",
    "key_id_of",
    "prefixed",
    "read_private",
    "weakness",
    "write_private",
]
