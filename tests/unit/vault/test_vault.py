"""The vault seals, unseals in the same place only, and shows nothing."""

import copy
import os
import pickle
import traceback
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appsmith_proxy.errors import VaultError
from appsmith_proxy.sdk import Secret
from appsmith_proxy.vault import (
    FLOOR,
    MAX_SECRET_BYTES,
    Cost,
    KeyState,
    SealContext,
    Vault,
    key_id_of,
)
from appsmith_proxy.vault.box import Altered, WrongKey, unwrap, wrap
from appsmith_proxy.vault.sealed import pad, unpad

PASSWORD = Secret("kept-apart-from-the-store-7Q")
SALT = Secret("salt-of-this-very-instance-4Z")
CANARY = "canary-hXq2v9"

CONTEXT = SealContext(
    instance_id="6f1e00000000000000000001",
    kind="postgres",
    datasource_id="6f1e00000000000000000002",
    environment="production",
    field="password",
    destination=(("host", '"db.example.com"'), ("port", "5432")),
    generation=1,
)

OTHER_CONTEXTS = {
    "instance": replace(CONTEXT, instance_id="6f1e00000000000000000009"),
    "kind": replace(CONTEXT, kind="mysql"),
    "datasource": replace(CONTEXT, datasource_id="6f1e00000000000000000003"),
    "environment": replace(CONTEXT, environment="staging"),
    "field": replace(CONTEXT, field="tlsKey"),
    "host": replace(CONTEXT, destination=(("host", '"evil.example.com"'), ("port", "5432"))),
    "one destination field less": replace(CONTEXT, destination=(("host", '"db.example.com"'),)),
    "one destination field more": replace(CONTEXT, destination=(*CONTEXT.destination, ("tlsMode", '"disable"'))),
    "shifted destination": replace(CONTEXT, destination=(("host", '"db.example.com"port'), ("", "5432"))),
    "generation": replace(CONTEXT, generation=2),
    "moved border": replace(CONTEXT, kind="postgres6", datasource_id="f1e00000000000000000002"),
}


@pytest.fixture(scope="module")
def made() -> tuple[Vault, bytes]:
    return Vault.create(PASSWORD, SALT, cost=FLOOR)


@pytest.fixture
def vault(made: tuple[Vault, bytes]) -> Vault:
    opened = Vault.create(PASSWORD, SALT, cost=FLOOR)[0]
    opened.reload(made[1])
    return opened


@pytest.fixture
def ring(made: tuple[Vault, bytes]) -> bytes:
    return made[1]


def test_what_was_sealed_comes_back(vault: Vault) -> None:
    assert vault.unseal(vault.seal(CANARY, CONTEXT), CONTEXT).reveal() == CANARY


def test_a_ring_opens_again(vault: Vault, ring: bytes) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    assert Vault.open(PASSWORD, SALT, ring).unseal(sealed, CONTEXT).reveal() == CANARY


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_text_comes_back(made: tuple[Vault, bytes], text: str) -> None:
    vault = made[0]
    assert vault.unseal(vault.seal(text, CONTEXT), CONTEXT).reveal() == text


@pytest.mark.parametrize("length", [0, 1, 59, 60, 61, 252, 253, 4092, 4093, 16380, 16381, MAX_SECRET_BYTES])
def test_every_length_comes_back_and_the_size_hides_it(vault: Vault, length: int) -> None:
    sealed = vault.seal("x" * length, CONTEXT)
    assert vault.unseal(sealed, CONTEXT).reveal() == "x" * length
    assert len(sealed) in {166, 358, 1126, 4198, 16486, 64614}
    assert len(sealed) <= 64 * 1024


def test_what_is_too_long_is_refused(vault: Vault) -> None:
    with pytest.raises(VaultError, match="too long"):
        vault.seal("é" * (MAX_SECRET_BYTES // 2 + 1), CONTEXT)


def test_two_seals_of_one_secret_differ_everywhere(vault: Vault) -> None:
    first, second = vault.seal(CANARY, CONTEXT), vault.seal(CANARY, CONTEXT)
    assert first[:10] == second[:10]
    assert first[10:42] != second[10:42]
    assert first[42:74] != second[42:74]
    assert first[86:] != second[86:]


@pytest.mark.parametrize("part", OTHER_CONTEXTS)
def test_it_opens_nowhere_else(vault: Vault, part: str) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    with pytest.raises(VaultError, match="another place"):
        vault.unseal(sealed, OTHER_CONTEXTS[part])


def test_every_part_of_the_context_has_its_case() -> None:
    differing = {
        field.name
        for field in fields(SealContext)
        if any(getattr(other, field.name) != getattr(CONTEXT, field.name) for other in OTHER_CONTEXTS.values())
    }
    assert differing == {field.name for field in fields(SealContext)}


def test_the_order_of_destination_fields_does_not_matter(vault: Vault) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    turned = replace(CONTEXT, destination=CONTEXT.destination[::-1])
    assert vault.unseal(sealed, turned).reveal() == CANARY


@given(left=st.tuples(*[st.text("ab", max_size=4)] * 5), right=st.tuples(*[st.text("ab", max_size=4)] * 5))
@settings(max_examples=100, deadline=None)
def test_two_contexts_never_have_the_same_bytes(left: tuple[str, ...], right: tuple[str, ...]) -> None:
    from appsmith_proxy.vault.sealed import associated_data

    def context(parts: tuple[str, ...]) -> SealContext:
        instance, kind, datasource, environment, field = parts
        return replace(
            CONTEXT,
            instance_id=instance,
            kind=kind,
            datasource_id=datasource,
            environment=environment,
            field=field,
        )

    same = associated_data(context(left), 1) == associated_data(context(right), 1)
    assert same == (left == right)


def test_any_swap_of_stored_seals_fails(vault: Vault) -> None:
    contexts = [CONTEXT, *OTHER_CONTEXTS.values()]
    sealed = [vault.seal(f"{CANARY}-{index}", context) for index, context in enumerate(contexts)]
    for here, context in enumerate(contexts):
        for there, foreign in enumerate(sealed):
            if here == there:
                continue
            with pytest.raises(VaultError):
                vault.unseal(foreign, context)


def test_any_flipped_bit_fails(vault: Vault) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    for index in range(len(sealed)):
        for bit in (1, 128):
            broken = bytearray(sealed)
            broken[index] ^= bit
            with pytest.raises(VaultError):
                vault.unseal(bytes(broken), CONTEXT)


def test_any_other_length_fails(vault: Vault) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    others = [sealed[:length] for length in range(len(sealed))] + [sealed + b"\0", sealed + sealed]
    for other in others:
        with pytest.raises(VaultError, match="no sealed secret has this length"):
            vault.unseal(other, CONTEXT)
    with pytest.raises(VaultError, match="altered"):
        vault.unseal(sealed + bytes(192), CONTEXT)  # the length of the next size


@given(
    raw=st.one_of(st.binary(max_size=300), st.binary(min_size=156, max_size=156).map(lambda b: b"ASPS\1\1\0\0\0\1" + b))
)
@settings(max_examples=300, deadline=None)
def test_the_decoder_refuses_noise(made: tuple[Vault, bytes], raw: bytes) -> None:
    with pytest.raises(VaultError):
        made[0].unseal(raw, CONTEXT)


@given(raw=st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_the_ring_decoder_refuses_noise(made: tuple[Vault, bytes], raw: bytes) -> None:
    from appsmith_proxy.vault.ring import decode_ring

    for candidate in (raw, made[1][:18] + raw):
        with pytest.raises(VaultError):
            decode_ring(candidate, bytes(32))


def test_a_later_version_is_not_guessed_at(vault: Vault) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    for prefix in (b"ASPS\2\1", b"ASPS\1\2"):
        with pytest.raises(VaultError, match="does not know"):
            vault.unseal(prefix + sealed[6:], CONTEXT)


def test_a_later_version_of_a_ring_is_not_guessed_at(vault: Vault, ring: bytes) -> None:
    for prefix in (b"ASPR\2\1", b"ASPR\1\2"):
        with pytest.raises(VaultError, match="does not know"):
            vault.reload(prefix + ring[6:])


def test_another_rings_seal_does_not_open(vault: Vault) -> None:
    other, _ = Vault.create(PASSWORD, SALT, cost=FLOOR)
    with pytest.raises(VaultError):
        vault.unseal(other.seal(CANARY, CONTEXT), CONTEXT)


def test_the_key_id_is_bound_too(vault: Vault) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    vault.reload(vault.ring_with_new_key())
    with pytest.raises(VaultError, match="another place"):
        vault.unseal(sealed[:6] + (2).to_bytes(4) + sealed[10:], CONTEXT)


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


def test_the_commitment_is_checked_before_anything_is_decrypted() -> None:
    box = wrap(bytes(32), b"label", b"text", b"", os.urandom)
    with pytest.raises(WrongKey):
        unwrap(bytes(31) + b"\1", b"label", box, b"")
    with pytest.raises(WrongKey):
        unwrap(bytes(32), b"other label", box, b"")
    with pytest.raises(WrongKey):
        unwrap(bytes(32), b"label", box[:40] + bytes([box[40] ^ 1]) + box[41:], b"")
    with pytest.raises(Altered):
        unwrap(bytes(32), b"label", box, b"other")
    for length in range(len(box)):
        with pytest.raises((Altered, WrongKey)):
            unwrap(bytes(32), b"label", box[:length], b"")


@pytest.mark.parametrize(
    "padded",
    [
        (4).to_bytes(4) + b"text" + b"\0" * 55 + b"x",
        (61).to_bytes(4) + b"x" * 60,
        (4).to_bytes(4) + b"text" + b"\0" * 248,
        (2**32 - 1).to_bytes(4) + b"x" * 60,
        (1).to_bytes(4) + b"\xff" + b"\0" * 59,
    ],
    ids=["not zeros", "longer than it is", "wrong size", "huge", "not UTF-8"],
)
def test_padding_is_exact(padded: bytes) -> None:
    with pytest.raises(VaultError):
        unpad(padded)
    assert unpad(pad("text")) == "text"


def shown(act: Callable[[], object]) -> str:
    with pytest.raises(VaultError) as caught:
        act()
    error = caught.value
    return "".join(traceback.format_exception(error)) + repr(error) + error.hint + repr(error.__context__)


def test_errors_show_neither_secret_nor_key(vault: Vault, ring: bytes) -> None:
    sealed = vault.seal(CANARY, CONTEXT)
    texts = [
        shown(lambda: vault.unseal(sealed, OTHER_CONTEXTS["host"])),
        shown(lambda: vault.unseal(sealed[:-1], CONTEXT)),
        shown(lambda: vault.seal(CANARY + "\ud800", CONTEXT)),
        shown(lambda: vault.seal(CANARY * 10_000, CONTEXT)),
        shown(lambda: Vault.open(Secret(CANARY + "\ud800"), SALT, ring)),
        shown(lambda: Vault.open(Secret(CANARY), SALT, ring)),
        shown(lambda: Vault.open(Secret(CANARY), Secret("x"), ring)),
    ]
    assert CANARY not in "".join(texts)
    assert "db.example.com" not in "".join(texts)


def test_a_vault_shows_nothing_and_cannot_be_copied_out(vault: Vault) -> None:
    assert repr(vault) == str(vault) == "Vault(active_key=1, keys=1)"
    assert "key=" not in repr(vault._ring)
    assert "seed=" not in repr(vault._ring)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            leave(vault)
    assert not hasattr(vault, "__dict__")


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
