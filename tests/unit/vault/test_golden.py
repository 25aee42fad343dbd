"""Golden vectors: what release 1 sealed, every later release opens; and the bytes are what the documentation says.

``golden_v1.json`` is never rewritten: a change of the format gets a new version and a file of its own.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appsmith_proxy.sdk import Secret
from appsmith_proxy.vault import FLOOR, SealContext, Vault, key_id_of

PATH: Final = Path(__file__).with_name("golden_v1.json")
PASSWORD, SALT = "golden password, never used", "golden salt, never used either"


def stream(seed: str) -> Callable[[int], bytes]:
    """Return a source of bytes that is random to the eye and the same in every run."""
    drawn = 0

    def draw(count: int) -> bytes:
        nonlocal drawn
        drawn += count
        return hashlib.shake_256(seed.encode()).digest(drawn)[-count:]

    return draw


def context_of(row: dict[str, Any]) -> SealContext:
    given = row["context"]
    return SealContext(**{**given, "destination": tuple((name, value) for name, value in given["destination"])})


def golden() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(PATH.read_text("utf-8"))
    return document


def made() -> dict[str, Any]:
    """Make the vectors from their fixed inputs."""
    vault, ring = Vault.create(Secret(PASSWORD), Secret(SALT), cost=FLOOR, random=stream("ring"))
    rows = [{"secret": row["secret"], "context": row["context"]} for row in golden()["seals"]]
    for row in rows:
        row["sealed"] = vault.seal(row["secret"], context_of(row)).hex()
    rotated = vault.ring_with_new_key()
    return {
        "password": PASSWORD,
        "salt": SALT,
        "ring": ring.hex(),
        "rotated": rotated.hex(),
        "subkey": {"label": "golden", "key": vault.subkey("golden").hex()},
        "seals": rows,
    }


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert made() == golden()


@pytest.mark.parametrize("ring", ["ring", "rotated"])
def test_what_version_1_sealed_opens(ring: str) -> None:
    document = golden()
    vault = Vault.open(Secret(document["password"]), Secret(document["salt"]), bytes.fromhex(document[ring]))
    assert len(document["seals"]) >= 6
    for row in document["seals"]:
        assert vault.unseal(bytes.fromhex(row["sealed"]), context_of(row)).reveal() == row["secret"]
    assert vault.subkey(document["subkey"]["label"]).hex() == document["subkey"]["key"]


def test_the_bytes_follow_the_documented_format() -> None:
    """Open the vectors with nothing of ours: Argon2id, HKDF written out, AES-GCM, as docs/explanation/vault.md says."""
    document = golden()
    ring = bytes.fromhex(document["ring"])
    assert ring[:6] == b"ASPR\1\1"
    memory, passes, lanes = (int.from_bytes(ring[start : start + 4]) for start in (6, 10, 14))
    root = hash_secret_raw(document["password"].encode(), document["salt"].encode(), passes, memory, lanes, 32, Type.ID)
    kek = hkdf("sha256", root, b"", b"appsmith-proxy/kek/1", 32)
    payload = open_box(kek, b"appsmith-proxy/ring/1", ring[18:], ring[:18])
    assert payload[32:34] == b"\0\1"
    assert payload[34:39] == b"\0\0\0\1\1"
    key = payload[39:]
    subkey = hkdf("sha256", payload[:32], b"", b"appsmith-proxy/subkey/1/golden", 32)
    assert subkey.hex() == document["subkey"]["key"]

    for row in document["seals"]:
        sealed, context = bytes.fromhex(row["sealed"]), context_of(row)
        assert sealed[:10] == b"ASPS\1\1\0\0\0\1"
        assert key_id_of(sealed) == 1
        destination = prefixed(*(prefixed(name, value) for name, value in sorted(context.destination)))
        associated = prefixed(
            b"\1\1",
            b"datasource-secret",
            context.instance_id,
            context.kind,
            context.datasource_id,
            context.environment,
            context.field,
            hashlib.sha256(destination).digest(),
            context.generation.to_bytes(8),
            (1).to_bytes(4),
        )
        padded = open_box(key, b"appsmith-proxy/record/1", sealed[10:], associated)
        length = int.from_bytes(padded[:4])
        assert padded[4 : 4 + length].decode() == row["secret"]
        assert not any(padded[4 + length :])


def prefixed(*parts: str | bytes) -> bytes:
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(4) + part for part in raw)


def open_box(key: bytes, label: bytes, box: bytes, associated: bytes) -> bytes:
    salt, commitment, nonce, rest = box[:32], box[32:64], box[64:76], box[76:]
    derived = hkdf("sha512", key, salt, label, 64)
    assert derived[32:] == commitment
    return AESGCM(derived[:32]).decrypt(nonce, rest, associated)


def hkdf(algorithm: str, key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, written out."""
    size = hashlib.new(algorithm).digest_size
    extracted = hmac.new(salt or bytes(size), key, algorithm).digest()
    block, out, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(extracted, block + info + bytes((counter,)), algorithm).digest()
        out += block
        counter += 1
    return out[:length]
