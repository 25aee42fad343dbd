"""One authenticated box: a message under a key of its own, with a commitment to that key. The only cipher there is.

::

    salt 32 │ commitment 32 │ nonce 12 │ ciphertext n │ tag 16

    HKDF-SHA-512(key, salt, label) ──▶ message key 32 ║ commitment 32
    AES-256-GCM(message key, nonce, associated) ──▶ ciphertext, tag

A key for each message removes the bound on random nonces under one key; the commitment, compared before anything is
decrypted, removes the freedom that GCM leaves to find two keys for one ciphertext.
"""

import hmac
from collections.abc import Callable
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from appsmith_proxy.errors import VaultError

Random: TypeAlias = Callable[[int], bytes]
"""Returns that many random bytes: ``os.urandom``, or a fixed stream for golden vectors."""

KEY_BYTES: Final = 32
_SALT: Final = 32
_COMMITMENT: Final = 32
_NONCE: Final = 12
_TAG: Final = 16
OVERHEAD: Final = _SALT + _COMMITMENT + _NONCE + _TAG


class WrongKey(Exception):
    """The box was not made with this key. Nothing was decrypted."""


class Altered(Exception):
    """The box, or what it is bound to, is not what it was."""


def wrap(key: bytes, label: bytes, plaintext: bytes, associated: bytes, random: Random) -> bytes:
    """Return ``plaintext`` in a box that opens only with the same key, label and associated data."""
    salt, nonce = random(_SALT), random(_NONCE)
    message_key, commitment = _derive(key, salt, label)
    return salt + commitment + nonce + AESGCM(message_key).encrypt(nonce, plaintext, associated)


def unwrap(key: bytes, label: bytes, box: bytes, associated: bytes) -> bytes:
    """Open a box.

    Raises:
        WrongKey: the commitment is another key's.
        Altered: authentication failed.
    """
    if len(box) < OVERHEAD:
        raise Altered
    salt, rest = box[:_SALT], box[_SALT:]
    claimed, rest = rest[:_COMMITMENT], rest[_COMMITMENT:]
    nonce, ciphertext = rest[:_NONCE], rest[_NONCE:]
    message_key, commitment = _derive(key, salt, label)
    if not hmac.compare_digest(commitment, claimed):
        raise WrongKey
    try:
        return AESGCM(message_key).decrypt(nonce, ciphertext, associated)
    except InvalidTag:
        raise Altered from None


def subkey(key: bytes, label: bytes) -> bytes:
    """Return the 32-byte key that ``key`` has for one purpose (HKDF-SHA-256)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=label).derive(key)


def utf8(text: str, what: str) -> bytes:
    """Return the UTF-8 of a secret text; ``what`` names it in the error.

    Raises:
        VaultError: it is not valid Unicode text.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass  # raised outside: the caught error quotes the text, and would stay with ours as its context
    raise VaultError(f"{what} is not valid Unicode text", hint="it holds half of a surrogate pair")


def prefixed(*parts: bytes) -> bytes:
    """Join parts so that different parts never give the same bytes: each stands behind its length."""
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def _derive(key: bytes, salt: bytes, label: bytes) -> tuple[bytes, bytes]:
    derived = HKDF(algorithm=SHA512(), length=KEY_BYTES + _COMMITMENT, salt=salt, info=label).derive(key)
    return derived[:KEY_BYTES], derived[KEY_BYTES:]
