"""The ring opens under its password and salt alone, takes new keys, and is refused when anything of it was changed."""

import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appsmith_proxy.errors import VaultError
from appsmith_proxy.sdk import Secret
from appsmith_proxy.vault import FLOOR, Cost, KeyState, Vault, key_id_of
from appsmith_proxy.vault.box import wrap
from tests.unit.vault.sealing import CANARY, CONTEXT, PASSWORD, SALT


def test_a_ring_opens_again(vault: Vault, ring: bytes) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    assert Vault.open(PASSWORD, SALT, ring).unseal(sealed, CONTEXT).reveal() == CANARY


@given(raw=st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_the_ring_decoder_refuses_noise(made: tuple[Vault, bytes], raw: bytes) -> None:
    from appsmith_proxy.vault.ring import decode_ring

    for candidate in (raw, made[1][:18] + raw):
        with pytest.raises(VaultError):
            decode_ring(candidate, bytes(32))


def test_a_later_version_of_a_ring_is_not_guessed_at(vault: Vault, ring: bytes) -> None:
    for prefix in (b"ASPR\2\1", b"ASPR\1\2"):
        with pytest.raises(VaultError, match="does not know"):
            vault.reload(prefix + ring[6:])


@pytest.mark.parametrize(
    ("password", "salt"),
    [(Secret("kept-apart-from-the-store-7q"), SALT), (PASSWORD, Secret("salt-of-this-very-instance-4z"))],
    ids=["password", "salt"],
)
def test_a_wrong_password_or_salt_is_named(ring: bytes, password: Secret, salt: Secret) -> None:
    with pytest.raises(VaultError, match="not the one this key ring was made with"):
        Vault.open(password, salt, ring)


def test_any_changed_byte_of_a_ring_is_refused(vault: Vault, ring: bytes) -> None:
    for index in range(len(ring)):
        broken = bytearray(ring)
        broken[index] ^= 1
        with pytest.raises(VaultError):
            vault.reload(bytes(broken))
    for truncated in (b"", ring[:10], ring[:-1], ring + b"\0"):
        with pytest.raises(VaultError):
            vault.reload(truncated)


@pytest.mark.parametrize(
    "cost",
    [
        Cost(memory_kib=FLOOR.memory_kib - 1, passes=4),
        Cost(memory_kib=8, passes=1),
        Cost(passes=0),
        Cost(lanes=0),
        Cost(memory_kib=2**31),
        Cost(passes=10_000),
        Cost(lanes=1_000),
    ],
    ids=str,
)
def test_costs_out_of_bounds_are_refused(ring: bytes, cost: Cost) -> None:
    with pytest.raises(VaultError, match="than is allowed"):
        Vault.open(PASSWORD, SALT, ring[:6] + cost.encode() + ring[18:])
    with pytest.raises(VaultError, match="than is allowed"):
        Vault.create(PASSWORD, SALT, cost=cost)


def test_a_changed_cost_within_bounds_does_not_open_either(ring: bytes) -> None:
    dearer = Cost(memory_kib=FLOOR.memory_kib, passes=2)
    with pytest.raises(VaultError):
        Vault.open(PASSWORD, SALT, ring[:6] + dearer.encode() + ring[18:])


def test_the_default_cost_is_dear() -> None:
    assert Cost() == Cost(memory_kib=128 * 1024, passes=4, lanes=1)
    assert Cost(memory_kib=46 * 1024, passes=1, lanes=1) == FLOOR


def test_rotation_keeps_the_old_key_until_it_is_dropped(vault: Vault) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    vault.reload(vault.ring_with_new_key())
    assert vault.key_states == {1: KeyState.DECRYPT_ONLY, 2: KeyState.ACTIVE}
    again = vault.rewrap(sealed, CONTEXT, replace(CONTEXT, generation=2))
    assert (key_id_of(sealed), key_id_of(again)) == (1, 2)
    vault.reload(vault.ring_without(frozenset({1})))
    assert vault.unseal(again, replace(CONTEXT, generation=2)).reveal() == CANARY
    with pytest.raises(VaultError, match="key 1, which is not in the key ring"):
        vault.unseal(sealed, CONTEXT)


def test_an_id_is_never_given_twice(vault: Vault) -> None:
    for expected in range(2, 6):
        vault.reload(vault.ring_with_new_key())
        assert vault.active_key == expected
        vault.reload(vault.ring_without(frozenset({expected - 1})))


def test_the_active_key_cannot_be_dropped(vault: Vault) -> None:
    with pytest.raises(VaultError, match="active key"):
        vault.ring_without(frozenset({1}))


def test_a_new_password_rewraps_the_ring_alone(vault: Vault, ring: bytes) -> None:
    password, salt = Secret("another-password-entirely-9"), Secret("another-salt-entirely-8x")
    sealed = vault.seal(CANARY, CONTEXT)
    fresh = vault.ring_under(password, salt, cost=FLOOR)
    assert Vault.open(password, salt, fresh).unseal(sealed, CONTEXT).reveal() == CANARY
    assert Vault.open(PASSWORD, SALT, ring).unseal(sealed, CONTEXT).reveal() == CANARY
    with pytest.raises(VaultError):
        Vault.open(PASSWORD, SALT, fresh)


def test_a_vault_whose_password_was_changed_unseals_but_does_not_seal(vault: Vault, ring: bytes) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    fresh = vault.ring_under(Secret("another-password-entirely-9"), Secret("another-salt-entirely-8x"), cost=FLOOR)
    with pytest.raises(VaultError):
        vault.reload(fresh)
    assert vault.unseal(sealed, CONTEXT).reveal() == CANARY
    with pytest.raises(VaultError, match="cannot be sealed"):
        vault.seal(CANARY, CONTEXT)
    vault.reload(ring)
    vault.seal(CANARY, CONTEXT)


def test_subkeys_differ_by_label_and_survive_rotation_and_password(vault: Vault) -> None:
    before = vault.subkey("plan")
    assert len(before) == 32
    assert before != vault.subkey("audit")
    vault.reload(vault.ring_with_new_key())
    assert vault.subkey("plan") == before
    password, salt = Secret("another-password-entirely-9"), Secret("another-salt-entirely-8x")
    assert Vault.open(password, salt, vault.ring_under(password, salt, cost=FLOOR)).subkey("plan") == before
    assert Vault.create(PASSWORD, SALT, cost=FLOOR)[0].subkey("plan") != before


KEY = b"k" * 32


def entry(key_id: int, state: int) -> bytes:
    return key_id.to_bytes(4) + bytes((state,)) + KEY


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        KEY,
        KEY + b"\0\0",
        KEY + b"\0\2" + entry(1, 1),
        KEY + b"\0\1" + entry(1, 1) + b"\0",
        KEY + b"\0\1" + entry(0, 1),
        KEY + b"\0\1" + entry(1, 2),
        KEY + b"\0\1" + entry(1, 3),
        KEY + b"\0\2" + entry(1, 1) + entry(2, 1),
        KEY + b"\0\2" + entry(1, 1) + entry(2, 2),
        KEY + b"\0\2" + entry(2, 2) + entry(1, 1),
        KEY + b"\0\2" + entry(1, 2) + entry(1, 1),
        KEY + b"\xff\xff" + b"".join(entry(number, 2) for number in range(1, 65535)) + entry(65535, 1),
    ],
    ids=range(13),
)
def test_an_authentic_ring_that_breaks_its_format_is_refused(payload: bytes) -> None:
    from appsmith_proxy.vault.ring import decode_ring

    header = b"ASPR\1\1" + FLOOR.encode()
    good = KEY + b"\0\2" + entry(1, 2) + entry(5, 1)
    label = b"appsmith-proxy/ring/1"
    assert decode_ring(header + wrap(KEY, label, good, header, os.urandom), KEY).active.id == 5
    with pytest.raises(VaultError, match="does not follow its format"):
        decode_ring(header + wrap(KEY, label, payload, header, os.urandom), KEY)


def test_a_ring_does_not_grow_without_bound(vault: Vault) -> None:
    from appsmith_proxy.vault.ring import Ring

    ring = Ring.create(os.urandom)
    for _ in range(999):
        ring = ring.with_new_key(os.urandom)
    with pytest.raises(VaultError, match="full"):
        ring.with_new_key(os.urandom)
