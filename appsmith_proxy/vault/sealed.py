"""A sealed secret: its bytes, and what it is bound to.

::

    magic 4 │ version 1 │ algorithm 1 │ key id 4 │ box( length 4 │ UTF-8 text │ zeros up to the next size )

Sizes are few, so that a sealed secret does not tell how long the secret is. No version is guessed and no other way is
tried: what does not follow the format exactly is refused.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

from appsmith_proxy.errors import VaultError
from appsmith_proxy.vault.box import OVERHEAD, prefixed, utf8

_MAGIC: Final = b"ASPS"
_VERSION: Final = 1
_AES_256_GCM: Final = 1
_HEADER: Final = struct.Struct(">4sBBI")
_LENGTH: Final = struct.Struct(">I")
_SIZES: Final = (64, 256, 1024, 4096, 16 * 1024, 63 * 1024)
_TOTALS: Final = frozenset(_HEADER.size + OVERHEAD + size for size in _SIZES)
_PURPOSE: Final = b"datasource-secret"

LABEL: Final = b"appsmith-proxy/record/1"
MAX_SECRET_BYTES: Final = _SIZES[-1] - _LENGTH.size
"""Of the secret's UTF-8; with it sealed bytes stay under 64 KiB."""
_AGAIN: Final = "enter the secret again"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealContext:
    """Where a secret belongs. Unsealing anywhere else fails."""

    instance_id: str
    kind: str
    """Of the driver."""
    datasource_id: str
    environment: str
    field: str
    destination: tuple[tuple[str, str], ...]
    """(name, canonical value) of every field that decides where the secret is sent; the order does not matter."""
    generation: int
    """Counts how often the field was sealed, so that an older value cannot be put back alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A sealed secret taken apart."""

    key_id: int
    box: bytes


def decode_sealed(raw: bytes) -> Sealed:
    """Take sealed bytes apart.

    Raises:
        VaultError: they do not follow a known version of the format exactly.
    """
    if len(raw) not in _TOTALS:
        raise VaultError("a sealed secret is damaged: no sealed secret has this length", hint=_AGAIN)
    magic, version, algorithm, key_id = _HEADER.unpack_from(raw)
    if magic != _MAGIC:
        raise VaultError("a sealed secret is damaged: it does not begin as one", hint=_AGAIN)
    if (version, algorithm) != (_VERSION, _AES_256_GCM):
        raise VaultError(
            "a sealed secret has a version or an algorithm that this release does not know",
            hint="it was sealed by a newer release, or was changed: " + _AGAIN,
        )
    return Sealed(key_id=key_id, box=raw[_HEADER.size :])


def encode_sealed(sealed: Sealed) -> bytes:
    """Put sealed bytes together."""
    return _HEADER.pack(_MAGIC, _VERSION, _AES_256_GCM, sealed.key_id) + sealed.box


def key_id_of(raw: bytes) -> int:
    """Return the id of the data key that sealed bytes were sealed with, without opening them."""
    return decode_sealed(raw).key_id


def associated_data(context: SealContext, key_id: int) -> bytes:
    """Return the canonical bytes of everything a sealed secret is bound to."""
    destination = prefixed(*(prefixed(name.encode(), value.encode()) for name, value in sorted(context.destination)))
    return prefixed(
        bytes((_VERSION, _AES_256_GCM)),
        _PURPOSE,
        context.instance_id.encode(),
        context.kind.encode(),
        context.datasource_id.encode(),
        context.environment.encode(),
        context.field.encode(),
        hashlib.sha256(destination).digest(),
        context.generation.to_bytes(8),
        key_id.to_bytes(4),
    )


def pad(secret: str) -> bytes:
    """Return the secret as UTF-8 behind its length, filled up to the next size.

    Raises:
        VaultError: the text is too long, or no Unicode text.
    """
    text = utf8(secret, "A secret")
    if len(text) > MAX_SECRET_BYTES:
        raise VaultError(f"a secret is too long: at most {MAX_SECRET_BYTES} bytes can be sealed")
    return (_LENGTH.pack(len(text)) + text).ljust(_size_for(len(text)), b"\0")


def unpad(padded: bytes) -> str:
    """Return the secret from its padded form, which must be exactly the one that ``pad`` makes."""
    (length,) = _LENGTH.unpack_from(padded)
    text = padded[_LENGTH.size : _LENGTH.size + length]
    if length > MAX_SECRET_BYTES or len(padded) != _size_for(length) or any(padded[_LENGTH.size + length :]):
        raise VaultError("a sealed secret's padding does not follow its format", hint=_AGAIN)
    try:
        return text.decode()
    except UnicodeDecodeError:
        pass  # raised outside: the caught error quotes the secret, and would stay with ours as its context
    raise VaultError("a sealed secret does not hold text", hint=_AGAIN)


def _size_for(length: int) -> int:
    return next(size for size in _SIZES if length + _LENGTH.size <= size)
